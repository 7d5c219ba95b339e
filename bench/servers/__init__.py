"""Small servers that the bench starts itself: bare ones, the service that others ask, and the stub with a known behaviour."""
