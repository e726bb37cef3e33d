"""Statistics of a workflow: of all time, as counted when executions begin and end, and by time."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, LiteralString

import msgspec

from db.relation import Computed, Many, One


class StatisticsRow(msgspec.Struct, frozen=True):
    total_executions: int
    successful_executions: int
    failed_executions: int
    success_rate: Annotated[float | None, Computed("{row}.success_rate::float8")]
    avg_duration_ms: Annotated[float | None, Computed("round({row}.avg_duration_ms, 2)::float8")]
    last_executed_at: datetime | None


class TimeBucket(StrEnum):
    HOUR = "hour"
    """An hour."""
    DAY = "day"
    """A day."""
    MONTH = "month"
    """A month."""


class BucketRow(msgspec.Struct, frozen=True):
    start: datetime
    total_executions: int
    successful_executions: int
    failed_executions: int
    avg_duration_ms: float | None


class PerformanceRow(msgspec.Struct, frozen=True):
    version: int | None
    total_executions: int
    ended_executions: int
    failed_executions: int
    failure_rate: float | None
    p50_duration_ms: float | None
    p95_duration_ms: float | None


class NodePerformanceRow(msgspec.Struct, frozen=True):
    node_id: str
    executions: int
    failed_executions: int
    failure_rate: float
    p50_duration_ms: float
    p95_duration_ms: float


OF_WORKFLOW = One(
    StatisticsRow, "SELECT {s.*} FROM workflow_statistics s WHERE s.id = {workflow.id}"
)

BY_TIME = Many(
    BucketRow,
    """
    SELECT {b.*}
      FROM (SELECT bucket.start,
                   count(e.id)                                     AS total_executions,
                   count(e.id) FILTER (WHERE e.status = 'success') AS successful_executions,
                   count(e.id) FILTER (WHERE e.status = 'failed')  AS failed_executions,
                   round(avg(e.duration_ms), 2)::float8            AS avg_duration_ms
              FROM generate_series({argument.since: timestamptz}, {argument.until: timestamptz},
                                   {argument.bucket: interval}) AS bucket(start)
              LEFT JOIN executions e
                ON e.workflow_id = {workflow.id}
               AND e.id >= app.uuid7_floor(bucket.start)
               AND e.id < app.uuid7_floor(bucket.start + {argument.bucket: interval})
             GROUP BY bucket.start) b
    """,
    tie="start",
)
"""``since`` must be the start of a bucket in UTC."""


# A run that timed out failed, too; one that was cancelled says nothing about the workflow.
_IN_RANGE: LiteralString = """
    SELECT coalesce(e.workflow_version, d.workflow_version) AS version, e.status, e.duration_ms
      FROM executions e
      LEFT JOIN deployments d ON d.id = e.deployment_id
     WHERE e.workflow_id = {workflow.id}
       AND e.id >= app.uuid7_floor({argument.since: timestamptz})
       AND e.id < app.uuid7_floor({argument.until: timestamptz})
"""
_MEASURES: LiteralString = """
    count(*)                                                               AS total_executions,
    count(*) FILTER (WHERE x.status IN ('success', 'failed', 'timeout'))   AS ended_executions,
    count(*) FILTER (WHERE x.status IN ('failed', 'timeout'))              AS failed_executions,
    round(100.0 * count(*) FILTER (WHERE x.status IN ('failed', 'timeout'))
          / nullif(count(*) FILTER (WHERE x.status IN ('success', 'failed', 'timeout')), 0),
          2)::float8                                                       AS failure_rate,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY x.duration_ms)             AS p50_duration_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY x.duration_ms)            AS p95_duration_ms
"""

IN_RANGE = One(
    PerformanceRow,
    "SELECT {p.*} FROM (SELECT NULL::int AS version,"  # noqa: S608 # made of constants
    + _MEASURES
    + "FROM ("
    + _IN_RANGE
    + ") x) p",
)

IN_RANGE_BY_VERSION = Many(
    PerformanceRow,
    "SELECT {p.*} FROM (SELECT x.version,"  # noqa: S608 # made of constants
    + _MEASURES
    + "FROM ("
    + _IN_RANGE
    + ") x GROUP BY x.version) p",
    tie="version",
)

# The newest of the executions, and of each its first lines: what is read is bounded, however long
# logs are.
IN_RANGE_BY_NODE = Many(
    NodePerformanceRow,
    """
    SELECT {n.*}
      FROM (SELECT x.node_id,
                   count(*)                                                    AS executions,
                   count(*) FILTER (WHERE x.failed)                            AS failed_executions,
                   round(100.0 * count(*) FILTER (WHERE x.failed) / count(*), 2)::float8
                                                                               AS failure_rate,
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY x.duration_ms)  AS p50_duration_ms,
                   percentile_cont(0.95) WITHIN GROUP (ORDER BY x.duration_ms) AS p95_duration_ms
              FROM (SELECT e.id
                      FROM executions e
                     WHERE e.workflow_id = {workflow.id}
                       AND e.id >= app.uuid7_floor({argument.since: timestamptz})
                       AND e.id < app.uuid7_floor({argument.until: timestamptz})
                       AND e.status <> 'running'
                     ORDER BY e.id DESC
                     LIMIT 200) e
             CROSS JOIN LATERAL (
                   SELECT l.node_id,
                          bool_or(l.level = 'error') AS failed,
                          (extract(epoch FROM max(l."timestamp") - min(l."timestamp"))
                           * 1000)::float8           AS duration_ms
                     FROM (SELECT l.node_id, l.level, l."timestamp"
                             FROM execution_logs l
                            WHERE l.execution_id = e.id
                            ORDER BY l.seq
                            LIMIT 2000) l
                    WHERE l.node_id IS NOT NULL
                    GROUP BY l.node_id) x
             GROUP BY x.node_id) n
    """,
    tie="node_id",
)
