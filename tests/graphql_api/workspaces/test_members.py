"""Members changed, removed and leaving; and the owner's chair handed over."""

import asyncio
import re
from uuid import UUID

import pytest

from db.secrets import Secrets
from db.session import NOWHERE, Viewer
from resolvers import members
from resolvers.context import Asker, Context, Resources
from resolvers.mail import Mail
from resolvers.passwords import Passwords
from resolvers.tokens import Tokens
from tests.graphql_api.rights.table import World
from tests.graphql_api.rights.workspaces import joined
from tests.graphql_api.workspaces.people import Team, person, refused, role_of, sees, team
from tests.mailbox import PUBLIC_URL, Mailbox, text_of

MEMBER = "member { role permissions }"
OFFER = "offer { databaseId acceptedAt declinedAt withdrawnAt }"
MINE = "{ viewer { ownershipOffers { databaseId workspace { databaseId } } } }"
ROUNDS = 20


async def offered(world: World, here: Team, to: str = "editor") -> str:
    made = await world.done(
        "offerOwnership", here.owner, OFFER, input={"memberId": here.members[to]}
    )
    return made["offer"]["databaseId"]


async def offers_to(world: World, asker: Viewer) -> list[str]:
    data = await world.ask(MINE, asker)
    return [offer["databaseId"] for offer in data["viewer"]["ownershipOffers"]]


async def test_a_role_and_permissions_change_each_for_itself(world: World) -> None:
    here = await team(world)
    id = here.members["viewer"]
    scopes = ["workflows:write"]
    given = {"id": id, "permissions": [*scopes, *scopes]}
    changed = await world.done("updateMember", here.admin, MEMBER, input=given)
    assert changed["member"] == {"role": "VIEWER", "permissions": scopes}
    given = {"id": id, "role": "EDITOR"}
    changed = await world.done("updateMember", here.admin, MEMBER, input=given)
    assert changed["member"] == {"role": "EDITOR", "permissions": scopes}


async def test_admins_are_equals(world: World) -> None:
    here = await team(world)
    given = {"id": here.members["viewer"], "role": "ADMIN"}
    await world.done("updateMember", here.admin, input=given)
    given = {"id": here.members["admin"], "role": "VIEWER"}
    await world.done("updateMember", here.viewer, input=given)
    assert await role_of(world, here.id, here.admin) == "viewer"


@pytest.mark.parametrize("asker", ["admin", "owner"])
async def test_nobody_makes_or_unmakes_an_owner_by_a_change(world: World, asker: str) -> None:
    here = await team(world)
    who: Viewer = getattr(here, asker)
    for given in (
        {"id": here.members["editor"], "role": "OWNER"},
        {"id": here.members["owner"], "role": "EDITOR"},
    ):
        error = await refused(world, "updateMember", who, input=given)
        assert (error["code"], error["path"]) == ("FORBIDDEN", ["input", "role"])
    error = await refused(world, "removeMember", who, id=here.members["owner"])
    assert error["code"] == "FORBIDDEN"
    assert await role_of(world, here.id, here.owner) == "owner"


async def test_a_scope_that_does_not_exist_is_refused(world: World) -> None:
    here = await team(world)
    given = {"id": here.members["viewer"], "permissions": ["root"]}
    error = await refused(world, "updateMember", here.admin, input=given)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "permissions"])


async def test_a_change_of_nothing_is_refused(world: World) -> None:
    here = await team(world)
    error = await refused(world, "updateMember", here.admin, input={"id": here.members["viewer"]})
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input"])


async def test_everybody_but_the_owner_may_leave(world: World) -> None:
    here = await team(world)
    for each in (here.viewer, here.editor, here.admin):
        await world.done("leaveWorkspace", each, id=str(here.id))
        assert not await sees(world, each, here.id)
    error = await refused(world, "leaveWorkspace", here.owner, id=str(here.id))
    assert error["code"] == "FORBIDDEN"


async def test_somebody_may_remove_himself_by_the_membership_too(world: World) -> None:
    here = await team(world)
    await world.done("removeMember", here.viewer, id=here.members["viewer"])
    assert await role_of(world, here.id, here.viewer) is None


async def test_the_workspace_is_handed_over_when_the_other_side_accepts(world: World) -> None:
    here = await team(world)
    offer = await offered(world, here)
    assert await role_of(world, here.id, here.owner) == "owner"
    assert await offers_to(world, here.editor) == [offer]
    assert await offers_to(world, here.viewer) == []

    accepted = await world.done(
        "acceptOwnership", here.editor, "workspace { owner { databaseId } }", id=offer
    )

    assert accepted["workspace"]["owner"]["databaseId"] == str(here.editor.user_id)
    assert await role_of(world, here.id, here.editor) == "owner"
    assert await role_of(world, here.id, here.owner) == "admin"
    assert await offers_to(world, here.editor) == []


async def test_whoever_a_workspace_is_offered_to_is_told_by_mail_and_takes_it_over(
    world: World, mailbox: Mailbox, post: Mail
) -> None:
    here, (heir, address) = await team(world), await person(world)
    assert heir.user_id
    member = str(await joined(world, heir.user_id, here.id))
    await world.done("updateProfile", here.owner, input={"name": "Ada Lovelace"})
    given = {"memberId": member}
    await world.done("offerOwnership", here.owner, OFFER, input=given)

    await post.deliver(world.database)

    (message,) = mailbox.to(address)
    assert message["Subject"] == "W is offered to you"
    text = text_of(message)
    assert "Ada Lovelace offers you the workspace “W”" in text
    end = await world.superuser.fetchval(
        "SELECT to_char(expires_at AT TIME ZONE 'UTC', 'DD FMMonth YYYY, HH24:MI')"
        " FROM ownership_offers WHERE workspace_id = $1",
        here.id,
    )
    assert f"until {end} UTC" in text
    found = re.search(rf"{PUBLIC_URL}/ownership-offer#id=(\S+)", text)
    assert found
    await world.done("acceptOwnership", heir, id=found[1])
    assert await role_of(world, here.id, heir) == "owner"


