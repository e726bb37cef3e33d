"""Workspaces made, changed, deleted and restored."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from db.session import Viewer
from tests.graphql_api.rights.table import TEAM, World
from tests.graphql_api.rights.workspaces import joined
from tests.graphql_api.workspaces.people import person, refused, sees, team

SETTINGS = "settings { defaultRole invitationDays invitationDomains apiKeyDays }"
WORKSPACE = f"workspace {{ databaseId name slug description {SETTINGS} }}"
DELETED = "{ viewer { deletedWorkspaces { databaseId name slug deletedAt restorableUntil } } }"
DEFAULTS: dict[str, Any] = {
    "defaultRole": "VIEWER",
    "invitationDays": 7,
    "invitationDomains": [],
    "apiKeyDays": None,
}


async def made(world: World, founder: Viewer, **given: Any) -> dict[str, Any]:
    return (await world.done("createWorkspace", founder, WORKSPACE, input=given))["workspace"]


async def test_a_slug_is_made_of_the_name(world: World) -> None:
    founder, _ = await person(world)
    name = f"  Übergrößen & Söhne {uuid4().hex[:8]} "
    workspace = await made(world, founder, name=name, description="What we do")
    assert workspace["name"] == name.strip()
    assert workspace["slug"] == f"ubergroen-sohne-{name.strip()[-8:]}"
    assert workspace["description"] == "What we do"
    assert workspace["settings"] == DEFAULTS


async def test_a_name_without_letters_gets_a_slug_too(world: World) -> None:
    founder, _ = await person(world)
    workspace = await made(world, founder, name="東京")
    assert workspace["slug"].startswith("workspace-")


async def test_namesakes_made_at_once_get_slugs_of_their_own(world: World) -> None:
    founder, _ = await person(world)
    name = f"Same {uuid4().hex}"
    workspaces = await asyncio.gather(*(made(world, founder, name=name) for _ in range(8)))
    assert len({workspace["slug"] for workspace in workspaces}) == 8


async def test_a_slug_that_is_given_is_taken_as_it_is_or_refused(world: World) -> None:
    founder, _ = await person(world)
    slug = f"s-{uuid4().hex}"
    assert (await made(world, founder, name="First", slug=slug))["slug"] == slug
    error = await refused(world, "createWorkspace", founder, input={"name": "B", "slug": slug})
    assert (error["code"], error["path"]) == ("CONFLICT", ["input", "slug"])


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "A", "slug": "No Capitals"}, "slug"),
        ({"name": "A", "slug": "-a"}, "slug"),
        ({"name": "A", "slug": ""}, "slug"),
        ({"name": "A", "slug": "a" * 101}, "slug"),
        ({"name": "A", "description": "x" * 10_001}, "description"),
    ],
)
async def test_what_cannot_be_kept_is_refused_by_its_name(
    world: World, given: dict[str, Any], field: str
) -> None:
    founder, _ = await person(world)
    error = await refused(world, "createWorkspace", founder, input=given)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", field])


async def test_what_is_left_out_of_a_change_stays(world: World) -> None:
    here = await team(world)
    id = str(here.id)
    await world.done(
        "updateWorkspace",
        here.admin,
        input={"id": id, "name": "Renamed", "description": "Why", "settings": {"apiKeyDays": 90}},
    )
    changed = await world.done(
        "updateWorkspace",
        here.admin,
        WORKSPACE,
        input={"id": id, "description": None, "settings": {"invitationDays": 3}},
    )
    workspace = changed["workspace"]
    assert (workspace["name"], workspace["description"]) == ("Renamed", None)
    assert workspace["settings"] == DEFAULTS | {"apiKeyDays": 90, "invitationDays": 3}


async def test_a_setting_of_null_is_the_default_again(world: World) -> None:
    here = await team(world)
    chosen = {"defaultRole": "EDITOR", "invitationDomains": ["Example.org", "example.org"]}
    for settings, found in (
        (chosen, DEFAULTS | {"defaultRole": "EDITOR", "invitationDomains": ["example.org"]}),
        (dict.fromkeys(chosen), DEFAULTS),
    ):
        changed = await world.done(
            "updateWorkspace",
            here.admin,
            WORKSPACE,
            input={"id": str(here.id), "settings": settings},
        )
        assert changed["workspace"]["settings"] == found


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"invitationDays": 0}, "invitationDays"),
        ({"invitationDays": 31}, "invitationDays"),
        ({"apiKeyDays": 3651}, "apiKeyDays"),
        ({"invitationDomains": ["not a domain"]}, "invitationDomains"),
        ({"invitationDomains": [f"d{n}.example" for n in range(21)]}, "invitationDomains"),
    ],
)
async def test_a_setting_out_of_its_range_is_refused(
    world: World, settings: dict[str, Any], field: str
) -> None:
    here = await team(world)
    given = {"id": str(here.id), "settings": settings}
    error = await refused(world, "updateWorkspace", here.admin, input=given)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "settings", field])


async def test_a_deleted_workspace_is_gone_for_all_but_a_line_of_its_owners(world: World) -> None:
    here = await team(world)
    key = Viewer(api_key_id=await _key(world, here.id, here.admin))
    everybody = (here.owner, here.admin, here.editor, here.viewer, key)
    assert [await sees(world, each, here.id) for each in everybody] == [True] * 5

    await world.done("deleteWorkspace", here.owner, id=str(here.id))

    assert [await sees(world, each, here.id) for each in everybody] == [False] * 5
    for each in everybody:
        data = await world.ask(DELETED, each)
        listed = [row["databaseId"] for row in data["viewer"]["deletedWorkspaces"]]
        assert listed == ([str(here.id)] if each == here.owner else [])


async def test_a_deleted_workspace_takes_no_change(world: World) -> None:
    here = await team(world)
    await world.done("deleteWorkspace", here.owner, id=str(here.id))
    for mutation, given in (
        ("updateWorkspace", {"input": {"id": str(here.id), "name": "Still here"}}),
        ("deleteWorkspace", {"id": str(here.id)}),
        ("removeMember", {"id": here.members["viewer"]}),
    ):
        error = await refused(world, mutation, here.owner, **given)
        assert error["code"] == "NOT_FOUND"


async def test_a_restored_workspace_is_as_it_was(world: World) -> None:
    here = await team(world)
    await world.done("deleteWorkspace", here.owner, id=str(here.id))
    restored = await world.done("restoreWorkspace", here.owner, WORKSPACE, id=str(here.id))
    assert restored["workspace"]["databaseId"] == str(here.id)
    for each in (here.admin, here.editor, here.viewer):
        assert await sees(world, each, here.id)
    error = await refused(world, "restoreWorkspace", here.owner, id=str(here.id))
    assert error["code"] == "NOT_FOUND"


async def test_when_the_time_of_grace_is_over_it_is_removed_with_all_that_is_in_it(
    world: World,
) -> None:
    here, other = await team(world), await team(world)
    await _key(world, here.id, here.admin)
    for each in (here, other):
        await world.done("deleteWorkspace", each.owner, id=str(each.id))
    await world.superuser.execute(
        "UPDATE workspaces SET deleted_at = deleted_at - app.workspace_grace() WHERE id = $1",
        here.id,
    )
    error = await refused(world, "restoreWorkspace", here.owner, id=str(here.id))
    assert error["code"] == "NOT_FOUND"

    assert await world.superuser.fetchval("SELECT app.purge_workspaces(100)") == 1

    for table in ("workspace_users", "api_keys"):
        left = f"SELECT count(*) FROM {table} WHERE workspace_id = $1"
        assert await world.superuser.fetchval(left, here.id) == 0
        assert await world.superuser.fetchval(left, other.id) == (4 if table[0] == "w" else 0)
    await world.done("restoreWorkspace", other.owner, id=str(other.id))
    actions = await world.superuser.fetch(
        "SELECT action FROM audit_logs WHERE resource_id = $1 ORDER BY id", here.id
    )
    assert [row[0] for row in actions] == [
        "workspace.create",
        "workspace.delete",
        "workspace.update",  # the test's own
        "workspace.purge",
    ]


async def test_nothing_of_a_workspace_full_of_everything_is_left_but_its_log(world: World) -> None:
    s = world.superuser
    tables = await s.fetch(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE a.attname = 'workspace_id' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'audit_logs'"
    )

    async def full() -> set[str]:
        found = "SELECT EXISTS (SELECT FROM {} WHERE workspace_id = $1)"
        return {table for [table] in tables if await s.fetchval(found.format(table), TEAM)}

    transaction = s.transaction()
    await transaction.start()
    try:
        assert len(await full()) > 10
        await s.execute("UPDATE workspaces SET deleted_at = '2020-01-01' WHERE id = $1", TEAM)
        await s.execute("SET LOCAL ROLE mcp_maintenance")
        assert await s.fetchval("SELECT app.purge_workspaces(100)") == 1
        await s.execute("RESET ROLE")
        assert await full() == set()
        logged = "SELECT EXISTS (SELECT FROM audit_logs WHERE workspace_id = $1)"
        assert await s.fetchval(logged, TEAM)
    finally:
        await transaction.rollback()


async def _key(world: World, workspace: Any, maker: Viewer) -> Any:
    return await world.superuser.fetchval(
        "INSERT INTO api_keys (workspace_id, name, key_hash, key_prefix, scopes, created_by)"
        " VALUES ($1, 'k', sha256($2::text::bytea), 'mcp_', app.known_scopes(), $3) RETURNING id",
        workspace,
        str(uuid4()),
        maker.user_id,
    )


# How many there may be

TOO_MANY = "errors { code message path ... on LimitReachedError { used allowed } }"
OWNED = """
WITH made AS (
    INSERT INTO workspaces (name, slug, owner_id, deleted_at)
    SELECT 'W', gen_random_uuid()::text, $1, CASE WHEN $3 THEN now() END FROM generate_series(1, $2)
    RETURNING id, owner_id
)
INSERT INTO workspace_users (workspace_id, user_id, role) SELECT id, owner_id, 'owner' FROM made
"""
ALLOWED, WITH_DELETED = 100, 1000


async def owning(world: World, living: int, deleted: int = 0) -> Viewer:
    """Somebody new who owns so many workspaces."""
    founder, _ = await person(world)
    await world.superuser.execute(OWNED, founder.user_id, living, False)
    await world.superuser.execute(OWNED, founder.user_id, deleted, True)
    return founder


async def living(world: World, founder: Viewer) -> int:
    return await world.superuser.fetchval(
        "SELECT count(*) FROM workspaces WHERE owner_id = $1 AND deleted_at IS NULL",
        founder.user_id,
    )


async def test_of_many_who_make_workspaces_at_once_as_many_are_made_as_one_may_own(
    world: World,
) -> None:
    founder = await owning(world, ALLOWED - 3)
    asked = [
        world.asked("createWorkspace", founder, TOO_MANY, {"input": {"name": f"W {uuid4()}"}})
        for _ in range(10)
    ]
    errors = [each["errors"] for each in await asyncio.gather(*asked) if each["errors"]]

    assert len(errors) == 7
    assert await living(world, founder) == ALLOWED
    for (error,) in errors:
        assert (error["code"], error["path"]) == ("LIMIT_REACHED", ["input"])
        assert (error["used"], error["allowed"]) == (ALLOWED, ALLOWED)
        assert "delete one, or offer one" in error["message"]


async def test_a_workspace_that_is_deleted_makes_room_and_needs_it_to_come_back(
    world: World,
) -> None:
    founder = await owning(world, ALLOWED - 1)
    id = (await made(world, founder, name=f"W {uuid4()}"))["databaseId"]
    await world.done("deleteWorkspace", founder, id=id)
    other = (await made(world, founder, name=f"W {uuid4()}"))["databaseId"]
    error = await refused(world, "restoreWorkspace", founder, id=id)
    assert (error["code"], error["path"]) == ("LIMIT_REACHED", ["id"])
    await world.done("deleteWorkspace", founder, id=other)
    await world.done("restoreWorkspace", founder, id=id)


async def test_nobody_takes_over_more_than_one_may_own(world: World) -> None:
    here, heir = await team(world), await owning(world, ALLOWED)
    assert heir.user_id
    given = {"memberId": str(await joined(world, heir.user_id, here.id))}
    offer = await world.done("offerOwnership", here.owner, "offer { databaseId }", input=given)
    id = offer["offer"]["databaseId"]
    error = await refused(world, "acceptOwnership", heir, id=id)
    assert (error["code"], error["path"]) == ("LIMIT_REACHED", ["id"])
    await world.superuser.execute(
        "UPDATE workspaces SET deleted_at = now() WHERE id ="
        " (SELECT id FROM workspaces WHERE owner_id = $1 LIMIT 1)",
        heir.user_id,
    )
    await world.done("acceptOwnership", heir, id=id)
    assert await living(world, heir) == ALLOWED


async def test_making_and_deleting_without_end_has_an_end(world: World) -> None:
    founder = await owning(world, 1, WITH_DELETED - 2)
    await made(world, founder, name=f"W {uuid4()}")
    error = await refused(world, "createWorkspace", founder, input={"name": f"W {uuid4()}"})
    assert error["code"] == "LIMIT_REACHED"
    assert "30 days" in error["message"]


async def test_whoever_owns_many_still_changes_them(world: World) -> None:
    founder = await owning(world, ALLOWED + 1)
    id = await world.superuser.fetchval(
        "SELECT id::text FROM workspaces WHERE owner_id = $1 LIMIT 1", founder.user_id
    )
    await world.done("updateWorkspace", founder, input={"id": id, "name": "After"})
    await world.done("deleteWorkspace", founder, id=id)
