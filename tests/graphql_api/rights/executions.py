"""Rights of what runtimes report, and of what people ask of executions."""

from db.session import Viewer
from tests import sample
from tests.graphql_api.asking import Data
from tests.graphql_api.rights.table import WHO, World, member

WORKFLOW = {"workflowId": str(sample.of("workflow 1 1"))}
EXECUTION = "execution { databaseId }"


async def running(world: World) -> str:
    """An execution that has just begun."""
    begun = await world.done("startExecution", WHO["editor"], EXECUTION, input=WORKFLOW)
    return begun["execution"]["databaseId"]


async def workflow(_world: World, _asker: Viewer) -> Data:
    return {"input": WORKFLOW}


async def lines(world: World, _asker: Viewer) -> Data:
    return {"input": {"executionId": await running(world), "lines": [{"message": "Hello"}]}}


async def execution(world: World, _asker: Viewer) -> Data:
    return {"input": {"executionId": await running(world)}}


async def end(world: World, _asker: Viewer) -> Data:
    return {"input": {"executionId": await running(world), "status": "SUCCESS"}}


async def one(world: World, _asker: Viewer) -> Data:
    return {"id": await running(world)}


async def several(world: World, _asker: Viewer) -> Data:
    return {"ids": [await running(world), await running(world)]}


async def queued(world: World, _asker: Viewer) -> Data:
    await world.done("triggerExecution", WHO["editor"], input=WORKFLOW)
    return {"input": {"leaseSeconds": 60}}


async def ended(world: World, asker: Viewer) -> Data:
    given = await end(world, asker)
    await world.done("finishExecution", WHO["editor"], input=given["input"])
    return {"id": given["input"]["executionId"]}


async def several_ended(world: World, asker: Viewer) -> Data:
    return {"ids": [(await ended(world, asker))["id"] for _ in range(2)]}


RIGHTS = {
    "startExecution": member("editor", workflow, "executions:write"),
    "appendExecutionLogs": member("editor", lines, "logs:write"),
    "heartbeatExecution": member("editor", execution, "executions:write"),
    "finishExecution": member("editor", end, "executions:write"),
    "triggerExecution": member("editor", workflow, "executions:write"),
    "claimExecution": member("editor", queued, "executions:write"),
    "cancelExecution": member("editor", one, "executions:write"),
    "cancelExecutions": member("editor", several, "executions:write"),
    "revealExecution": member("owner", execution, "executions:raw"),
    "retryExecution": member("editor", ended, "executions:write"),
    "retryExecutions": member("editor", several_ended, "executions:write"),
}
