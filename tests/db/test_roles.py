"""What each role and each scope may see and change, on every table."""

from typing import NamedTuple
from uuid import UUID, uuid4

import asyncpg
import pytest

from db.session import Viewer
from tests.db.world import Team, World

ROLES = ["viewer", "editor", "admin", "owner"]

# table: the least role that sees it, and the scope that opens it to a key
READS = {
    "workspaces": ("viewer", "workspace:read"),
    "workspace_users": ("viewer", "workspace:read"),
    "workspace_invitations": ("admin", None),
    "workflows": ("viewer", "workflows:read"),
    "workflow_versions": ("viewer", "workflows:read"),
    "workflow_statistics_shards": ("viewer", "workflows:read"),
    "workflow_statistics": ("viewer", "workflows:read"),
    "integrations": ("viewer", "integrations:read"),
    "deployments": ("viewer", "deployments:read"),
    "deployment_events": ("viewer", "deployments:read"),
    "executions": ("viewer", "executions:read"),
    "execution_streams": ("viewer", "logs:read"),
    "execution_logs": ("viewer", "logs:read"),
    "api_keys": ("admin", None),
    "audit_logs": ("admin", "audit:read"),
    "webhooks": ("admin", None),
    "webhook_deliveries": ("admin", None),
}

ALL_SCOPES = [
    *("workspace:read", "workflows:read", "workflows:write", "integrations:read"),
    *("deployments:read", "deployments:write", "executions:read", "executions:write"),
    *("executions:raw", "logs:read", "logs:write", "audit:read"),
]


class Change(NamedTuple):
    """A statement on the team's rows, the least role that may run it, and the scopes that may."""

    sql: str
    role: str
    scopes: tuple[str, ...] = ()

    def on(self, team: Team, me: UUID) -> str:
        return self.sql.format_map({**vars(team), "me": me, "token": uuid4()})


CHANGES = {
    "rename the workspace": Change(
        "UPDATE workspaces SET name = 'x' WHERE id = '{workspace}'", "admin"
    ),
    "delete the workspace": Change("SELECT app.delete_workspace('{workspace}')", "owner"),
    "make a member admin": Change(
        "UPDATE workspace_users SET role = 'admin' WHERE user_id = '{viewer}'", "admin"
    ),
    "remove a member": Change(
        "DELETE FROM workspace_users"
        " WHERE workspace_id = '{workspace}' AND invited_at = '2001-01-01'",
        "admin",
    ),
    "invite": Change(
        "INSERT INTO workspace_invitations (workspace_id, email, token_hash, invited_by)"
        " VALUES ('{workspace}', 'new@example.org', sha256('{token}'), '{me}')",
        "admin",
    ),
    "rename a workflow": Change(
        "UPDATE workflows SET name = 'x' WHERE id = '{workflow}'",
        "editor",
        ("workflows:read", "workflows:write"),
    ),
    "create a workflow": Change(
        "SELECT app.create_workflow('{workspace}', 'x', NULL, NULL, '{{}}', NULL)",
        "editor",
        ("workflows:write",),
    ),
    "save a workflow": Change(
        "SELECT app.save_workflow('{workflow}', 1, '{{}}', NULL)", "editor", ("workflows:write",)
    ),
    "delete a workflow": Change(
        "SELECT app.delete_workflow((SELECT id FROM workflows WHERE name = 'not deployed'))",
        "admin",
    ),
    "connect a service": Change(
        "INSERT INTO integrations (workspace_id, service_name, service_type, credentials,"
        " credentials_key_id, created_by) VALUES ('{workspace}', 's', 't', '', 'k', '{me}')",
        "admin",
    ),
    "deploy": Change(
        "INSERT INTO deployments"
        " (workspace_id, workflow_id, workflow_version, environment, created_by)"
        " VALUES ('{workspace}', '{workflow}', 1, 'staging', '{me}')",
        "editor",
        ("deployments:write",),
    ),
    "stop a deployment": Change(
        "UPDATE deployments SET status = 'stopped' WHERE id = '{deployment}'",
        "editor",
        ("deployments:read", "deployments:write"),
    ),
    "start an execution": Change(
        "INSERT INTO executions (workspace_id, workflow_id, trigger_type)"
        " VALUES ('{workspace}', '{workflow}', 'manual')",
        "editor",
        ("executions:write",),
    ),
    "end an execution": Change(
        "UPDATE executions SET status = 'success' WHERE id = '{execution}'",
        "editor",
        ("executions:read", "executions:write"),
    ),
    "append a line": Change(
        """SELECT app.append_logs('{execution}', '[{{"message": "x"}}]')""",
        "editor",
        ("logs:write",),
    ),
    "make an API key": Change(
        "INSERT INTO api_keys (workspace_id, name, key_hash, key_prefix, created_by)"
        " VALUES ('{workspace}', 'k', sha256('{token}'), 'mcp_', '{me}')",
        "admin",
    ),
    "make a webhook": Change(
        "SELECT app.create_webhook(gen_random_uuid(), '{workspace}', '', 'https://example.org/',"
        " '{{execution.ended}}', 'sealed', 'k')",
        "admin",
    ),
    "switch a webhook off": Change(
        "UPDATE webhooks SET status = 'inactive' WHERE workspace_id = '{workspace}'", "admin"
    ),
    "ping a webhook": Change(
        "SELECT app.ping_webhook('{workspace}')",  # a webhook that has its workspace's id
        "admin",
    ),
    "remove a webhook": Change("DELETE FROM webhooks WHERE id = '{workspace}'", "admin"),
    "revoke an API key": Change(
        "UPDATE api_keys SET status = 'revoked' WHERE workspace_id = '{workspace}'", "admin"
    ),
}


