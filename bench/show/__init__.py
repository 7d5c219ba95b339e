"""Room 4, show: charts and reports from the files of a run, and from nothing else."""
