"""Webhooks: what is told, to whom, how it is signed, tried again and given up."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest
from prometheus_client import REGISTRY

from db import deliveries, runtime, workflows
from db.deliveries import Claimed, Outcome
from db.json import Json
from db.partitions import backlog
from db.runtime import Start
from db.sealing import NotOpened, Sealing
from db.secrets import Secrets
from db.session import Database, Viewer, Writing, connect
from resolvers import delivering, rewrapping, signing
from resolvers.delivering import Delivering, pause
from resolvers.outgoing import Outgoing
from tests import sample
from tests.counted import counted, since
from tests.graphql_api.asking import Asking
from tests.listening import LOOPBACK, Listening, listening, saying

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


@pytest.fixture(scope="module")
async def shared(
    new_database: Callable[..., Awaitable[str]],
    template: str,
    secrets: Secrets,
    asking: Callable[..., Asking],
) -> AsyncGenerator[Platform]:
    url = await new_database(template)
    superuser: Connection[Record] = await asyncpg.connect(url)
    await sample.fill(superuser)
    outgoing = Outgoing(LOOPBACK, seconds=2)
    async with connect(url, secrets, size=10) as database:
        ask = asking(database, "loaders", outgoing=outgoing)
        yield Platform(ask, database, superuser, outgoing)
    await outgoing.end()
    await superuser.close()


@pytest.fixture
async def platform(shared: Platform) -> Platform:
    """Without any webhook."""
    await shared.superuser.execute("DELETE FROM webhooks")
    return shared


# Making and changing


async def test_a_webhook_is_made_and_its_secret_is_told_once(platform: Platform) -> None:
    made = await platform.done(
        "createWebhook",
        workspaceId=str(TEAM),
        url="https://hooks.example.org/x",
        events=["execution.ended", "workflow.created", "execution.ended"],
        description="For the team",
    )

    webhook = made["webhook"]
    assert made["signingSecret"].startswith("whsec_")
    assert webhook["events"] == ["workflow.created", "execution.ended"]
    assert (webhook["status"], webhook["description"]) == ("ACTIVE", "For the team")
    sealed = await platform.superuser.fetchval("SELECT secret FROM secret.webhook_secrets")
    assert made["signingSecret"].encode() not in sealed


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"url": "ftp://example.org/"}, "url"),
        ({"url": "https://user:word@example.org/"}, "url"),
        ({"url": "https://192.168.1.1/"}, "url"),
        ({"url": ""}, "url"),
        ({"events": []}, "events"),
        ({"events": ["ping"]}, "events"),
        ({"events": ["workflow.created", "everything"]}, "events"),
        ({"description": "x" * 256}, "description"),
        ({"description": "a\0b"}, "description"),
    ],
)
async def test_what_cannot_be_a_webhook_is_refused(
    platform: Platform, given: Data, field: str
) -> None:
    wanted: Data = {"url": "https://example.org/", "events": ["workflow.created"], **given}

    error = await platform.refused("createWebhook", workspaceId=str(TEAM), **wanted)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", field])
    id, _ = await platform.told()
    error = await platform.refused("updateWebhook", id=id, **given)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", field])


async def test_of_many_webhooks_made_at_once_twenty_are(platform: Platform) -> None:
    wanted: Data = {"url": "https://example.org/", "events": ["workflow.created"]}
    payloads = await asyncio.gather(
        *(platform("createWebhook", workspaceId=str(TEAM), **wanted) for _ in range(26))
    )

    codes = [error["code"] for payload in payloads for error in payload["errors"]]
    assert codes == ["CONFLICT"] * 6


async def test_what_is_not_named_in_an_update_stays(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created", description="x")

    changed = await platform.done("updateWebhook", id=id, events=["execution.ended"])

    assert changed["webhook"]["events"] == ["execution.ended"]
    assert changed["webhook"]["description"] == "x"
    error = await platform.refused("updateWebhook", id=id, status="FAILED")
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "status"])


async def test_a_webhook_is_removed_with_its_deliveries(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created")
    await platform.workflow()

    assert (await platform.done("deleteWebhook", id=id))["deletedId"] == id

    assert await platform.deliveries(id) == []
    for name in ("deleteWebhook", "pingWebhook"):
        assert (await platform.refused(name, id=id))["code"] == "NOT_FOUND"


# What is told


async def test_an_event_is_told_to_those_who_want_it_and_no_others(platform: Platform) -> None:
    wanting, _ = await platform.told("workflow.created")
    other, _ = await platform.told("execution.ended")
    off, _ = await platform.told("workflow.created")
    await platform.done("updateWebhook", id=off, status="INACTIVE")

    flow = await platform.workflow()

    payload = json.loads((await platform.delivery(wanting))["payload"])
    moment = payload.pop("timestamp")
    assert moment.endswith("Z")
    assert payload == {
        "type": "workflow.created",
        "workspaceId": str(TEAM),
        "actor": {"userId": str(ADMIN.user_id)},
        "data": {
            "id": flow,
            "name": "Flow",
            "description": None,
            "tags": ["a"],
            "status": "draft",
            "version": 1,
        },
    }
    assert await platform.deliveries(other) == []
    assert await platform.deliveries(off) == []


async def test_what_is_undone_was_never_told(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created")

    async def change_mind() -> None:
        async with platform.database.writing(ADMIN) as transaction:
            await drawn(transaction, TEAM)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_mind()

    assert await platform.deliveries(id) == []


async def test_nothing_of_another_workspace_is_told(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created")
    await platform.workflow(sample.of("workspace 2"), sample.viewers(2)["admin"])

    assert await platform.deliveries(id) == []


CHANGES = {
    "workflow.updated": "UPDATE workflows SET name = 'New' WHERE id = '{workflow}'",
    "workflow.deleted": "DELETE FROM workflows WHERE id = '{alone}'",
    "deployment.created": (
        "INSERT INTO deployments (workspace_id, workflow_id, workflow_version, created_by)"
        " VALUES ('{team}', '{alone}', 1, '{me}')"
    ),
    "deployment.updated": "UPDATE deployments SET status = 'stopped' WHERE id = '{deployment}'",
    "integration.created": (
        "INSERT INTO integrations (workspace_id, service_name, service_type, credentials,"
        " credentials_key_id, created_by) VALUES ('{team}', 's', 't', 'sealed', 'k', '{me}')"
    ),
    "integration.updated": (
        "UPDATE integrations SET rotated_at = now(), credentials = 'other'"
        " WHERE id = '{integration}'"
    ),
    "integration.deleted": "DELETE FROM integrations WHERE id = '{integration}'",
    "member.created": (
        "INSERT INTO workspace_users (workspace_id, user_id) VALUES ('{team}', '{guest}')"
    ),
    "member.updated": "UPDATE workspace_users SET role = 'editor' WHERE user_id = '{viewer}'",
    "member.deleted": "DELETE FROM workspace_users WHERE user_id = '{viewer}'",
    "api_key.created": (
        "INSERT INTO api_keys (workspace_id, name, key_hash, key_prefix, created_by)"
        " VALUES ('{team}', 'k', sha256('made for webhooks'), 'mcp_', '{me}')"
    ),
    "api_key.updated": "UPDATE api_keys SET status = 'revoked' WHERE id = '{key}'",
    "api_key.deleted": "DELETE FROM api_keys WHERE id = '{key}'",
    "execution.ended": "UPDATE executions SET status = 'failed' WHERE id = '{execution}'",
}

UNTOLD = [
    "UPDATE workflows SET timeout_seconds = 99 WHERE id = '{workflow}'",
    "UPDATE integrations SET last_tested_at = now(), test_result = '{{}}'"
    " WHERE id = '{integration}'",
    "UPDATE integrations SET credentials = 'anew', credentials_key_id = 'x'"
    " WHERE id = '{integration}'",
    "UPDATE api_keys SET last_used_at = now() WHERE id = '{key}'",
    "UPDATE deployments SET last_health_check = now() WHERE id = '{deployment}'",
    "UPDATE executions SET cancel_requested_at = now() WHERE id = '{execution}'",
]


async def happened(platform: Platform, statement: str) -> list[Data]:
    """What a webhook for everything is told of a statement, which is undone again."""
    id, _ = await platform.told(*[*CHANGES, "workflow.created", "deployment.deleted"])
    names = {
        "team": TEAM,
        "me": ADMIN.user_id,
        "workflow": sample.of("workflow 1 1"),
        "alone": sample.of("workflow 1 20"),
        "deployment": sample.of("deployment 1 1 2"),
        "integration": sample.of("integration 1 1"),
        "viewer": WHO["viewer"].user_id,
        "guest": sample.of("user 2 editor"),
        "key": sample.of("key 1 8"),
    }
    transaction = platform.superuser.transaction()
    await transaction.start()
    try:
        names["execution"] = await platform.superuser.fetchval(
            "INSERT INTO executions (workspace_id, workflow_id, trigger_type)"
            " VALUES ($1, $2, 'manual') RETURNING id",
            TEAM,
            names["workflow"],
        )
        await platform.superuser.execute(statement.format_map(names))
        return [json.loads(row["payload"]) for row in await platform.deliveries(id)]
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("event", CHANGES)
async def test_each_event_is_told_with_what_is_no_secret(platform: Platform, event: str) -> None:
    told = await happened(platform, CHANGES[event])

    (payload,) = [each for each in told if each["type"] == event]
    assert payload["data"]
    assert ("changed" in payload) == event.endswith(".updated")
    secrets = {"credentials", "credentialsKeyId", "keyHash", "testUrl", "definition", "inputData"}
    assert set(payload["data"]) & secrets == set()


async def test_an_update_tells_which_fields_changed(platform: Platform) -> None:
    (payload,) = await happened(platform, CHANGES["api_key.updated"])

    assert payload["changed"] == ["status"]
    assert payload["data"]["status"] == "revoked"
    assert payload["data"]["keyPrefix"] == "mcp_8"


@pytest.mark.parametrize("statement", UNTOLD)
async def test_what_nobody_can_see_change_is_not_told(platform: Platform, statement: str) -> None:
    assert await happened(platform, statement) == []


async def test_the_end_of_an_execution_is_told_once(platform: Platform) -> None:
    id, _ = await platform.told("execution.ended")
    start = Start(UUID(await platform.workflow()), "manual")
    run = await runtime.start(platform.database, ADMIN, start)
    for _ in range(2):
        ended = runtime.Outcome("success")
        await runtime.finish(platform.database, ADMIN, run.execution_id, ended, attempt=None)

    payload = json.loads((await platform.delivery(id))["payload"])
    assert payload["data"]["id"] == str(run.execution_id)
    assert payload["data"]["status"] == "success"


async def test_a_workspace_is_removed_with_all_that_it_would_tell(platform: Platform) -> None:
    owner = WHO["owner"].user_id
    async with platform.superuser.transaction():
        team = await platform.superuser.fetchval(
            "INSERT INTO workspaces (name, slug, owner_id) VALUES ('W', 'short-lived', $1)"
            " RETURNING id",
            owner,
        )
        await platform.superuser.execute(
            "INSERT INTO workspace_users (workspace_id, user_id, role) VALUES ($1, $2, 'owner')",
            team,
            owner,
        )
    await platform.superuser.execute(
        "INSERT INTO webhooks (workspace_id, url, events, created_by)"
        " VALUES ($1, 'https://example.org/', app.known_events(), $2)",
        team,
        owner,
    )

    await platform.superuser.execute("DELETE FROM workspaces WHERE id = $1", team)

    left = "SELECT count(*) FROM webhook_deliveries WHERE workspace_id = $1"
    assert await platform.superuser.fetchval(left, team) == 0


# Sending


def header(request: bytes, name: str) -> str:
    lines = request.decode().split("\r\n")
    return next(line.partition(": ")[2] for line in lines if line.lower().startswith(f"{name}: "))


async def test_what_is_sent_is_signed_as_standard_webhooks_has_it(platform: Platform) -> None:
    async with listening(saying("204 No Content")) as server:
        id, secret = await platform.told("workflow.created", at=server)
        await platform.workflow()
        assert await platform.sender.deliver() == 1

    (head,) = server.requests
    delivery = await platform.delivery(id)
    assert head.startswith(b"POST /hook HTTP/1.1")
    assert header(head, "content-type") == "application/json"
    assert header(head, "webhook-id") == str(delivery["id"])
    body = server.bodies[0].decode()
    assert json.loads(body) == json.loads(delivery["payload"])
    moment = int(header(head, "webhook-timestamp"))
    signed = signing.signatures([secret], str(delivery["id"]), moment, body)
    assert header(head, "webhook-signature") == signed
    assert (delivery["status"], delivery["response_status"]) == ("delivered", 204)
    assert (delivery["attempts"], delivery["next_attempt_at"]) == (1, None)


def test_a_signature_is_the_one_of_the_specification() -> None:
    """The example of the Standard Webhooks specification."""
    secret = "whsec_plJ3nmyCDGBKInavdOK15jsl"
    body = '{"event_type":"ping","data":{"success":true}}'
    signed = signing.signatures([secret], "msg_loFOjxBNrRLzqYUf", 1731705121, body)

    assert signed == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="


async def test_for_a_time_of_grace_both_secrets_sign(platform: Platform) -> None:
    async with listening(saying("200 OK")) as server:
        id, _ = await platform.told(at=server)
        for grace, signed in ((24, 2), (24, 2), (0, 1)):
            made = await platform.done("rotateWebhookSecret", id=id, graceHours=grace)
            assert made["signingSecret"].startswith("whsec_")
            await platform.done("pingWebhook", id=id)
            await platform.sender.deliver()
            signatures = header(server.requests[-1], "webhook-signature").split()
            assert len(signatures) == signed
    error = await platform.refused("rotateWebhookSecret", id=id, graceHours=169)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "graceHours"])


@pytest.mark.parametrize(
    ("head", "error"),
    [
        ("500 Oops", "NOT_ACCEPTED"),
        ("302 Found\r\nLocation: /elsewhere", "NOT_ACCEPTED"),
        ("404 Not Found", "NOT_ACCEPTED"),
    ],
)
async def test_what_is_not_accepted_is_tried_again(
    platform: Platform, head: str, error: str
) -> None:
    async with listening(saying(head)) as server:
        id, _ = await platform.told("workflow.created", at=server)
        await platform.workflow()
        assert await platform.sender.deliver() == 1
        failed = await platform.delivery(id)
        await platform.due_now()
        assert await platform.sender.deliver() == 1

    assert (failed["status"], failed["error"], failed["attempts"]) == ("pending", error, 1)
    assert failed["response_status"] == int(head[:3])
    assert failed["next_attempt_at"] > failed["last_attempt_at"]
    assert len(server.requests) == 2
    assert header(server.requests[0], "webhook-id") == header(server.requests[1], "webhook-id")


async def test_an_address_inside_is_never_called(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created", url="https://localhost:8443/")
    await platform.superuser.execute("UPDATE webhooks SET url = 'https://10.0.0.1/'")
    await platform.workflow()

    await platform.sender.deliver()

    assert (await platform.delivery(id))["error"] == "ADDRESS_REFUSED"


def test_pauses_grow_to_a_limit_and_end() -> None:
    pauses = [pause(attempt) for attempt in range(1, 12)]

    assert all(each is not None for each in pauses)
    seconds = [each.total_seconds() for each in pauses if each]
    assert all(
        0.8 * 10 * 3**n <= each <= 1.2 * 10 * 3**n for n, each in enumerate(seconds[:6])
    )
    assert max(seconds) == delivering.LONGEST_PAUSE.total_seconds()
    assert timedelta(days=1) < timedelta(seconds=sum(seconds)) < timedelta(days=3)
    assert pause(12) is None


@pytest.mark.parametrize(
    ("wanted", "least"),
    [("100", 100), ("9999999", 8), ("-5", 8), ("soon", 8), ("٣", 8), ("999999", 28_800)],
)
def test_an_endpoint_may_ask_for_a_longer_pause(wanted: str, least: int) -> None:
    found = pause(1, wanted)

    assert found is not None
    assert least <= found.total_seconds() <= max(least, 12)


async def test_after_its_last_attempt_a_delivery_is_given_up(platform: Platform) -> None:
    async with listening(saying("500 Oops")) as server:
        id, _ = await platform.told("workflow.created", at=server)
        await platform.workflow()
        await platform.superuser.execute("UPDATE webhook_deliveries SET attempts = 11")
        await platform.sender.deliver()

    assert (await platform.delivery(id))["status"] == "failed"
    assert await platform.status(id) == "active"


async def test_what_came_of_attempts_is_counted_and_so_is_what_waits(platform: Platform) -> None:
    outcomes = ("webhook_deliveries_total", "delivered", "retried", "given_up")
    before, hooks = counted(*outcomes), REGISTRY.get_sample_value("webhooks_given_up_total")
    async with (
        listening(saying("200 OK")) as good,
        listening(saying("500 Oops")) as bad,
        listening(saying("410 Gone")) as gone,
    ):
        for server in (good, good, bad, gone):
            await platform.told("workflow.created", at=server)
        await platform.workflow()
        waiting = await backlog(platform.database)
        assert (waiting.deliveries_due, waiting.deliveries_later) == (4, 0)
        await platform.sender.deliver()

    assert since(before, counted(*outcomes)) == [2, 1, 1]
    assert REGISTRY.get_sample_value("webhooks_given_up_total") == (hooks or 0) + 1
    waiting = await backlog(platform.database)
    assert (waiting.deliveries_due, waiting.deliveries_later) == (0, 1)


async def test_what_an_inactive_webhook_has_left_waits_for_nothing(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created")
    await platform.workflow()
    await platform.done("updateWebhook", id=id, status="INACTIVE")
    assert (await backlog(platform.database)).deliveries_due == 0


async def test_where_nothing_arrives_for_days_nothing_more_is_sent(platform: Platform) -> None:
    async with listening(saying("500 Oops")) as server:
        id, _ = await platform.told("workflow.created", at=server)
        await platform.workflow()
        await platform.failing_for(id, 6)
        await platform.sender.deliver()
        assert await platform.status(id) == "active"

        await platform.superuser.execute("UPDATE webhook_deliveries SET attempts = 11")
        await platform.due_now()
        await platform.sender.deliver()

    assert await platform.status(id) == "failed"
    row = await platform.superuser.fetchrow(
        "SELECT action, user_id, details FROM audit_logs WHERE resource_id = $1"
        " ORDER BY id DESC LIMIT 1",
        UUID(id),
    )
    assert row is not None
    assert (row["action"], row["user_id"]) == ("webhook.update", None)
    assert json.loads(row["details"])["new"] == {"status": "failed"}
    again = await platform.done("updateWebhook", id=id, status="ACTIVE")
    assert (again["webhook"]["status"], again["webhook"]["failingSince"]) == ("ACTIVE", None)


async def test_an_endpoint_that_is_gone_for_good_is_not_called_again(platform: Platform) -> None:
    async with listening(saying("410 Gone")) as server:
        id, _ = await platform.told("workflow.created", at=server)
        await platform.workflow()
        await platform.sender.deliver()

    assert (await platform.delivery(id))["error"] == "ENDPOINT_GONE"
    assert await platform.status(id) == "failed"


async def test_what_arrives_ends_the_failing(platform: Platform) -> None:
    async with listening(saying("200 OK")) as server:
        id, _ = await platform.told("workflow.created", at=server)
        await platform.failing_for(id, 6)
        await platform.workflow()
        await platform.sender.deliver()

    row = await platform.superuser.fetchrow("SELECT * FROM webhooks WHERE id = $1", UUID(id))
    assert row is not None
    assert row["failing_since"] is None
    assert row["last_delivered_at"] is not None


async def test_a_switched_off_webhook_gets_what_waits_when_it_is_on_again(
    platform: Platform,
) -> None:
    async with listening(saying("200 OK")) as server:
        id, _ = await platform.told("workflow.created", at=server)
        await platform.workflow()
        await platform.done("updateWebhook", id=id, status="INACTIVE")
        assert await platform.sender.deliver() == 0
        assert (await platform.refused("pingWebhook", id=id))["code"] == "CONFLICT"
        await platform.done("updateWebhook", id=id, status="ACTIVE")
        assert await platform.sender.deliver() == 1


async def test_a_delivery_is_sent_again_by_hand_under_its_id(platform: Platform) -> None:
    async with listening(saying("200 OK")) as server:
        id, _ = await platform.told("workflow.created", at=server)
        await platform.workflow()
        await platform.sender.deliver()
        delivery = str((await platform.delivery(id))["id"])

        again = await platform.done("redeliverWebhook", id=delivery)

        assert (again["delivery"]["status"], again["delivery"]["attempts"]) == ("PENDING", 0)
        await platform.sender.deliver()
    assert [header(each, "webhook-id") for each in server.requests] == [delivery] * 2


async def test_what_is_under_way_is_not_sent_again_by_hand(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created")
    await platform.workflow()
    (claimed,) = await deliveries.claim(platform.database, 10, 5, timedelta(seconds=60))

    error = await platform.refused("redeliverWebhook", id=str(claimed.id))

    assert (error["code"], error["path"]) == ("CONFLICT", ["id"])
    await platform.done("updateWebhook", id=id, status="INACTIVE")
    assert (await platform.refused("redeliverWebhook", id=str(claimed.id)))["code"] == "CONFLICT"


# Several senders


async def claim(platform: Platform, most: int = 100, each: int = 5) -> list[Claimed]:
    return await deliveries.claim(platform.database, most, each, timedelta(seconds=60))


async def test_of_many_who_send_each_gets_others(platform: Platform) -> None:
    hooks = [(await platform.told("workflow.created"))[0] for _ in range(4)]
    for _ in range(5):
        await platform.workflow()

    taken = await asyncio.gather(*(claim(platform, 3) for _ in range(10)))

    ids = [each.id for some in taken for each in some]
    assert len(ids) == len(set(ids)) == 20
    assert {str(each.webhook_id) for some in taken for each in some} == set(hooks)


async def test_a_slow_endpoint_holds_up_no_other(platform: Platform) -> None:
    slow, _ = await platform.told("workflow.created")
    fast, _ = await platform.told("execution.ended")
    await platform.superuser.execute(
        "INSERT INTO webhook_deliveries (workspace_id, webhook_id, event, payload, next_attempt_at)"
        " SELECT $1, $2, 'ping', '{}', now() - interval '1 hour' FROM generate_series(1, 500)",
        TEAM,
        UUID(slow),
    )
    await platform.done("pingWebhook", id=fast)

    first, second = await claim(platform), await claim(platform)

    count = [str(each.webhook_id) for each in first].count
    assert (count(slow), count(fast)) == (5, 1)
    assert second == []  # five are under way


async def test_to_one_that_fails_one_delivery_is_under_way_at_once(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created")
    for _ in range(3):
        await platform.workflow()
    await platform.failing_for(id, 1)

    assert len(await claim(platform)) == 1


async def test_what_a_dead_process_was_sending_another_sends(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created")
    await platform.workflow()
    (lost,) = await claim(platform)
    await platform.superuser.execute(
        "UPDATE webhook_deliveries SET claimed_until = now() - interval '1 second'"
    )
    (taken,) = await claim(platform)

    assert (taken.id, taken.attempt) == (lost.id, 2)
    late = Outcome(ok=False, error="TIMEOUT")
    assert not await deliveries.finish(platform.database, lost, late, PATIENCE)
    assert (await platform.delivery(id))["status"] == "pending"
    await deliveries.finish(platform.database, taken, Outcome(True, 200), PATIENCE)
    assert (await platform.delivery(id))["status"] == "delivered"


async def test_a_running_sender_sends_what_happens(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "LOOK", 0.01)
    arrived = asyncio.Event()

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        arrived.set()

    async with listening(take) as server:
        await platform.told("workflow.created", at=server)
        sending = asyncio.create_task(platform.sender.keep_delivering())
        try:
            await platform.workflow()
            await asyncio.wait_for(arrived.wait(), 10)
        finally:
            sending.cancel()
            await asyncio.wait([sending])
    assert sending.cancelled()


@pytest.mark.parametrize("login", ["mcp_api", "mcp_auth", "mcp_stream", "mcp_maintenance"])
async def test_the_worker_alone_reads_secrets_and_sends(platform: Platform, login: str) -> None:
    for function in (
        "app.read_webhook_secrets(gen_random_uuid())",
        "app.claim_deliveries(1, 1, interval '1 minute')",
        "app.read_webhook_secrets_under_other_keys('', gen_random_uuid(), 1)",
    ):
        async with platform.superuser.transaction():
            await platform.superuser.execute(f"SET LOCAL ROLE {login}")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with platform.superuser.transaction():
                    await platform.superuser.execute(f"SELECT * FROM {function}")


async def test_old_deliveries_and_secrets_are_forgotten(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created")
    await platform.done("rotateWebhookSecret", id=id)
    for _ in range(5):
        await platform.workflow()
    await platform.superuser.execute(
        "UPDATE webhook_deliveries SET created_at = created_at - interval '31 days'"
        " WHERE id IN (SELECT id FROM webhook_deliveries LIMIT 3)"
    )
    await platform.superuser.execute(
        "UPDATE secret.webhook_secrets SET expires_at = now() - interval '1 s'"
        " WHERE expires_at IS NOT NULL"
    )
    forget = "SELECT app.forget_deliveries(interval '30 days', 2)"
    async with platform.superuser.transaction():
        await platform.superuser.execute("SET LOCAL ROLE mcp_maintenance")
        gone = [await platform.superuser.fetchval(forget) for _ in range(3)]

    assert gone == [2, 1, 0]
    assert len(await platform.deliveries(id)) == 2
    assert await platform.superuser.fetchval("SELECT count(*) FROM secret.webhook_secrets") == 1


async def test_signing_secrets_come_under_a_new_key_and_sign_as_before(
    platform: Platform, secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = "the secret that every test of the database uses"
    later, said = Secrets("the secret that is used from now on", old), list[str]()
    async with listening(saying("200 OK")) as server:
        id, secret = await platform.told(at=server)
        monkeypatch.setattr(platform.database, "sealing", Sealing(later))
        assert await rewrapping.rewrap(platform.database, said.append) is False
        await platform.done("pingWebhook", id=id)
        await platform.sender.deliver()

    assert "Sealed the secrets of 1 of 1 webhooks anew" in said
    delivery, moment = await platform.delivery(id), header(server.requests[0], "webhook-timestamp")
    body = server.bodies[0].decode()
    signed = signing.signatures([secret], str(delivery["id"]), int(moment), body)
    assert header(server.requests[0], "webhook-signature") == signed
    (sealed,) = await deliveries.secrets(platform.database, UUID(id))
    with pytest.raises(NotOpened):
        Sealing(secrets).open(delivering.PURPOSE, sealed, TEAM, UUID(id))