@pytest.fixture
def world(shared_world: World) -> World:
    return shared_world


@pytest.fixture(scope="module")
async def team(shared_world: World) -> Team:
    """A team with a row in every table."""
    world = shared_world
    team = await world.team()
    s = world.superuser
    await world.seen(Viewer(team.editor), CHANGES["append a line"].on(team, team.editor))
    await s.execute(
        "INSERT INTO workspace_invitations (workspace_id, email, token_hash)"
        " VALUES ($1, 'guest@example.org', sha256('guest'))",
        team.workspace,
    )
    await s.execute(
        "INSERT INTO integrations (workspace_id, service_name, service_type, credentials,"
        " credentials_key_id, created_by) VALUES ($1, 'slack', 'oauth2', 'sealed', 'k', $2)",
        team.workspace,
        team.owner,
    )
    await s.execute(
        "INSERT INTO workspace_users (workspace_id, user_id, role, invited_at)"
        " VALUES ($1, $2, 'viewer', '2001-01-01')",
        team.workspace,
        await world.user(),
    )
    await s.execute(
        "UPDATE workflows SET name = 'not deployed' WHERE id = $1",
        await world.workflow(team.workspace, team.owner),
    )
    await s.execute(
        "INSERT INTO webhooks (id, workspace_id, url, events, created_by)"
        " VALUES ($1, $1, 'https://example.org/', '{execution.ended}', $2)",
        team.workspace,
        team.owner,
    )
    await s.execute(
        "INSERT INTO webhook_deliveries (workspace_id, webhook_id, event, payload)"
        " VALUES ($1, $1, 'ping', '{}')",
        team.workspace,
    )
    await world.api_key(team.workspace, team.owner)
    await world.team()  # somebody else, of whom nothing may ever be seen
    return team


def user_of(team: Team, role: str) -> UUID:
    return {
        "owner": team.owner,
        "admin": team.admin,
        "editor": team.editor,
        "viewer": team.viewer,
    }[role]


async def workspaces_seen(world: World, viewer: Viewer, table: str) -> list[UUID]:
    column = "id" if table == "workspaces" else "workspace_id"
    seen = await world.seen(viewer, f"SELECT array_agg(DISTINCT {column}) FROM {table}")
    return seen or []


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("table", READS)
async def test_a_member_sees_what_the_role_may(
    world: World, team: Team, table: str, role: str
) -> None:
    least, _ = READS[table]
    may = ROLES.index(role) >= ROLES.index(least)

    seen = await workspaces_seen(world, Viewer(user_of(team, role)), table)

    assert seen == ([team.workspace] if may else [])


@pytest.mark.parametrize("scope", ALL_SCOPES)
async def test_a_key_sees_what_its_scope_opens_and_no_more(
    world: World, team: Team, scope: str
) -> None:
    key = Viewer(api_key_id=await world.api_key(team.workspace, team.owner, scope))

    seen = {table for table in READS if await workspaces_seen(world, key, table)}

    itself = {"api_keys"}
    assert seen == {table for table, (_, opens) in READS.items() if opens == scope} | itself


