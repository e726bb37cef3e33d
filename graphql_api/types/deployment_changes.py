"""The mutations of deployments: what people ask for, and what runtimes report."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from uuid import UUID

import strawberry

from db import deployments
from db.deployments import DeploymentStatus, Environment
from db.json import Json
from graphql_api.declare import described, named, related
from graphql_api.types.deployments import Deployment
from graphql_api.types.errors import UserError, told
from resolvers import deployments as changes
from resolvers.context import Info
from resolvers.deployments import Reported
from resolvers.errors import Refusal

T = TypeVar("T")
Given = Annotated[T, strawberry.argument(description="What and how.")]


@described
@strawberry.input(description="A version of a workflow that is to be deployed.")
class DeployWorkflowInput:
    workflow_id: strawberry.ID
    """The workflow; it must be active."""
    environment: Environment
    """Where to. What is up there stays up until this one is."""
    version: int | None = None
    """The version; by default the current one."""
    config: Json | None = None
    """Settings for the runtime, an object; every member may read them."""
    name: str | None = None
    """A name of its own, such as `1.4.0`; at most 50 characters."""


@described
@strawberry.input(description="A deployment that is up, to be taken over elsewhere.")
class PromoteDeploymentInput:
    deployment_id: strawberry.ID
    """The deployment; it must be up."""
    environment: Environment
    """Where to: another environment."""
    config: Json | None = None
    """Settings for there; by default those of here."""


@described
@strawberry.input(description="A deployment to go back from.")
class RollbackDeploymentInput:
    deployment_id: strawberry.ID
    """The deployment that is to be replaced by an earlier one."""
    to: strawberry.ID | None = None
    """An earlier deployment that was up; by default the one that was up before."""


@described
@strawberry.input(description="A deployment that is to be made once more.")
class RedeployInput:
    deployment_id: strawberry.ID
    """The deployment, in whatever state."""
    config: Json | None = None
    """Other settings; by default the same."""


@described
@strawberry.input(description="A deployment that is to be taken down.")
class StopDeploymentInput:
    deployment_id: strawberry.ID
    """The deployment."""
    reason: str | None = None
    """Why, for its history."""


@described
@strawberry.input(description="Which deployments a runtime takes.")
class ClaimDeploymentInput:
    workflow_id: strawberry.ID | None = None
    """Only those of this workflow; by default of any in your workspaces."""
    environment: Environment | None = None
    """Only those for this environment."""
    lease_seconds: int = 60
    """After so many seconds without a heartbeat another may take it, as long as it is not up."""


@described
@strawberry.input(description="A tool that an MCP server offers.")
class DeploymentToolInput:
    name: str
    """How clients call it: at most 128 characters, no spaces."""
    input_schema: Json
    """What it takes: a JSON Schema with `"type": "object"`."""
    description: str | None = None
    """What it does."""


@described
@strawberry.input(description="How a deployment is, as its runtime tells.")
class ReportDeploymentInput:
    deployment_id: strawberry.ID
    """The deployment."""
    failed: bool = False
    """Whether it did not come up, or broke down for good; else it is up."""
    reason: str | None = None
    """Why it failed, or what is to be said of it. What looks like a secret is masked."""
    url: str | None = None
    """Where MCP clients reach it; needed when it comes up."""
    health_check_url: str | None = None
    """Where its health is asked."""
    health_status: str | None = None
    """How it is, such as `healthy`."""
    tools: list[DeploymentToolInput] | None = None
    """All of its tools; what breaks against those that were up before is told in `toolChanges`."""
    attempt: int | None = None
    """As `claimDeployment` told it: refused where the deployment was claimed anew since."""


@described
@strawberry.input(description="A deployment that lives.")
class HeartbeatDeploymentInput:
    deployment_id: strawberry.ID
    """The deployment."""
    health_status: str | None = None
    """How it is, such as `healthy` or `degraded`."""
    attempt: int | None = None
    """As `claimDeployment` told it: refused where the deployment was claimed anew since."""


_ERRORS = "Why nothing was done; empty if it was."


@described
@strawberry.type
class _Done:
    errors: list[UserError] = strawberry.field(description=_ERRORS)
    deployment_id: strawberry.Private[UUID | None] = None
    deployment: Deployment | None = related(deployments.BY_ID, id="deployment_id")
    """The deployment as it is now; null if you may not read it."""


@strawberry.type(description="The answer to `deployWorkflow`: the deployment, which waits.")
class DeployWorkflowPayload(_Done):
    pass


@strawberry.type(description="The answer to `promoteDeployment`: the new deployment.")
class PromoteDeploymentPayload(_Done):
    pass


@strawberry.type(description="The answer to `rollbackDeployment`: the new deployment.")
class RollbackDeploymentPayload(_Done):
    pass


@strawberry.type(description="The answer to `redeploy`: the new deployment.")
class RedeployPayload(_Done):
    pass


@strawberry.type(description="The answer to `stopDeployment`.")
class StopDeploymentPayload(_Done):
    pass


@described
@strawberry.type(description="The answer to `claimDeployment`; no deployment where none waits.")
class ClaimDeploymentPayload(_Done):
    attempt: int | None = None
    """How often it was claimed, this time included. Send it along with all that you report."""


@strawberry.type(description="The answer to `reportDeployment`.")
class ReportDeploymentPayload(_Done):
    pass


@described
@strawberry.type(description="The answer to `heartbeatDeployment`.")
class HeartbeatDeploymentPayload(_Done):
    status: DeploymentStatus | None = None
    """How far it is: take it down if it is `STOPPED` or `FAILED`."""


P = TypeVar("P", bound=_Done)
PATH = ("input", "deploymentId")


@strawberry.type
class DeploymentMutations:
    @strawberry.mutation(
        description="Deploy a version of a workflow: it is checked, and waits for a runtime."
    )
    async def deploy_workflow(
        self, info: Info, input: Given[DeployWorkflowInput]
    ) -> DeployWorkflowPayload:
        async def deploy() -> UUID:
            return await changes.deploy(
                info.context,
                named("Workflow", input.workflow_id, ("input", "workflowId")),
                input.version,
                input.environment.value,
                config=input.config,
                name=input.name,
            )

        return await _done(DeployWorkflowPayload, deploy)

    @strawberry.mutation(description="Deploy the version that is up in another environment, too.")
    async def promote_deployment(
        self, info: Info, input: Given[PromoteDeploymentInput]
    ) -> PromoteDeploymentPayload:
        async def promote() -> UUID:
            id = named("Deployment", input.deployment_id, PATH)
            place = input.environment.value
            return await changes.derive(info.context, id, "promote", place, input.config)

        return await _done(PromoteDeploymentPayload, promote)

    @strawberry.mutation(
        description="Deploy the version that was up before, with its settings. It is up when a"
        " runtime reports it; until then the later one stays."
    )
    async def rollback_deployment(
        self, info: Info, input: Given[RollbackDeploymentInput]
    ) -> RollbackDeploymentPayload:
        async def roll_back() -> UUID:
            id = named("Deployment", input.deployment_id, PATH)
            to = named("Deployment", input.to, ("input", "to")) if input.to else None
            return await changes.roll_back(info.context, id, to)

        return await _done(RollbackDeploymentPayload, roll_back)

    @strawberry.mutation(description="Deploy the same version in the same environment once more.")
    async def redeploy(self, info: Info, input: Given[RedeployInput]) -> RedeployPayload:
        async def redeploy() -> UUID:
            id = named("Deployment", input.deployment_id, PATH)
            return await changes.derive(info.context, id, "redeploy", config=input.config)

        return await _done(RedeployPayload, redeploy)

    @strawberry.mutation(
        description="Take a deployment down. Its runtime hears of it at its next call."
    )
    async def stop_deployment(
        self, info: Info, input: Given[StopDeploymentInput]
    ) -> StopDeploymentPayload:
        async def stop() -> UUID:
            id = named("Deployment", input.deployment_id, PATH)
            await changes.stop(info.context, id, input.reason)
            return id

        return await _done(StopDeploymentPayload, stop)

    @strawberry.mutation(
        description="Take the next deployment that waits for a runtime. Of several runtimes each"
        " gets another."
    )
    async def claim_deployment(
        self, info: Info, input: Given[ClaimDeploymentInput]
    ) -> ClaimDeploymentPayload:
        try:
            flow = input.workflow_id
            claimed = await changes.claim(
                info.context,
                named("Workflow", flow, ("input", "workflowId")) if flow else None,
                input.environment.value if input.environment else None,
                input.lease_seconds,
            )
        except Refusal as refusal:
            return ClaimDeploymentPayload(errors=told(refusal))
        if claimed is None:
            return ClaimDeploymentPayload(errors=[])
        return ClaimDeploymentPayload(errors=[], deployment_id=claimed.id, attempt=claimed.attempt)

    @strawberry.mutation(
        description="Tell that a deployment is up, where and with which tools, or that it failed."
        " What was up in its place is stopped in the same moment."
    )
    async def report_deployment(
        self, info: Info, input: Given[ReportDeploymentInput]
    ) -> ReportDeploymentPayload:
        async def report() -> UUID:
            id = named("Deployment", input.deployment_id, PATH)
            tools = input.tools
            reported = Reported(
                input.failed,
                input.reason,
                input.url,
                input.health_check_url,
                input.health_status,
                None if tools is None else [(t.name, t.description, t.input_schema) for t in tools],
            )
            await changes.report(info.context, id, input.attempt, reported)
            return id

        return await _done(ReportDeploymentPayload, report)

    @strawberry.mutation(
        description="Tell that the runtime of a deployment lives, and hear whether to take it down."
    )
    async def heartbeat_deployment(
        self, info: Info, input: Given[HeartbeatDeploymentInput]
    ) -> HeartbeatDeploymentPayload:
        try:
            id = named("Deployment", input.deployment_id, PATH)
            alive = await changes.heartbeat(info.context, id, input.attempt, input.health_status)
        except Refusal as refusal:
            return HeartbeatDeploymentPayload(errors=told(refusal))
        return HeartbeatDeploymentPayload(
            errors=[], deployment_id=id, status=DeploymentStatus(alive.status)
        )


@strawberry.type
class DeploymentQueries:
    @strawberry.field(
        description="A deployment as an MCP `server.json`: with its address once it is up, and its"
        " tools among what the format takes from publishers."
    )
    async def deployment_manifest(
        self,
        info: Info,
        deployment_id: Annotated[
            strawberry.ID, strawberry.argument(description="Its global id, or its database id.")
        ],
    ) -> Json | None:
        return await changes.described(
            info.context, named("Deployment", deployment_id, ("deploymentId",))
        )


async def _done(payload: type[P], change: Callable[[], Awaitable[UUID]]) -> P:
    try:
        id = await change()
    except Refusal as refusal:
        return payload(errors=told(refusal))
    return payload(errors=[], deployment_id=id)
