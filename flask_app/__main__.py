"""Run the Flask application alone: `python -m flask_app [PORT]`, on gunicorn with threads; `--dev` on Werkzeug."""

from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, is_running_from_reloader, run_simple

from flask_app import create_app
from shared_model import KEEP_ALIVE_S, STOP_TIMEOUT_S, OptionError, Options, announce, bind_socket, run_alone, temporary_folder

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def serve(options: Options) -> None:
    """Serve on gunicorn until stopped."""
    try:
        from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # noqa: PLC0415 - it has no types, and there are systems without it
    except ImportError as error:
        message = f"gunicorn does not run on this system ({error}); --dev serves here, and on Windows WSL runs all of it."
        raise OptionError(message) from None
    folder = temporary_folder()  # for the heartbeat files of the workers
    listener = bind_socket(options)
    announce("Flask (gunicorn)", options)
    settings = {
        "bind": f"fd://{listener.detach()}",
        "workers": options.workers,
        "worker_class": "flask_app.worker.Worker",
        "threads": options.threads,
        "keepalive": KEEP_ALIVE_S,
        "graceful_timeout": STOP_TIMEOUT_S,
        "proc_name": "flask_app",
        "control_socket_disable": True,
        "worker_tmp_dir": folder,
    }

    class Server(BaseApplication):  # type: ignore[misc]  # see above
        def load_config(self) -> None:  # at the start, and again at HUP
            options.export()
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self) -> object:
            return create_app()

    Server().run()


def serve_dev(options: Options) -> None:
    """Serve on the development server; it restarts itself when a source file changes."""
    app: Any = None  # the process that watches the files needs no application; the one that it starts serves
    if is_running_from_reloader():
        app = create_app()
        app.debug = True
    else:
        bind_socket(options).close()
        announce("Flask (Werkzeug, reloading)", options)
    run_simple(options.host, options.port, app, use_reloader=True, threaded=True, request_handler=DevHandler)


class DevHandler(WSGIRequestHandler):
    """Gives the application the address as it was sent: Python's server has already made one slash of several."""

    def make_environ(self) -> "WSGIEnvironment":
        """Return the environment of a request, with the address as it was sent."""
        return {**super().make_environ(), "REQUEST_URI": self.requestline.split()[1]}


if __name__ == "__main__":
    run_alone("flask_app", serve, serve_dev)
