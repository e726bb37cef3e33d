"""GraphQL over HTTP: one endpoint, as the GraphQL over HTTP specification has it.

What a client sends is answered with 2xx or 4xx, whatever it is. Only JSON is read, so that no
form on a foreign page can send it; a document runs only where its method allows.
"""

import ipaddress
import math
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message as Headed
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
import structlog
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from db.errors import Busy, OutOfRoom, TookTooLong, Unavailable
from db.session import Client, Viewer
from graphql_api.access import header, operation_name
from graphql_api.auth import KeyAsker
from graphql_api.messages import (
    Answer,
    Body,
    BudgetExceeded,
    Malformed,
    RequestFault,
    Service,
    read_body,
    read_json,
    request_error,
    request_errors,
)
from graphql_api.timing import Clock
from graphql_api.told import request_id, tell
from resolvers.accounts import RateLimited
from resolvers.context import Asker
from resolvers.errors import Forbidden, Refusal, Unauthenticated

log = structlog.stdlib.get_logger("graphql_api.http")

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
TOLD = (
    "X-Request-Id",
    "X-Graphql-Plan",
    "Retry-After",
    "WWW-Authenticate",
    "RateLimit",
    "RateLimit-Policy",
)
"""The headers of an answer that pages on other hosts may read."""
LONGEST_ACCEPT = 1_000
LONGEST_AGENT = 500
QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


@dataclass(frozen=True, slots=True)
class Rules:
    """What this endpoint allows. ``get`` has queries answered to GET; times are in seconds."""

    get: bool = False
    most_bytes: int = 1_048_576
    seconds: float = 10.0

    @property
    def methods(self) -> str:
        return "GET, POST, OPTIONS" if self.get else "POST, OPTIONS"


Headers = list[tuple[bytes, bytes]]
Given = TypeVar("Given")


class Refused(Exception):
    """An HTTP status, with the body that says why."""

    def __init__(self, status: int, body: bytes, **headers: str) -> None:
        super().__init__(status)
        self.status, self.body = status, body
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def cors(origins: Sequence[str], rules: Rules) -> list[Middleware]:
    """What lets pages of these origins call the API from a browser; nothing for none."""
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=rules.methods.split(", "),
            allow_headers=["Authorization", "Content-Type", "X-Request-Id"],
            expose_headers=TOLD,
            max_age=86_400,
        )
    ]


def client_of(scope: Scope) -> Client:
    """Where a request comes from: its connection, or what a trusted proxy said of it."""
    client = scope.get("client")
    agent = header(scope, b"user-agent") or ""
    return Client(_address(client[0][:60]) if client else "", agent[:LONGEST_AGENT])


