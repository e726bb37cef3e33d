"""Accounts: signing up, in and out, and who a token or an API key stands for.

No answer tells whether an address has an account: what an unknown address gets, a wrong password
gets too, after the same work (``docs/adr/0002-sign-in.md``).
"""

import asyncio
import re
import secrets
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from db import accounts
from db.session import Client
from resolvers.context import Resources
from resolvers.errors import InvalidInput, Refusal, Unauthenticated
from resolvers.passwords import TooBusy, check_password
from resolvers.tokens import API_KEY, REFRESH_TOKEN, digest, new_refresh_token

SESSION_LIFE = timedelta(days=30)
"""How long a refresh token is good; every refresh begins anew."""

SIGN_UP_TIME = 0.1
"""Seconds. An account is written to disk, a refusal is not: both take this long to answer."""

ADDRESS = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
"""What browsers take for an e-mail address (HTML, "valid e-mail address"), in small letters."""

LONGEST_ADDRESS = 254
LONGEST_NAME = 200


class InvalidCredentials(Refusal):
    """No account has this address and this password; which of the two is wrong is not told."""

    code = "INVALID_CREDENTIALS"


class SecondFactorRequired(Refusal):
    """The password is right, and the account asks for more than a password."""

    code = "SECOND_FACTOR_REQUIRED"


class SessionEnded(Refusal):
    """The refresh token is of no session, or of one that was signed out or has expired."""

    code = "SESSION_ENDED"


class TokenReused(Refusal):
    """The refresh token was exchanged before: somebody has a copy, so its session is ended."""

    code = "REFRESH_TOKEN_REUSED"


class RateLimited(Refusal):
    """The API key has no request left before ``reset_at``."""

    code = "RATE_LIMITED"

    def __init__(self, reset_at: datetime) -> None:
        super().__init__(
            f"This API key has used up this hour's requests; ask again at {reset_at:%H:%M} UTC."
        )
        self.reset_at = reset_at


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session: both tokens are told this once. ``expires_at`` is the access token's."""

    user_id: UUID
    access_token: str
    refresh_token: str
    expires_at: datetime


async def sign_up(
    resources: Resources, client: Client, *, email: str, password: str, name: str
) -> None:
    """Open an account, with a workspace of its own, unless the address has one already.

    Raises InvalidInput or TooBusy, and nothing that tells which of the two happened.
    """
    address, person = _address(email), _name(name)
    if address is None:
        raise InvalidInput(
            "This is not an e-mail address, such as ada@example.org.", ("input", "email")
        )
    check_password(password, ("input", "password"))
    stored = await resources.passwords.hash(password)
    loop = asyncio.get_running_loop()
    answer_at = loop.time() + SIGN_UP_TIME
    user_id = await accounts.register(resources.database, address, stored, person)
    if user_id is not None:
        await accounts.create_first_workspace(
            resources.database, user_id, client, f"{person}'s workspace", _slug(person)
        )
    await asyncio.sleep(answer_at - loop.time())


async def sign_in(resources: Resources, *, email: str, password: str) -> SignedIn:
    """Begin a session. Raises InvalidCredentials, SecondFactorRequired or TooBusy."""
    address = _address(email)
    account = await accounts.find_sign_in(resources.database, address) if address else None
    stored = account.password_hash if account else None
    fits = await resources.passwords.verify(stored, password)
    if account is None or not fits:
        raise InvalidCredentials("No account has this e-mail address and this password.")
    if account.mfa_enabled:
        raise SecondFactorRequired("This account cannot be signed in to by a password alone.")
    if stored and resources.passwords.outdated(stored):
        await _renew_hash(resources, account.id, stored, password)
    token = new_refresh_token()
    await accounts.start_session(resources.database, account.id, digest(token), SESSION_LIFE)
    return _signed_in(resources, account.id, token)


async def refresh_session(resources: Resources, refresh_token: str) -> SignedIn:
    """Exchange a refresh token, which is good once. Raises SessionEnded or TokenReused."""
    if not REFRESH_TOKEN.fullmatch(refresh_token):
        raise SessionEnded("This is not a refresh token of this server; sign in.")
    token = new_refresh_token()
    answer = await accounts.refresh_session(
        resources.database, digest(refresh_token), digest(token), SESSION_LIFE
    )
    if answer.outcome == "reused":
        raise TokenReused("This refresh token was used before, so its session is ended; sign in.")
    if answer.outcome != "ok" or answer.user_id is None:
        raise SessionEnded("The session has ended; sign in.")
    return _signed_in(resources, answer.user_id, token)


async def sign_out(resources: Resources, refresh_token: str) -> bool:
    """End the session that the token is of. Whether there was one that had not ended."""
    if not REFRESH_TOKEN.fullmatch(refresh_token):
        return False
    return await accounts.end_session(resources.database, digest(refresh_token))


async def key_of(resources: Resources, api_key: str) -> accounts.KeyRow:
    """The API key, and this request counted. Raises Unauthenticated or RateLimited."""
    found = None
    if API_KEY.fullmatch(api_key):
        found = await accounts.find_api_key(resources.database, digest(api_key))
    if found is None:
        raise Unauthenticated("The API key is unknown, expired, inactive or revoked.")
    if not found.allowed:
        raise RateLimited(found.reset_at)
    return found


async def _renew_hash(resources: Resources, user_id: UUID, stored: str, password: str) -> None:
    with suppress(TooBusy):  # the next sign-in does it
        renewed = await resources.passwords.hash(password)
        await accounts.renew_hash(resources.database, user_id, stored, renewed)


def _signed_in(resources: Resources, user_id: UUID, refresh_token: str) -> SignedIn:
    access_token, expires_at = resources.tokens.issue(user_id)
    return SignedIn(user_id, access_token, refresh_token, expires_at)


def _address(email: str) -> str | None:
    """The address as it is compared and stored; None if it cannot be one."""
    address = email.strip().lower()
    return address if len(address) <= LONGEST_ADDRESS and ADDRESS.fullmatch(address) else None


def _name(name: str) -> str:
    person = unicodedata.normalize("NFC", name.strip())
    if not 0 < len(person) <= LONGEST_NAME:
        raise InvalidInput(
            f"The name must have between 1 and {LONGEST_NAME} characters.", ("input", "name")
        )
    if any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in person):
        raise InvalidInput("The name must be one line of text.", ("input", "name"))
    return person


def _slug(name: str) -> str:
    """A workspace's name in its address; the random end keeps those of namesakes apart."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = "-".join(re.findall("[a-z0-9]+", plain))
    return f"{words[:60]}-{secrets.token_hex(4)}".strip("-")
