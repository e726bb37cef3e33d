"""The second factor: taken on, given up, and asked for at sign-in."""

from typing import NamedTuple
from uuid import UUID

from pyotp import random_base32
from pyotp.totp import TOTP

from db import accounts, second_factors
from db.session import Client
from resolvers import letters
from resolvers.accounts import SignedIn, start
from resolvers.codes import (
    InvalidCode,
    box,
    check_code,
    new_recovery_codes,
    recovery_hash,
    use_totp,
)
from resolvers.context import Context, Resources
from resolvers.errors import Conflict, InvalidInput, Refusal
from resolvers.proof import own_account, proven_account
from resolvers.tokens import ONE_TIME_TOKEN, digest

ISSUER = "MCP platform"
"""What authenticator apps show above the code."""


class ChallengeEnded(Refusal):
    """The challenge was used, or is too old."""

    code = "CHALLENGE_ENDED"


class Enrolment(NamedTuple):
    """What an authenticator app is told, this once."""

    secret: str
    uri: str


async def begin(context: Context, password: str) -> Enrolment:
    """A key for an authenticator app. Nothing is asked of anybody until it is confirmed."""
    resources = context.resources
    account = await own_account(context)
    if account.mfa_enabled:
        raise Conflict("Your account has a second factor; disable it first.")
    await proven_account(context, password, None)
    secret = random_base32()
    sealed = box(resources.database.sealing).seal(secret.encode(), account.id)
    if not await second_factors.begin(resources.database, account.id, sealed):
        raise Conflict("Your account has a second factor; disable it first.")
    uri = TOTP(secret, name=account.email, issuer=ISSUER).provisioning_uri()
    return Enrolment(secret, uri)


async def confirm(context: Context, code: str) -> list[str]:
    """Take it on, with a code that shows that the app knows the key: the recovery codes."""
    resources, client = context.resources, context.asker.client
    account = await own_account(context)
    if not await use_totp(resources, account.id, code.strip(), confirmed=False):
        raise InvalidCode(
            "The code does not belong to the key that was begun last.", ("input", "code")
        )
    codes = new_recovery_codes()
    hashes = _hashes(account.id, codes)
    if not await second_factors.confirm(resources.database, account.id, hashes, client):
        raise Conflict("Your account has a second factor already.")
    return codes


async def disable(context: Context, password: str, code: str | None) -> None:
    account = await proven_account(context, password, code)
    await second_factors.disable(context.resources.database, account.id, context.asker.client)
    await letters.tell(context.resources, account.email, letters.FACTOR_DISABLED)


async def replace_recovery_codes(
    context: Context, password: str, code: str | None
) -> list[str]:
    """New recovery codes; those before are good no more."""
    account = await proven_account(context, password, code)
    if not account.mfa_enabled:
        raise Conflict("Your account has no second factor.")
    codes = new_recovery_codes()
    await second_factors.replace_recovery_codes(
        context.resources.database, account.id, _hashes(account.id, codes), context.asker.client
    )
    return codes


async def complete_sign_in(
    resources: Resources,
    client: Client,
    challenge: str,
    code: str | None,
    recovery_code: str | None,
) -> SignedIn:
    """The second step of a sign-in. Raises InvalidInput, ChallengeEnded, InvalidCode, RateLimited.

    A wrong code leaves the challenge as it is.
    """
    if (code is None) == (recovery_code is None):
        raise InvalidInput("Send either a code or a recovery code.", ("input", "code"))
    first = None
    if ONE_TIME_TOKEN.fullmatch(challenge):
        first = await accounts.peek_token(resources.database, digest(challenge), "second_factor")
    if first is None or first.user_id is None:
        raise _ended()
    kind = await check_code(resources, client, first.user_id, code or recovery_code or "")
    async with resources.database.signing_in(client) as transaction:
        if not await accounts.take_token(transaction, digest(challenge), "second_factor"):
            raise _ended()
        return await start(resources, transaction, first.user_id, f"{first.method} and {kind}")


def _ended() -> ChallengeEnded:
    return ChallengeEnded("The challenge was used or is too old; sign in anew.")


def _hashes(user_id: UUID, codes: list[str]) -> list[bytes]:
    return [recovery_hash(user_id, code) for code in codes]
