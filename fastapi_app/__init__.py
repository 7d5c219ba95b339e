"""The model served by FastAPI; compare with `flask_app`, file by file."""

from fastapi_app.app import create_app as create_app
