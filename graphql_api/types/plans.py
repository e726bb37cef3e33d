from __future__ import annotations

from datetime import datetime

from db.plans import PlanLimit, UsageRow
from graphql_api.declare import enum, over
from graphql_api.types.scalars import BigInt

enum(PlanLimit, "What a plan limits.")


@over(UsageRow)
class PlanUsage:
    """How much is in use of one of the things that a plan limits."""

    limit: PlanLimit
    """Of what."""
    used: BigInt
    """How many there are."""
    allowed: BigInt | None
    """How many there may be; null for as many as you like."""
    resets_at: datetime | None
    """When counting begins anew; null for what stays."""
