"""Run the Flask application alone: `python -m flask_app [PORT]`, on gunicorn with threads; `--dev` on Werkzeug."""

from typing import Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # gunicorn ships no types
from werkzeug.serving import is_running_from_reloader, run_simple

from flask_app import create_app
from shared_model import KEEP_ALIVE_S, STOP_TIMEOUT_S, Options, announce, bind_socket, run_alone


def serve(options: Options) -> None:
    """Serve on gunicorn until told to stop."""
    listener = bind_socket(options)
    announce("Flask (gunicorn)", options)
    settings = {
        "bind": f"fd://{listener.detach()}",
        "workers": options.workers,
        "worker_class": "gthread",
        "threads": options.threads,
        "keepalive": KEEP_ALIVE_S,
        "graceful_timeout": STOP_TIMEOUT_S,
        "proc_name": "flask_app",
        "control_socket_disable": True,
    }

    class Server(BaseApplication):  # type: ignore[misc]  # see above
        def load_config(self) -> None:
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self) -> object:
            return create_app()

    Server().run()


def serve_dev(options: Options) -> None:
    """Serve on the development server; it restarts itself when a source file changes."""
    app: Any = None  # the process that watches the files needs none; the one that it starts serves
    if is_running_from_reloader():
        app = create_app()
        app.debug = True
    else:
        bind_socket(options).close()
        announce("Flask (Werkzeug, reloading)", options)
    run_simple(options.host, options.port, app, use_reloader=True, threaded=True)


if __name__ == "__main__":
    run_alone("flask_app", serve, serve_dev)
