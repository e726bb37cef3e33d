"""Who is told why something is allowed to whom."""

import base64
from typing import Any

import pytest

from db.session import Viewer
from tests.graphql_api.asking import Data
from tests.graphql_api.rights.table import World
from tests.graphql_api.workspaces.people import person, team

QUERY = """
query ($resource: ID!, $action: AccessAction!, $member: ID, $apiKey: ID) {
  explainAccess(resource: $resource, action: $action, member: $member, apiKey: $apiKey) {
    allowed decidedBy role neededRole neededScope limit used planAllows
  }
}
"""


def global_id(type_: str, id: object) -> str:
    return base64.b64encode(f"{type_}:{id}".encode()).decode()


async def explained(world: World, asker: Viewer, **given: Any) -> Data | None:
    return (await world.ask(QUERY, asker, **given))["explainAccess"]


async def test_the_viewer_is_told_what_decides(world: World) -> None:
    here = await team(world)
    given = {"resource": global_id("Workspace", here.id), "action": "CREATE_WORKFLOW"}
    told = {
        "neededRole": "EDITOR",
        "neededScope": "workflows:write",
        "limit": "WORKFLOWS",
        "used": 0,
        "planAllows": 100,
    }
    editor = {"allowed": True, "decidedBy": "ROLE", "role": "EDITOR"}
    assert await explained(world, here.editor, **given) == told | editor
    viewer = {"allowed": False, "decidedBy": "ROLE", "role": "VIEWER"}
    assert await explained(world, here.viewer, **given) == told | viewer


async def test_an_admin_is_told_about_a_member_and_about_a_key(world: World) -> None:
    here = await team(world)
    given = {"resource": global_id("Workspace", here.id), "action": "READ_AUDIT_LOG"}
    await world.done(
        "updateMember",
        here.admin,
        input={"id": here.members["viewer"], "permissions": ["audit:read"]},
    )
    told = await explained(world, here.admin, member=here.members["viewer"], **given)
    assert told
    assert (told["allowed"], told["decidedBy"]) == (True, "PERMISSION")
    key = await world.done(
        "createApiKey",
        here.admin,
        "apiKey { id databaseId }",
        input={"workspaceId": str(here.id), "name": "CI", "scopes": ["logs:read"]},
    )
    told = await explained(world, here.owner, apiKey=key["apiKey"]["id"], **given)
    assert told
    assert (told["allowed"], told["decidedBy"], told["role"]) == (False, "SCOPE", "ADMIN")
    assert await explained(world, here.editor, apiKey=key["apiKey"]["id"], **given) is None


async def test_a_stranger_and_nobody_are_told_nothing(world: World) -> None:
    here, (stranger, _) = await team(world), await person(world)
    given = {"resource": global_id("Workspace", here.id), "action": "READ"}
    for asker in (stranger, Viewer()):
        assert await explained(world, asker, **given) is None


@pytest.mark.parametrize(
    "given",
    [
        {"resource": "nonsense", "action": "READ"},
        {"resource": global_id("User", "x"), "action": "READ"},
        {"resource": global_id("Workspace", "x"), "action": "READ"},
        {"resource": global_id("Workflow", "0" * 32), "action": "INVITE"},
        {"resource": global_id("Workflow", "0" * 32), "action": "READ", "member": "nonsense"},
    ],
)
async def test_a_question_without_sense_is_refused(world: World, given: Data) -> None:
    here = await team(world)
    assert await world.ask.code(QUERY, here.owner, **given) == "INVALID_INPUT"
