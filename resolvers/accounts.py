"""Accounts: signing up, in and out, and who a token or an API key stands for.

No answer tells whether an address has an account: what an unknown address gets, a wrong password
gets too, after the same work (``docs/adr/0002-sign-in.md``).
"""

import asyncio
import re
import secrets
import unicodedata
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from db import accounts, sessions
from db.session import NOWHERE, Client, Writing
from resolvers import allowances, letters
from resolvers.context import Resources
from resolvers.errors import InvalidInput, RateLimited, Refusal, Unauthenticated
from resolvers.passwords import TooBusy
from resolvers.strength import check_strength
from resolvers.tokens import (
    API_KEY,
    REFRESH_TOKEN,
    digest,
    new_one_time_token,
    new_refresh_token,
)

__all__ = ["RateLimited"]

SESSION_LIFE = timedelta(days=30)
"""How long a refresh token is good; every refresh begins anew."""

CHALLENGE_LIFE = timedelta(minutes=5)

EVEN_TIME = 0.1
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
    """The first step is done; ``challenge`` goes with a code to the second, until it expires."""

    code = "SECOND_FACTOR_REQUIRED"

    def __init__(self, challenge: str, expires_at: datetime) -> None:
        super().__init__(
            "This account has a second factor: call completeSignIn with the challenge and a code."
        )
        self.challenge, self.expires_at = challenge, expires_at


class SessionEnded(Refusal):
    """The refresh token is of no session, or of one that was signed out or has expired."""

    code = "SESSION_ENDED"


class TokenReused(Refusal):
    """The refresh token was exchanged before: somebody has a copy, so its session is ended."""

    code = "REFRESH_TOKEN_REUSED"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session: both tokens are told this once. ``expires_at`` is the access token's."""

    user_id: UUID
    access_token: str
    refresh_token: str
    expires_at: datetime
    session_id: UUID


async def sign_up(
    resources: Resources, client: Client, *, email: str, password: str, name: str
) -> None:
    """Open an account, with a workspace of its own, unless the address has one already.

    Either way a message goes to the address. Raises InvalidInput, RateLimited or TooBusy, and
    nothing that tells which of the two happened.
    """
    address, person = checked_address(email), checked_name(name)
    await check_strength(
        resources.passwords, password, (address, person), ("input", "password")
    )
    turns = allowances.new_account(client)
    if resources.mail.possible:
        turns += allowances.message(address, client)
    await allowances.spend(resources, turns)
    stored = await resources.passwords.hash(password)
    async with evenly():
        async with resources.database.signing_in(client) as transaction:
            user_id = await accounts.register(transaction, address, stored, person)
            if resources.mail.possible:
                await _welcome(resources, transaction, address, user_id)
        if user_id is not None:
            await open_workspace(resources, client, user_id, person)


@asynccontextmanager
async def evenly() -> AsyncGenerator[None]:
    """Takes the same time whatever the block finds."""
    loop = asyncio.get_running_loop()
    answer_at = loop.time() + EVEN_TIME
    yield
    await asyncio.sleep(answer_at - loop.time())


async def _welcome(
    resources: Resources, transaction: Writing, address: str, user_id: UUID | None
) -> None:
    """What goes to an address that somebody signed up with: who has an account is told so."""
    if user_id is not None:
        await letters.post_verification(resources.mail, transaction, user_id, address)
        return
    found = await accounts.find_by_address(transaction, address)
    if found:
        await letters.post_reset(resources.mail, transaction, found.id, address, signed_up=True)


async def open_workspace(
    resources: Resources, client: Client, user_id: UUID, person: str
) -> None:
    """The first workspace of a new account."""
    await accounts.create_first_workspace(
        resources.database, user_id, client, f"{person}'s workspace", _slug(person)
    )


