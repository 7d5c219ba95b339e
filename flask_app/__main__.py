"""Run the Flask application alone: `python -m flask_app [PORT]`, on gunicorn with threads; `--dev` on Werkzeug."""

import sys

from gunicorn.app.base import BaseApplication
from werkzeug.serving import is_running_from_reloader, run_simple

from flask_app import create_app
from shared_model import KEEP_ALIVE_S, OptionError, Options, bind_socket, parse_arguments


def serve(options: Options) -> None:
    """Serve on gunicorn until told to stop."""
    listener = bind_socket(options)
    settings = {
        "bind": f"fd://{listener.fileno()}",
        "workers": options.workers,
        "worker_class": "gthread",
        "threads": options.threads,
        "keepalive": KEEP_ALIVE_S,
        "proc_name": "flask_app",
        "control_socket_disable": True,
    }

    class Server(BaseApplication):
        def load_config(self) -> None:
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self) -> object:
            return create_app()

    Server().run()


def serve_dev(options: Options) -> None:
    """Serve on the development server; it restarts itself when a source file changes."""
    if is_running_from_reloader():
        app = create_app()
        app.debug = True
    else:
        bind_socket(options).close()
        app = None
    run_simple(options.host, options.port, app, use_reloader=True, threaded=True)


if __name__ == "__main__":
    chosen = parse_arguments("flask_app")
    chosen.export()
    try:
        (serve_dev if chosen.dev else serve)(chosen)
    except OptionError as error:
        sys.exit(f"flask_app: {error}")
