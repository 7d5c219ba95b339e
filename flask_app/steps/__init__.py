"""The API grown step by step in Flask; compare with `fastapi_app/steps`, file by file."""
