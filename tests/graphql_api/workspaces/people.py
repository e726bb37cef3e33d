"""People and workspaces of their own, made for one test each."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from db.session import Viewer
from tests.graphql_api.asking import Data
from tests.graphql_api.rights.table import World
from tests.graphql_api.rights.workspaces import joined, workspace

ROLES = ("admin", "editor", "viewer")


@dataclass
class Team:
    """A workspace with somebody in each role."""

    id: UUID
    owner: Viewer
    admin: Viewer
    editor: Viewer
    viewer: Viewer
    members: dict[str, str]
    """The membership of each role."""


async def person(world: World, *, verified: bool = True) -> tuple[Viewer, str]:
    """A new account, and its address."""
    address = f"{uuid4()}@example.org"
    made = await world.superuser.fetchval(
        "INSERT INTO users (email, name, email_verified) VALUES ($1, 'Somebody', $2) RETURNING id",
        address,
        verified,
    )
    return Viewer(made), address


async def team(world: World) -> Team:
    owner, _ = await person(world)
    assert owner.user_id
    made = await workspace(world, owner.user_id)
    people: dict[str, Viewer] = {}
    members: dict[str, str] = {}
    for role in ROLES:
        people[role], _ = await person(world)
        user = people[role].user_id
        assert user
        members[role] = str(await joined(world, user, made, role))
    members["owner"] = await world.superuser.fetchval(
        "SELECT id::text FROM workspace_users WHERE workspace_id = $1 AND role = 'owner'", made
    )
    return Team(made, owner, **people, members=members)


async def refused(world: World, mutation: str, asker: Viewer, **given: Any) -> Data:
    """The one error of a mutation."""
    (error,) = (await world.asked(mutation, asker, "", given))["errors"]
    return error


async def role_of(world: World, workspace: UUID, person: Viewer) -> str | None:
    return await world.superuser.fetchval(
        "SELECT role FROM workspace_users WHERE workspace_id = $1 AND user_id = $2",
        workspace,
        person.user_id,
    )


async def sees(world: World, asker: Viewer, workspace: UUID) -> bool:
    query = "query ($id: ID!) { workspace(id: $id) { slug } }"
    data = await world.ask(query, asker, id=str(workspace))
    return data["workspace"] is not None
