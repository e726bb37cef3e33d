"""Rights of what people do to integrations."""

from uuid import uuid4

from db.session import Viewer
from tests.graphql_api.asking import Data
from tests.graphql_api.rights.table import TEAM, WHO, World, member

CREDENTIALS = {"apiKey": "sk-only-of-a-test-7Hq2"}


def connection(**more: object) -> Data:
    return {
        "workspaceId": str(TEAM),
        "serviceName": "weather",
        "serviceType": "api_key",
        "accountName": str(uuid4()),
        "credentials": CREDENTIALS,
        **more,
    }


async def connected(world: World) -> str:
    """A new integration, whose test is refused before it leaves this machine."""
    given = connection(testUrl="https://localhost/")
    made = await world.done(
        "createIntegration", WHO["admin"], "integration { databaseId }", input=given
    )
    return made["integration"]["databaseId"]


async def new(_world: World, _asker: Viewer) -> Data:
    return {"input": connection()}


async def renamed(world: World, _asker: Viewer) -> Data:
    return {"input": {"id": await connected(world), "accountName": str(uuid4())}}


async def rotated(world: World, _asker: Viewer) -> Data:
    return {"input": {"id": await connected(world), "credentials": CREDENTIALS}}


async def switched(world: World, _asker: Viewer) -> Data:
    return {"input": {"id": await connected(world), "status": "INACTIVE"}}


async def one(world: World, _asker: Viewer) -> Data:
    return {"id": await connected(world)}


async def deleted(world: World, _asker: Viewer) -> Data:
    return {"input": {"id": await connected(world)}}


RIGHTS = {
    "createIntegration": member("admin", new),
    "updateIntegration": member("admin", renamed),
    "rotateIntegrationCredentials": member("admin", rotated),
    "setIntegrationStatus": member("admin", switched),
    "testIntegration": member("admin", one),
    "deleteIntegration": member("admin", deleted),
}
