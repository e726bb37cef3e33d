"""An id for every request, and one line in the log for each.

The id is the client's if it is a plain word (``X-Request-Id``), else a new one. It goes back to the
client, and it is on every line that the request causes.
"""

import re
import time
from functools import lru_cache
from itertools import count
from secrets import token_hex
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api import log, metrics, tracing
from graphql_api.told import begin

PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")
NAMED = "graphql_api.headers"
"""Where a scope keeps its headers by their names."""
A_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,99}")


def operation_name(given: str | None) -> str | None:
    """The name of an operation, for the log: only if it is one."""
    return given if given is not None and A_NAME.fullmatch(given) else None


_PROCESS, _NUMBERS = token_hex(8), count()


def new_request_id() -> str:
    return f"{_PROCESS}{next(_NUMBERS):016x}"


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of this name, which is in lower case."""
    named = scope.get(NAMED)
    if named is None:
        named = scope[NAMED] = dict(reversed(scope["headers"]))
    value: bytes | None = named.get(name)
    return None if value is None else value.decode("latin-1")


_quoted = lru_cache(maxsize=100)(quote)


class AccessLog:
    """ASGI middleware. What the application tells of the request is in the line, too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = header(scope, b"x-request-id")
        request_id = given if given and PLAIN.fullmatch(given) else new_request_id()
        begin(request_id)
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = b"x-request-id", request_id.encode()
                message["headers"] = [*message.get("headers", ()), told]
            await send(message)

        try:
            await tracing.request(
                self._app(scope, receive, answer), scope, request_id, lambda: status
            )
        finally:
            metrics.responded(status)
            log.info(
                "request",
                method=scope["method"],
                path=_quoted(scope["path"]),
                status=status,
                milliseconds=round((time.perf_counter() - began) * 1000, 1),
            )
