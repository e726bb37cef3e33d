"""What webhooks are told: each event, to those who want it and may know of it."""

import json
from uuid import UUID

import pytest

from db import runtime
from db.runtime import Start
from tests import sample
from tests.graphql_api.webhooks.people import ADMIN, TEAM, WHO, Data, Platform, drawn


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
