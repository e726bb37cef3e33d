"""What the database refuses, whoever asks: each rule by the name that the API answers with."""

import json
from uuid import uuid4

import asyncpg
import pytest

from db.session import Viewer
from tests.db.world import Team, World


@pytest.fixture
def world(shared_world: World) -> World:
    """Every test has a team of its own in it."""
    return shared_world


@pytest.fixture
async def team(world: World) -> Team:
    return await world.team()


@pytest.fixture
async def other(world: World) -> Team:
    return await world.team()


async def refused(world: World, statement: str, *values: object) -> str | None:
    """The name of the constraint that refuses the statement."""
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as error:
        await world.superuser.execute(statement, *values)
    return error.value.constraint_name


DEPLOY = (
    "INSERT INTO deployments"
    " (workspace_id, workflow_id, workflow_version, created_by, environment)"
    " VALUES ($1, $2, $3, $4, 'staging')"
)
RUN = (
    "INSERT INTO executions (workspace_id, workflow_id, deployment_id, trigger_type)"
    " VALUES ($1, $2, $3, 'manual')"
)


async def test_a_deployment_of_another_tenants_workflow(
    world: World, team: Team, other: Team
) -> None:
    rule = await refused(world, DEPLOY, team.workspace, other.workflow, 1, team.owner)

    assert rule == "deployments_workflow_fkey"


async def test_a_deployment_of_a_version_that_does_not_exist(world: World, team: Team) -> None:
    async with world.acting(Viewer(team.editor)) as connection:
        await connection.execute("SELECT app.save_workflow($1, 1, '{}', NULL)", team.workflow)

    assert (
        await refused(world, DEPLOY, team.workspace, team.workflow, 99, team.owner)
        == "deployments_workflow_version_fkey"
    )


async def test_a_run_of_another_workflows_deployment(world: World, team: Team) -> None:
    second = await world.workflow(team.workspace, team.owner)

    rule = await refused(world, RUN, team.workspace, second, team.deployment)

    assert rule == "executions_deployment_fkey"


async def test_a_run_in_another_tenants_workspace(world: World, team: Team, other: Team) -> None:
    rule = await refused(world, RUN, other.workspace, team.workflow, None)

    assert rule == "executions_workflow_fkey"


@pytest.mark.parametrize("email", ["ANNA@example.org", "Anna@Example.org", "anna@example.org"])
async def test_an_address_is_one_person_however_it_is_spelt(world: World, email: str) -> None:
    await world.superuser.execute(
        "INSERT INTO users (email, name) VALUES ('anna@example.org', 'Anna') ON CONFLICT DO NOTHING"
    )

    rule = await refused(world, "INSERT INTO users (email, name) VALUES ($1, 'B')", email)

    assert rule == "users_email_key"


@pytest.mark.parametrize("email", ["", "nobody", "@example.org", " a@example.org"])
async def test_what_is_no_address(world: World, email: str) -> None:
    rule = await refused(world, "INSERT INTO users (email, name) VALUES ($1, 'B')", email)

    assert rule == "users_email_check"


async def test_a_second_owner(world: World, team: Team) -> None:
    rule = await refused(
        world, "UPDATE workspace_users SET role = 'owner' WHERE user_id = $1", team.admin
    )

    assert rule == "workspace_users_one_owner"


async def test_a_workspace_without_its_owner_among_the_members(world: World, team: Team) -> None:
    for statement in (
        "DELETE FROM workspace_users WHERE user_id = $1",
        "UPDATE workspace_users SET role = 'admin' WHERE user_id = $1",
    ):
        assert await refused(world, statement, team.owner) == "workspaces_owner_is_member"


async def test_a_workflow_without_its_current_version(world: World, team: Team) -> None:
    for statement in (
        "UPDATE workflows SET version = 7 WHERE id = $1",
        "DELETE FROM workflow_versions WHERE workflow_id = $1",
    ):
        rule = await refused(world, statement, team.workflow)
        assert rule in ("workflows_current_version_exists", "deployments_workflow_version_fkey")


@pytest.mark.parametrize(
    "permissions",
    ['["root"]', '["workflows:write", 1]', '"workflows:write"', "{}", '[["a"]]', "null"],
)
async def test_permissions_that_do_not_exist(world: World, team: Team, permissions: str) -> None:
    rule = await refused(
        world,
        "UPDATE workspace_users SET permissions = $2 WHERE user_id = $1",
        team.viewer,
        permissions,
    )

    assert rule == "workspace_users_permissions_check"


async def test_a_key_with_a_scope_that_does_not_exist(world: World, team: Team) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as error:
        await world.api_key(team.workspace, team.owner, "workflows:read", "people:write")

    assert error.value.constraint_name == "api_keys_scopes_check"


async def test_a_revoked_key_stays_revoked(world: World, team: Team) -> None:
    key = await world.api_key(team.workspace, team.owner)
    await world.superuser.execute("UPDATE api_keys SET status = 'revoked' WHERE id = $1", key)

    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError) as error:
        await world.superuser.execute("UPDATE api_keys SET status = 'active' WHERE id = $1", key)

    assert error.value.constraint_name == "api_keys_revoked"


