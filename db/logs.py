"""Execution logs: what a run said, line by line, numbered from 1 without a gap."""

from datetime import datetime
from enum import StrEnum
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


CONDITIONS: Conditions = {
    "level": "level = ANY({}::text[])",
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
