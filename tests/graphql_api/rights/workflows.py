"""Rights of what people do to workflows."""

from db.session import Viewer
from tests.graphql_api.asking import Data
from tests.graphql_api.rights.table import TEAM, WHO, World, member

EXPORT = '{"name": "Flow", "nodes": [], "connections": {}}'
DEFINITION = {"nodes": [{"id": "a", "type": "webhook", "name": "A"}], "edges": []}
WRITE = "workflows:write"
ADMINS = "Admins alone see what is deleted. After 30 days it is gone."


async def import_workflow(_world: World, _asker: Viewer) -> Data:
    return {"input": {"workspaceId": str(TEAM), "source": EXPORT, "format": "N8N"}}


def made() -> Data:
    return {"workspaceId": str(TEAM), "name": "Flow", "definition": DEFINITION}


async def workflow(world: World) -> str:
    """A new draft."""
    fields = "workflow { databaseId }"
    payload = await world.done("createWorkflow", WHO["editor"], fields, input=made())
    return payload["workflow"]["databaseId"]


async def create(_world: World, _asker: Viewer) -> Data:
    return {"input": made()}


async def update(world: World, _asker: Viewer) -> Data:
    changed = {**DEFINITION, "edges": [{"from": "a", "to": "a", "kind": "loop"}]}
    id = await workflow(world)
    return {"input": {"workflowId": id, "expectedVersion": 1, "definition": changed, "name": "X"}}


async def restore_version(world: World, asker: Viewer) -> Data:
    given = await update(world, asker)
    await world.done("updateWorkflow", WHO["editor"], **given)
    return {"input": {"workflowId": given["input"]["workflowId"], "version": 1}}


async def status(world: World, _asker: Viewer) -> Data:
    return {"input": {"workflowId": await workflow(world), "status": "ACTIVE"}}


async def duplicate(world: World, _asker: Viewer) -> Data:
    return {"input": {"workflowId": await workflow(world)}}


async def tags(world: World, _asker: Viewer) -> Data:
    return {"input": {"ids": [await workflow(world), await workflow(world)], "add": ["x"]}}


async def several(world: World, _asker: Viewer) -> Data:
    return {"ids": [await workflow(world), await workflow(world)]}


async def one(world: World, _asker: Viewer) -> Data:
    return {"id": await workflow(world)}


async def deleted(world: World, _asker: Viewer) -> Data:
    id = await workflow(world)
    await world.done("deleteWorkflow", WHO["admin"], id=id)
    return {"id": id}


RIGHTS = {
    "importWorkflow": member("editor", import_workflow, WRITE),
    "createWorkflow": member("editor", create, WRITE),
    "updateWorkflow": member("editor", update, WRITE),
    "restoreWorkflowVersion": member("editor", restore_version, WRITE),
    "setWorkflowStatus": member("editor", status, WRITE),
    "duplicateWorkflow": member("editor", duplicate, WRITE),
    "tagWorkflows": member("editor", tags, WRITE),
    "archiveWorkflows": member("editor", several, WRITE),
    "deleteWorkflow": member("admin", one),
    "restoreWorkflow": member("admin", deleted, None, ADMINS),
}
