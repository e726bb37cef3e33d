"""Rights of what people do to workspaces, their members, their invitations and their API keys."""

from uuid import UUID, uuid4

from db.session import Viewer
from tests import sample
from tests.graphql_api.asking import Data
from tests.graphql_api.rights.table import PEOPLE, TEAM, WHO, Right, World, member, signed_in

OWNER = WHO["owner"]
MEMBERSHIP = """
INSERT INTO workspace_users (workspace_id, user_id, role) VALUES ($1, $2, $3)
    ON CONFLICT (workspace_id, user_id) DO UPDATE SET role = excluded.role
RETURNING id
"""


async def somebody(world: World) -> UUID:
    """A new account, whose address is verified."""
    return await world.superuser.fetchval(
        "INSERT INTO users (email, name, email_verified) VALUES ($1, 'New', true) RETURNING id",
        f"{uuid4()}@example.org",
    )


async def joined(world: World, user: UUID, workspace: UUID = TEAM, role: str = "viewer") -> UUID:
    return await world.superuser.fetchval(MEMBERSHIP, workspace, user, role)


async def workspace(world: World, owner: UUID) -> UUID:
    """A workspace of somebody's, for what cannot be undone to the team's."""
    async with world.database.writing(Viewer(owner)) as transaction:
        return await transaction.value("SELECT app.create_workspace('W', $1)", f"w-{uuid4()}")


async def like_the_team(world: World) -> UUID:
    """A workspace with the same people in the same roles as team 1."""
    owner = OWNER.user_id
    assert owner
    made = await workspace(world, owner)
    for role in ("admin", "editor", "viewer"):
        user = WHO[role].user_id
        assert user
        await joined(world, user, made, role)
    return made


async def create_workspace(_world: World, _asker: Viewer) -> Data:
    return {"input": {"name": "New"}}


async def update_workspace(_world: World, _asker: Viewer) -> Data:
    changes = {"description": str(uuid4()), "settings": {"invitationDays": 9}}
    return {"input": {"id": str(TEAM), **changes}}


async def delete_workspace(world: World, _asker: Viewer) -> Data:
    return {"id": str(await like_the_team(world))}


async def restore_workspace(world: World, _asker: Viewer) -> Data:
    made = await like_the_team(world)
    await world.done("deleteWorkspace", OWNER, id=str(made))
    return {"id": str(made)}


async def invite(_world: World, _asker: Viewer) -> Data:
    return {"input": {"workspaceId": str(TEAM), "email": f"{uuid4()}@example.org"}}


async def invitation(world: World, asker: Viewer) -> Data:
    given = await invite(world, asker)
    made = await world.done("inviteMember", OWNER, "invitation { databaseId }", **given)
    return {"id": made["invitation"]["databaseId"]}


async def received(world: World, asker: Viewer) -> Data:
    """An invitation to whoever asks."""
    host = await somebody(world)
    made = await world.superuser.fetchval(
        "INSERT INTO workspace_invitations (workspace_id, email, token_hash)"
        " VALUES ($1, coalesce((SELECT email FROM users WHERE id = $2), $3), sha256($3::bytea))"
        " RETURNING id",
        await workspace(world, host),
        asker.user_id,
        f"{uuid4()}@example.org",
    )
    await world.superuser.execute(
        "UPDATE users SET email_verified = true WHERE id = $1", asker.user_id
    )
    return {"input": {"id": str(made)}}


async def a_member(world: World, _asker: Viewer) -> Data:
    return {"input": {"id": str(await joined(world, await somebody(world))), "role": "EDITOR"}}


async def one_member(world: World, _asker: Viewer) -> Data:
    return {"id": str(await joined(world, await somebody(world)))}


async def leaving(world: World, _asker: Viewer) -> Data:
    return {"id": str(await like_the_team(world))}


async def offering(world: World, _asker: Viewer) -> Data:
    return {"input": {"memberId": str(sample.of("member 1 editor"))}}


async def offered(world: World, asker: Viewer) -> Data:
    """An offer to whoever asks, by somebody else."""
    host = await somebody(world)
    made = await workspace(world, host)
    guest = asker.user_id or await somebody(world)
    member = await joined(world, guest, made)
    offer = await world.done(
        "offerOwnership", Viewer(host), "offer { databaseId }", input={"memberId": str(member)}
    )
    return {"id": offer["offer"]["databaseId"]}


async def own_offer(world: World, _asker: Viewer) -> Data:
    member = await joined(world, await somebody(world))
    offer = await world.done(
        "offerOwnership", OWNER, "offer { databaseId }", input={"memberId": str(member)}
    )
    return {"id": offer["offer"]["databaseId"]}


async def create_key(_world: World, _asker: Viewer) -> Data:
    scopes = ["workflows:read"]
    return {"input": {"workspaceId": str(TEAM), "name": "New", "scopes": scopes}}


async def a_key(world: World, _asker: Viewer) -> Data:
    return {"input": {"id": str(await world.key(["logs:read"])), "name": "Renamed"}}


async def rotated_key(world: World, _asker: Viewer) -> Data:
    return {"input": {"id": str(await world.key(["logs:read"]))}}


async def one_key(world: World, _asker: Viewer) -> Data:
    return {"id": str(await world.key(["logs:read"]))}


async def inactive_key(world: World, asker: Viewer) -> Data:
    given = await one_key(world, asker)
    await world.done("deactivateApiKey", OWNER, **given)
    return given


TO_ONESELF = "whoever is invited, by a verified address"
OFFERED = "the member whom it is offered to"

RIGHTS = {
    "createWorkspace": signed_in(create_workspace),
    "updateWorkspace": member("admin", update_workspace),
    "deleteWorkspace": member("owner", delete_workspace),
    "restoreWorkspace": member("owner", restore_workspace),
    "inviteMember": member("admin", invite),
    "resendInvitation": member("admin", invitation),
    "revokeInvitation": member("admin", invitation),
    "acceptInvitation": signed_in(received, TO_ONESELF),
    "declineInvitation": signed_in(received, TO_ONESELF),
    "updateMember": member("admin", a_member),
    "removeMember": member("admin", one_member, note="and oneself, but for the owner"),
    "leaveWorkspace": Right(frozenset({"viewer", "editor", "admin"}), leaving),
    "offerOwnership": member("owner", offering),
    "acceptOwnership": Right(frozenset(PEOPLE), offered, note=OFFERED),
    "declineOwnership": Right(frozenset(PEOPLE), offered, note=OFFERED),
    "withdrawOwnership": member("owner", own_offer),
    "createApiKey": member("admin", create_key),
    "updateApiKey": member("admin", a_key),
    "rotateApiKey": member("admin", rotated_key),
    "activateApiKey": member("admin", inactive_key),
    "deactivateApiKey": member("admin", one_key),
    "revokeApiKey": member("admin", one_key),
}