@pytest.mark.parametrize("table", READS)
async def test_a_stranger_and_nobody_see_nothing(world: World, team: Team, table: str) -> None:
    stranger = await world.user()

    for viewer in (Viewer(), Viewer(stranger), Viewer(uuid4()), Viewer(api_key_id=uuid4())):
        assert await workspaces_seen(world, viewer, table) == []


async def succeeds(world: World, viewer: Viewer, statement: str) -> bool:
    """Whether the statement changes a row; it is undone in any case."""
    async with world.acting(viewer) as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            status = await connection.execute(statement)
        except (asyncpg.InsufficientPrivilegeError, asyncpg.NoDataFoundError):
            return False
        finally:
            await transaction.rollback()
    return not status.endswith(" 0")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("change", CHANGES)
async def test_a_member_changes_what_the_role_may(
    world: World, team: Team, change: str, role: str
) -> None:
    user = user_of(team, role)

    done = await succeeds(world, Viewer(user), CHANGES[change].on(team, user))

    assert done == (ROLES.index(role) >= ROLES.index(CHANGES[change].role))


@pytest.mark.parametrize("change", CHANGES)
async def test_a_key_changes_what_its_scopes_open_and_no_more(
    world: World, team: Team, change: str
) -> None:
    scopes, statement = CHANGES[change].scopes, CHANGES[change].on(team, team.admin)
    needed = await world.api_key(team.workspace, team.admin, *scopes)
    rest = await world.api_key(
        team.workspace, team.admin, *(each for each in ALL_SCOPES if each not in scopes)
    )

    assert await succeeds(world, Viewer(api_key_id=needed), statement) == bool(scopes)
    assert not await succeeds(world, Viewer(api_key_id=rest), statement)


@pytest.mark.parametrize("change", CHANGES)
async def test_the_owner_of_another_workspace_changes_nothing(
    world: World, team: Team, change: str
) -> None:
    stranger = (await world.team()).owner

    assert not await succeeds(world, Viewer(stranger), CHANGES[change].on(team, stranger))


async def test_a_permission_adds_a_scope_to_a_role(world: World, team: Team) -> None:
    helper = await world.user()
    await world.join(team.workspace, helper, "viewer", "workflows:write")

    assert await succeeds(
        world, Viewer(helper), CHANGES["save a workflow"].on(team, helper)
    )  # fmt: skip
    assert not await succeeds(world, Viewer(helper), CHANGES["deploy"].on(team, helper))
    assert not await succeeds(world, Viewer(helper), CHANGES["delete a workflow"].on(team, helper))


@pytest.mark.parametrize("role", ["viewer", "editor", "admin"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE workspace_users SET role = 'owner' WHERE user_id = '{me}'",
        "UPDATE workspace_users SET role = 'admin' WHERE user_id = '{owner}'",
        "DELETE FROM workspace_users WHERE user_id = '{owner}'",
        "UPDATE workspaces SET owner_id = '{me}'",
        "INSERT INTO workspace_users (workspace_id, user_id, role)"
        " VALUES ('{workspace}', '{me}', 'owner')",
    ],
)
async def test_nobody_makes_himself_owner(
    world: World, team: Team, role: str, statement: str
) -> None:
    me = user_of(team, role)
    sql = statement.format(me=me, owner=team.owner, workspace=team.workspace)

    assert not await succeeds(world, Viewer(me), sql)


async def test_a_member_may_leave_and_the_owner_may_not(world: World, team: Team) -> None:
    leave = "DELETE FROM workspace_users WHERE user_id = '{}'"

    assert await succeeds(world, Viewer(team.viewer), leave.format(team.viewer))
    assert not await succeeds(world, Viewer(team.owner), leave.format(team.owner))


@pytest.mark.parametrize("change", ["connect a service", "deploy", "make an API key", "invite"])
async def test_nobody_signs_with_another_name(world: World, team: Team, change: str) -> None:
    sql = CHANGES[change].on(team, team.viewer)

    assert not await succeeds(world, Viewer(team.owner), sql)


