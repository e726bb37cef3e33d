from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from db import ownership, users, workspaces
from graphql_api.declare import Node, enum, filtering, over, related

if TYPE_CHECKING:
    from graphql_api.types.users import User
    from graphql_api.types.workspaces import Workspace

enum(ownership.OwnershipOfferOrder, "Orders of offers of ownership.")


@filtering(ownership.CONDITIONS)
class OwnershipOfferFilter:
    """Which offers to list."""

    open: bool | None
    """Whether it can still be accepted."""


@over(ownership.OwnershipOfferRow, by_id=ownership.BY_ID)
class OwnershipOffer(Node):
    """The owner of a workspace offers it to another member, who takes it or not."""

    created_at: datetime
    """When it was made."""
    expires_at: datetime
    """Until when it can be accepted."""
    accepted_at: datetime | None
    """When it was accepted."""
    declined_at: datetime | None
    """When it was declined."""
    withdrawn_at: datetime | None
    """When it was taken back."""
    workspace: Workspace | None = related(workspaces.BY_ID, id="workspace_id")
    """The workspace that is offered."""
    offered_by: User | None = related(users.BY_ID, id="offered_by")
    """The owner who offers it."""
    offered_to: User | None = related(users.BY_ID, id="offered_to")
    """The member who may take it."""
