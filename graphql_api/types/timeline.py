from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from db import logs, timeline
from graphql_api.declare import over, related
from graphql_api.types.scalars import BigInt

if TYPE_CHECKING:
    from graphql_api.types.logs import ExecutionLog


@over(timeline.NodeTimelineRow)
class NodeTimeline:
    """What a node did in an execution, as far as its lines in the log tell."""

    node_id: str | None
    """The node; null for the lines that are of no node."""
    started_at: datetime
    """The time of its earliest line."""
    ended_at: datetime
    """The time of its latest line."""
    duration_ms: int
    """The time between those two, in milliseconds."""
    lines: BigInt
    """How many lines it wrote."""
    debug: BigInt
    """How many of those are for debugging."""
    info: BigInt
    """How many of those are for information."""
    warn: BigInt
    """How many of those are warnings."""
    error: BigInt
    """How many of those are errors."""
    first_line: ExecutionLog | None = related(
        logs.BY_NUMBER, execution_id="execution_id", seq="first_seq"
    )
    """The first line that it wrote."""
    last_line: ExecutionLog | None = related(
        logs.BY_NUMBER, execution_id="execution_id", seq="last_seq"
    )
    """The last line that it wrote."""
