"""What every output says alike: verdicts, validity, names, and tables as text."""
