"""Proving an address, and setting another password: by a message, or by the present password.

Whoever asks for a message is answered alike whether the address has an account or not.
"""

from uuid import UUID

from db import accounts
from db.errors import NotNow, NotThere
from db.session import Client
from resolvers import allowances, letters
from resolvers.accounts import checked_address, evenly
from resolvers.context import Context, Resources
from resolvers.errors import Conflict, Refusal
from resolvers.proof import check_password_of, own_account
from resolvers.strength import check_strength
from resolvers.tokens import ONE_TIME_TOKEN, digest


class BadToken(Refusal):
    """A token from a message that was used, replaced by a newer one, or is too old."""

    code = "TOKEN_INVALID"


NOT_GOOD = "This link was used, replaced by a newer one, or is too old; ask for another."


async def request_verification(resources: Resources, client: Client, email: str) -> None:
    """Send the link once more, to an account whose address is not verified yet.

    Raises InvalidInput, NoMail, RateLimited.
    """
    address = await _message_to(resources, client, email)
    async with evenly(), resources.database.signing_in(client) as transaction:
        found = await accounts.find_by_address(transaction, address)
        if found and not found.email_verified:
            await letters.post_verification(resources.mail, transaction, found.id, address)


async def verify_email(resources: Resources, client: Client, token: str) -> UUID:
    """Whose address it is. Raises BadToken."""
    user_id = None
    if ONE_TIME_TOKEN.fullmatch(token):
        user_id = await accounts.verify_email(resources.database, digest(token), client)
    if user_id is None:
        raise BadToken(NOT_GOOD, ("input", "token"))
    return user_id


async def request_reset(resources: Resources, client: Client, email: str) -> None:
    """Send a link to choose a new password. Raises InvalidInput, NoMail, RateLimited."""
    address = await _message_to(resources, client, email)
    async with evenly(), resources.database.signing_in(client) as transaction:
        found = await accounts.find_by_address(transaction, address)
        if found:
            await letters.post_reset(resources.mail, transaction, found.id, address)


async def _message_to(resources: Resources, client: Client, email: str) -> str:
    address = checked_address(email)
    resources.mail.check()
    await allowances.spend(resources, allowances.message(address, client))
    return address


async def reset_password(resources: Resources, client: Client, token: str, password: str) -> None:
    """Set the password of whoever the token is of, and end all their sessions.

    Raises BadToken, InvalidInput, TooBusy.
    """
    known = None
    if ONE_TIME_TOKEN.fullmatch(token):
        known = await accounts.peek_token(resources.database, digest(token), "reset_password")
    account = None
    if known and known.user_id:
        account = await accounts.find(resources.database, known.user_id)
    if account is None:
        raise BadToken(NOT_GOOD, ("input", "token"))
    about = (account.email, account.name)
    await check_strength(resources.passwords, password, about, ("input", "password"))
    stored = await resources.passwords.hash(password)
    try:
        ended = await accounts.reset_password(resources.database, digest(token), stored, client)
    except NotThere as error:
        raise BadToken(NOT_GOOD, ("input", "token")) from error
    resources.ended.add(ended)


async def change_password(context: Context, current: str, password: str) -> None:
    """Set another password; all other sessions end.

    Raises Unauthenticated, WrongPassword, InvalidInput, RateLimited, TooBusy or Conflict.
    """
    resources = context.resources
    account = await own_account(context)
    await check_password_of(context, account, current, "currentPassword")
    about = (account.email, account.name)
    await check_strength(resources.passwords, password, about, ("input", "password"))
    stored = await resources.passwords.hash(password)
    try:
        ended = await accounts.change_password(
            resources.database,
            account.id,
            context.asker.client,
            old=account.password_hash,
            new=stored,
            keep=context.asker.session_id,
        )
    except NotNow as error:
        raise Conflict("The password was changed just now; sign in again.") from error
    resources.ended.add(ended)
    await letters.tell(resources, account.email, letters.CHANGED)
