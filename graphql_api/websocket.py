"""GraphQL over WebSocket: the protocol graphql-transport-ws, and no other.

One task reads, one a running operation sends. Nothing is queued: an operation goes on only when its
last message is on its way, so a slow client slows its operations down and holds no memory.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn

import msgspec
import structlog
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from db.errors import Unavailable
from graphql_api.access import new_request_id, operation_name
from graphql_api.auth import KeyAsker, shown_by
from graphql_api.draining import Draining
from graphql_api.http import client_of, explained
from graphql_api.messages import (
    Body,
    Malformed,
    Service,
    encode,
    not_too_deep,
    read_json,
    request_error,
)
from graphql_api.timing import Clock
from graphql_api.told import begin, tell
from resolvers.accounts import RateLimited
from resolvers.context import Asker
from resolvers.errors import Refusal, Unauthenticated

log = structlog.stdlib.get_logger("graphql_api.websocket")

PROTOCOL = "graphql-transport-ws"
LONGEST_REASON = 123
"""Bytes that a close frame has for its reason."""
LAST_WORD = 0.2
"""Seconds for the answer to whoever ended their own session."""

BAD_REQUEST, UNAUTHORIZED, FORBIDDEN = 4400, 4401, 4403
NOT_ACCEPTABLE, INIT_TIMEOUT = 4406, 4408
SUBSCRIBER_EXISTS, TOO_MANY_INITS = 4409, 4429
TOO_BIG, SERVICE_RESTART, TRY_AGAIN_LATER = 1009, 1012, 1013
"""Codes of a close: from 4000 those of the protocol, below them those of WebSocket."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one socket allows; times are in seconds, sizes in bytes."""

    init_seconds: float = 10.0
    most_operations: int = 20
    most_bytes: int = 1_048_576
    seconds: float = 10.0
    close_seconds: float = 5.0


class ConnectionInit(msgspec.Struct, tag="connection_init"):
    payload: dict[str, Any] | None = None


class Ping(msgspec.Struct, tag="ping"):
    payload: dict[str, Any] | None = None


class Pong(msgspec.Struct, tag="pong"):
    payload: dict[str, Any] | None = None


OperationId = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class Subscribe(msgspec.Struct, tag="subscribe"):
    id: OperationId
    payload: Body


class Complete(msgspec.Struct, tag="complete"):
    id: OperationId


class Errors(msgspec.Struct):
    """A response that was refused, its errors as they are written."""

    errors: msgspec.Raw


Message = ConnectionInit | Ping | Pong | Subscribe | Complete
_read = msgspec.json.Decoder(Message).decode
_errors_of = msgspec.json.Decoder(Errors).decode


