"""Invitations: sent by e-mail, answered by whoever has the address.

The token is in the message and nowhere else; what is stored is its SHA-256.
"""

from collections.abc import Sequence
from uuid import UUID

from db import invitations
from db.session import Writing
from resolvers import letters
from resolvers.accounts import ADDRESS, LONGEST_ADDRESS
from resolvers.context import Context
from resolvers.errors import InvalidInput
from resolvers.mail import Message
from resolvers.rules import obeying
from resolvers.tokens import INVITATION_TOKEN, digest, new_invitation_token

PATHS = {
    "scopes_held": ("input", "permissions"),
    "workspace_invitations_one_open": ("input", "email"),
    "workspace_invitations_domain": ("input", "email"),
    "workspace_invitations_permissions_check": ("input", "permissions"),
    "members_already": ("input", "email"),
}
"""The input that each rule is about; any other is about the workspace."""

TEXT = """\
{who} invites you to the workspace “{workspace}”.

To accept or decline, sign in with this address and open

{link}

If you do not know what this is about, you need not do anything.
"""


async def invite(
    context: Context, workspace_id: UUID, email: str, role: str | None, permissions: Sequence[str]
) -> UUID:
    """Ask whoever has this address to join. Without a ``role``, in the workspace's default one."""
    context.signed_in()
    address = email.strip().lower()
    if len(address) > LONGEST_ADDRESS or not ADDRESS.fullmatch(address):
        raise InvalidInput(
            "This is not an e-mail address, such as ada@example.org.", ("input", "email")
        )
    context.resources.mail.check()
    token = new_invitation_token()
    with obeying(("input", "workspaceId"), PATHS):
        async with context.writing() as transaction:
            made = await invitations.invite(
                transaction,
                workspace_id,
                email=address,
                role=role,
                permissions=list(dict.fromkeys(permissions)),
                token_hash=digest(token),
            )
            await _post(context, transaction, made, token)
    return made


async def resend(context: Context, id: UUID) -> None:
    """Send it once more, with another token; the earlier one is good for nothing any more."""
    context.signed_in()
    context.resources.mail.check()
    token = new_invitation_token()
    with obeying(("id",)):
        async with context.writing() as transaction:
            await invitations.resend(transaction, id, digest(token))
            await _post(context, transaction, id, token)


async def revoke(context: Context, id: UUID) -> None:
    context.signed_in()
    with obeying(("id",)):
        async with context.writing() as transaction:
            await invitations.revoke(transaction, id)


async def accept(context: Context, id: UUID | None, token: str | None) -> UUID:
    """The workspace that the viewer belongs to from here on. Named by its id or by its token."""
    context.signed_in()
    named = _named(id, token)
    with obeying(("input",)):
        async with context.writing() as transaction:
            return await invitations.accept(transaction, *named)


async def decline(context: Context, id: UUID | None, token: str | None) -> None:
    context.signed_in()
    named = _named(id, token)
    with obeying(("input",)):
        async with context.writing() as transaction:
            await invitations.decline(transaction, *named)


def _named(id: UUID | None, token: str | None) -> tuple[UUID | None, bytes | None]:
    if (id is None) == (token is None):
        raise InvalidInput("Name the invitation by its id or by its token.", ("input",))
    if token is None:
        return id, None
    if not INVITATION_TOKEN.fullmatch(token):
        raise InvalidInput("This is not the token of an invitation.", ("input", "token"))
    return None, digest(token)


async def _post(context: Context, transaction: Writing, id: UUID, token: str) -> None:
    told = await invitations.sent(transaction, id)
    text = TEXT.format(
        who=told.invited_by_name or "Somebody",
        workspace=told.workspace_name,
        link=context.resources.mail.link("invitation", token),
    )
    subject = f"Invitation to {told.workspace_name}"
    await letters.post_for(context, transaction, Message(told.email, subject, text))
