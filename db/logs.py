"""Execution logs: what a run said, line by line, numbered from 1 without a gap."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import LiteralString
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.json import Json
from db.pages import Order
from db.relation import Many, One


class LogLevel(StrEnum):
    DEBUG = "debug"
    """For those who look for a fault."""
    INFO = "info"
    """What happens."""
    WARN = "warn"
    """What may be wrong."""
    ERROR = "error"
    """What went wrong."""


class LogRow(msgspec.Struct, frozen=True):
    id: UUID
    execution_id: UUID
    seq: int
    node_id: str | None
    level: LogLevel
    message: str
    metadata: Json | None
    timestamp: datetime


class LogOrder(Order):
    OLDEST = "seq ASC"
    """In the order of writing."""
    NEWEST = "seq DESC"
    """Written last first."""


WRONG = frozenset({LogLevel.WARN, LogLevel.ERROR})
"""The levels that have an index: few lines of a long log are of them."""


def _of_level(levels: Collection[LogLevel]) -> LiteralString:
    if WRONG.issuperset(levels):
        return "level = ANY({}::text[]) AND level IN ('warn', 'error')"  # as the index has it
    return "level = ANY({}::text[])"


CONDITIONS: Conditions = {
    "level": _of_level,
    "node_id": "node_id = ANY({}::text[])",
    "search": "strpos(lower(message), lower({}::text)) > 0",
    "since": '"timestamp" >= {}::timestamptz',
    "before": '"timestamp" < {}::timestamptz',
}

BY_NUMBER = One(
    LogRow,
    """
    SELECT {l.*}
      FROM execution_logs l
     WHERE l.execution_id = {execution_id} AND l.seq = {seq: bigint}
    """,
)

BY_EXECUTION = Many(
    LogRow,
    "SELECT {l.*} FROM execution_logs l WHERE l.execution_id = {execution.id}",
    tie="seq",
)
