"""The API grown step by step in FastAPI; compare with `flask_app/steps`, file by file."""
