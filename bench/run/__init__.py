"""The loop of a run: rates before it, gates and looks within it. The only room that sees all others."""
