"""The application with local files for its page /docs: FastAPI's page loads three files from other hosts, and is empty without internet."""

from importlib.resources import files

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

import fastapi_app

PAGE, FOLDER = "/docs", "/docs-files"


def create_app() -> FastAPI:
    """Return the application that `python -m fastapi_app` serves."""
    app = fastapi_app.create_app()
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", "") != PAGE]

    @app.get(PAGE, include_in_schema=False)
    async def show_docs(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "").rstrip("/")
        return get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            swagger_js_url=f"{root}{FOLDER}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{FOLDER}/swagger-ui.css",
            swagger_favicon_url=f"{root}{FOLDER}/favicon.png",
        )

    app.mount(FOLDER, StaticFiles(directory=str(files("fastapi_offline") / "static")))
    return app
