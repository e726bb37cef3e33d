"""What is said of access is what the database does, for everybody and everything."""

import json
import re
from typing import NamedTuple
from uuid import UUID, uuid4

import asyncpg
import pytest

from db.access import NEEDS
from db.access import AccessAction as Action
from db.session import Viewer
from tests.db.world import Team, World

NOBODY = UUID(int=0)

EXPLAIN = "SELECT allowed, decided_by FROM app.explain_access($1, $2, $3, $4, $5, $6, $7)"


class Things(NamedTuple):
    """A team with one thing of each type."""

    team: Team
    ids: dict[str, UUID]


ACTS: dict[tuple[str, Action], str] = {
    ("Workspace", Action.READ): "SELECT 1 FROM workspaces WHERE id = '{id}'",
    ("Workspace", Action.UPDATE): """SELECT app.update_workspace('{id}', '{{"name": "x"}}')""",
    ("Workspace", Action.DELETE): "SELECT app.delete_workspace('{id}')",
    ("Workspace", Action.CREATE_WORKFLOW): (
        "SELECT app.create_workflow('{id}', 'x', NULL, NULL, '{{}}', NULL)"
    ),
    ("Workspace", Action.CONNECT): (
        "INSERT INTO integrations (workspace_id, service_name, service_type, credentials,"
        " credentials_key_id, created_by) VALUES ('{id}', 's', 't', '', 'k', '{me}')"
    ),
    ("Workspace", Action.INVITE): (
        "SELECT app.invite('{id}', '{token}@example.org', NULL, NULL, sha256('{token}'))"
    ),
    ("Workspace", Action.CREATE_API_KEY): (
        "SELECT app.create_api_key('{id}', 'k', sha256('{token}'), 'mcp_', '{{}}', 1, NULL)"
    ),
    ("Workspace", Action.READ_AUDIT_LOG): "SELECT 1 FROM audit_logs WHERE workspace_id = '{id}'",
    ("Workspace", Action.OFFER_OWNERSHIP): "SELECT app.offer_ownership('{member}')",
    ("Workflow", Action.READ): "SELECT 1 FROM workflows WHERE id = '{id}'",
    ("Workflow", Action.UPDATE): "SELECT app.tag_workflow('{id}', ARRAY['x'], ARRAY[]::text[])",
    ("Workflow", Action.DELETE): "SELECT app.delete_workflow('{idle}')",
    ("Workflow", Action.EXECUTE): (
        "SELECT app.start_execution(NULL, '{id}', NULL, NULL, 'manual', NULL, NULL, false)"
    ),
    ("Workflow", Action.DEPLOY): (
        "INSERT INTO deployments (workspace_id, workflow_id, workflow_version, created_by,"
        " environment) VALUES ('{workspace}', '{id}', 1, '{me}', 'staging')"
    ),
    ("Integration", Action.READ): "SELECT 1 FROM integrations WHERE id = '{id}'",
    ("Integration", Action.UPDATE): "UPDATE integrations SET status = 'error' WHERE id = '{id}'",
    ("Integration", Action.DELETE): "DELETE FROM integrations WHERE id = '{id}'",
    ("Deployment", Action.READ): "SELECT 1 FROM deployments WHERE id = '{id}'",
    ("Deployment", Action.UPDATE): "UPDATE deployments SET status = 'stopped' WHERE id = '{id}'",
    ("Execution", Action.READ): "SELECT 1 FROM executions WHERE id = '{id}'",
    ("Execution", Action.UPDATE): "SELECT app.heartbeat_execution('{id}', NULL)",
    ("Execution", Action.READ_LOGS): "SELECT 1 FROM execution_logs WHERE execution_id = '{id}'",
    ("Execution", Action.WRITE_LOGS): (
        """SELECT app.append_logs('{id}', '[{{"message": "x"}}]')"""
    ),
    ("Execution", Action.READ_ORIGINALS): "SELECT count(*) FROM app.reveal_execution('{id}', NULL)",
    ("ApiKey", Action.READ): "SELECT 1 FROM api_keys WHERE id = '{id}'",
    ("ApiKey", Action.UPDATE): """SELECT app.update_api_key('{id}', '{{"name": "x"}}')""",
    ("WorkspaceInvitation", Action.READ): "SELECT 1 FROM workspace_invitations WHERE id = '{id}'",
    ("WorkspaceInvitation", Action.UPDATE): "SELECT app.revoke_invitation('{id}')",
}
"""What each action is, as somebody would do it."""


