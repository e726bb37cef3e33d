from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from db import deliveries, users, webhooks, workspaces
from db.json import Json
from graphql_api.declare import Node, connected, enum, filtering, over, related
from graphql_api.relay import Connection

if TYPE_CHECKING:
    from graphql_api.types.users import User
    from graphql_api.types.workspaces import Workspace

enum(webhooks.WebhookStatus, "Whether a webhook is told.")
enum(webhooks.WebhookOrder, "Orders of webhooks.")
enum(deliveries.DeliveryStatus, "What became of a delivery.")
enum(deliveries.DeliveryOrder, "Orders of deliveries.")


@filtering(deliveries.CONDITIONS)
class WebhookDeliveryFilter:
    """Which deliveries to list."""

    status: list[deliveries.DeliveryStatus] | None
    """In one of these states."""
    event: list[str] | None
    """Of one of these events, such as `execution.ended`."""
    response_status: list[int] | None
    """Answered with one of these HTTP statuses."""
    since: datetime | None
    """Of what happened at this time or later."""
    before: datetime | None
    """Of what happened before this time."""


@filtering(webhooks.CONDITIONS, deliveries=deliveries.BY_WEBHOOK)
class WebhookFilter:
    """Which webhooks to list."""

    status: list[webhooks.WebhookStatus] | None
    """In one of these states."""
    events: list[str] | None
    """Told of one of these events."""
    search: str | None
    """The description or the address contains this, in any case."""
    deliveries: WebhookDeliveryFilter | None
    """Has a delivery that passes."""


@over(webhooks.WebhookRow, by_id=webhooks.BY_ID)
class Webhook(Node):
    """An address that is told of what happens in a workspace."""

    description: str
    """What it is for."""
    url: str
    """The address."""
    events: list[str]
    """What it is told of, such as `execution.ended`."""
    status: webhooks.WebhookStatus
    """Whether it is told."""
    failing_since: datetime | None
    """When the first delivery failed after the last that arrived; null if that one did."""
    last_delivered_at: datetime | None
    """When something arrived last, to the minute."""
    rotated_at: datetime
    """When its signing secret was made."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it last changed."""
    workspace: Workspace | None = related(workspaces.BY_ID, id="workspace_id")
    """The workspace that it belongs to."""
    created_by: User | None = related(users.BY_ID, id="created_by")
    """Who made it; null if that person left the workspace."""
    deliveries: Connection[WebhookDelivery] = connected(
        deliveries.BY_WEBHOOK, WebhookDeliveryFilter, deliveries.DeliveryOrder.NEWEST
    )
    """What it was told, or is still to be told; kept for 30 days."""


@over(deliveries.DeliveryRow, by_id=deliveries.BY_ID)
class WebhookDelivery(Node):
    """What a webhook is told of one event."""

    event: str
    """What happened, such as `execution.ended`."""
    payload: Json
    """The body that is sent."""
    status: deliveries.DeliveryStatus
    """What became of it."""
    attempts: int
    """How often it was tried."""
    next_attempt_at: datetime | None
    """When it is tried next; null once it is over."""
    last_attempt_at: datetime | None
    """When it was tried last."""
    response_status: int | None
    """The HTTP status of the last answer; null where there was none."""
    error: str | None
    """Why the last attempt failed, in capitals."""
    duration_ms: int | None
    """How long the endpoint took to answer, in milliseconds."""
    delivered_at: datetime | None
    """When it arrived."""
    created_at: datetime
    """When it happened."""
    workspace: Workspace | None = related(workspaces.BY_ID, id="workspace_id")
    """The workspace that it happened in."""
    webhook: Webhook | None = related(webhooks.BY_ID, id="webhook_id")
    """The webhook that is told."""
