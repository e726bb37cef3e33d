"""Identities: who somebody is at GitHub, at Google, or at any other issuer."""

from datetime import datetime
from uuid import UUID

import msgspec

from db.relation import Many
from db.session import Client, Database, Writing


class IdentityRow(msgspec.Struct, frozen=True):
    id: UUID
    provider: str
    email: str | None
    created_at: datetime
    last_used_at: datetime | None


class IdentifiedRow(msgspec.Struct, frozen=True):
    """The account that an identity opens."""

    user_id: UUID
    mfa_enabled: bool


OWN = Many(IdentityRow, "SELECT {i.*} FROM user_identities i")

FIND = "SELECT user_id, mfa_enabled FROM app.find_identity($1, $2)"
LINK = "SELECT app.link_identity($1, $2, $3, $4)"
REGISTER = "SELECT app.register_identity($1, $2, $3, $4)"
UNLINK = "SELECT app.unlink_identity($1, $2)"


async def find(database: Database, provider: str, subject: str) -> IdentifiedRow | None:
    """The account that this identity is linked to."""
    async with database.signing_in() as transaction:
        found = await transaction.row(FIND, provider, subject)
    return IdentifiedRow(*found) if found else None


async def link(
    database: Database,
    user_id: UUID,
    client: Client,
    *,
    provider: str,
    subject: str,
    email: str | None,
) -> bool:
    """False where the identity is another account's. Doing it again is harmless."""
    async with database.signing_in(client) as transaction:
        return await transaction.value(LINK, user_id, provider, subject, email)


async def register(
    transaction: Writing, email: str, name: str, provider: str, subject: str
) -> UUID | None:
    """A new account without a password, its address proven; None where the address has one."""
    return await transaction.value(REGISTER, email, name, provider, subject)


async def unlink(database: Database, user_id: UUID, identity_id: UUID, client: Client) -> None:
    """Raises NotThere, and NotNow for the last way in."""
    async with database.signing_in(client) as transaction:
        await transaction.value(UNLINK, user_id, identity_id)