@lru_cache(maxsize=1_000)
def _address(host: str) -> str:
    """An IP address as PostgreSQL reads it, without a zone; empty for anything else."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return ""


class OverHttp:
    """The ASGI application at ``/graphql``. ``service`` finds who answers, for each request."""

    def __init__(self, service: Callable[[Scope], Service], rules: Rules | None = None) -> None:
        self._service, self._rules = service, rules or Rules()
        self._clock = Clock(self._rules.seconds)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        return self._respond(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS":
            await _send(send, 204, _raw({"Allow": self._rules.methods}), b"")
            return
        media = JSON
        try:
            media = negotiated(header(scope, b"accept"))
            answer, asker = await self._answer(scope, receive)
        except Exception as error:
            refused = error if isinstance(error, Refused) else explained(error)
            status, told, body = refused.status, _raw(refused.headers), refused.body
        else:
            status = 200 if answer.executed or media == JSON else 400
            told, body = _told(answer, asker), answer.body
        headers = [(b"content-length", b"%d" % len(body)), *ALWAYS[media], *told]
        await _send(send, status, headers, body)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Answer, Asker]:
        """One clock for both: the arrival of the body, and the answer."""
        body = None
        try:
            with self._clock.limit():
                body = await self._read(scope, receive)
                service = self._service(scope)
                asker = await service.identify(header(scope, b"authorization"), client_of(scope))
                only_queries = scope["method"] == "GET"
                self._check_type(service, body, only_queries)
                tell(operation=operation_name(body.operation_name), viewer=_named(asker.viewer))
                answer = await service.executor.answer(body, asker, only_queries=only_queries)
                tell(plan=answer.by)
                return answer, asker
        except TookTooLong as error:
            if body is None:
                raise too_slow(self._rules.seconds) from error
            raise

    def _check_type(self, service: Service, body: Body, only_queries: bool) -> None:
        if not only_queries and body.query is not None and "subscription" not in body.query:
            return
        kind = service.executor.operation_type(body)
        if kind == "subscription":
            said = "Subscriptions are answered over WebSocket, at this same address."
            raise Refused(400, request_error(said, "SUBSCRIPTION_OVER_HTTP"))
        if kind == "mutation" and only_queries:
            said = "GET answers queries only. Send a mutation with POST."
            raise Refused(405, request_error(said, "METHOD_NOT_ALLOWED"), allow="POST")

    async def _read(self, scope: Scope, receive: Receive) -> Body:
        method = scope["method"]
        if method == "POST":
            _check_content(scope)
            raw = await self._read_bytes(scope, receive)
            if raw.lstrip()[:1] == b"[":
                said = "One request holds one operation: send the others in requests of their own."
                raise Refused(400, request_error(said, "BATCHING_NOT_SUPPORTED"))
            body = _whole(read_body, raw)
        elif method == "GET" and self._rules.get:
            body = _whole(_read_query, Request(scope).query_params.multi_items())
        else:
            allowed = self._rules.methods
            said = f"{method} is not allowed here. Allowed: {allowed}."
            raise Refused(405, request_error(said, "METHOD_NOT_ALLOWED"), allow=allowed)
        if not body.has_document:
            said = "There is no `query`. Send the GraphQL document as a string of this name."
            raise Refused(400, request_error(said, "BAD_REQUEST"))
        return body

    async def _read_bytes(self, scope: Scope, receive: Receive) -> bytes:
        most = self._rules.most_bytes
        declared = header(scope, b"content-length") or "0"
        if declared.isascii() and declared.isdigit() and int(declared[:18]) > most:
            raise _too_large(most)
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, request_error("The body broke off.", "BAD_REQUEST"))
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)
            if size > most:
                raise _too_large(most)
        return b"".join(parts)


def too_slow(seconds: float) -> Refused:
    said = f"The body did not arrive within {seconds:g} seconds."
    return Refused(408, request_error(said, "REQUEST_TIMEOUT"), connection="close")


def _too_large(most: int) -> Refused:
    said = f"The body is larger than {most:,} bytes."
    told = request_error(said, "LIMIT_EXCEEDED", limit="body", allowed=most)
    return Refused(413, told, connection="close")


def _check_content(scope: Scope) -> None:
    """Raises Refused unless the body is JSON in UTF-8: what no HTML form can send."""
    given = header(scope, b"content-type")
    if given != JSON and not _is_json(given):
        said = f"The body must be JSON in UTF-8, with `Content-Type: {JSON}`."
        raise Refused(415, request_error(said, "UNSUPPORTED_MEDIA_TYPE"), accept_post=JSON)
    if (header(scope, b"content-encoding") or "identity").lower() != "identity":
        said = "The body must not be compressed."
        told = request_error(said, "UNSUPPORTED_MEDIA_TYPE")
        raise Refused(415, told, accept_encoding="identity")


def _is_json(given: str | None) -> bool:
    if given is None:
        return False
    headed = Headed()
    headed["content-type"] = given
    charset = headed.get_param("charset", "utf-8")
    return headed.get_content_type() == JSON and str(charset).lower() in ("utf-8", "utf8")


def _whole(read: Callable[[Given], Body], given: Given) -> Body:
    try:
        return read(given)
    except Malformed as error:
        raise Refused(400, request_error(f"The request is {error}.", "BAD_REQUEST")) from error


_map_of = msgspec.json.Decoder(dict[str, Any] | None).decode


def _read_query(items: Sequence[tuple[str, str]]) -> Body:
    given = dict(items)
    if len(given) < len(items):
        raise Malformed("ambiguous: a parameter is given twice")
    variables, extensions = (
        read_json(text.encode(), _map_of) if (text := given.get(name)) else None
        for name in ("variables", "extensions")
    )
    name, id = given.get("operationName") or None, given.get("documentId")
    return Body(given.get("query"), variables, name, extensions, id)


def negotiated(accept: str | None) -> str:
    """The media type of the answer. Raises Refused if the client takes neither.

    Who says nothing, or anything, gets application/json, which every client understands.
    """
    if accept is None or accept.strip() in ("", "*/*", JSON):
        return JSON
    ranges = dict(_range(each) for each in accept[:LONGEST_ACCEPT].split(","))
    (quality, *_), media = max((_liking(media, ranges), media) for media in (JSON, GRAPHQL))
    if quality == 0:
        said = f"The answer can be {GRAPHQL} or {JSON}; `Accept` allows neither."
        raise Refused(406, request_error(said, "NOT_ACCEPTABLE"))
    return media


def _range(text: str) -> tuple[str, float]:
    """A media range and its quality; 0 for one that is not well formed."""
    media, *parameters = (part.strip().lower() for part in text.split(";"))
    given = {name: value for name, _, value in (each.partition("=") for each in parameters)}
    quality = given.get("q", "1")
    return media, float(quality) if QUALITY.fullmatch(quality) else 0.0


def _liking(media: str, ranges: Mapping[str, float]) -> tuple[float, int, bool]:
    """How much a client wants this: by quality, then by how closely it is named."""
    for closeness, name in ((2, media), (1, "application/*"), (0, "*/*")):
        if name in ranges:
            return ranges[name], closeness, (media == GRAPHQL) == (closeness == 2)  # noqa: PLR2004
    return 0.0, 0, False


def _named(viewer: Viewer) -> str | None:
    """Who it is, for the log."""
    id = viewer.user_id or viewer.api_key_id
    return str(id) if id else None


def _told(answer: Answer, asker: Asker) -> Headers:
    if not isinstance(asker, KeyAsker):
        return BY[answer.by]
    allowance = asker.allowance
    policy = f'"hour";q={allowance.limit};w=3600'
    left = _left(allowance.remaining, allowance.reset_at)
    return [*BY[answer.by], *_raw({"RateLimit-Policy": policy, "RateLimit": left})]


def _left(requests: int, reset_at: datetime) -> str:
    """What is left of the hour, as draft-ietf-httpapi-ratelimit-headers has it."""
    return f'"hour";r={requests};t={_seconds_to(reset_at)}'


def _seconds_to(moment: datetime) -> int:
    return max(1, math.ceil((moment - datetime.now(UTC)).total_seconds()))


def _raw(headers: Mapping[str, str]) -> Headers:
    return [(name.lower().encode(), text.encode("latin-1")) for name, text in headers.items()]


BY: Mapping[str, Headers] = {
    "compiled": _raw({"X-Graphql-Plan": "compiled"}),
    "loaders": _raw({"X-Graphql-Plan": "loaders"}),
    "refused": [],
}
ALWAYS = {
    media: _raw(
        {
            "Content-Type": f"{media}; charset=utf-8",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept",
        }
    )
    for media in (JSON, GRAPHQL)
}


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def explained(error: Exception) -> Refused:
    """What is said of an error that is not in the request's form; faults of ours are logged."""
    match error:
        case BudgetExceeded():
            wait = str(_seconds_to(error.resets_at))
            return Refused(429, request_errors(error.errors), retry_after=wait)
        case RequestFault():
            return Refused(400, request_errors(error.errors))
        case Refusal():
            status, headers = _standing(error)
            return Refused(status, request_error(error.message, error.code), **headers)
        case Unavailable():
            said, seconds = _until_then(error)
            return Refused(503, request_error(said, "UNAVAILABLE"), retry_after=seconds)
        case TookTooLong():
            said = "This took too long and was given up. Ask for less at once."
            return Refused(504, request_error(said, "TIMEOUT"))
        case _:
            log.error("request failed", exc_info=error)
            said = "Something failed on our side. It is in our log under this request id."
            return Refused(500, request_error(said, "INTERNAL", requestId=request_id()))


def _until_then(error: Unavailable) -> tuple[str, str]:
    """What is said, and the seconds after which it may be better."""
    match error:
        case OutOfRoom():
            return "The database's disk is full: nothing was changed. Reading goes on.", "30"
        case Busy():
            return "The server has all it can do: nothing was done. Try again in a second.", "1"
        case _:
            return "The database cannot be reached just now. Try again in a second.", "1"


def _standing(refusal: Refusal) -> tuple[int, dict[str, str]]:
    match refusal:
        case RateLimited():
            wait = str(_seconds_to(refusal.reset_at))
            return 429, {"retry_after": wait, "ratelimit": _left(0, refusal.reset_at)}
        case Unauthenticated():
            return 401, {"www_authenticate": 'Bearer realm="graphql", error="invalid_token"'}
        case Forbidden():
            return 403, {}
        case _:
            return 400, {}
