"""Invitations: sent by mail, answered once, by whoever has the address."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from db.session import Viewer
from resolvers import allowances
from resolvers.mail import Mail
from tests.graphql_api.asking import Data
from tests.graphql_api.rights.table import World
from tests.graphql_api.workspaces.people import Team, person, refused, role_of, team
from tests.mailbox import Mailbox, text_of

INVITATION = "invitation { databaseId email role permissions expiresAt acceptedAt declinedAt }"
MINE = """
{ viewer { invitations { databaseId workspaceName workspaceSlug invitedByName role permissions } } }
"""
ROUNDS = 15

TokenOf = Callable[[str], Awaitable[str]]


async def invited(world: World, here: Team, address: str, **more: Any) -> Data:
    given = {"workspaceId": str(here.id), "email": address, **more}
    return (await world.done("inviteMember", here.admin, INVITATION, input=given))["invitation"]


async def test_whoever_is_invited_gets_a_message_and_joins_by_it(
    world: World, mailbox: Mailbox, token_of: TokenOf
) -> None:
    here, (guest, address) = await team(world), await person(world)
    scopes = ["workflows:write", "audit:read"]
    made = await invited(world, here, address.upper(), role="EDITOR", permissions=scopes)
    assert (made["email"], made["role"], made["permissions"]) == (address, "EDITOR", scopes)
    token = await token_of(address)
    assert "Somebody invites you to the workspace “W”." in text_of(mailbox.to(address)[-1])

    joined = await world.done(
        "acceptInvitation", guest, "workspace { databaseId }", input={"token": token}
    )

    assert joined["workspace"]["databaseId"] == str(here.id)
    row = await world.superuser.fetchrow(
        "SELECT role, permissions::text, invited_by FROM workspace_users"
        " WHERE workspace_id = $1 AND user_id = $2",
        here.id,
        guest.user_id,
    )
    assert row is not None
    assert tuple(row) == ("editor", '["workflows:write", "audit:read"]', here.admin.user_id)
    error = await refused(world, "acceptInvitation", guest, input={"token": token})
    assert error["code"] == "NOT_FOUND"


async def test_the_token_is_nowhere_but_in_the_message(world: World, token_of: TokenOf) -> None:
    here, (_, address) = await team(world), await person(world)
    await invited(world, here, address)
    token = await token_of(address)
    stored = await world.superuser.fetch(
        "SELECT t::text FROM workspace_invitations t WHERE email = $1"
        " UNION ALL SELECT a::text FROM audit_logs a WHERE workspace_id = $2",
        address,
        here.id,
    )
    assert stored
    assert not [row[0] for row in stored if token in row[0]]


async def test_another_account_cannot_use_the_token(world: World, token_of: TokenOf) -> None:
    here, (_, address), (finder, _) = await team(world), await person(world), await person(world)
    await invited(world, here, address)
    token = await token_of(address)
    for mutation in ("acceptInvitation", "declineInvitation"):
        error = await refused(world, mutation, finder, input={"token": token})
        assert error["code"] == "NOT_FOUND"


async def test_an_invitation_is_found_and_answered_without_the_message(world: World) -> None:
    here, (guest, address) = await team(world), await person(world)
    made = await invited(world, here, address, role="ADMIN")
    [mine] = (await world.ask(MINE, guest))["viewer"]["invitations"]
    assert mine["databaseId"] == made["databaseId"]
    assert (mine["workspaceName"], mine["invitedByName"], mine["role"]) == (
        "W",
        "Somebody",
        "ADMIN",
    )
    await world.done("acceptInvitation", guest, input={"id": mine["databaseId"]})
    assert await role_of(world, here.id, guest) == "admin"
    assert (await world.ask(MINE, guest))["viewer"]["invitations"] == []


async def test_an_address_that_is_not_verified_finds_and_accepts_nothing(
    world: World, token_of: TokenOf
) -> None:
    here, (guest, address) = await team(world), await person(world, verified=False)
    made = await invited(world, here, address)
    assert (await world.ask(MINE, guest))["viewer"]["invitations"] == []
    for given in ({"id": made["databaseId"]}, {"token": await token_of(address)}):
        error = await refused(world, "acceptInvitation", guest, input=given)
        assert error["code"] == "FORBIDDEN"
        assert "Verify" in error["message"]


async def test_sent_again_the_earlier_message_is_good_for_nothing(
    world: World, token_of: TokenOf
) -> None:
    here, (guest, address) = await team(world), await person(world)
    made = await invited(world, here, address)
    first = await token_of(address)
    await world.superuser.execute(
        "UPDATE workspace_invitations SET expires_at = now() WHERE email = $1", address
    )
    await world.done("resendInvitation", here.admin, id=made["databaseId"])
    second = await token_of(address)
    error = await refused(world, "acceptInvitation", guest, input={"token": first})
    assert error["code"] == "NOT_FOUND"
    await world.done("acceptInvitation", guest, input={"token": second})


async def test_of_many_messages_to_one_address_at_once_as_many_are_sent_as_are_allowed(
    world: World, mailbox: Mailbox, post: Mail
) -> None:
    here, (_, address) = await team(world), await person(world)
    made = await invited(world, here, address)
    again = {"id": made["databaseId"]}
    asked = [world.asked("resendInvitation", here.admin, "", again) for _ in range(12)]

    too_many = [each["errors"] for each in await asyncio.gather(*asked) if each["errors"]]

    await post.deliver(world.database)
    most = allowances.LETTERS_TO_ONE_ADDRESS.most
    assert len(mailbox.to(address)) == most == 1 + 12 - len(too_many)
    assert {error["code"] for (error,) in too_many} == {"RATE_LIMITED"}
    given = {"workspaceId": str(here.id), "email": f"other.{address}"}
    await world.done("inviteMember", here.admin, input=given)  # another has messages of theirs
    await world.done("resendInvitation", here.owner, **again)  # and so has another sender


async def test_a_message_that_may_not_be_sent_leaves_the_token_before_it_good(
    world: World, token_of: TokenOf
) -> None:
    here, (guest, address) = await team(world), await person(world)
    again = {"id": (await invited(world, here, address))["databaseId"]}
    for _ in range(allowances.LETTERS_TO_ONE_ADDRESS.most - 1):
        await token_of(address)  # messages that wait together go in any order
        await world.done("resendInvitation", here.admin, **again)
    error = await refused(world, "resendInvitation", here.admin, **again)
    assert error["code"] == "RATE_LIMITED"
    await world.done("acceptInvitation", guest, input={"token": await token_of(address)})


@pytest.mark.parametrize("end", ["revoked", "declined", "expired"])
async def test_an_invitation_that_has_ended_opens_nothing_and_makes_room(
    world: World, token_of: TokenOf, end: str
) -> None:
    here, (guest, address) = await team(world), await person(world)
    made = await invited(world, here, address)
    token = await token_of(address)
    if end == "revoked":
        await world.done("revokeInvitation", here.admin, id=made["databaseId"])
    elif end == "declined":
        await world.done("declineInvitation", guest, input={"token": token})
    else:
        await world.superuser.execute(
            "UPDATE workspace_invitations SET expires_at = now() WHERE email = $1", address
        )
    error = await refused(world, "acceptInvitation", guest, input={"token": token})
    assert error["code"] == "NOT_FOUND"
    assert await role_of(world, here.id, guest) is None
    await invited(world, here, address)


async def test_whoever_is_invited_or_belongs_already_is_not_invited_again(world: World) -> None:
    here, (guest, address) = await team(world), await person(world)
    made = await invited(world, here, address)
    again = {"workspaceId": str(here.id), "email": address.upper()}
    error = await refused(world, "inviteMember", here.admin, input=again)
    assert (error["code"], error["path"]) == ("CONFLICT", ["input", "email"])
    await world.done("acceptInvitation", guest, input={"id": made["databaseId"]})
    error = await refused(world, "inviteMember", here.admin, input=again)
    assert (error["code"], error["path"]) == ("CONFLICT", ["input", "email"])


async def test_settings_say_what_an_invitation_is_by_itself(world: World) -> None:
    here = await team(world)
    settings = {
        "defaultRole": "EDITOR",
        "invitationDays": 2,
        "invitationDomains": ["example.org"],
    }
    await world.done(
        "updateWorkspace", here.admin, input={"id": str(here.id), "settings": settings}
    )
    made = await invited(world, here, f"{uuid4()}@example.org")
    assert made["role"] == "EDITOR"
    days = "SELECT round(extract(epoch FROM expires_at - created_at) / 86400) FROM"
    found = await world.superuser.fetchval(
        f"{days} workspace_invitations WHERE email = $1", made["email"]
    )
    assert found == 2
    elsewhere = {"workspaceId": str(here.id), "email": "somebody@example.com"}
    error = await refused(world, "inviteMember", here.admin, input=elsewhere)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "email"])


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": "a@example.org", "permissions": ["everything"]}, "permissions"),
    ],
)
async def test_an_invitation_that_cannot_be_is_refused(
    world: World, given: Data, field: str
) -> None:
    here = await team(world)
    error = await refused(
        world, "inviteMember", here.admin, input={"workspaceId": str(here.id), **given}
    )
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", field])


async def test_an_invitation_is_named_one_way(world: World) -> None:
    guest, _ = await person(world)
    for given in ({}, {"id": str(uuid4()), "token": "mci_x"}):
        error = await refused(world, "acceptInvitation", guest, input=given)
        assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input"])


async def test_of_two_acceptances_at_once_one_wins(world: World) -> None:
    here = await team(world)
    for _ in range(ROUNDS):
        guest, address = await person(world)
        made = await invited(world, here, address)
        await world.superuser.execute(  # so that the limit of the plan stays out of it
            "UPDATE workspaces SET plan_type = 'enterprise' WHERE id = $1", here.id
        )
        answers = await asyncio.gather(
            *(_answer(world, "acceptInvitation", guest, made["databaseId"]) for _ in range(2))
        )
        assert sorted(map(str, answers)) == ["NOT_FOUND", "None"]


async def test_of_an_acceptance_and_a_revocation_at_once_one_wins(world: World) -> None:
    here = await team(world)
    await world.superuser.execute(
        "UPDATE workspaces SET plan_type = 'enterprise' WHERE id = $1", here.id
    )
    for _ in range(ROUNDS):
        guest, address = await person(world)
        made = await invited(world, here, address)
        accepted, revoked = await asyncio.gather(
            _answer(world, "acceptInvitation", guest, made["databaseId"]),
            _answer(world, "revokeInvitation", here.admin, made["databaseId"]),
        )
        assert (accepted, revoked) in ((None, "CONFLICT"), ("NOT_FOUND", None))
        joined = await role_of(world, here.id, guest)
        assert (joined is not None) == (accepted is None)


async def _answer(world: World, mutation: str, asker: Viewer, id: str) -> str | None:
    """The code of the error of one answer among others; None for success."""
    given: Data = {"id": id} if mutation == "revokeInvitation" else {"input": {"id": id}}
    errors = (await world.asked(mutation, asker, "", given))["errors"]
    return errors[0]["code"] if errors else None
