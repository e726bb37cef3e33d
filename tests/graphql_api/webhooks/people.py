"""Who looks after webhooks, and looks at what they tell."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from db import workflows
from db.json import Json
from db.session import Database, Viewer, Writing
from resolvers.delivering import Delivering
from resolvers.outgoing import Outgoing
from tests import sample
from tests.graphql_api.asking import Asking
from tests.listening import Listening

if TYPE_CHECKING:
    from asyncpg import Connection, Record


Data = dict[str, Any]

WHO = sample.viewers(1)
ADMIN = WHO["admin"]
TEAM = sample.of("workspace 1")
PATIENCE = timedelta(days=5)
DEFINITION = Json('{"nodes": [], "edges": []}')

WEBHOOK = "webhook { databaseId description url events status failingSince rotatedAt }"
DELIVERY = "delivery { databaseId event status attempts }"
FIELDS = {
    "createWebhook": f"signingSecret {WEBHOOK}",
    "updateWebhook": WEBHOOK,
    "rotateWebhookSecret": f"signingSecret {WEBHOOK}",
    "deleteWebhook": "deletedId",
    "pingWebhook": DELIVERY,
    "redeliverWebhook": DELIVERY,
}
INPUTS = {
    "createWebhook": "CreateWebhookInput!",
    "updateWebhook": "UpdateWebhookInput!",
    "rotateWebhookSecret": "RotateWebhookSecretInput!",
}


class Platform:
    """A database to write to, the mutations of webhooks, and a sender."""

    def __init__(
        self,
        ask: Asking,
        database: Database,
        superuser: "Connection[Record]",
        outgoing: Outgoing,
    ) -> None:
        self.ask, self.database, self.superuser = ask, database, superuser
        self.sender = Delivering(database, outgoing, PATIENCE)

    async def __call__(self, name: str, viewer: Viewer = ADMIN, **given: Any) -> Data:
        fields = f"errors {{ code message path }} {FIELDS[name]}"
        if name not in INPUTS:
            query = f"mutation ($id: ID!) {{ {name}(id: $id) {{ {fields} }} }}"
            return (await self.ask(query, viewer, **given))[name]
        query = f"mutation ($input: {INPUTS[name]}) {{ {name}(input: $input) {{ {fields} }} }}"
        return (await self.ask(query, viewer, input=given))[name]

    async def done(self, name: str, viewer: Viewer = ADMIN, **given: Any) -> Data:
        payload = await self(name, viewer, **given)
        assert payload["errors"] == []
        return payload

    async def refused(self, name: str, viewer: Viewer = ADMIN, **given: Any) -> Data:
        (error,) = (await self(name, viewer, **given))["errors"]
        return error

    async def told(
        self, *events: str, at: Listening | None = None, **given: Any
    ) -> tuple[str, str]:
        """The id and the secret of a new webhook."""
        url = f"http://127.0.0.1:{at.port}/hook" if at else "https://localhost/"
        wanted: Data = {"workspaceId": str(TEAM), "url": url}
        wanted["events"] = events or ("workflow.created",)
        made = await self.done("createWebhook", **{**wanted, **given})
        return made["webhook"]["databaseId"], made["signingSecret"]

    async def workflow(self, team: UUID = TEAM, viewer: Viewer = ADMIN) -> str:
        async with self.database.writing(viewer) as transaction:
            return str(await drawn(transaction, team))

    async def deliveries(self, webhook: str) -> "list[Record]":
        return await self.superuser.fetch(
            "SELECT * FROM webhook_deliveries WHERE webhook_id = $1 ORDER BY created_at, id",
            UUID(webhook),
        )

    async def delivery(self, webhook: str) -> "Record":
        (only,) = await self.deliveries(webhook)
        return only

    async def due_now(self) -> None:
        await self.superuser.execute(
            "UPDATE webhook_deliveries SET next_attempt_at = now() - interval '1 second'"
            " WHERE status = 'pending'"
        )

    async def failing_for(self, webhook: str, days: int) -> None:
        await self.superuser.execute(
            "UPDATE webhooks SET failing_since = now() - make_interval(days => $2) WHERE id = $1",
            UUID(webhook),
            days,
        )

    async def status(self, webhook: str) -> str:
        return await self.superuser.fetchval(
            "SELECT status FROM webhooks WHERE id = $1", UUID(webhook)
        )


async def drawn(transaction: Writing, team: UUID) -> UUID:
    return await workflows.create(
        transaction,
        team,
        name="Flow",
        description=None,
        tags=["a"],
        definition=DEFINITION,
        changelog=None,
    )


def header(request: bytes, name: str) -> str:
    lines = request.decode().split("\r\n")
    return next(line.partition(": ")[2] for line in lines if line.lower().startswith(f"{name}: "))
