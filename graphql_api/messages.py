"""What goes over the wire, whatever the wire: the request as asked, the answer, the refusal.

HTTP, WebSocket and the executor meet here and nowhere else.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import msgspec
from graphql import GraphQLError

from db.session import Client
from resolvers.context import Asker

DEEPEST = 128
"""Levels of nesting in the variables."""


class Body(msgspec.Struct, rename="camel"):
    """A GraphQL request. Members with other names are passed over, as the protocol asks."""

    query: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None
    document_id: str | None = None

    @property
    def has_document(self) -> bool:
        """Whether it has a document, or names one."""
        named = self.document_id is not None or "persistedQuery" in (self.extensions or {})
        return self.query is not None or named


class Answer(msgspec.Struct):
    """``body`` is the whole response object, encoded; ``by`` what made it.

    ``executed`` is false for a request error (syntax, validation, a limit, an operation that cannot
    be told): then there is no ``data``. ``faulty`` says that there are errors beside it.
    """

    body: bytes
    by: Literal["compiled", "loaders", "refused"]
    executed: bool = True
    faulty: bool = False


class Answering(Protocol):
    """What answers: the executor, as the wires see it."""

    def answer(
        self, body: Body, asker: Asker, *, only_queries: bool = False
    ) -> Coroutine[Any, Any, Answer]:
        """Run a query or a mutation."""
        ...

    def subscribe(self, body: Body, asker: Asker) -> AsyncGenerator[bytes]:
        """The results of a subscription, each encoded. Raises RequestFault."""
        ...

    def operation_type(self, body: Body) -> str | None:
        """``query``, ``mutation`` or ``subscription``; None where it cannot be told."""
        ...


class RequestFault(Exception):
    """The request cannot be executed."""

    def __init__(self, *errors: GraphQLError) -> None:
        super().__init__(*errors)
        self.errors = errors


class BudgetExceeded(RequestFault):
    """The request costs more than is left to the viewer before ``resets_at``."""

    def __init__(self, error: GraphQLError, resets_at: datetime) -> None:
        super().__init__(error)
        self.resets_at = resets_at


def request_fault(message: str, code: str) -> RequestFault:
    return RequestFault(GraphQLError(message, extensions={"code": code}))


class Service(NamedTuple):
    """What a wire needs: who answers, who says who asks from what a request shows of itself, and
    what returns when the session of an asker, who stays, has ended."""

    executor: Answering
    identify: Callable[[str | None, Client], Awaitable[Asker]]
    session_end: Callable[[Asker], Awaitable[None]]


class Malformed(ValueError):
    """A message that is not what the protocol asks for; the text says why."""


T = TypeVar("T")


def read_json(raw: bytes, decode: Callable[[bytes], T]) -> T:
    """What ``decode`` makes of these bytes. Raises Malformed, whatever they are."""
    try:
        raw.decode()
        return decode(raw)
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8: byte {error.start} cannot be read") from error
    except RecursionError as error:
        raise Malformed("nested too deeply") from error
    except msgspec.ValidationError as error:
        raise Malformed(str(error)) from error
    except msgspec.DecodeError as error:
        raise Malformed(f"not JSON: {error}") from error


_body_of = msgspec.json.Decoder(Body).decode


def read_body(raw: bytes) -> Body:
    """A request in JSON. Raises Malformed."""
    body = read_json(raw, _body_of)
    if raw.count(b"[") + raw.count(b"{") > DEEPEST:
        not_too_deep(body)
    return body


def not_too_deep(body: Body) -> None:
    """Raises Malformed if the variables are nested so deeply that reading them could fail."""
    level: list[Any] = [body.variables or {}, body.extensions or {}]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in _inside(outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return
    raise Malformed(f"variables nested more than {DEEPEST} levels deep")


def _inside(outer: dict[str, object] | list[object]) -> Iterable[object]:
    return outer.values() if isinstance(outer, dict) else outer


def _plain(value: object) -> object:
    """Values that JSON has no form for, as text: the extensions of an error may hold any."""
    return str(value)


def encode(message: object) -> bytes:
    """JSON, in UTF-8. Half a surrogate pair, which UTF-8 cannot hold, becomes a question mark."""
    try:
        return msgspec.json.encode(message, enc_hook=_plain)
    except UnicodeEncodeError:
        return msgspec.json.encode(_whole(message), enc_hook=_plain)


def _whole(message: Any) -> Any:
    match message:
        case str():
            return message.encode(errors="replace").decode()
        case dict():
            return {_whole(key): _whole(value) for key, value in message.items()}  # pyright: ignore[reportUnknownVariableType]
        case list() | tuple():
            return [_whole(item) for item in message]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return message


def request_errors(errors: Iterable[GraphQLError]) -> bytes:
    """The response to a request that was not executed."""
    return encode({"errors": [error.formatted for error in errors]})


def request_error(message: str, code: str, **extensions: object) -> bytes:
    """The response to a request that was not executed, for one reason."""
    return encode({"errors": [{"message": message, "extensions": {"code": code, **extensions}}]})


def refused(errors: Iterable[GraphQLError]) -> Answer:
    """``request_errors`` as an answer."""
    return Answer(request_errors(errors), "refused", executed=False)
