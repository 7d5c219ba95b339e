"""Run the FastAPI application alone: `python -m fastapi_app [PORT]`, on uvicorn; `--dev` reloads."""

import sys
from pathlib import Path

import uvicorn
from uvicorn.supervisors import Multiprocess

from shared_model import KEEP_ALIVE_S, OptionError, Options, bind_socket, parse_arguments


def serve(options: Options) -> None:
    """Serve on uvicorn until told to stop."""
    listener = bind_socket(options)
    config = uvicorn.Config(
        "fastapi_app:create_app",
        factory=True,
        host=options.host,
        port=options.port,
        workers=options.workers,
        timeout_keep_alive=KEEP_ALIVE_S,
        access_log=False,
    )
    server = uvicorn.Server(config)
    if options.workers > 1:
        Multiprocess(config, target=server.run, sockets=[listener]).run()
    else:
        server.run(sockets=[listener])


def serve_dev(options: Options) -> None:
    """Serve with uvicorn's reloader; it restarts the server when a source file changes."""
    bind_socket(options).close()
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "shared_model")]
    uvicorn.run("fastapi_app:create_app", factory=True, host=options.host, port=options.port, reload=True, reload_dirs=folders)


if __name__ == "__main__":
    chosen = parse_arguments("fastapi_app")
    chosen.export()
    try:
        (serve_dev if chosen.dev else serve)(chosen)
    except OptionError as error:
        sys.exit(f"fastapi_app: {error}")