async def test_two_accounts_of_one_service_need_two_names(world: World, team: Team) -> None:
    connect = (
        "INSERT INTO integrations (workspace_id, service_name, account_name, service_type,"
        " credentials, credentials_key_id, created_by)"
        " VALUES ($1, 'slack', $2, 'oauth2', '', 'k', $3)"
    )
    await world.superuser.execute(connect, team.workspace, "", team.owner)
    await world.superuser.execute(connect, team.workspace, "support", team.owner)

    rule = await refused(world, connect, team.workspace, "support", team.owner)

    assert rule == "integrations_workspace_id_service_name_key"


class TestExecutions:
    """An execution runs, ends once, and stays as it ended."""

    @pytest.mark.parametrize("status", ["success", "failed", "cancelled", "timeout"])
    async def test_an_end_is_final(self, world: World, team: Team, status: str) -> None:
        s = world.superuser
        await s.execute("UPDATE executions SET status = $2 WHERE id = $1", team.execution, status)

        for change in ("status = 'running'", "status = 'success'", "output_data = '{}'"):
            with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError) as error:
                await s.execute(f"UPDATE executions SET {change} WHERE id = $1", team.execution)
            assert error.value.constraint_name == "executions_final"

    async def test_an_end_has_its_time_and_duration(self, world: World, team: Team) -> None:
        row = await world.superuser.fetchrow(
            "UPDATE executions SET status = 'success' WHERE id = $1"
            " RETURNING completed_at >= started_at AS later, duration_ms >= 0 AS measured",
            team.execution,
        )

        assert row is not None
        assert tuple(row) == (True, True)

    async def test_it_does_not_end_before_it_began(self, world: World, team: Team) -> None:
        rule = await refused(
            world,
            "UPDATE executions SET status = 'success', duration_ms = 0,"
            " completed_at = started_at - interval '1 s' WHERE id = $1",
            team.execution,
        )

        assert rule == "executions_duration_check"

    async def test_while_it_runs_it_has_no_end(self, world: World, team: Team) -> None:
        rule = await refused(
            world, "UPDATE executions SET completed_at = now() WHERE id = $1", team.execution
        )

        assert rule == "executions_terminal_check"

    async def test_it_stays_where_it_began(self, world: World, team: Team, other: Team) -> None:
        with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError) as error:
            await world.superuser.execute(
                "UPDATE executions SET workflow_id = $2 WHERE id = $1",
                team.execution,
                other.workflow,
            )

        assert error.value.constraint_name == "executions_immutable"

    async def test_an_id_of_no_time_is_refused(self, world: World, team: Team) -> None:
        with pytest.raises(asyncpg.CheckViolationError):  # no partition, or not version 7
            await world.superuser.execute(
                "INSERT INTO executions (id, workspace_id, workflow_id, trigger_type)"
                " VALUES ($1, $2, $3, 'manual')",
                uuid4(),
                team.workspace,
                team.workflow,
            )

    async def test_its_start_is_part_of_its_id(self, world: World, team: Team) -> None:
        close = await world.superuser.fetchval(
            "SELECT started_at = app.uuid7_ts(id) AND now() - started_at < interval '1 minute'"
            " FROM executions WHERE id = $1",
            team.execution,
        )

        assert close


@pytest.mark.parametrize(
    "table", ["users", "workspaces", "workflows", "integrations", "deployments"]
)
async def test_a_change_moves_updated_at(world: World, team: Team, table: str) -> None:
    if table == "integrations":
        await world.superuser.execute(
            "INSERT INTO integrations (workspace_id, service_name, service_type, credentials,"
            " credentials_key_id, created_by) VALUES ($1, 'moves', 'oauth2', '', 'k', $2)",
            team.workspace,
            team.owner,
        )
    before = await world.superuser.fetchval(f"SELECT max(updated_at) FROM {table}")

    await world.superuser.execute(f"UPDATE {table} SET updated_at = '2000-01-01'")

    assert await world.superuser.fetchval(f"SELECT min(updated_at) FROM {table}") > before


async def test_a_workspace_goes_with_all_that_is_in_it(world: World, team: Team) -> None:
    await world.api_key(team.workspace, team.owner)
    async with world.acting(Viewer(team.editor)) as connection:
        await connection.execute(
            "SELECT app.append_logs($1, $2)", team.execution, json.dumps([{"message": "x"}])
        )

    await world.superuser.execute("DELETE FROM workspaces WHERE id = $1", team.workspace)

    tables = ["workspace_users", "workflows", "workflow_versions", "workflow_statistics_shards"]
    tables += ["deployments", "executions", "execution_streams", "execution_logs", "api_keys"]
    for table in tables:
        left = await world.superuser.fetchval(
            f"SELECT count(*) FROM {table} WHERE workspace_id = $1", team.workspace
        )
        assert left == 0, table
