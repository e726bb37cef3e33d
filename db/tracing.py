"""Spans of a trace, where somebody collects them (``graphql_api.tracing``); else nothing at all."""

from collections.abc import Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

LONGEST_QUERY = 2_000
NOTHING: AbstractContextManager[Any] = nullcontext()


class Tracer(Protocol):
    def start_as_current_span(
        self, name: str, *, attributes: dict[str, str], record_exception: bool
    ) -> AbstractContextManager[Any]: ...


class _Collected:
    by: Tracer | None = None


def collect(tracer: Tracer | None) -> None:
    """From now on spans are its; None: nobody's."""
    _Collected.by = tracer


def span(name: str, key: str = "", value: str = "") -> AbstractContextManager[Any]:
    """What happens in the block, with one attribute of it."""
    tracer = _Collected.by
    if tracer is None:
        return NOTHING
    attributes = {key: value} if key else {}
    # An exception's text may name what people sent.
    return tracer.start_as_current_span(name, attributes=attributes, record_exception=False)


def traced(
    work: Coroutine[Any, Any, T], name: str, key: str = "", value: str = ""
) -> Coroutine[Any, Any, T]:
    """``work`` as a span; as it is where nobody collects them, which costs nothing."""
    return work if _Collected.by is None else _within(span(name, key, value), work)


async def _within(span: AbstractContextManager[Any], work: Coroutine[Any, Any, T]) -> T:
    with span:
        return await work


def statement(sql: str) -> AbstractContextManager[Any]:
    """A statement that PostgreSQL runs, without its values."""
    if _Collected.by is None:
        return NOTHING
    return span("postgresql", "db.query.text", sql[:LONGEST_QUERY])