class Closing(Exception):
    """The socket is to be closed, for this reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


class OverWebSocket:
    """The ASGI application of sockets. ``service`` finds who answers, for each of them."""

    def __init__(
        self,
        service: Callable[[Scope], Service],
        rules: Rules | None = None,
        draining: Draining | None = None,
    ) -> None:
        self._service, self._rules = service, rules or Rules()
        self._draining = draining or Draining()
        self._clock = Clock(self._rules.seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        service = self._service(socket.scope)
        connection = _Connection(socket, service, self._rules, self._clock, self._draining)
        try:
            await connection.serve()
        except WebSocketDisconnect:
            return
        except Closing as closing:
            await self._close(socket, closing)

    async def _close(self, socket: WebSocket, closing: Closing) -> None:
        log.info("socket closed", code=closing.code, reason=closing.reason)
        reason = closing.reason.encode(errors="replace")[:LONGEST_REASON].decode(errors="ignore")
        try:
            async with asyncio.timeout(self._rules.close_seconds):
                await socket.close(closing.code, reason)
        except (TimeoutError, WebSocketDisconnect, WebSocketDisconnected):
            log.info("socket was gone before it was closed")


@dataclass(eq=False, slots=True)
class _Connection:
    socket: WebSocket
    service: Service
    rules: Rules
    clock: Clock
    """For queries and mutations."""
    draining: Draining
    running: dict[str, "asyncio.Task[None]"] = field(default_factory=lambda: {})
    tasks: set["asyncio.Task[None]"] = field(default_factory=set["asyncio.Task[None]"])
    answering: set["asyncio.Task[Any]"] = field(default_factory=set["asyncio.Task[Any]"])
    """Those of the tasks that answer a query or a mutation."""
    shown: str | None = None
    """What the client showed of itself."""

    async def serve(self) -> None:
        """Talk until one side has enough. Raises Closing or WebSocketDisconnect."""
        if PROTOCOL not in self.socket.scope.get("subprotocols", ()):
            await self.socket.accept()
            raise Closing(NOT_ACCEPTABLE, f"Subprotocol not acceptable: speak {PROTOCOL}")
        await self.socket.accept(subprotocol=PROTOCOL)
        if self.draining.begun.is_set():
            raise _leaving()
        asker = await self._greet()
        try:
            session_end = self.service.session_end(asker)
            async with _until(asker.expires_at, session_end, self.draining):
                await self._obey(asker)
        except Closing as closing:
            if closing.code == SERVICE_RESTART and self.answering:
                await asyncio.wait(self.answering, timeout=self.rules.seconds)
            raise
        finally:
            await self._stop()

    async def _greet(self) -> Asker:
        """Who the client says it is, acknowledged."""
        limit = asyncio.timeout(self.rules.init_seconds)
        try:
            async with limit:
                first = await self._first()
                asker = await self._identified(first.payload)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise Closing(INIT_TIMEOUT, "Connection initialisation timeout") from error
        await self.send(b'{"type":"connection_ack"}')
        return asker

    async def _first(self) -> ConnectionInit:
        while True:
            message = await self._receive()
            match message:
                case ConnectionInit():
                    return message
                case Subscribe():
                    raise Closing(UNAUTHORIZED, "Unauthorized: send connection_init first")
                case _:
                    await self._mind(message)

    async def _identified(self, payload: dict[str, Any] | None) -> Asker:
        try:
            self.shown = shown_by(payload)
            return await self.identified()
        except Unauthenticated as error:
            raise Closing(UNAUTHORIZED, f"Unauthorized: {error.message}") from error
        except RateLimited as error:
            raise Closing(TRY_AGAIN_LATER, error.message) from error
        except Refusal as error:
            raise Closing(FORBIDDEN, f"Forbidden: {error.message}") from error
        except Unavailable as error:
            raise Closing(TRY_AGAIN_LATER, "The database cannot be reached just now") from error

    async def identified(self) -> Asker:
        """Who the client is, now; of an API key, this is one more request."""
        return await self.service.identify(self.shown, client_of(self.socket.scope))

    async def _obey(self, asker: Asker) -> NoReturn:
        while True:
            match await self._receive():
                case ConnectionInit():
                    raise Closing(TOO_MANY_INITS, "Too many initialisation requests")
                case Subscribe() as message:
                    await self._begin(message, asker)
                case Complete(id):
                    if task := self.running.pop(id, None):
                        task.cancel()
                case message:
                    await self._mind(message)

    async def _begin(self, message: Subscribe, asker: Asker) -> None:
        if message.id in self.running:
            raise Closing(SUBSCRIBER_EXISTS, f"Subscriber for {message.id} already exists")
        most = self.rules.most_operations
        if len(self.running) >= most or len(self.tasks) >= 2 * most:
            said = f"This socket runs {most} operations already. Complete one, or open another."
            told = request_error(said, "LIMIT_EXCEEDED", limit="operations", allowed=most)
            await self.send(_frame("error", message.id, _errors_of(told).errors))
            return
        operation = _Operation(self, message, asker)
        task = self.running[message.id] = asyncio.create_task(operation.run())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        task.add_done_callback(self.answering.discard)

    async def _mind(self, message: Message) -> None:
        if isinstance(message, Ping):
            await self.send(encode({"type": "pong"}))

    async def _receive(self) -> Message:
        received = await self.socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1005), received.get("reason"))
        text = received.get("text")
        if text is None:
            raise Closing(BAD_REQUEST, "Invalid message: send text, not binary frames")
        raw = text.encode()
        if len(raw) > self.rules.most_bytes:
            raise Closing(TOO_BIG, f"Message larger than {self.rules.most_bytes:,} bytes")
        try:
            message = read_json(raw, _read)
            if isinstance(message, Subscribe):
                _check(message.payload)
        except Malformed as error:
            raise Closing(BAD_REQUEST, f"Invalid message: {error}") from error
        return message

    async def send(self, message: bytes) -> None:
        try:
            await self.socket.send_text(message.decode())
        except WebSocketDisconnected as error:
            raise WebSocketDisconnect(1006) from error

    async def _stop(self) -> None:
        """End what still runs, and wait until it has ended."""
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _check(body: Body) -> None:
    if not body.has_document:
        raise Malformed("there is no `query` - at `$.payload`")
    not_too_deep(body)


@asynccontextmanager
async def _until(
    moment: datetime | None, session_end: Awaitable[None], draining: Draining
) -> AsyncGenerator[None]:
    """The block, ended by Closing when the sign-in has run out or was ended, or the process is to
    leave."""
    left = None if moment is None else (moment - datetime.now(UTC)).total_seconds()
    limit = asyncio.timeout(left)

    def end() -> None:
        if not limit.expired():
            limit.reschedule(0)

    async def sign_out() -> None:
        await session_end
        await asyncio.sleep(LAST_WORD)
        end()

    signing_out = asyncio.create_task(sign_out())
    try:
        async with limit:
            with draining.ending(end):
                yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        if draining.begun.is_set():
            raise _leaving() from error
        said = "the session has ended" if signing_out.done() else "the access token has expired"
        raise Closing(UNAUTHORIZED, f"Unauthorized: {said}") from error
    finally:
        signing_out.cancel()


def _leaving() -> Closing:
    return Closing(SERVICE_RESTART, "This server is leaving: connect again")


def _frame(kind: str, id: str, payload: bytes | msgspec.Raw | None = None) -> bytes:
    """A message about an operation; the payload is spliced in as it is."""
    head = b'{"id":%b,"type":"%b"' % (encode(id), kind.encode())
    return head + (b"}" if payload is None else b',"payload":%b}' % bytes(payload))


class _Operation:
    """One operation of one socket, from ``subscribe`` to ``complete`` or ``error``."""

    def __init__(self, connection: _Connection, message: Subscribe, asker: Asker) -> None:
        self._connection, self._asker = connection, asker
        self._id, self._body = message.id, message.payload
        self._sent = 0

    async def run(self) -> None:
        began = time.perf_counter()
        begin(new_request_id())
        tell(operation=operation_name(self._body.operation_name))
        ended = "gone"
        try:
            last, ended = await self._last()
            if self._connection.running.get(self._id) is asyncio.current_task():
                del self._connection.running[self._id]
                await self._connection.send(last)
        except WebSocketDisconnect:
            return
        finally:
            milliseconds = round((time.perf_counter() - began) * 1000, 1)
            log.info("operation", ended=ended, sent=self._sent, milliseconds=milliseconds)

    async def _last(self) -> tuple[bytes, str]:
        """The message that ends the operation, and how it ended; all others are sent by then."""
        try:
            refused = await self._answer()
        except WebSocketDisconnect:
            raise
        except Exception as error:
            refused = explained(error).body
        if refused is None:
            return _frame("complete", self._id), "complete"
        return _frame("error", self._id, _errors_of(refused).errors), "error"

    async def _answer(self) -> bytes | None:
        """Send all results. Returns the response that says so if the request is refused."""
        if isinstance(self._asker, KeyAsker):
            self._asker = await self._connection.identified()
        executor = self._connection.service.executor
        if executor.operation_type(self._body) == "subscription":
            async with aclosing(executor.subscribe(self._body, self._asker)) as results:
                async for result in results:
                    await self._next(result)
            return None
        if task := asyncio.current_task():
            self._connection.answering.add(task)
        with self._connection.clock.limit():
            answer = await executor.answer(self._body, self._asker)
        if not answer.executed:
            return answer.body
        await self._next(answer.body)
        return None

    async def _next(self, result: bytes) -> None:
        await self._connection.send(_frame("next", self._id, result))
        self._sent += 1
