"""Users: the people who sign in. What proves who they are is in no row."""

from datetime import datetime
from uuid import UUID

import msgspec

from db.relation import One


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
