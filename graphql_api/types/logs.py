from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from db import executions, logs
from db.json import Json
from graphql_api.declare import Node, enum, filtering, over, related
from graphql_api.types.scalars import BigInt

if TYPE_CHECKING:
    from graphql_api.types.executions import Execution

enum(logs.LogLevel, "How much a line matters.")
enum(logs.LogOrder, "Orders of an execution's lines.")


@filtering(logs.CONDITIONS)
class LogFilter:
    """Which lines to list."""

    level: list[logs.LogLevel] | None
    """Of one of these levels."""
    node_id: list[str] | None
    """From one of these nodes of the workflow."""
    search: str | None
    """The message contains this, in any case."""
    since: datetime | None
    """Written at this time or later."""
    before: datetime | None
    """Written before this time."""


@over(logs.LogRow, by_id=logs.BY_NUMBER)
class ExecutionLog(Node):
    """A line that a run wrote."""

    seq: BigInt
    """Its number in the execution: from 1, without a gap."""
    node_id: str | None
    """The node of the workflow that wrote it."""
    level: logs.LogLevel
    """How much it matters."""
    message: str
    """What it says."""
    metadata: Json | None
    """What came with it."""
    timestamp: datetime
    """When it was written."""
    execution: Execution | None = related(executions.BY_ID, id="execution_id")
    """The run that wrote it."""
