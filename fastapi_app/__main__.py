"""Run the FastAPI application alone: `python -m fastapi_app [PORT]`, on uvicorn; `--dev` reloads."""

import socket
from pathlib import Path

import uvicorn
from uvicorn.supervisors import Multiprocess

from shared_model import KEEP_ALIVE_S, STOP_TIMEOUT_S, Options, announce, bind_socket, run_alone

APP = "fastapi_app.docs:create_app"
PROTOCOL = "fastapi_app.linger:LingeringProtocol"
WORKER_TIMEOUT_S = 30  # as in gunicorn; by default a worker is killed if its imports take 5 s


class Workers(Multiprocess):
    """Worker processes that all serve one model, also when started again; HUP replaces them and the model."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, options: Options) -> None:
        super().__init__(config, sockets=[listener])
        self._options = options

    def keep_subprocess_alive(self) -> None:
        """Start ended workers again. Our copy of their end of the pipe is closed first, or we would wait for a dead worker."""
        for process in self.processes:
            process.child_conn.close()
        super().keep_subprocess_alive()

    def handle_hup(self) -> None:
        """Start the workers again, one by one, with the model that is now in use."""
        self._options.export()
        super().handle_hup()


def serve(options: Options) -> None:
    """Serve on uvicorn until stopped."""
    listener = bind_socket(options)
    announce("FastAPI (uvicorn)", options)
    config = uvicorn.Config(
        APP,
        factory=True,
        http=PROTOCOL,
        workers=options.workers,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
        timeout_worker_healthcheck=WORKER_TIMEOUT_S,
        access_log=False,
        server_header=False,
    )
    if options.workers > 1:
        Workers(config, listener, options).run()
    else:
        uvicorn.Server(config).run(sockets=[listener])


def serve_dev(options: Options) -> None:
    """Serve with uvicorn's reloader; it restarts the server when a source file changes."""
    bind_socket(options).close()
    announce("FastAPI (uvicorn, reloading)", options)
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "shared_model")]
    uvicorn.run(
        APP,
        factory=True,
        http=PROTOCOL,
        host=options.host,
        port=options.port,
        reload=True,
        reload_dirs=folders,
    )


if __name__ == "__main__":
    run_alone("fastapi_app", serve, serve_dev)
