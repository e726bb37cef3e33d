from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from db import api_keys, audit, users, workspaces
from db.json import Json
from graphql_api.declare import Node, enum, filtering, over, related

if TYPE_CHECKING:
    from graphql_api.types.api_keys import ApiKey
    from graphql_api.types.users import User
    from graphql_api.types.workspaces import Workspace

enum(audit.AuditLogOrder, "Orders of an audit log.")


@filtering(audit.CONDITIONS)
class AuditLogFilter:
    """Which entries to list."""

    action: list[str] | None
    """One of these actions, such as `workflows.update`."""
    resource_type: list[str] | None
    """On one of these kinds of things."""
    resource_id: UUID | None
    """On the thing with this database id."""
    user_id: UUID | None
    """By the person with this database id."""
    api_key_id: UUID | None
    """With the API key with this database id."""
    since: datetime | None
    """At this time or later."""
    before: datetime | None
    """Before this time."""
    search: str | None
    """The action or the details contain this, in any case."""


@over(audit.AuditLogRow, by_id=audit.BY_ID)
class AuditLog(Node):
    """Who did what, written with the change itself and never altered."""

    action: str
    """What was done, such as `workflows.update`."""
    resource_type: str
    """To which kind of thing."""
    resource_id: UUID | None
    """To which thing: its database id."""
    user_id: UUID | None
    """The database id of the person who did it, even if you may see that person no more."""
    api_key_id: UUID | None
    """The database id of the API key that did it."""
    details: Json | None
    """What changed, without secrets."""
    ip_address: str | None
    """From which address."""
    user_agent: str | None
    """With which client."""
    timestamp: datetime
    """When."""
    workspace: Workspace | None = related(workspaces.BY_ID, id="workspace_id")
    """In which workspace."""
    user: User | None = related(users.BY_ID, id="user_id")
    """Who did it, if it was a person whom you may see."""
    api_key: ApiKey | None = related(api_keys.BY_ID, id="api_key_id")
    """Which key did it, if it was a key that you may see."""
