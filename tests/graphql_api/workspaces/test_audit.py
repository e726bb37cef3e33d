"""Whatever people change in a workspace is logged: who did what, from where, and what changed."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest

from db.session import NOWHERE, Client, Viewer
from tests.graphql_api.asking import Data
from tests.graphql_api.rights import RIGHTS, accounts, executions
from tests.graphql_api.rights.table import ROLES, World
from tests.graphql_api.workspaces.people import Team, team

BROWSER = Client("2001:db8::17", "Browser/1.0 (tests)")

SAY_NOTHING = {
    **dict.fromkeys(accounts.RIGHTS, "of no workspace; tested with the accounts"),
    **dict.fromkeys(executions.RIGHTS, "executions are their own record"),
    "heartbeatDeployment": "a sign of life changes nothing",
    "testIntegration": "a test changes nothing but its own result",
    "pingWebhook": "a delivery is its own record",
    "redeliverWebhook": "a delivery is its own record",
}
"""Mutations without an entry in the log of a workspace, and why."""

LOGGED = [name for name in RIGHTS if name not in SAY_NOTHING]


@contextmanager
def from_a_browser(world: World) -> Generator[None]:
    world.ask.client = BROWSER
    try:
        yield
    finally:
        world.ask.client = NOWHERE


async def entries(world: World, before: set[UUID]) -> list[dict[str, Any]]:
    """The entries beside those of before, by the thing that they are about."""
    rows = await world.superuser.fetch(
        "SELECT * FROM audit_logs WHERE id <> ALL ($1) ORDER BY resource_type DESC, id",
        list(before),
    )
    return [{**row, "details": json.loads(row["details"] or "{}")} for row in rows]


async def known(world: World) -> set[UUID]:
    return {row[0] for row in await world.superuser.fetch("SELECT id FROM audit_logs")}


@pytest.mark.parametrize("mutation", LOGGED)
async def test_a_change_is_logged_with_who_and_from_where(world: World, mutation: str) -> None:
    right = RIGHTS[mutation]
    who = next((role for role in reversed(ROLES) if role in right.allowed), "key")
    asker = await world.viewer(who, right)
    given = await right.given(world, asker)
    before = await known(world)

    with from_a_browser(world):
        await world.done(mutation, asker, **given)

    logged = await entries(world, before)
    assert logged
    for entry in logged:
        assert entry["workspace_id"] is not None
        assert (entry["user_id"], entry["api_key_id"]) == asker, entry["action"]
        assert (str(entry["ip_address"]), entry["user_agent"]) == BROWSER, entry["action"]
        assert entry["resource_id"] is not None
        assert entry["action"].startswith(f"{entry['resource_type']}.")
        assert entry["details"], entry["action"]


async def test_what_was_and_what_is_are_both_told(world: World) -> None:
    here = await team(world)
    before = await known(world)
    given = {"id": str(here.id), "name": "After", "settings": {"apiKeyDays": 30}}
    await world.done("updateWorkspace", here.admin, input=given)
    given = {"id": here.members["viewer"], "role": "EDITOR", "permissions": ["audit:read"]}
    await world.done("updateMember", here.admin, input=given)

    workspace, member = await entries(world, before)

    assert workspace["details"] == {
        "old": {"name": "W", "settings": {}},
        "new": {"name": "After", "settings": {"api_key_days": 30}},
    }
    assert member["details"] == {
        "old": {"role": "viewer", "permissions": []},
        "new": {"role": "editor", "permissions": ["audit:read"]},
    }


async def test_the_log_of_a_workspace_is_searched_by_everything_it_says(world: World) -> None:
    here = await team(world)
    with from_a_browser(world):
        await world.done("updateWorkspace", here.admin, input={"id": str(here.id), "name": "One"})
        await world.done("updateWorkspace", here.owner, input={"id": str(here.id), "name": "Two"})
        key = await world.done(
            "createApiKey",
            here.admin,
            "apiKey { databaseId }",
            input={"workspaceId": str(here.id), "name": "CI", "scopes": ["workflows:write"]},
        )
        by_key = Viewer(api_key_id=UUID(key["apiKey"]["databaseId"]))
        empty: Data = {"nodes": [], "edges": []}
        flow = {"workspaceId": str(here.id), "name": "F", "definition": empty}
        await world.done("createWorkflow", by_key, input=flow)

    admin, made = str(here.admin.user_id), key["apiKey"]["databaseId"]
    for wanted, found in (
        ({"userId": admin}, ["api_key.create", "workspace.update"]),
        ({"apiKeyId": made}, ["workflow.create", "workflow_version.create"]),
        ({"action": ["workspace.update"]}, ["workspace.update"] * 2),
        ({"resourceType": ["api_key"]}, ["api_key.create"]),
        ({"resourceId": made}, ["api_key.create"]),
        ({"search": '"two"', "action": ["workspace.update"]}, ["workspace.update"]),
        ({"since": "2099-01-01T00:00:00Z"}, []),
        ({"before": "2020-01-01T00:00:00Z"}, []),
        ({"since": "2020-01-01T00:00:00Z", "userId": admin, "action": ["api_key.create"]},
         ["api_key.create"]),
    ):  # fmt: skip
        nodes = await asked(world, here, wanted)
        assert sorted(node["action"] for node in nodes) == found, wanted
        for node in nodes:
            assert (node["ipAddress"], node["userAgent"]) == BROWSER


async def test_who_did_it_is_told_even_when_that_person_has_left(world: World) -> None:
    here = await team(world)
    await world.done("updateWorkspace", here.admin, input={"id": str(here.id), "name": "One"})
    await world.done("leaveWorkspace", here.admin, id=str(here.id))
    [node] = await asked(world, here, {"action": ["workspace.update"]})
    assert (node["user"], node["userId"]) == (None, str(here.admin.user_id))


async def asked(world: World, here: Team, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    query = """
    query ($id: ID!, $filter: AuditLogFilter) {
      workspace(id: $id) {
        auditLogs(filter: $filter) {
          nodes { action userId apiKeyId ipAddress userAgent user { databaseId } }
        }
      }
    }
    """
    data = await world.ask(query, here.owner, id=str(here.id), filter=wanted)
    return data["workspace"]["auditLogs"]["nodes"]


def test_what_says_nothing_is_a_mutation() -> None:
    assert set(SAY_NOTHING) <= set(RIGHTS)
