"""The history of deployments: each state that one was in, and who brought it there."""

from datetime import datetime
from uuid import UUID

import msgspec

from db.filters import Conditions
from db.pages import Order
from db.relation import Many, One


class DeploymentEventRow(msgspec.Struct, frozen=True):
    id: UUID
    workspace_id: UUID
    deployment_id: UUID
    status: str
    message: str | None
    user_id: UUID | None
    api_key_id: UUID | None
    created_at: datetime


class DeploymentEventOrder(Order):
    NEWEST = "created_at DESC"
    """The last first."""
    OLDEST = "created_at ASC"
    """The first first."""


CONDITIONS: Conditions = {"status": "status = ANY({}::text[])"}

BY_ID = One(DeploymentEventRow, "SELECT {e.*} FROM deployment_events e WHERE e.id = {id}")

BY_DEPLOYMENT = Many(
    DeploymentEventRow,
    "SELECT {e.*} FROM deployment_events e WHERE e.deployment_id = {deployment.id}",
)
