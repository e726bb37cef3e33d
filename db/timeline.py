"""What each node of a run did, as its log tells."""

from datetime import datetime
from uuid import UUID

import msgspec

from db.relation import Many


class NodeTimelineRow(msgspec.Struct, frozen=True):
    execution_id: UUID
    node_id: str | None
    first_seq: int
    last_seq: int
    started_at: datetime
    ended_at: datetime
    duration_ms: int
    lines: int
    debug: int
    info: int
    warn: int
    error: int


OF_EXECUTION = Many(
    NodeTimelineRow,
    """
    SELECT {n.*}
      FROM (SELECT l.execution_id,
                   l.node_id,
                   min(l.seq)                                 AS first_seq,
                   max(l.seq)                                 AS last_seq,
                   min(l."timestamp")                         AS started_at,
                   max(l."timestamp")                         AS ended_at,
                   least(extract(epoch FROM max(l."timestamp") - min(l."timestamp")) * 1000,
                         2147483647)::int                     AS duration_ms,
                   count(*)                                   AS lines,
                   count(*) FILTER (WHERE l.level = 'debug')  AS debug,
                   count(*) FILTER (WHERE l.level = 'info')   AS info,
                   count(*) FILTER (WHERE l.level = 'warn')   AS warn,
                   count(*) FILTER (WHERE l.level = 'error')  AS error
              FROM execution_logs l
             WHERE l.execution_id = {execution.id}
             GROUP BY l.execution_id, l.node_id) n
    """,
    tie="first_seq",
)
