"""Proof that it is the person who asks, for what an access token alone must not do.

It is what sign-in asks for: the password, and a code where the account has a second factor.
"""

from db import accounts
from db.accounts import AccountRow
from resolvers import allowances
from resolvers.codes import check_code
from resolvers.context import Context
from resolvers.errors import Refusal, Unauthenticated


class WrongPassword(Refusal):
    """The present password, which was asked for to be sure who asks, is another one."""

    code = "WRONG_PASSWORD"


class CodeRequired(Refusal):
    """The account has a second factor, so a code belongs to the proof."""

    code = "CODE_REQUIRED"


async def own_account(context: Context) -> AccountRow:
    """The account of who asks. Raises Unauthenticated for nobody and for an API key."""
    user_id = context.asker.viewer.user_id
    account = await accounts.find(context.resources.database, user_id) if user_id else None
    if account is None:
        raise Unauthenticated("Sign in as the person whose account it is.")
    return account


async def proven_account(context: Context, password: str, code: str | None) -> AccountRow:
    """The account of who asks, and proves to be it.

    Raises Unauthenticated, WrongPassword, CodeRequired, InvalidCode, RateLimited or TooBusy.
    """
    account = await own_account(context)
    await check_password_of(context, account, password)
    if account.mfa_enabled:
        if code is None:
            raise CodeRequired("Your account has a second factor: send a code.", ("input", "code"))
        await check_code(context.resources, context.asker.client, account.id, code)
    return account


async def check_password_of(
    context: Context, account: AccountRow, password: str, field: str = "password"
) -> None:
    """Raises WrongPassword, RateLimited or TooBusy."""
    resources = context.resources
    if account.password_hash is None:
        raise WrongPassword(
            "Your account has no password yet: choose one by requestPasswordReset.",
            ("input", field),
        )
    turns = allowances.password_guess(str(account.id), context.asker.client)
    await allowances.spend(resources, turns)
    if not await resources.passwords.verify(account.password_hash, password):
        raise WrongPassword("This is not your present password.", ("input", field))
    await allowances.give_back(resources, turns)
