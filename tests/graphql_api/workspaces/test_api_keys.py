"""API keys: made, changed, rotated and taken back; and never more than their maker may."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from db.session import NOWHERE, Viewer
from resolvers import accounts
from resolvers.accounts import RateLimited
from resolvers.context import Resources
from resolvers.errors import Unauthenticated
from tests.graphql_api.asking import Data
from tests.graphql_api.rights.table import World
from tests.graphql_api.workspaces.people import Team, person, refused, sees, team

KEY = "key apiKey { databaseId keyPrefix scopes rateLimit status lastUsedAt expiresAt }"
EMPTY: Data = {"nodes": [], "edges": []}
ALL = ["workspace:read", "workflows:read", "workflows:write", "audit:read"]


@pytest.fixture
def door(world: World, resources: Resources) -> Resources:
    """What tells who shows a key."""
    return replace(resources, database=world.database)


async def made(world: World, here: Team, **more: object) -> Data:
    given = {"workspaceId": str(here.id), "name": "CI", "scopes": ALL, **more}
    return await world.done("createApiKey", here.admin, KEY, input=given)


def asker(key: Data) -> Viewer:
    return Viewer(api_key_id=UUID(key["apiKey"]["databaseId"]))


async def opens(door: Resources, text: str) -> bool:
    try:
        await accounts.key_of(door, text)
    except Unauthenticated:
        return False
    return True


async def test_a_key_is_told_once_and_kept_nowhere(world: World, door: Resources) -> None:
    here = await team(world)
    key = await made(world, here)
    assert key["key"].startswith(key["apiKey"]["keyPrefix"])
    assert await opens(door, key["key"])
    kept = await world.superuser.fetch(
        "SELECT k::text FROM api_keys k UNION ALL SELECT a::text FROM audit_logs a"
    )
    assert not [row[0] for row in kept if key["key"] in row[0]]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"rateLimit": 0}, "rateLimit"),
        ({"rateLimit": 1_000_001}, "rateLimit"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
    ],
)
async def test_a_key_that_cannot_be_is_refused(world: World, given: Data, field: str) -> None:
    here = await team(world)
    whole = {"workspaceId": str(here.id), "name": "CI", "scopes": ALL, **given}
    error = await refused(world, "createApiKey", here.admin, input=whole)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", field])
    key = await made(world, here)
    change = {"id": key["apiKey"]["databaseId"], **given}
    error = await refused(world, "updateApiKey", here.admin, input=change)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", field])


async def test_what_is_left_out_of_a_change_stays(world: World) -> None:
    here = await team(world)
    key = await made(world, here, expiresAt="2099-01-01T00:00:00Z")
    change = {"id": key["apiKey"]["databaseId"], "scopes": ["workspace:read"]}
    changed = (await world.done("updateApiKey", here.admin, KEY[4:], input=change))["apiKey"]
    assert changed == key["apiKey"] | {"scopes": ["workspace:read"]}
    change = {"id": key["apiKey"]["databaseId"], "expiresAt": None, "rateLimit": 7}
    changed = (await world.done("updateApiKey", here.admin, KEY[4:], input=change))["apiKey"]
    assert (changed["expiresAt"], changed["rateLimit"]) == (None, 7)


async def test_switched_off_and_on_and_taken_back_it_is_so_at_once(
    world: World, door: Resources
) -> None:
    here = await team(world)
    key = await made(world, here)
    id = key["apiKey"]["databaseId"]
    for mutation, good in (
        ("deactivateApiKey", False),
        ("activateApiKey", True),
        ("revokeApiKey", False),
        ("revokeApiKey", False),
    ):
        await world.done(mutation, here.admin, id=id)
        assert await opens(door, key["key"]) is good
        assert await sees(world, asker(key), here.id) is good
    error = await refused(world, "activateApiKey", here.admin, id=id)
    assert error["code"] == "CONFLICT"
    change = {"id": id, "name": "Other"}
    error = await refused(world, "updateApiKey", here.admin, input=change)
    assert error["code"] == "CONFLICT"


async def test_settings_say_how_long_a_key_may_live(world: World) -> None:
    here = await team(world)
    await world.done(
        "updateWorkspace", here.admin, input={"id": str(here.id), "settings": {"apiKeyDays": 30}}
    )
    given = {"workspaceId": str(here.id), "name": "CI", "scopes": ALL}
    for expires_at in (None, (datetime.now(UTC) + timedelta(days=31)).isoformat()):
        whole = {**given, "expiresAt": expires_at}
        error = await refused(world, "createApiKey", here.admin, input=whole)
        assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "expiresAt"])
    in_time = (datetime.now(UTC) + timedelta(days=29)).isoformat()
    key = await made(world, here, expiresAt=in_time)
    change = {"id": key["apiKey"]["databaseId"], "expiresAt": None}
    error = await refused(world, "updateApiKey", here.admin, input=change)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "expiresAt"])


async def rotated(world: World, here: Team, key: Data, **more: object) -> Data:
    given = {"id": key["apiKey"]["databaseId"], **more}
    return await world.done("rotateApiKey", here.admin, KEY, input=given)


async def test_while_a_key_is_rotated_both_work_and_it_is_seen_who_uses_the_old_one(
    world: World, door: Resources
) -> None:
    here = await team(world)
    old = await made(world, here)
    new = await rotated(world, here, old, graceSeconds=3600)
    assert new["apiKey"]["scopes"] == old["apiKey"]["scopes"]
    assert await opens(door, old["key"])
    assert await opens(door, new["key"])

    both = await world.ask(
        "query ($id: ID!) { node(id: $id) { ... on ApiKey {"
        " lastUsedAt expiresAt replacedBy { databaseId lastUsedAt replaces { databaseId } } } } }",
        here.admin,
        id=await _global(world, here, old),
    )
    found = both["node"]
    assert found["lastUsedAt"] is not None
    assert found["replacedBy"]["databaseId"] == new["apiKey"]["databaseId"]
    assert found["replacedBy"]["replaces"]["databaseId"] == old["apiKey"]["databaseId"]
    left = datetime.fromisoformat(found["expiresAt"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)

    await world.superuser.execute(
        "UPDATE api_keys SET expires_at = now() WHERE id = $1", asker(old).api_key_id
    )
    assert not await opens(door, old["key"])
    assert await opens(door, new["key"])


async def test_without_grace_the_old_key_ends_at_once(world: World, door: Resources) -> None:
    here = await team(world)
    old = await made(world, here)
    new = await rotated(world, here, old, graceSeconds=0)
    assert not await opens(door, old["key"])
    assert await opens(door, new["key"])


async def test_a_new_key_lives_as_long_as_the_old_one_did(world: World) -> None:
    here = await team(world)
    await world.done(
        "updateWorkspace", here.admin, input={"id": str(here.id), "settings": {"apiKeyDays": 30}}
    )
    expiry = (datetime.now(UTC) + timedelta(days=10)).isoformat()
    old = await made(world, here, expiresAt=expiry)
    new = await rotated(world, here, old)
    life = datetime.fromisoformat(new["apiKey"]["expiresAt"]) - datetime.now(UTC)
    assert timedelta(days=9, hours=23) < life <= timedelta(days=10)


async def test_of_many_rotations_of_one_key_one_wins(world: World) -> None:
    here = await team(world)
    key = await made(world, here)
    given = {"input": {"id": key["apiKey"]["databaseId"]}}
    answers = await asyncio.gather(
        *(world.asked("rotateApiKey", here.admin, "key", given) for _ in range(8))
    )
    assert Counter(answer["key"] is not None for answer in answers) == {True: 1, False: 7}
    refusals = {error["code"] for answer in answers for error in answer["errors"]}
    assert refusals == {"CONFLICT"}


@pytest.mark.parametrize("seconds", [-1, 30 * 86_400 + 1])
async def test_a_time_of_grace_has_bounds(world: World, seconds: int) -> None:
    here = await team(world)
    key = await made(world, here)
    given = {"id": key["apiKey"]["databaseId"], "graceSeconds": seconds}
    error = await refused(world, "rotateApiKey", here.admin, input=given)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "graceSeconds"])


WORKSPACE = "{ workspaces { nodes { auditLogs(first: 1) { nodes { action } } } } }"


async def test_a_key_loses_what_its_maker_loses_at_once(world: World, door: Resources) -> None:
    here = await team(world)
    key = await made(world, here)

    async def reads_audit() -> bool:
        [workspace] = (await world.ask(WORKSPACE, asker(key)))["workspaces"]["nodes"]
        return bool(workspace["auditLogs"]["nodes"])

    assert await reads_audit()
    demote = {"id": here.members["admin"], "role": "EDITOR"}
    await world.done("updateMember", here.owner, input=demote)
    assert not await reads_audit()
    assert await opens(door, key["key"])
    made_by_key = {"workspaceId": str(here.id), "name": "F", "definition": EMPTY}
    await world.done("createWorkflow", asker(key), input=made_by_key)

    demote["role"] = "VIEWER"
    await world.done("updateMember", here.owner, input=demote)
    error = await refused(world, "createWorkflow", asker(key), input=made_by_key)
    assert error["code"] == "FORBIDDEN"

    await world.done("removeMember", here.owner, id=here.members["admin"])
    assert not await opens(door, key["key"])
    assert not await sees(world, asker(key), here.id)


async def test_another_admin_may_keep_a_key_going_by_rotating_it(
    world: World, door: Resources
) -> None:
    here = await team(world)
    old = await made(world, here)
    given = {"id": old["apiKey"]["databaseId"]}
    new = await world.done("rotateApiKey", here.owner, KEY, input=given)
    await world.done("leaveWorkspace", here.admin, id=str(here.id))
    assert not await opens(door, old["key"])
    assert await opens(door, new["key"])


async def test_a_key_of_a_deleted_workspace_opens_nothing(world: World, door: Resources) -> None:
    here = await team(world)
    key = await made(world, here)
    await world.done("deleteWorkspace", here.owner, id=str(here.id))
    assert not await opens(door, key["key"])
    await world.done("restoreWorkspace", here.owner, id=str(here.id))
    assert await opens(door, key["key"])


async def test_two_thousand_calls_on_a_key_of_a_thousand_an_hour(
    world: World, door: Resources
) -> None:
    here = await team(world)
    key = await made(world, here, rateLimit=1000)
    at_once = asyncio.Semaphore(50)

    async def call() -> bool:
        async with at_once:
            try:
                await accounts.key_of(door, key["key"])
            except RateLimited:
                return False
            return True

    answers = await asyncio.gather(*(call() for _ in range(2000)))

    assert Counter(answers) == {True: 1000, False: 1000}
    used = "{ viewer { rateLimit { limit used remaining } apiKey { usage { used } } } }"
    viewer = (await world.ask(used, asker(key)))["viewer"]
    assert viewer["rateLimit"] == {"limit": 1000, "used": 1000, "remaining": 0}
    assert viewer["apiKey"]["usage"] == {"used": 1000}


async def test_the_requests_of_a_key_are_shown_to_admins_and_to_itself(world: World) -> None:
    here, (stranger, _) = await team(world), await person(world)
    key = await made(world, here)
    id = await _global(world, here, key)
    query = "query ($id: ID!) { node(id: $id) { ... on ApiKey { usage { limit used } } } }"
    for who in (here.owner, here.admin, asker(key)):
        assert (await world.ask(query, who, id=id))["node"]["usage"] == {"limit": 1000, "used": 0}
    for who in (here.editor, here.viewer, stranger):
        assert (await world.ask(query, who, id=id))["node"] is None
    async with world.database.writing(here.editor, NOWHERE) as transaction:
        found = await transaction.fetch("SELECT * FROM app.key_usage($1)", asker(key).api_key_id)
    assert found == []
    assert (await world.ask("{ viewer { rateLimit { used } } }", here.owner))["viewer"] == {
        "rateLimit": None
    }


async def test_the_maker_of_a_key_is_who_is_asked_not_who_is_named(world: World) -> None:
    """What a key writes is signed by its maker; what is logged of it names the key."""
    here = await team(world)
    key = await made(world, here)
    given = {"workspaceId": str(here.id), "name": "By key", "definition": EMPTY}
    await world.done("createWorkflow", asker(key), input=given)
    row = await world.superuser.fetchrow(
        "SELECT user_id, api_key_id, details ->> 'new' FROM audit_logs"
        " WHERE workspace_id = $1 AND action = 'workflow.create'",
        here.id,
    )
    assert row is not None
    assert (row[0], row[1]) == (None, asker(key).api_key_id)
    assert json.loads(row[2])["created_by"] == str(here.admin.user_id)


async def _global(world: World, here: Team, key: Data) -> str:
    """The global id of a key."""
    query = "query ($id: ID!) { workspace(id: $id) { apiKeys { nodes { id databaseId } } } }"
    data = await world.ask(query, here.admin, id=str(here.id))
    nodes = data["workspace"]["apiKeys"]["nodes"]
    [found] = [n["id"] for n in nodes if n["databaseId"] == key["apiKey"]["databaseId"]]
    return found
