"""Users: the people who sign in. What proves who they are is in no row."""

from datetime import datetime
from uuid import UUID

import msgspec

from db.relation import One
from db.session import Writing


class UserRow(msgspec.Struct, frozen=True):
    id: UUID
    email: str
    name: str
    avatar_url: str | None
    email_verified: bool
    mfa_enabled: bool
    timezone: str
    locale: str
    last_login_at: datetime | None
    created_at: datetime
    updated_at: datetime


BY_ID = One(UserRow, "SELECT {u.*} FROM users u WHERE u.id = {id}")

UPDATE = """
UPDATE users
   SET name       = coalesce($2, name),
       avatar_url = CASE WHEN $3::text IS NULL THEN avatar_url ELSE nullif($3, '') END,
       timezone   = coalesce($4, timezone),
       locale     = coalesce($5, locale)
 WHERE id = $1
"""


async def update(
    transaction: Writing,
    id: UUID,
    *,
    name: str | None,
    avatar_url: str | None,
    timezone: str | None,
    locale: str | None,
) -> None:
    """Change what is given: None leaves it; an empty ``avatar_url`` takes the picture away."""
    await transaction.value(UPDATE, id, name, avatar_url, timezone, locale)
