"""Rights of what people and runtimes do to deployments."""

from typing import Any

from db.session import Viewer
from tests.graphql_api.asking import Data
from tests.graphql_api.rights.table import WHO, World, member
from tests.graphql_api.rights.workflows import workflow

WRITE = "deployments:write"
URL = "https://mcp.example.org/flow"


async def active(world: World) -> str:
    """A new workflow that can be deployed."""
    id = await workflow(world)
    given = {"workflowId": id, "status": "ACTIVE"}
    await world.done("setWorkflowStatus", WHO["editor"], input=given)
    return id


async def deployed(world: World, flow: str | None = None, **given: Any) -> str:
    """A new deployment, which waits."""
    whole = {"workflowId": flow or await active(world), "environment": "STAGING", **given}
    fields = "deployment { databaseId }"
    payload = await world.done("deployWorkflow", WHO["editor"], fields, input=whole)
    return payload["deployment"]["databaseId"]


async def up(world: World, flow: str | None = None) -> str:
    """A new deployment, which is up."""
    id = await deployed(world, flow)
    given = {"deploymentId": id, "url": URL}
    await world.done("reportDeployment", WHO["editor"], input=given)
    return id


async def deploy(world: World, _asker: Viewer) -> Data:
    return {"input": {"workflowId": await active(world), "environment": "PRODUCTION"}}


async def one(world: World, _asker: Viewer) -> Data:
    return {"input": {"deploymentId": await deployed(world)}}


async def promote(world: World, _asker: Viewer) -> Data:
    return {"input": {"deploymentId": await up(world), "environment": "PRODUCTION"}}


async def roll_back(world: World, _asker: Viewer) -> Data:
    flow = await active(world)
    await up(world, flow)
    return {"input": {"deploymentId": await up(world, flow)}}


async def report(world: World, _asker: Viewer) -> Data:
    return {"input": {"deploymentId": await deployed(world), "url": URL}}


async def claim(world: World, _asker: Viewer) -> Data:
    flow = await active(world)
    await deployed(world, flow)
    return {"input": {"workflowId": flow}}


RIGHTS = {
    "deployWorkflow": member("editor", deploy, WRITE),
    "promoteDeployment": member("editor", promote, WRITE),
    "rollbackDeployment": member("editor", roll_back, WRITE),
    "redeploy": member("editor", one, WRITE),
    "stopDeployment": member("editor", one, WRITE),
    "claimDeployment": member("editor", claim, WRITE),
    "reportDeployment": member("editor", report, WRITE),
    "heartbeatDeployment": member("editor", one, WRITE),
}
