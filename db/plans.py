"""Plans: what a workspace may have, and how much of it is in use."""

from datetime import datetime
from enum import StrEnum

import msgspec

from db.relation import Many


class PlanLimit(StrEnum):
    MEMBERS = "members"
    """Members, and invitations that can still be accepted."""
    WORKFLOWS = "workflows"
    """Workflows."""
    DEPLOYMENTS = "deployments"
    """Deployments that are neither stopped nor failed."""
    EXECUTIONS = "executions"
    """Executions begun in this month (UTC)."""


class UsageRow(msgspec.Struct, frozen=True):
    """``allowed`` is None for as many as one likes; ``resets_at`` where counting begins anew."""

    limit: PlanLimit
    used: int
    allowed: int | None
    resets_at: datetime | None


USAGE = Many(UsageRow, "SELECT {u.*} FROM app.plan_usage({workspace.id}) u", tie="limit")