@pytest.fixture(scope="module")
async def things(shared_world: World) -> Things:
    world, s = shared_world, shared_world.superuser
    team = await world.team()
    await s.execute(
        "UPDATE workspaces SET plan_type = 'enterprise' WHERE id = $1", team.workspace
    )
    line = json.dumps([{"message": "x"}])
    await world.seen(
        Viewer(team.editor), "SELECT app.append_logs($1, $2)", team.execution, line
    )
    integration = await s.fetchval(
        "INSERT INTO integrations (workspace_id, service_name, service_type, credentials,"
        " credentials_key_id, created_by) VALUES ($1, 'slack', 'oauth2', '', 'k', $2)"
        " RETURNING id",
        team.workspace,
        team.owner,
    )
    invitation = await s.fetchval(
        "INSERT INTO workspace_invitations (workspace_id, email, token_hash)"
        " VALUES ($1, 'guest@example.org', sha256('access')) RETURNING id",
        team.workspace,
    )
    return Things(
        team,
        {
            "Workspace": team.workspace,
            "Workflow": team.workflow,
            "Integration": integration,
            "Deployment": team.deployment,
            "Execution": team.execution,
            "ApiKey": await world.api_key(team.workspace, team.owner),
            "WorkspaceInvitation": invitation,
            "idle": await world.workflow(team.workspace, team.owner),
            "member": await s.fetchval(
                "SELECT id FROM workspace_users WHERE workspace_id = $1 AND role = 'editor'"
                " ORDER BY joined_at LIMIT 1",
                team.workspace,
            ),
        },
    )


async def everybody(world: World, team: Team, scope: str) -> dict[str, Viewer]:
    """Everybody who may ask about what takes this scope."""
    scopes: list[str] = await world.superuser.fetchval("SELECT app.known_scopes()")
    # what changes a row through a policy takes seeing it, too
    fitting = [scope, f"{scope.partition(':')[0]}:read"] if scope else scopes
    others = [each for each in scopes if each != scope]
    where, by = team.workspace, team.owner

    async def key(*scopes: str, by: UUID = by, end: str = "") -> Viewer:
        id = await world.api_key(where, by, *scopes)
        if end:
            await world.superuser.execute(f"UPDATE api_keys SET {end} WHERE id = $1", id)
        return Viewer(api_key_id=id)

    async def helper(*permissions: str) -> Viewer:
        user = await world.user()
        await world.join(where, user, "viewer", *permissions)
        return Viewer(user)

    return {
        **{role: Viewer(getattr(team, role)) for role in ("owner", "admin", "editor", "viewer")},
        "viewer with the permission": await helper(*([scope] if scope else scopes)),
        "viewer with other permissions": await helper(*others),
        "key with the scope": await key(*fitting),
        "key with other scopes": await key(*others),
        "key of a viewer": await key(*fitting, by=team.viewer),
        "key of one who left": await key(*fitting, by=await world.user()),
        "revoked key": await key(*fitting, end="status = 'revoked'"),
        "expired key": await key(*fitting, end="expires_at = now()"),
    }


async def does(world: World, who: Viewer, statement: str) -> bool:
    """Whether the statement finds or changes something; it is undone in any case."""
    async with world.acting(who) as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            status = await connection.execute(statement)
        except (asyncpg.InsufficientPrivilegeError, asyncpg.NoDataFoundError):
            return False
        finally:
            await transaction.rollback()
    return not status.endswith(" 0")


async def explained(
    world: World, asker: Viewer, about: tuple[str, Action], id: UUID, *other: UUID
) -> tuple[bool, str] | None:
    member, key = other or (NOBODY, NOBODY)
    need = NEEDS[about]
    async with world.acting(asker) as connection:
        row = await connection.fetchrow(
            EXPLAIN, about[0], id, need.rank, need.scope, need.limit, member, key
        )
    return (row[0], row[1]) if row else None


def test_every_action_is_tried() -> None:
    assert set(ACTS) == set(NEEDS)


@pytest.mark.parametrize("about", NEEDS, ids=lambda about: f"{about[0]} {about[1]}")
async def test_what_is_said_is_what_the_database_does(
    shared_world: World, things: Things, about: tuple[str, Action]
) -> None:
    world, team, need = shared_world, things.team, NEEDS[about]
    admin, id = Viewer(team.admin), things.ids[about[0]]
    everyone = await everybody(world, team, need.scope)
    said: dict[str, bool] = {}
    done: dict[str, bool] = {}
    for name, who in everyone.items():
        names = {key: str(value) for key, value in things.ids.items()}
        me = who.user_id or team.owner
        statement = ACTS[about].format(
            id=id, me=me, token=uuid4(), workspace=team.workspace, **names
        )
        done[name] = await does(world, who, statement)
        own = await explained(world, who, about, id)
        member, key = await named(world, team, who)
        told = await explained(world, admin, about, id, member, key)
        assert told is not None, name
        assert own in (None, told) if who.api_key_id else own == told, name
        said[name] = told[0]

    assert said == done
    assert done["owner"]
    assert done["key with the scope"] is bool(need.scope)


async def named(world: World, team: Team, who: Viewer) -> tuple[UUID, UUID]:
    if who.api_key_id:
        return NOBODY, who.api_key_id
    member = await world.superuser.fetchval(
        "SELECT id FROM workspace_users WHERE workspace_id = $1 AND user_id = $2",
        team.workspace,
        who.user_id,
    )
    return member, NOBODY


