"""GraphQL over server-sent events: graphql-sse, one operation a connection.

For clients behind proxies that let no WebSocket through. Before the stream begins a request is
refused as over HTTP; from then on everything is told in it, and ``complete`` is its last event.
Nothing is queued: the next result is asked for when the last one is on its way.

When the process is to leave, streams are broken off without ``complete``: clients take that for a
lost connection and connect again, and go on with the cursor they have.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, aclosing, nullcontext, suppress
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from db.errors import TookTooLong
from graphql_api.access import header, operation_name
from graphql_api.draining import Draining
from graphql_api.http import (
    GRAPHQL,
    JSON,
    LONGEST_ACCEPT,
    OverHttp,
    Refused,
    Rules,
    client_of,
    explained,
    too_slow,
)
from graphql_api.messages import Body, Service, request_error
from graphql_api.told import tell
from resolvers.context import Asker
from resolvers.errors import Unauthenticated

EVENTS = "text/event-stream"
BEAT_SECONDS = 12.0
"""Proxies close a connection that is silent for longer; many take 30 seconds, some 15."""

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"Accept"),
]
COMPLETE = b"event: complete\ndata: \n\n"
BEAT = b":\n\n"
LEAVING = b": this server is leaving, connect again\nretry: 1000\n\n"
PATIENCE = 1.0
"""Seconds in which a client takes that."""


def wants_events(accept: str) -> bool:
    """Whether the client takes events, and not an answer in JSON."""
    if EVENTS not in accept.lower():
        return False
    named = {each.partition(";")[0].strip().lower() for each in accept[:LONGEST_ACCEPT].split(",")}
    return EVENTS in named and not named & {JSON, GRAPHQL}


class OverEvents(OverHttp):
    """The ASGI application at ``/graphql`` and ``/graphql/stream``.

    Who does not ask for events is answered by ``otherwise``, or else with events all the same.
    """

    def __init__(
        self,
        service: Callable[[Scope], Service],
        rules: Rules,
        *,
        otherwise: OverHttp | None = None,
        beat_seconds: float = BEAT_SECONDS,
        draining: Draining | None = None,
    ) -> None:
        super().__init__(service, rules)
        self._draining = draining or Draining()
        self._otherwise, self._beat_seconds = otherwise, beat_seconds

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        if self._otherwise and not wants_events(header(scope, b"accept") or ""):
            return self._otherwise(scope, receive, send)
        return self._respond(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self._read_in_time(scope, receive)
            service = self._service(scope)
            shown = header(scope, b"authorization")
            asker = await service.identify(shown, client_of(scope))
        except Exception as error:
            refused = error if isinstance(error, Refused) else explained(error)
            headers = {"Cache-Control": "no-store", "Vary": "Accept", **refused.headers}
            response = Response(refused.body, refused.status, headers, media_type=JSON)
            await response(scope, receive, send)
            return
        tell(operation=operation_name(body.operation_name))
        results = self._results(service, body, asker, only_queries=scope["method"] == "GET")
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        streams = service.executor.operation_type(body) == "subscription"
        ending = self._draining.ending if streams else _never
        session_end = service.session_end(asker) if streams else asyncio.Event().wait()
        signed_out = _signed_out(asker.expires_at, session_end)
        await self._stream(results, signed_out, receive, send, ending)

    async def _read_in_time(self, scope: Scope, receive: Receive) -> Body:
        try:
            with self._clock.limit():
                return await self._read(scope, receive)
        except TookTooLong as error:
            raise too_slow(self._rules.seconds) from error

    async def _stream(
        self,
        results: AsyncGenerator[bytes],
        signed_out: Coroutine[Any, Any, None],
        receive: Receive,
        send: Send,
        ending: Callable[[Callable[[], object]], AbstractContextManager[None]],
    ) -> None:
        """Send until all is sent, the client has left, or the asker is signed in no more.

        What ``ending`` ends is broken off.
        """
        sending = asyncio.create_task(_send_all(results, send))
        leaving = asyncio.create_task(_left(receive))
        beating = asyncio.create_task(self._beat(send))
        signing_out = asyncio.create_task(signed_out)
        broken_off = over = False
        try:
            with ending(leaving.cancel):
                await asyncio.wait(
                    (sending, leaving, signing_out), return_when=asyncio.FIRST_COMPLETED
                )
            broken_off = leaving.cancelled()
            over = sending.done() or leaving.done()
        finally:
            for task in (sending, leaving, beating, signing_out):
                task.cancel()
            await asyncio.gather(sending, leaving, beating, signing_out, return_exceptions=True)
        if sending.done() and not sending.cancelled():
            sending.result()
        elif broken_off:
            await _break_off(send)
            return
        elif over:
            return
        if not over:
            refused = explained(Unauthenticated("Your sign-in has expired, or was ended. Sign in."))
            await _send(send, _event(refused.body))
        await _send(send, COMPLETE, more=False)

    async def _beat(self, send: Send) -> None:
        while True:
            await asyncio.sleep(self._beat_seconds)
            await _send(send, BEAT)

    async def _results(
        self, service: Service, body: Body, asker: Asker, *, only_queries: bool
    ) -> AsyncGenerator[bytes]:
        """Every response, each encoded; what goes wrong is the last."""
        executor = service.executor
        kind = executor.operation_type(body)
        try:
            if kind == "subscription":
                async with aclosing(executor.subscribe(body, asker)) as found:
                    async for result in found:
                        yield result
            elif kind == "mutation" and only_queries:
                yield request_error("Send a mutation with POST.", "METHOD_NOT_ALLOWED")
            else:
                with self._clock.limit():
                    answer = await executor.answer(body, asker, only_queries=only_queries)
                yield answer.body
        except Exception as error:
            yield explained(error).body


async def _signed_out(expires_at: datetime | None, session_end: Awaitable[object]) -> None:
    """Returns when the sign-in has run out, or its session has ended."""
    left = None if expires_at is None else (expires_at - datetime.now(UTC)).total_seconds()
    with suppress(TimeoutError):
        async with asyncio.timeout(left):
            await session_end


async def _send_all(results: AsyncGenerator[bytes], send: Send) -> None:
    async with aclosing(results):
        async for result in results:
            await _send(send, _event(result))


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _send(send: Send, raw: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": raw, "more_body": more})


async def _break_off(send: Send) -> None:
    """Say so to who listens, and leave the response without its end: it is a lost connection."""
    with suppress(TimeoutError):  # whoever does not listen is not told
        async with asyncio.timeout(PATIENCE):
            await _send(send, LEAVING)


def _never(_end: Callable[[], object]) -> AbstractContextManager[None]:
    return nullcontext()


def _event(result: bytes) -> bytes:
    return b"event: next\ndata: %b\n\n" % result.replace(b"\n", b"\ndata: ")
