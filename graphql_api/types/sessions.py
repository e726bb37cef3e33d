from __future__ import annotations

from datetime import datetime
from uuid import UUID

from db import identities, sessions
from graphql_api.declare import over, same


@over(sessions.SessionRow)
class Session:
    """From where somebody is signed in."""

    id: UUID
    """Its id, for `revokeSession`."""
    ip_address: str | None
    """From which address it was last refreshed."""
    user_agent: str | None
    """By which client."""
    created_at: datetime
    """When the person signed in."""
    last_used_at: datetime
    """When it was last refreshed."""
    expires_at: datetime
    """When it ends, unless it is refreshed until then."""
    is_current: bool = same("id", lambda asker: asker.session_id)
    """Whether this request was made in it."""


@over(identities.IdentityRow)
class Identity:
    """Who somebody is at a provider, by whose word they can sign in."""

    id: UUID
    """Its id, for `unlinkOAuth`."""
    provider: str
    """Where."""
    email: str | None
    """With which address, when it was linked."""
    created_at: datetime
    """When it was linked."""
    last_used_at: datetime | None
    """When somebody last signed in by it."""
