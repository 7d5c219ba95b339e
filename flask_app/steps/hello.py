"""Step `hello`: one address that answers plain text."""

import sys

from flask import Flask
from flask.typing import ResponseReturnValue

WELCOME = "Welcome to machine learning model APIs!"


def create_app() -> Flask:
    app = Flask(__name__)

    @app.get("/")
    def home() -> ResponseReturnValue:
        return WELCOME, {"Content-Type": "text/plain; charset=utf-8"}

    return app


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 12345
    create_app().run(port=port)
