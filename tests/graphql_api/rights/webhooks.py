"""Rights of what people do to webhooks."""

from uuid import UUID

from db.session import Viewer
from tests.graphql_api.asking import Data
from tests.graphql_api.rights.table import TEAM, WHO, World, member


async def told(world: World) -> UUID:
    """A new webhook."""
    return await world.superuser.fetchval(
        "INSERT INTO webhooks (workspace_id, description, url, events, created_by)"
        " VALUES ($1, 'made for a test', 'https://hooks.example.org/', '{execution.ended}', $2)"
        " RETURNING id",
        TEAM,
        WHO["owner"].user_id,
    )


async def new(world: World, _asker: Viewer) -> Data:
    await world.superuser.execute("DELETE FROM webhooks")  # there is an end to how many may be
    return {
        "input": {
            "workspaceId": str(TEAM),
            "url": "https://hooks.example.org/",
            "events": ["execution.ended"],
        }
    }


async def changed(world: World, _asker: Viewer) -> Data:
    return {"input": {"id": str(await told(world)), "events": ["workflow.created"]}}


async def rotated(world: World, _asker: Viewer) -> Data:
    return {"input": {"id": str(await told(world))}}


async def one(world: World, _asker: Viewer) -> Data:
    return {"id": str(await told(world))}


async def delivery(world: World, _asker: Viewer) -> Data:
    sent = await world.superuser.fetchval(
        "INSERT INTO webhook_deliveries"
        " (workspace_id, webhook_id, event, payload, status, next_attempt_at)"
        " VALUES ($1, $2, 'ping', '{}', 'failed', NULL) RETURNING id",
        TEAM,
        await told(world),
    )
    return {"id": str(sent)}


RIGHTS = {
    "createWebhook": member("admin", new),
    "updateWebhook": member("admin", changed),
    "rotateWebhookSecret": member("admin", rotated),
    "deleteWebhook": member("admin", one),
    "pingWebhook": member("admin", one),
    "redeliverWebhook": member("admin", delivery),
}
