"""The bench proves itself against servers with a known truth."""
