"""The loop of a run, with its rates, gates and looks. The only room that sees all others."""
