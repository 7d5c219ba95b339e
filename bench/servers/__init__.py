"""Small servers that the bench starts itself: bare servers, the service that `enrich` stacks ask, and the stub with known behaviour."""
