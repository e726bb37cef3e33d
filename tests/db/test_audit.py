"""The audit log: who changed what and from where, appended to and never changed."""

import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from db.session import Client, Viewer
from tests.db.world import Team, World

BROWSER = Client("2001:db8::1", "Mozilla/5.0")


@pytest.fixture
def world(shared_world: World) -> World:
    """Every test has a team of its own in it."""
    return shared_world


@pytest.fixture
async def team(world: World) -> Team:
    return await world.team()


async def last(world: World, action: str) -> dict[str, Any]:
    row = await world.superuser.fetchrow(
        "SELECT * FROM audit_logs WHERE action = $1 ORDER BY id DESC LIMIT 1", action
    )
    assert row is not None, f"nothing was logged as {action}"
    return {**row, "details": json.loads(row["details"])}


async def test_a_change_says_who_did_what_from_where(world: World, team: Team) -> None:
    async with world.acting(Viewer(team.editor), BROWSER) as connection:
        await connection.execute(
            "UPDATE workflows SET name = 'New name', status = 'active' WHERE id = $1", team.workflow
        )

    entry = await last(world, "workflow.update")

    assert entry["workspace_id"] == team.workspace
    assert (entry["user_id"], entry["api_key_id"]) == (team.editor, None)
    assert (entry["resource_type"], entry["resource_id"]) == ("workflow", team.workflow)
    assert (str(entry["ip_address"]), entry["user_agent"]) == BROWSER
    assert entry["details"] == {
        "old": {"name": "Flow", "status": "draft"},
        "new": {"name": "New name", "status": "active"},
    }


async def test_a_change_by_a_key_names_the_key(world: World, team: Team) -> None:
    key = await world.api_key(team.workspace, team.owner, "deployments:read", "deployments:write")
    async with world.acting(Viewer(api_key_id=key)) as connection:
        await connection.execute(
            "UPDATE deployments SET status = 'stopped' WHERE id = $1", team.deployment
        )

    entry = await last(world, "deployment.update")

    assert (entry["user_id"], entry["api_key_id"]) == (None, key)


@pytest.mark.parametrize("address", ["", "garbage", "999.1.1.1", "1.2.3.4, 5.6.7.8", "' OR 1"])
async def test_an_address_that_is_none_does_not_fail_the_change(
    world: World, team: Team, address: str
) -> None:
    async with world.acting(Viewer(team.editor), Client(address, "é" * 2000)) as connection:
        await connection.execute("UPDATE workflows SET name = 'X' WHERE id = $1", team.workflow)

    entry = await last(world, "workflow.update")

    assert entry["ip_address"] is None
    assert entry["user_agent"] == "é" * 512


async def test_without_an_audit_row_there_is_no_change(world: World, team: Team) -> None:
    transaction = world.superuser.transaction()
    await transaction.start()
    await world.superuser.execute("UPDATE workflows SET name = 'Undone'")
    await transaction.rollback()

    logged = await world.superuser.fetchval(
        "SELECT count(*) FROM audit_logs WHERE details -> 'new' ->> 'name' = 'Undone'"
    )

    assert logged == 0


async def test_a_change_of_nothing_is_no_event(world: World, team: Team) -> None:
    before = await world.superuser.fetchval("SELECT count(*) FROM audit_logs")

    await world.superuser.execute("UPDATE workflows SET name = name")
    await world.superuser.execute("UPDATE deployments SET last_health_check = now()")

    assert await world.superuser.fetchval("SELECT count(*) FROM audit_logs") == before


SECRET = "only-i-know-this"


async def test_no_secret_and_no_definition_gets_into_the_log(world: World, team: Team) -> None:
    s = world.superuser
    definition = json.dumps({"nodes": [{"id": SECRET}]})
    workflow = await world.workflow(team.workspace, team.owner, definition)
    async with world.acting(Viewer(team.editor)) as connection:
        await connection.execute(
            "SELECT app.save_workflow($1, 1, $2, 'c')",
            workflow,
            f'{{"nodes": [], "x": "{SECRET}"}}',
        )
    await s.execute(
        "INSERT INTO integrations (workspace_id, service_name, service_type, credentials,"
        " credentials_key_id, test_result, created_by) VALUES ($1, 's', 'oauth2', $2, 'k', $3, $4)",
        team.workspace,
        SECRET.encode(),
        json.dumps({"token": SECRET}),
        team.owner,
    )
    await s.execute("UPDATE integrations SET credentials = $1", (SECRET * 2).encode())
    await s.execute("UPDATE deployments SET config = $1", json.dumps({"key": SECRET}))
    await s.execute(
        "INSERT INTO api_keys (workspace_id, name, key_hash, key_prefix, created_by)"
        " VALUES ($1, 'n', $2, 'mcp_', $3)",
        team.workspace,
        SECRET.encode().ljust(32),
        team.owner,
    )
    await s.execute(
        "INSERT INTO workspace_invitations (workspace_id, email, token_hash)"
        " VALUES ($1, 'a@example.org', $2)",
        team.workspace,
        SECRET.encode().ljust(32),
    )

    found = await s.fetch(
        "SELECT action, details FROM audit_logs WHERE strpos(details::text, $1) > 0"
        " OR strpos(details::text, $2) > 0",
        SECRET,
        SECRET.encode().hex(),
    )

    assert found == []
    assert (await last(world, "integration.update"))["details"] == {"withheld": ["credentials"]}
    assert "key_hash" in (await last(world, "api_key.create"))["details"]["withheld"]
    assert (await last(world, "workflow.update"))["details"] == {
        "old": {"version": 1},
        "new": {"version": 2},
        "withheld": ["definition"],
    }


async def test_every_noun_that_matters_is_logged(world: World, team: Team) -> None:
    await world.api_key(team.workspace, team.owner)
    await world.superuser.execute("DELETE FROM workspaces WHERE id = $1", team.workspace)

    rows = await world.superuser.fetch(
        "SELECT DISTINCT action FROM audit_logs WHERE workspace_id = $1", team.workspace
    )
    actions = {row[0] for row in rows}

    for noun in ("workspace", "member", "workflow", "workflow_version", "deployment", "api_key"):
        assert {f"{noun}.create", f"{noun}.delete"} <= actions


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_logs SET action = 'x'", "DELETE FROM audit_logs", "TRUNCATE audit_logs"],
)
async def test_the_log_cannot_be_changed(world: World, team: Team, statement: str) -> None:
    for viewer in (team.owner, team.admin):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with world.acting(Viewer(viewer)) as connection:
                await connection.execute(statement)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await world.superuser.execute(statement)


async def test_nobody_can_write_into_the_log_by_hand(world: World, team: Team) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with world.acting(Viewer(team.owner)) as connection:
            await connection.execute(
                "INSERT INTO audit_logs (action, resource_type) VALUES ('x', 'y')"
            )


async def test_admins_read_the_log_of_their_workspace_and_nobody_else(
    world: World, team: Team
) -> None:
    other = await world.team()
    key = await world.api_key(team.workspace, team.owner, "audit:read")
    query = "SELECT array_agg(DISTINCT workspace_id) FROM audit_logs"

    async def sees(viewer: Viewer) -> list[UUID] | None:
        return await world.seen(viewer, query)

    for viewer in (Viewer(team.owner), Viewer(team.admin), Viewer(api_key_id=key)):
        assert await sees(viewer) == [team.workspace]
    for stranger in (team.editor, team.viewer):
        assert await sees(Viewer(stranger)) is None
    assert await sees(Viewer(other.owner)) == [other.workspace]
