"""What is done to deployments: functions of ``migrations/0061_deployments.sql``, one a call."""

from datetime import timedelta
from typing import LiteralString, NamedTuple
from uuid import UUID

from db.json import Json
from db.session import Writing

DEPLOY: LiteralString = """
SELECT id, workspace_id, replaced, definition FROM app.deploy_workflow($1, $2, $3, $4::jsonb, $5)
"""
DERIVE: LiteralString = """
SELECT id, workspace_id, replaced, definition FROM app.derive_deployment($1, $2, $3, $4::jsonb)
"""
BEFORE: LiteralString = "SELECT app.deployment_before($1)"
CLAIM: LiteralString = "SELECT id, workspace_id, attempt FROM app.claim_deployment($1, $2, $3)"
TOOLS_BEFORE: LiteralString = "SELECT app.tools_before($1, $2)"
REPORT: LiteralString = """
SELECT workspace_id, workflow_id, replaced
  FROM app.report_deployment($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9::jsonb)
"""
HEARTBEAT: LiteralString = """
SELECT status, health_changed FROM app.heartbeat_deployment($1, $2, $3)
"""
STOP: LiteralString = "SELECT app.stop_deployment($1, $2)"


class Made(NamedTuple):
    """A deployment that waits for a runtime. ``replaced`` waited until then, and does no more."""

    id: UUID
    workspace_id: UUID
    replaced: UUID | None
    definition: Json


class Claimed(NamedTuple):
    id: UUID
    workspace_id: UUID
    attempt: int


class Placed(NamedTuple):
    """Where a deployment was reported. ``replaced`` was up until then."""

    workspace_id: UUID
    workflow_id: UUID
    replaced: UUID | None


class Report(NamedTuple):
    """What a runtime says of a deployment; None is as it was before."""

    status: str
    reason: str | None = None
    url: str | None = None
    health_url: str | None = None
    health: str | None = None
    tools: Json | None = None
    changes: Json | None = None


class Alive(NamedTuple):
    """``health_changed`` says whether the health is another than before."""

    status: str
    health_changed: bool


async def deploy(
    transaction: Writing,
    workflow: UUID,
    version: int | None,
    environment: str,
    *,
    config: Json | None,
    name: str | None,
) -> Made:
    [made] = await transaction.fetch(DEPLOY, workflow, version, environment, config, name)
    return Made(*made)


async def derive(
    transaction: Writing, source: UUID, origin: str, environment: str | None, config: Json | None
) -> Made:
    """The version of ``source`` once more; what is None is as there."""
    [made] = await transaction.fetch(DERIVE, source, origin, environment, config)
    return Made(*made)


async def before(transaction: Writing, id: UUID) -> UUID | None:
    """What was up in its place before it."""
    return await transaction.value(BEFORE, id)


async def claim(
    transaction: Writing, workflow: UUID | None, environment: str | None, lease: timedelta
) -> Claimed | None:
    row = await transaction.row(CLAIM, workflow, environment, lease)
    return Claimed(*row) if row else None


async def tools_before(transaction: Writing, id: UUID, attempt: int | None) -> Json | None:
    """Those of what is or was up in its place; nobody else reports it until the end."""
    return await transaction.value(TOOLS_BEFORE, id, attempt)


async def report(transaction: Writing, id: UUID, attempt: int | None, told: Report) -> Placed:
    [placed] = await transaction.fetch(REPORT, id, attempt, *told)
    return Placed(*placed)


async def heartbeat(
    transaction: Writing, id: UUID, attempt: int | None, health: str | None
) -> Alive:
    [alive] = await transaction.fetch(HEARTBEAT, id, attempt, health)
    return Alive(*alive)


async def stop(transaction: Writing, id: UUID, reason: str) -> None:
    await transaction.value(STOP, id, reason)
