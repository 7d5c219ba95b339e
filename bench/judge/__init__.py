"""Room 3, judge: from samples and slices to cells, comparisons and verdicts. Pure: no clock, no network."""
