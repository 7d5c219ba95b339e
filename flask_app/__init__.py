"""The model served by Flask; compare with `fastapi_app`, file by file."""

from flask_app.app import create_app as create_app
