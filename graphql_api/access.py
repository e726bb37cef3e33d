"""An id for every request, and one line in the log for each.

The id is the client's if it is a plain word (``X-Request-Id``), else a new one. It goes back to the
client, and it is on every line that the request causes.
"""

import re
import time
from functools import cache, lru_cache
from secrets import token_hex
from urllib.parse import quote

import structlog
from prometheus_client import Counter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api import metrics, tracing
from graphql_api.told import begin

log = structlog.stdlib.get_logger("graphql_api.access")

PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")
A_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,99}")


def operation_name(given: str | None) -> str | None:
    """The name of an operation, for the log: only if it is one."""
    return given if given is not None and A_NAME.fullmatch(given) else None


def new_request_id() -> str:
    return token_hex(16)


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of this name, which is in lower case."""
    for given, value in scope["headers"]:
        if given == name:
            return value.decode("latin-1")
    return None


_quoted = lru_cache(maxsize=100)(quote)


@cache
def _counter(status: int) -> Counter:
    return metrics.STATUSES.labels(str(status))


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
        else:
            await self._logged(request_id, scope, receive, send)

    async def _logged(self, request_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = time.perf_counter(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
                message = {**message, "headers": told}
            await send(message)

        try:
            with tracing.request(scope["method"], scope["path"], scope["headers"]) as span:
                tracing.note(span, request_id=request_id)
                await self._app(scope, receive, answer)
                tracing.note(span, http__response__status_code=status)
        finally:
            _counter(status).inc()
            log.info(
                "request",
                method=scope["method"],
                path=_quoted(scope["path"]),
                status=status,
                milliseconds=round((time.perf_counter() - began) * 1000, 1),
            )
