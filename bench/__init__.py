"""The bench: launches stacks by command, talks HTTP to them, measures, judges and draws."""
