"""The shortcut to the one endpoint that nearly all requests are for."""

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send


class WithShortcut(Starlette):
    """HTTP to ``path`` goes to ``endpoint`` at once, past routing and the handling of exceptions,
    which the endpoint does itself."""

    def __init__(self, path: str, endpoint: ASGIApp, **given: Any) -> None:
        super().__init__(**given)
        self._path, self._endpoint = path, endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == self._path:
            scope["app"] = self
            await self._endpoint(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def within(middleware: Sequence[Middleware], app: ASGIApp) -> ASGIApp:
    """``app`` behind all of it, the first outermost."""
    for each in reversed(middleware):
        app = each.cls(app, *each.args, **each.kwargs)
    return app
