"""The routes of GraphiQL: the page at /graphiql and the files that it is made of.

What the page must know is written into it as JSON. It loads nothing from another host, and the
Content-Security-Policy would not let it. Tokens never pass through here: the page keeps them.
"""

import gzip
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec
from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Route

DIST = Path(__file__).with_name("dist")
MEDIA_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain",
}
SETTINGS_OF_THE_BUILD = '{"graphqlUrl": "/graphql", "demo": null}'

# The editor writes its styles and the places of its lines into the document, so styles must be
# allowed inline; scripts are not. GraphiQL's fonts and some icons are data: URLs inside its style.
SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self' 'unsafe-inline'",
            "font-src 'self' data:",
            "img-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# The name of an asset holds a hash of its contents.
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}


class DemoSignIn(NamedTuple):
    """The sign-in that a demonstration server offers to everybody who opens the page."""

    email: str
    password: str


def routes(*, demo: DemoSignIn | None = None, graphql_url: str = "/graphql") -> list[BaseRoute]:
    """GraphiQL at /graphiql. With ``demo``, its credentials are in the page for all to read."""
    html = page(demo, graphql_url)
    assets = {path.name: path for path in (DIST / "assets").iterdir()}

    async def graphiql(request: Request) -> Response:
        return HTMLResponse(html, headers=SECURITY_HEADERS | {"Cache-Control": "no-cache"})

    async def asset(request: Request) -> Response:
        path = assets.get(request.path_params["name"])
        if path is None:
            raise HTTPException(404)
        return await answer(path, request)

    async def licences(request: Request) -> Response:
        return FileResponse(DIST / "THIRD-PARTY-LICENSES.txt", headers=SECURITY_HEADERS)

    return [
        Route("/graphiql", graphiql),
        Route("/graphiql/assets/{name}", asset),
        Route("/graphiql/licenses", licences),
    ]


def page(demo: DemoSignIn | None, graphql_url: str) -> str:
    """The built page with the settings of this server."""
    built = (DIST / "index.html").read_text(encoding="utf-8")
    if built.count(SETTINGS_OF_THE_BUILD) != 1:
        raise ValueError(f"{DIST / 'index.html'} has no place for the settings: build it again")
    settings = {"graphqlUrl": graphql_url, "demo": demo and demo._asdict()}
    # "<" would let a value close the script element that holds it.
    text = msgspec.json.encode(settings).decode().replace("<", "\\u003c")
    return built.replace(SETTINGS_OF_THE_BUILD, text)


async def answer(path: Path, request: Request) -> Response:
    media_type = MEDIA_TYPES[path.suffix]
    headers = SECURITY_HEADERS | FOR_EVER | {"Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return FileResponse(path, media_type=media_type, headers=headers)
    content = await run_sync(compressed, path)
    return Response(content, media_type=media_type, headers=headers | {"Content-Encoding": "gzip"})


@cache
def compressed(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), compresslevel=6, mtime=0)
