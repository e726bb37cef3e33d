"""What is done to members: changed, removed, leaving, and handing the workspace over."""

from collections.abc import Sequence
from uuid import UUID

from db import members, ownership
from resolvers import letters
from resolvers.context import Context
from resolvers.errors import InvalidInput, NotFound
from resolvers.rules import obeying

PATHS = {
    "scopes_held": ("input", "permissions"),
    "members_owner": ("input", "role"),
    "workspace_users_permissions_check": ("input", "permissions"),
}
"""The input that each rule is about; any other is about the member."""


async def change(
    context: Context, id: UUID, role: str | None, permissions: Sequence[str] | None
) -> None:
    """None leaves the role, or the permissions, as they are."""
    context.signed_in()
    if role is None and permissions is None:
        raise InvalidInput("Say what is to change: the role, the permissions or both.", ("input",))
    kept = None if permissions is None else list(dict.fromkeys(permissions))
    with obeying(("input", "id"), PATHS):
        async with context.writing() as transaction:
            await members.change(transaction, id, role, kept)


async def remove(context: Context, id: UUID) -> None:
    context.signed_in()
    with obeying(("id",)):
        async with context.writing() as transaction:
            await members.remove(transaction, id)


async def leave(context: Context, workspace_id: UUID) -> None:
    """The viewer is no member any more, and sees nothing of the workspace."""
    context.signed_in()
    with obeying(("id",)):
        async with context.writing() as transaction:
            own = await members.mine(transaction, workspace_id)
            if own is None:
                raise NotFound("You are no member of such a workspace.", ("id",))
            await members.remove(transaction, own)


async def offer_ownership(context: Context, member_id: UUID) -> UUID:
    """The offer, which the member is told of by mail, if any is sent, and has to accept."""
    context.signed_in()
    with obeying(("input", "memberId")):
        async with context.writing() as transaction:
            made = await ownership.offer(transaction, member_id)
            if context.resources.mail.possible:
                await letters.post_offer(context, transaction, made)
    return made


async def accept_ownership(context: Context, id: UUID) -> UUID:
    """The workspace that the viewer owns from here on."""
    context.signed_in()
    with obeying(("id",)):
        async with context.writing() as transaction:
            return await ownership.accept(transaction, id)


async def decline_ownership(context: Context, id: UUID) -> None:
    context.signed_in()
    with obeying(("id",)):
        async with context.writing() as transaction:
            await ownership.decline(transaction, id)


async def withdraw_ownership(context: Context, id: UUID) -> None:
    context.signed_in()
    with obeying(("id",)):
        async with context.writing() as transaction:
            await ownership.withdraw(transaction, id)
