"""The model served by Flask, in two layers: `app.py`, and `strict.py` on top. Compare with `fastapi_app`, file by file."""

from flask import Flask

from flask_app import app, strict
from shared_model import Options, read_environment


def create_app(options: Options | None = None) -> Flask:
    """Return the application with the whole contract; without options it takes them from the environment (SERVE_ENGINE, ...)."""
    options = options or read_environment()
    return strict.make_strict(app.create_app(options), timing=options.timing, access_log=options.access_log)
