"""Accounts: what the sign-in login may ask, function by function of ``migrations/``.

They are told whom they concern; whoever calls them has made sure of that.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from db.errors import refusal_of
from db.session import NOWHERE, Client, Database, Viewer, Writing


class SignInRow(msgspec.Struct, frozen=True):
    """``known_here``: the account was signed in to from the client's address before."""

    id: UUID
    password_hash: str | None
    mfa_enabled: bool
    email_verified: bool
    name: str
    known_here: bool


class AccountRow(msgspec.Struct, frozen=True):
    """``identities``: how many other ways in there are beside the password."""

    id: UUID
    email: str
    name: str
    password_hash: str | None
    mfa_enabled: bool
    email_verified: bool
    identities: int


class TokenRow(msgspec.Struct, frozen=True):
    """A token that is good once: whose, which address it proves, how its sign-in began."""

    user_id: UUID | None
    email: str | None
    method: str | None


class KeyRow(msgspec.Struct, frozen=True):
    """An API key and what is left of its requests of this hour."""

    key_id: UUID
    workspace_id: UUID
    scopes: list[str]
    allowed: bool
    rate_limit: int
    remaining: int
    reset_at: datetime


class SharedRow(msgspec.Struct, frozen=True):
    """A workspace of an owner's that others are members of."""

    id: UUID
    name: str


FIND_SIGN_IN = """
SELECT id, password_hash, mfa_enabled, email_verified, name, known_here FROM app.find_sign_in($1)
"""
FIND_ACCOUNT = """
SELECT id, email, name, password_hash, mfa_enabled, email_verified, identities
  FROM app.find_account($1)
"""
REGISTER = "SELECT app.register_user($1, $2, $3, $4)"
RENEW_HASH = "SELECT app.renew_password_hash($1, $2, $3)"
CREATE_WORKSPACE = "SELECT app.create_workspace($1, $2)"
MAKE_ONCE = "SELECT app.make_token($1, $2, $3, $4, $5, $6)"
TAKE_ONCE = "SELECT user_id, email, method FROM app.take_token($1, $2)"
PEEK_ONCE = "SELECT user_id, email, method FROM app.peek_token($1, $2)"
VERIFY_EMAIL = "SELECT app.verify_email($1)"
RESET = "SELECT app.reset_password($1, $2)"
CHANGE = "SELECT app.change_password($1, $2, $3, $4)"
SHARED_WORKSPACES = "SELECT id, name FROM app.shared_workspaces($1)"
DELETE_ACCOUNT = "SELECT app.delete_account($1)"
FIND_API_KEY = """
SELECT key_id, workspace_id, scopes, allowed, rate_limit, remaining, reset_at
  FROM app.find_api_key($1)
"""
SPEND = "SELECT app.spend($1, $2, $3)"
UNSPEND = "SELECT app.unspend($1, $2)"


async def find_sign_in(
    database: Database, email: str, client: Client = NOWHERE
) -> SignInRow | None:
    """The account with this address, however it is spelt."""
    async with database.signing_in(client) as transaction:
        return await find_by_address(transaction, email)


async def find_by_address(transaction: Writing, email: str) -> SignInRow | None:
    found = await transaction.row(FIND_SIGN_IN, email)
    return SignInRow(*found) if found else None


async def find(database: Database, user_id: UUID) -> AccountRow | None:
    async with database.signing_in() as transaction:
        found = await transaction.row(FIND_ACCOUNT, user_id)
    return AccountRow(*found) if found else None


async def register(
    transaction: Writing, email: str, password_hash: str, name: str, *, verified: bool = False
) -> UUID | None:
    """The new account's id, or None if the address has one already."""
    return await transaction.value(REGISTER, email, password_hash, name, verified)


async def renew_hash(database: Database, user_id: UUID, old: str, new: str) -> None:
    """Store another hash of the same password, unless the password was changed meanwhile."""
    async with database.signing_in() as transaction:
        await transaction.value(RENEW_HASH, user_id, old, new)


async def create_first_workspace(
    database: Database, user_id: UUID, client: Client, name: str, slug: str
) -> UUID:
    """A workspace that the user owns; written as the user, so that the audit log says so."""
    async with database.writing(Viewer(user_id=user_id), client) as transaction:
        return await transaction.value(CREATE_WORKSPACE, name, slug)


async def make_token(
    transaction: Writing,
    token_hash: bytes,
    purpose: str,
    life: timedelta,
    *,
    user_id: UUID | None = None,
    email: str | None = None,
    method: str | None = None,
) -> None:
    """A token that is good once. One sent by mail takes the place of the one before it."""
    await transaction.value(MAKE_ONCE, token_hash, purpose, user_id, email, method, life)


async def take_token(transaction: Writing, token_hash: bytes, purpose: str) -> TokenRow | None:
    """The token, which is good no more; of several who take it at once, one gets it."""
    found = await transaction.row(TAKE_ONCE, token_hash, purpose)
    return TokenRow(*found) if found else None


async def peek_token(database: Database, token_hash: bytes, purpose: str) -> TokenRow | None:
    """The token, left as it is."""
    async with database.signing_in() as transaction:
        found = await transaction.row(PEEK_ONCE, token_hash, purpose)
    return TokenRow(*found) if found else None


async def verify_email(database: Database, token_hash: bytes, client: Client) -> UUID | None:
    """Whose address the token proves; None for a token that is not good."""
    async with database.signing_in(client) as transaction:
        return await transaction.value(VERIFY_EMAIL, token_hash)


async def reset_password(
    database: Database, token_hash: bytes, password_hash: str, client: Client
) -> list[UUID]:
    """The sessions that it ended: all. Raises NotThere for a token that is not good."""
    async with database.signing_in(client) as transaction:
        rows = await transaction.fetch(RESET, token_hash, password_hash)
    return [row[0] for row in rows]


async def change_password(
    database: Database,
    user_id: UUID,
    client: Client,
    *,
    old: str | None,
    new: str,
    keep: UUID | None,
) -> list[UUID]:
    """The sessions that it ended: all but ``keep``. Raises NotNow if ``old`` is it no more."""
    async with database.signing_in(client) as transaction:
        rows = await transaction.fetch(CHANGE, user_id, old, new, keep)
    return [row[0] for row in rows]


async def shared_workspaces(database: Database, user_id: UUID) -> list[SharedRow]:
    """Workspaces that the user owns and others are members of."""
    async with database.signing_in() as transaction:
        return [SharedRow(*row) for row in await transaction.fetch(SHARED_WORKSPACES, user_id)]


async def delete(database: Database, user_id: UUID, client: Client) -> list[UUID]:
    """The sessions that it ended. Raises NotNow while others are in a workspace of the account."""
    async with database.signing_in(client, Viewer(user_id)) as transaction:
        return [row[0] for row in await transaction.fetch(DELETE_ACCOUNT, user_id)]


async def spend(
    database: Database, keys: list[bytes], every: list[timedelta], most: list[int]
) -> datetime | None:
    """Spend one of each allowance or, where one is used up, none: when there is one of each."""
    async with database.signing_in() as transaction:
        return await transaction.value(SPEND, keys, every, most)


async def unspend(database: Database, keys: list[bytes], every: list[timedelta]) -> None:
    async with database.signing_in() as transaction:
        await transaction.value(UNSPEND, keys, every)


async def find_api_key(database: Database, key_hash: bytes) -> KeyRow | None:
    """The key, if it is good now, and this request counted against its limit. One round trip."""
    with refusal_of():
        async with database.auth.connection() as connection:
            found = await connection.fetchrow(FIND_API_KEY, key_hash)
    return KeyRow(*found) if found else None
