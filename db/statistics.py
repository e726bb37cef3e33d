"""Statistics of a workflow: of all time, as counted when executions begin and end, and by time."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

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
