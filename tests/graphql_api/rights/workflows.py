"""Rights of what people do to workflows."""

from db.session import Viewer
from tests.graphql_api.asking import Data
from tests.graphql_api.rights.table import TEAM, World, member

EXPORT = '{"name": "Flow", "nodes": [], "connections": {}}'


async def import_workflow(_world: World, _asker: Viewer) -> Data:
    return {"input": {"workspaceId": str(TEAM), "source": EXPORT, "format": "N8N"}}


RIGHTS = {"importWorkflow": member("editor", import_workflow, "workflows:write")}
