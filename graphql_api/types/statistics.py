from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import strawberry

from db import statistics
from db.relation import InvalidArgument
from graphql_api.declare import enum, over
from graphql_api.types.scalars import BigInt

MOST_BUCKETS = 1000
EARLIEST = 1970
LENGTHS = {
    statistics.TimeBucket.HOUR: timedelta(hours=1),
    statistics.TimeBucket.DAY: timedelta(days=1),
    statistics.TimeBucket.MONTH: timedelta(days=28),
}

enum(statistics.TimeBucket, "How long a stretch of time is, in UTC.")


def buckets(
    since: Annotated[
        datetime, strawberry.argument(description="The first bucket is the one with this time.")
    ],
    until: Annotated[
        datetime | None,
        strawberry.argument(description="The last bucket is the one with this time; now if null."),
    ] = None,
    bucket: Annotated[
        statistics.TimeBucket, strawberry.argument(description="How long a bucket is.")
    ] = statistics.TimeBucket.DAY,
) -> Mapping[str, Any]:
    """The start of the first bucket, the end of the range, and the length of a bucket."""
    end = until or datetime.now(UTC)
    if since.year < EARLIEST:
        raise InvalidArgument(f"since is before {EARLIEST}; nothing ran then")
    if end < since:
        raise InvalidArgument("until is before since")
    if (end - since) / LENGTHS[bucket] > MOST_BUCKETS:
        raise InvalidArgument(
            f"that is more than {MOST_BUCKETS} buckets; ask for a shorter time or longer buckets"
        )
    return {"since": _start(since, bucket), "until": end, "bucket": LENGTHS[bucket]}


def in_range(
    since: Annotated[
        datetime, strawberry.argument(description="Executions that began at this time or later.")
    ],
    until: Annotated[
        datetime | None,
        strawberry.argument(description="Executions that began before this time; now if null."),
    ] = None,
) -> Mapping[str, Any]:
    end = until or datetime.now(UTC)
    if end < since:
        raise InvalidArgument("until is before since")
    return {"since": since, "until": end}


def _start(moment: datetime, bucket: statistics.TimeBucket) -> datetime:
    start = moment.replace(minute=0, second=0, microsecond=0)
    if bucket is statistics.TimeBucket.HOUR:
        return start
    start = start.replace(hour=0)
    return start if bucket is statistics.TimeBucket.DAY else start.replace(day=1)


@over(statistics.StatisticsRow)
class WorkflowStatistics:
    """The executions of a workflow in numbers."""

    total_executions: BigInt
    """How many there have been, running ones included."""
    successful_executions: BigInt
    """How many ended well."""
    failed_executions: BigInt
    """How many failed."""
    success_rate: float | None
    """How many in a hundred ended well; null where there are none."""
    avg_duration_ms: float | None
    """How long one takes on average, in milliseconds; null where none has ended."""
    last_executed_at: datetime | None
    """When the last one began."""


@over(statistics.BucketRow)
class WorkflowStatisticsBucket:
    """The executions of a workflow that began in a stretch of time."""

    start: datetime
    """Where the stretch starts."""
    total_executions: BigInt
    """How many began."""
    successful_executions: BigInt
    """How many of those ended well."""
    failed_executions: BigInt
    """How many of those failed."""
    avg_duration_ms: float | None
    """How long those took on average, in milliseconds; null where none has ended."""


@over(statistics.PerformanceRow)
class WorkflowPerformance:
    """How long the executions that began in a stretch of time took, and how many failed."""

    version: int | None
    """The version that was executed; null for all together, or where it is not known."""
    total_executions: BigInt
    """How many began."""
    ended_executions: BigInt
    """How many of those ended by themselves: in success, failure or timeout."""
    failed_executions: BigInt
    """How many of those failed or timed out."""
    failure_rate: float | None
    """How many in a hundred of those that ended by themselves failed; null where none ended."""
    p50_duration_ms: float | None
    """Half of those that ended took at most this long, in milliseconds; null where none ended."""
    p95_duration_ms: float | None
    """Of a hundred that ended 95 took at most this long, in milliseconds."""


@over(statistics.NodePerformanceRow)
class NodePerformance:
    """How long a node took in several executions, and how often it failed."""

    node_id: str
    """The node."""
    executions: BigInt
    """In how many of the executions it said something."""
    failed_executions: BigInt
    """In how many of those it said so in a line of the level `ERROR`."""
    failure_rate: float
    """The same in a hundred."""
    p50_duration_ms: float
    """In half of those it took at most this long, in milliseconds, from its first line to its
    last."""
    p95_duration_ms: float
    """In 95 of a hundred it took at most this long, in milliseconds."""
