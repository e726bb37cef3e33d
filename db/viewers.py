"""The viewer: who asks, as a row, and what it may see in numbers."""

from uuid import UUID

import msgspec

from db.relation import One


class ViewerRow(msgspec.Struct, frozen=True):
    user_id: UUID | None
    api_key_id: UUID | None


class DashboardRow(msgspec.Struct, frozen=True):
    total_workspaces: int
    total_workflows: int
    active_workflows: int
    total_executions: int


ASKING = One(
    ViewerRow,
    """
    SELECT {v.*}
      FROM (SELECT (SELECT app.uid()) AS user_id, (SELECT app.key_id()) AS api_key_id) v
     WHERE v.user_id IS NOT NULL OR v.api_key_id IS NOT NULL
    """,
)

DASHBOARD = One(DashboardRow, "SELECT {d.*} FROM user_dashboard d")
