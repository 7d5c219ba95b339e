"""The report by topic: each file has what it selects, its chart, its tables and its words."""
