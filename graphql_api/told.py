"""What is told of the request being answered, whichever of its tasks tells it."""

from collections.abc import Mapping
from contextvars import ContextVar

_TOLD: ContextVar[dict[str, object] | None] = ContextVar("_TOLD", default=None)


def begin(request_id: str) -> None:
    """A request, or an operation of a socket, begins here: nothing but its id is told of it yet."""
    _TOLD.set({"request_id": request_id})


def tell(**told: object) -> None:
    """Put this on every further line of the request, from whichever of its tasks."""
    if (known := _TOLD.get()) is not None:
        known.update(told)


def told() -> Mapping[str, object]:
    """What is told of the request being answered; nothing where there is none."""
    return _TOLD.get() or {}


def request_id() -> str:
    """The id of the request being answered: in its log lines, and told to the client with a
    fault."""
    return str(told().get("request_id", ""))