async def test_what_decides_is_named(shared_world: World, things: Things) -> None:
    world, team = shared_world, things.team
    about = ("Workflow", Action.UPDATE)
    who = await everybody(world, team, "workflows:write")
    decided: dict[str, str] = {}
    for name, viewer in who.items():
        told = await explained(
            world, Viewer(team.admin), about, team.workflow, *await named(world, team, viewer)
        )
        assert told
        decided[name] = told[1]

    assert decided == {
        **dict.fromkeys(("owner", "admin", "editor", "viewer"), "role"),
        "viewer with the permission": "permission",
        "viewer with other permissions": "role",
        "key with the scope": "scope",
        "key with other scopes": "scope",
        "key of a viewer": "maker",
        "key of one who left": "maker",
        "revoked key": "key",
        "expired key": "key",
    }


async def test_a_plan_without_room_decides(shared_world: World) -> None:
    world = shared_world
    team = await world.team()
    about = ("Workspace", Action.CREATE_WORKFLOW)
    assert await explained(world, Viewer(team.editor), about, team.workspace) == (True, "role")
    await world.superuser.execute(
        """UPDATE workspaces SET plan_limits = '{"workflows": 1}' WHERE id = $1""", team.workspace
    )
    assert await explained(world, Viewer(team.editor), about, team.workspace) == (False, "plan")
    assert await explained(world, Viewer(team.viewer), about, team.workspace) == (False, "role")


async def test_only_admins_ask_about_others_and_nobody_about_another_workspace(
    shared_world: World, things: Things
) -> None:
    world, team = shared_world, things.team
    other = await world.team()
    about = ("Workflow", Action.READ)
    member, _ = await named(world, team, Viewer(team.viewer))
    for asker in (team.editor, team.viewer):
        asked = (member, NOBODY) if asker == team.editor else (NOBODY, things.ids["ApiKey"])
        assert await explained(world, Viewer(asker), about, team.workflow, *asked) is None
    for asker in (Viewer(other.owner), Viewer(), Viewer(uuid4())):
        assert await explained(world, asker, about, team.workflow) is None
        assert await explained(world, asker, about, team.workflow, member, NOBODY) is None
    foreign, _ = await named(world, other, Viewer(other.viewer))
    asked = (foreign, NOBODY)
    assert await explained(world, Viewer(team.owner), about, team.workflow, *asked) is None


async def test_each_scope_has_the_rank_that_the_database_asks_for_with_it(
    shared_world: World,
) -> None:
    sources = await shared_world.superuser.fetch(
        "SELECT coalesce(qual, '') || coalesce(with_check, '') FROM pg_policies"
        " UNION ALL SELECT prosrc FROM pg_proc WHERE pronamespace = 'app'::regnamespace"
    )
    text = "\n".join(row[0] for row in sources)
    found: dict[str, set[int]] = {}
    for rank, scope in re.findall(r"ws\((\d+), '([a-z]+:[a-z]+)'", text):
        found.setdefault(scope, set()).add(int(rank))

    scopes: list[str] = await shared_world.superuser.fetchval("SELECT app.known_scopes()")
    assert set(scopes) == set(found)
    for scope in scopes:
        rank = await shared_world.superuser.fetchval("SELECT app.scope_rank($1)", scope)
        assert {rank} == found[scope], scope


class TestGivingAway:
    """Nobody gives away a scope that they do not hold."""

    RAW = "executions:raw"

    async def gives(self, world: World, who: UUID, statement: str, *values: object) -> bool:
        refusal = None
        try:
            await world.seen(Viewer(who), statement, *values)
        except asyncpg.InsufficientPrivilegeError as error:
            refusal = error.constraint_name
        assert refusal in (None, "scopes_held")
        return refusal is None

    @pytest.mark.parametrize("way", ["member", "invitation", "key", "key later"])
    async def test_what_only_the_owner_has_only_the_owner_gives(
        self, shared_world: World, way: str
    ) -> None:
        world = shared_world
        team = await world.team()
        member, _ = await named(world, team, Viewer(team.editor))
        for who, may in ((team.admin, False), (team.owner, True)):
            token = uuid4().hex
            match way:
                case "member":
                    sql = "SELECT app.change_member($1, NULL, ARRAY[$2])"
                    values = (member, self.RAW)
                case "invitation":
                    sql = (
                        "SELECT app.invite($1, $2 || '@example.org', NULL, ARRAY[$3],"
                        " sha256($2::text::bytea))"
                    )
                    values = (team.workspace, token, self.RAW)
                case "key":
                    sql = (
                        "SELECT app.create_api_key($1, 'k', sha256($2::text::bytea), 'm',"
                        " ARRAY[$3], 1, NULL)"
                    )
                    values = (team.workspace, token, self.RAW)
                case _:
                    key = await world.api_key(team.workspace, who)
                    sql = "SELECT app.update_api_key($1, jsonb_build_object('scopes', ARRAY[$2]))"
                    values = (key, self.RAW)
            assert await self.gives(world, who, sql, *values) is may

    async def test_what_somebody_has_already_is_kept(self, shared_world: World) -> None:
        world = shared_world
        team, helper = await world.team(), await world.user()
        await world.join(team.workspace, helper, "viewer", self.RAW)
        member, _ = await named(world, team, Viewer(helper))
        sql = "SELECT app.change_member($1, 'editor', ARRAY[$2, 'audit:read'])"
        assert await self.gives(world, team.admin, sql, member, self.RAW)
