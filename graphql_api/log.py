"""How things are logged: one event a line on standard error, as text for people or as JSON.

Whatever is told of a request (its id) is on every line that it causes.
"""

import asyncio
import atexit
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO

import msgspec
import structlog
import structlog.tracebacks
from structlog.typing import EventDict, Processor

from graphql_api.settings import Settings
from graphql_api.told import told


class Lines:
    """Writes lines; all of one turn of the event loop at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lines: list[bytes] = []
        atexit.register(self._write)

    def add(self, line: bytes) -> None:
        self._lines.append(line)
        if len(self._lines) == 1:
            try:
                asyncio.get_running_loop().call_soon(self._write)
            except RuntimeError:  # there is no loop
                self._write()

    debug = info = warning = error = critical = add

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._file.write(b"\n".join([*lines, b""]))
            self._file.flush()


class Straight:
    """Where events at level info go as lines for machines; None where they go the usual way."""

    to: Lines | None = None


def info(event: str, **told_of_it: object) -> None:
    """An event of every request; past structlog, which took longer than all else of a line."""
    if Straight.to:
        Straight.to.add(_line("info", {"event": event, **told_of_it}))
    else:
        structlog.get_logger().info(event, **told_of_it)


def _line(level: str, event: EventDict) -> bytes:
    return _json({**told(), **event, "level": level, "timestamp": datetime.now(UTC)})


def with_told(_logger: object, _level: str, event: EventDict) -> EventDict:
    """A processor that adds what is told of the request."""
    return {**told(), **event}


def set_up(settings: Settings) -> None:
    """Send our events and those of the libraries the same way. May be called again."""
    text = settings.log_format == "text"
    shared: list[Processor] = [
        with_told,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if text else "iso", utc=not text),
        structlog.processors.StackInfoRenderer(),
    ]
    last = _for_people() if text else _for_machines()
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    lines = Lines(sys.stderr.buffer)
    Straight.to = lines if not text and level <= logging.INFO else None
    structlog.configure(
        processors=[*shared, *last] if text else [_in_one(*shared, *last)],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr)
        if text
        else lambda *_: lines,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *last[:-1],
                _as_text(last[-1]),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("uvicorn.error").addFilter(_unless_broken_off)
    if text:
        logging.getLogger("uvicorn").setLevel("WARNING")


def _unless_broken_off(record: logging.LogRecord) -> bool:
    """No response of ours lacks its end but the streams that are broken off when we leave."""
    return "without completing response" not in record.getMessage()


def _for_people() -> list[Processor]:
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]


def _for_machines() -> list[Processor]:
    # Local variables stay out of tracebacks: a password may be one.
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(tracebacks),
        structlog.processors.JSONRenderer(_json),
    ]


def _in_one(*processors: Processor) -> Processor:
    """What the processors make of an event, at once where it has no traceback: one by one they took
    longer than anything else of a request but its SQL."""

    def line(logger: Any, level: str, event: EventDict) -> Any:
        if "exc_info" in event or "stack_info" in event:
            return _one_by_one(processors, logger, level, event)
        return _line(level, event)

    return line


def _one_by_one(processors: Sequence[Processor], logger: Any, level: str, event: Any) -> Any:
    for process in processors:
        event = process(logger, level, event)
    return event


def _json(event: Any, **_: Any) -> bytes:
    return msgspec.json.encode(event, enc_hook=str)


def _as_text(render: Processor) -> Processor:
    """The last processor, for a formatter of the standard library, which takes no bytes."""

    def rendered(logger: Any, name: str, event: EventDict) -> str:
        line = render(logger, name, event)
        return line.decode() if isinstance(line, bytes) else str(line)

    return rendered
