"""The shortcut to the one endpoint that nearly all requests are for."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Direct:
    """ASGI middleware: HTTP to ``path`` goes to ``endpoint`` at once, past routing and the handling
    of exceptions, which the endpoint does itself."""

    def __init__(self, app: ASGIApp, path: str, endpoint: ASGIApp) -> None:
        self._app, self._path, self._endpoint = app, path, endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        straight = scope["type"] == "http" and scope["path"] == self._path
        await (self._endpoint if straight else self._app)(scope, receive, send)
