"""What goes over the wire, whatever the wire: the request as asked, the answer, the refusal.

HTTP, WebSocket and the executor meet here and nowhere else.
"""

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, Literal

import msgspec
from graphql import GraphQLError

REQUEST_ID: ContextVar[str] = ContextVar("REQUEST_ID", default="")
"""The id of the request being answered: in its log lines, and told to the client with a fault."""


class Body(msgspec.Struct, rename="camel"):
    """A GraphQL request. Members with other names are passed over, as the protocol asks."""

    query: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


class Answer(msgspec.Struct):
    """``body`` is the whole response object, encoded; ``by`` what made it.

    ``executed`` is false for a request error (syntax, validation, a limit, an operation that cannot
    be told): then there is no ``data``.
    """

    body: bytes
    by: Literal["compiled", "loaders", "refused"]
    executed: bool = True


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
