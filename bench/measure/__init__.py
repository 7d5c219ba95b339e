"""Room 2, measure: launch servers, check their answers, load them, keep every sample."""