async def test_a_key_writes_in_the_name_of_who_made_it(world: World, team: Team) -> None:
    scopes = ("workflows:read", "workflows:write", "deployments:read", "deployments:write")
    key = Viewer(api_key_id=await world.api_key(team.workspace, team.admin, *scopes))
    deploy = CHANGES["deploy"].on

    assert await succeeds(world, key, deploy(team, team.admin))
    assert not await succeeds(world, key, deploy(team, team.owner))
    async with world.acting(key) as connection:
        author = await connection.fetchval(
            "SELECT created_by FROM workflows WHERE id ="
            " app.create_workflow($1, 'by key', NULL, NULL, '{}', NULL)",
            team.workspace,
        )
    assert author in (None, team.admin)
    assert await world.seen(
        key, "SELECT created_by FROM workflows WHERE name = 'by key'"
    ) == team.admin  # fmt: skip


@pytest.mark.parametrize(
    ("take_away", "give_back"),
    [
        ("status = 'revoked'", None),
        ("status = 'inactive'", "status = 'active'"),
        ("expires_at = now() - interval '1 min'", "expires_at = NULL"),
        ("scopes = '{}'", "scopes = '{workflows:read}'"),
    ],
)
async def test_what_is_taken_from_a_key_is_gone_at_once(
    world: World, team: Team, take_away: str, give_back: str | None
) -> None:
    key = await world.api_key(team.workspace, team.owner, "workflows:read")
    count = "SELECT count(*) FROM workflows"

    async with world.acting(Viewer(api_key_id=key)) as connection:
        before = await connection.fetchval(count)
        await world.superuser.execute(f"UPDATE api_keys SET {take_away} WHERE id = $1", key)
        after = await connection.fetchval(count)
    assert before > 0
    assert after == 0

    if give_back:
        await world.superuser.execute(f"UPDATE api_keys SET {give_back} WHERE id = $1", key)
        assert await world.seen(Viewer(api_key_id=key), count) == before


async def test_a_user_sees_the_people_of_its_workspaces_only(world: World) -> None:
    team, other = await world.team(), await world.team()
    await world.join(other.workspace, team.viewer, "viewer")
    key = Viewer(api_key_id=await world.api_key(team.workspace, team.owner, "workspace:read"))
    blind = Viewer(api_key_id=await world.api_key(team.workspace, team.owner, "workflows:read"))
    own = {team.owner, team.admin, team.editor, team.viewer}
    others = {other.owner, other.admin, other.editor, other.viewer}

    async def people(viewer: Viewer) -> set[UUID]:
        return set(await world.seen(viewer, "SELECT array_agg(id) FROM users") or [])

    assert await people(Viewer(team.owner)) == own
    assert await people(Viewer(team.viewer)) == own | others
    assert await people(key) == own
    assert await people(blind) == await people(Viewer()) == set()


