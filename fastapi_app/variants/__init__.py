"""Other FastAPI applications that the bench compares with the core one; each is named by `bench/stacks.toml`."""
