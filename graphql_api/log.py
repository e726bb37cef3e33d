"""How things are logged: one event a line on standard error, as text for people or as JSON.

Whatever a request binds with ``structlog.contextvars`` (its id) is on every line that it causes.
"""

import logging
import sys
from typing import Any

import msgspec
import structlog
import structlog.tracebacks
from structlog.typing import EventDict, Processor

from graphql_api.settings import Settings


def set_up(settings: Settings) -> None:
    """Send our events and those of the libraries the same way. May be called again."""
    text = settings.log_format == "text"
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if text else "iso", utc=not text),
        structlog.processors.StackInfoRenderer(),
    ]
    last = _for_people() if text else _for_machines()
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(
        processors=[*shared, *last],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr)
        if text
        else structlog.BytesLoggerFactory(sys.stderr.buffer),
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


def _json(event: Any, **_: Any) -> bytes:
    return msgspec.json.encode(event, enc_hook=str)


def _as_text(render: Processor) -> Processor:
    """The last processor, for a formatter of the standard library, which takes no bytes."""

    def rendered(logger: Any, name: str, event: EventDict) -> str:
        line = render(logger, name, event)
        return line.decode() if isinstance(line, bytes) else str(line)

    return rendered