@pytest.mark.parametrize(
    "column",
    [
        "users.password_hash",
        "workspace_invitations.token_hash",
        "integrations.credentials",
        "api_keys.key_hash",
        "refresh_tokens.token_hash",
        "api_key_usage.n",
    ],
)
async def test_no_secret_can_be_read(world: World, team: Team, column: str) -> None:
    table, name = column.split(".")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await world.seen(Viewer(team.owner), f"SELECT {name} FROM {table}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await world.seen(Viewer(team.owner), f"SELECT 1 FROM {table} ORDER BY {name}")


@pytest.mark.parametrize(
    "column",
    [
        "users.email",
        "users.password_hash",
        "users.email_verified",
        "workspaces.plan_type",
        "workspaces.owner_id",
        "workflows.definition",
        "workflows.version",
        "workflows.created_by",
        "workflows.workspace_id",
        "deployments.workflow_version",
        "deployments.created_by",
        "executions.workspace_id",
        "executions.input_data",
        "execution_logs.message",
        "execution_streams.last_seq",
        "api_keys.key_hash",
        "api_keys.workspace_id",
        "workflow_statistics_shards.total",
    ],
)
async def test_what_only_the_database_writes_is_in_no_update(
    world: World, team: Team, column: str
) -> None:
    table, name = column.split(".")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await world.seen(Viewer(team.owner), f"UPDATE {table} SET {name} = {name}")


class TestWorkspaces:
    """Making one, inviting into it and handing it over."""

    async def test_a_user_makes_a_workspace_and_owns_it(self, world: World) -> None:
        user = await world.user()

        made = await world.seen(Viewer(user), "SELECT app.create_workspace('Mine', 'mine-alone')")

        role = await world.seen(Viewer(user), "SELECT role FROM workspace_users")
        owner = await world.seen(
            Viewer(user), "SELECT owner_id FROM workspaces WHERE id = $1", made
        )
        assert (role, owner) == ("owner", user)

    async def test_neither_nobody_nor_a_key_makes_one(self, world: World, team: Team) -> None:
        key = await world.api_key(team.workspace, team.owner, *ALL_SCOPES)

        for viewer in (Viewer(), Viewer(api_key_id=key)):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await world.seen(viewer, "SELECT app.create_workspace('No', 'no')")

    async def invite(self, world: World, team: Team, guest: UUID, token: bytes) -> None:
        await world.superuser.execute(
            "INSERT INTO workspace_invitations (workspace_id, email, role, token_hash, invited_by)"
            " SELECT $1, upper(email), 'editor', sha256($3), $4 FROM users WHERE id = $2",
            team.workspace,
            guest,
            token,
            team.admin,
        )

    ACCEPT = "SELECT app.accept_invitation(NULL, sha256($1))"

    async def test_who_is_invited_joins_once(self, world: World, team: Team) -> None:
        guest = await world.user()
        await self.invite(world, team, guest, b"token 1")

        assert await world.seen(Viewer(guest), self.ACCEPT, b"token 1") == team.workspace
        with pytest.raises(asyncpg.NoDataFoundError):
            await world.seen(Viewer(guest), self.ACCEPT, b"token 1")

        joined = await world.superuser.fetchrow(
            "SELECT role, invited_by FROM workspace_users WHERE user_id = $1", guest
        )
        assert joined is not None
        assert tuple(joined) == ("editor", team.admin)

    async def test_another_who_finds_the_token_does_not_join(
        self, world: World, team: Team
    ) -> None:
        guest, finder = await world.user(), await world.user()
        await self.invite(world, team, guest, b"token 2")

        for viewer in (Viewer(finder), Viewer()):
            with pytest.raises(asyncpg.NoDataFoundError):
                await world.seen(viewer, self.ACCEPT, b"token 2")

    @pytest.mark.parametrize("end", ["revoked_at = now()", "expires_at = now()"])
    async def test_an_invitation_that_ended_opens_nothing(
        self, world: World, team: Team, end: str
    ) -> None:
        guest = await world.user()
        await self.invite(world, team, guest, end.encode())
        await world.superuser.execute(
            f"UPDATE workspace_invitations SET {end} WHERE token_hash = sha256($1)", end.encode()
        )

        with pytest.raises(asyncpg.NoDataFoundError):
            await world.seen(Viewer(guest), self.ACCEPT, end.encode())


class TestSavingAWorkflow:
    """Of several who save over the same version, one wins and the others learn of it."""

    SAVE = "SELECT app.save_workflow($1, $2, $3, 'why')"

    async def test_a_save_is_the_next_version(self, world: World) -> None:
        team = await world.team()
        definition = '{"nodes": [{"id": "a"}]}'

        version = await world.seen(Viewer(team.editor), self.SAVE, team.workflow, 1, definition)

        row = await world.superuser.fetchrow(
            "SELECT v.version, v.definition, v.changelog, v.created_by, w.definition = v.definition"
            " FROM workflows w JOIN workflow_versions v"
            " ON (v.workflow_id, v.version) = (w.id, w.version) WHERE w.id = $1",
            team.workflow,
        )
        assert row is not None
        assert version == 2
        assert tuple(row) == (2, definition, "why", team.editor, True)

    async def test_the_later_of_two_is_told_the_current_version(self, world: World) -> None:
        team = await world.team()
        await world.seen(Viewer(team.editor), self.SAVE, team.workflow, 1, "{}")

        with pytest.raises(asyncpg.SerializationError) as error:
            await world.seen(Viewer(team.admin), self.SAVE, team.workflow, 1, "{}")

        assert error.value.constraint_name == "workflows_version_current"
        assert error.value.detail == "2"

    async def test_who_may_not_is_told_apart_from_who_may_not_know(self, world: World) -> None:
        team = await world.team()
        stranger = await world.user()

        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.seen(Viewer(team.viewer), self.SAVE, team.workflow, 1, "{}")
        for viewer, workflow in ((stranger, team.workflow), (team.owner, uuid4())):
            with pytest.raises(asyncpg.NoDataFoundError):
                await world.seen(Viewer(viewer), self.SAVE, workflow, 1, "{}")