async def sign_in(
    resources: Resources, client: Client = NOWHERE, *, email: str, password: str
) -> SignedIn:
    """Begin a session.

    Raises InvalidCredentials, SecondFactorRequired, RateLimited or TooBusy.
    """
    address = _address(email)
    account = (
        await accounts.find_sign_in(resources.database, address, client) if address else None
    )
    turns = allowances.password_guess(
        address or email, client, known_here=account is not None and account.known_here
    )
    await allowances.spend(resources, turns)
    stored = account.password_hash if account else None
    fits = await resources.passwords.verify(stored, password)
    if account is None or not fits or (resources.verified_only and not account.email_verified):
        also = ", or the address is not verified yet" if resources.verified_only else ""
        raise InvalidCredentials(f"No account has this e-mail address and this password{also}.")
    await allowances.give_back(resources, turns)
    if stored and resources.passwords.outdated(stored):
        await _renew_hash(resources, account.id, stored, password)
    return await begin(
        resources, client, account.id, "password", second_factor=account.mfa_enabled
    )


async def begin(
    resources: Resources, client: Client, user_id: UUID, method: str, *, second_factor: bool
) -> SignedIn:
    """Begin the session of somebody who was recognised by ``method``.

    Raises SecondFactorRequired where that is not enough.
    """
    if second_factor:
        challenge = new_one_time_token()
        async with resources.database.signing_in() as transaction:
            await accounts.make_token(
                transaction,
                digest(challenge),
                "second_factor",
                CHALLENGE_LIFE,
                user_id=user_id,
                method=method,
            )
        raise SecondFactorRequired(challenge, datetime.now(UTC) + CHALLENGE_LIFE)
    async with resources.database.signing_in(client) as transaction:
        return await start(resources, transaction, user_id, method)


async def start(
    resources: Resources, transaction: Writing, user_id: UUID, method: str
) -> SignedIn:
    """A session of somebody about whom nothing is left to ask."""
    token = new_refresh_token()
    session_id = await sessions.start(transaction, user_id, digest(token), SESSION_LIFE, method)
    return _signed_in(resources, user_id, session_id, token)


async def refresh_session(
    resources: Resources, refresh_token: str, client: Client = NOWHERE
) -> SignedIn:
    """Exchange a refresh token, which is good once. Raises SessionEnded or TokenReused."""
    if not REFRESH_TOKEN.fullmatch(refresh_token):
        raise SessionEnded("This is not a refresh token of this server; sign in.")
    token = new_refresh_token()
    answer = await sessions.refresh(
        resources.database, digest(refresh_token), digest(token), SESSION_LIFE, client
    )
    if answer.outcome == "reused":
        resources.ended.add([answer.session_id] if answer.session_id else [])
        raise TokenReused("This refresh token was used before, so its session is ended; sign in.")
    if answer.outcome != "ok" or answer.user_id is None or answer.session_id is None:
        raise SessionEnded("The session has ended; sign in.")
    return _signed_in(resources, answer.user_id, answer.session_id, token)


async def sign_out(resources: Resources, refresh_token: str, client: Client = NOWHERE) -> bool:
    """End the session that the token is of. Whether there was one that had not ended."""
    if not REFRESH_TOKEN.fullmatch(refresh_token):
        return False
    ended = await sessions.end(resources.database, digest(refresh_token), client)
    resources.ended.add([ended] if ended else [])
    return ended is not None


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


def _signed_in(
    resources: Resources, user_id: UUID, session_id: UUID, refresh_token: str
) -> SignedIn:
    access_token, expires_at = resources.tokens.issue(user_id, session_id)
    return SignedIn(user_id, access_token, refresh_token, expires_at, session_id)


def checked_address(email: str) -> str:
    """The address as it is compared and stored. Raises InvalidInput."""
    address = _address(email)
    if address is None:
        raise InvalidInput(
            "This is not an e-mail address, such as ada@example.org.", ("input", "email")
        )
    return address


def _address(email: str) -> str | None:
    """The address as it is compared and stored; None if it cannot be one."""
    address = email.strip().lower()
    return address if len(address) <= LONGEST_ADDRESS and ADDRESS.fullmatch(address) else None


def checked_name(name: str) -> str:
    """The name as it is stored. Raises InvalidInput."""
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