async def test_an_offer_that_is_not_made_is_told_to_nobody(
    world: World, mailbox: Mailbox, post: Mail
) -> None:
    here, before = await team(world), len(mailbox.messages)
    await refused(world, "offerOwnership", here.admin, input={"memberId": here.members["editor"]})
    await refused(world, "offerOwnership", here.owner, input={"memberId": here.members["owner"]})
    await post.deliver(world.database)
    assert len(mailbox.messages) == before


async def test_where_no_mail_is_sent_an_offer_is_found_without_it(
    world: World, secrets: Secrets
) -> None:
    here = await team(world)
    resources = Resources(world.database, Passwords(), Tokens(secrets), mail=Mail())
    context = Context(resources, Asker(here.owner, NOWHERE))
    made = await members.offer_ownership(context, UUID(here.members["editor"]))
    await context.end()
    assert await offers_to(world, here.editor) == [str(made)]


@pytest.mark.parametrize("end", ["declined", "withdrawn", "expired", "replaced", "removed"])
async def test_an_offer_that_has_ended_is_worth_nothing(world: World, end: str) -> None:
    here = await team(world)
    offer = await offered(world, here)
    match end:
        case "declined":
            await world.done("declineOwnership", here.editor, OFFER, id=offer)
        case "withdrawn":
            await world.done("withdrawOwnership", here.owner, OFFER, id=offer)
        case "expired":
            await world.superuser.execute(
                "UPDATE ownership_offers SET expires_at = now() WHERE id = $1", UUID(offer)
            )
        case "replaced":
            await offered(world, here, "viewer")
        case _:
            await world.done("removeMember", here.admin, id=here.members["editor"])
    error = await refused(world, "acceptOwnership", here.editor, id=offer)
    assert error["code"] == ("NOT_FOUND" if end == "removed" else "CONFLICT")
    assert await role_of(world, here.id, here.owner) == "owner"


async def test_an_offer_is_for_the_two_it_is_between(world: World) -> None:
    here = await team(world)
    offer = await offered(world, here)
    for mutation, asker, code in (
        ("acceptOwnership", here.admin, "FORBIDDEN"),
        ("declineOwnership", here.owner, "FORBIDDEN"),
        ("withdrawOwnership", here.editor, "FORBIDDEN"),
        ("acceptOwnership", here.viewer, "NOT_FOUND"),
    ):
        error = await refused(world, mutation, asker, id=offer)
        assert error["code"] == code


async def test_nobody_is_offered_what_they_own_or_a_place_they_do_not_belong_to(
    world: World,
) -> None:
    here, other = await team(world), await team(world)
    own = {"memberId": here.members["owner"]}
    error = await refused(world, "offerOwnership", here.owner, input=own)
    assert error["code"] == "INVALID_INPUT"
    foreign = {"memberId": other.members["editor"]}
    error = await refused(world, "offerOwnership", here.owner, input=foreign)
    assert error["code"] == "NOT_FOUND"


async def test_a_member_removed_while_becoming_the_owner_is_one_or_the_other(
    world: World,
) -> None:
    """There is one owner, who is a member, whoever was first."""
    won: set[str] = set()
    for _ in range(ROUNDS):
        here = await team(world)
        offer = await offered(world, here)
        accepted, removed = await asyncio.gather(
            world.asked("acceptOwnership", here.editor, "", {"id": offer}),
            world.asked("removeMember", here.admin, "", {"id": here.members["editor"]}),
        )
        owners = await world.superuser.fetch(
            "SELECT w.owner_id, m.user_id FROM workspaces w JOIN workspace_users m"
            " ON m.workspace_id = w.id AND m.role = 'owner' WHERE w.id = $1",
            here.id,
        )
        assert len(owners) == 1
        assert owners[0][0] == owners[0][1]
        if accepted["errors"]:
            assert not removed["errors"]
            assert owners[0][0] == here.owner.user_id
            assert await role_of(world, here.id, here.editor) is None
            won.add("removed")
        else:
            assert [error["code"] for error in removed["errors"]] == ["FORBIDDEN"]
            assert owners[0][0] == here.editor.user_id
            won.add("accepted")
    assert won


async def test_of_two_acceptances_of_one_offer_at_once_one_wins(world: World) -> None:
    for _ in range(5):
        here = await team(world)
        offer = await offered(world, here)
        answers = await asyncio.gather(
            *(world.asked("acceptOwnership", here.editor, "", {"id": offer}) for _ in range(4))
        )
        assert sorted(len(answer["errors"]) for answer in answers) == [0, 1, 1, 1]


async def test_a_stranger_is_told_nothing_of_members_and_offers(world: World) -> None:
    here, (stranger, _) = await team(world), await person(world)
    offer = await offered(world, here)
    for mutation, id in (("removeMember", here.members["viewer"]), ("acceptOwnership", offer)):
        assert (await refused(world, mutation, stranger, id=id))["code"] == "NOT_FOUND"
