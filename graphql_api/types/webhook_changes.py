"""The mutations of webhooks. A signing secret is in the answer that made it, and in no other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar
from uuid import UUID

import strawberry

from db import deliveries
from db import webhooks as rows
from graphql_api.declare import described, read_id, related
from graphql_api.types.errors import UserError, told
from graphql_api.types.webhooks import Webhook, WebhookDelivery
from resolvers import webhooks
from resolvers.context import Info
from resolvers.errors import NotFound, Refusal
from resolvers.webhooks import ID, Wanted

T = TypeVar("T")
Given = Annotated[T, strawberry.argument(description="What and how.")]
WebhookId = Annotated[
    strawberry.ID, strawberry.argument(description="The webhook: its global or database id.")
]
DeliveryId = Annotated[
    strawberry.ID, strawberry.argument(description="The delivery: its global or database id.")
]


@described
@strawberry.input(description="An address that is to be told of what happens in a workspace.")
class CreateWebhookInput:
    workspace_id: strawberry.ID
    """The workspace."""
    url: str
    """An https address of the public internet, without user, password and fragment."""
    events: list[str]
    """What it is told of: created, updated or deleted (as in `workflow.updated`) of `workflow`,
    `deployment`, `integration`, `member` and `api_key`, and `execution.ended`."""
    description: str = ""
    """What it is for."""


@described
@strawberry.input(description="What is to be changed of a webhook; the rest stays.")
class UpdateWebhookInput:
    id: strawberry.ID
    """The webhook."""
    url: str | None = None
    """Another address, also for what waits to be sent."""
    events: list[str] | None = None
    """All that it is told of from now on."""
    description: str | None = None
    """What it is for."""
    status: rows.WebhookStatus | None = None
    """`ACTIVE` or `INACTIVE`."""


@described
@strawberry.input(description="Replaces the secret that a webhook's deliveries are signed with.")
class RotateWebhookSecretInput:
    id: strawberry.ID
    """The webhook."""
    grace_hours: int = 24
    """For how long the secret before signs beside the new one, at most 168; 0 ends it at once."""


_ERRORS = "Why nothing was done; empty if it was."


@described
@strawberry.type
class _Changed:
    errors: list[UserError] = strawberry.field(description=_ERRORS)
    webhook_id: strawberry.Private[UUID | None] = None
    webhook: Webhook | None = related(rows.BY_ID, id="webhook_id")
    """The webhook as it is now."""


@described
@strawberry.type
class _Made(_Changed):
    signing_secret: str | None = strawberry.field(
        default=None,
        description="The new secret, shown this once: `whsec_` and 32 bytes in base64.",
    )


@strawberry.type(description="The answer to `createWebhook`.")
class CreateWebhookPayload(_Made):
    pass


@strawberry.type(description="The answer to `rotateWebhookSecret`.")
class RotateWebhookSecretPayload(_Made):
    pass


@strawberry.type(description="The answer to `updateWebhook`.")
class UpdateWebhookPayload(_Changed):
    pass


@described
@strawberry.type(description="The answer to `deleteWebhook`.")
class DeleteWebhookPayload:
    errors: list[UserError]
    """Why nothing was done; empty if it was."""
    deleted_id: strawberry.ID | None = None
    """The database id of what is gone."""


@described
@strawberry.type
class _Sent:
    errors: list[UserError] = strawberry.field(description=_ERRORS)
    delivery_id: strawberry.Private[UUID | None] = None
    delivery: WebhookDelivery | None = related(deliveries.BY_ID, id="delivery_id")
    """The delivery, which is sent within a second or two: read it again to see what came of it."""


@strawberry.type(description="The answer to `pingWebhook`.")
class PingWebhookPayload(_Sent):
    pass


@strawberry.type(description="The answer to `redeliverWebhook`.")
class RedeliverWebhookPayload(_Sent):
    pass


@strawberry.type
class WebhookMutations:
    @strawberry.mutation(
        description="Have an address told of what happens in a workspace; at most 20 a workspace."
        " For admins."
    )
    async def create_webhook(
        self, info: Info, input: Given[CreateWebhookInput]
    ) -> CreateWebhookPayload:
        try:
            made = await webhooks.create(
                info.context,
                _read("Workspace", input.workspace_id, ("input", "workspaceId")),
                Wanted(input.url, input.events, input.description),
            )
        except Refusal as refusal:
            return CreateWebhookPayload(errors=told(refusal))
        return CreateWebhookPayload(errors=[], webhook_id=made.id, signing_secret=made.secret)

    @strawberry.mutation(
        description="Change a webhook, or switch it on and off. For admins."
    )
    async def update_webhook(
        self, info: Info, input: Given[UpdateWebhookInput]
    ) -> UpdateWebhookPayload:
        try:
            id = _read("Webhook", input.id, ID)
            wanted = Wanted(input.url, input.events, input.description, input.status)
            await webhooks.update(info.context, id, wanted)
        except Refusal as refusal:
            return UpdateWebhookPayload(errors=told(refusal))
        return UpdateWebhookPayload(errors=[], webhook_id=id)

    @strawberry.mutation(
        description="Make a new signing secret; for a while the one before signs, too. For admins."
    )
    async def rotate_webhook_secret(
        self, info: Info, input: Given[RotateWebhookSecretInput]
    ) -> RotateWebhookSecretPayload:
        try:
            id = _read("Webhook", input.id, ID)
            made = await webhooks.rotate_secret(info.context, id, input.grace_hours)
        except Refusal as refusal:
            return RotateWebhookSecretPayload(errors=told(refusal))
        return RotateWebhookSecretPayload(errors=[], webhook_id=id, signing_secret=made.secret)

    @strawberry.mutation(
        description="Remove a webhook, with all that it was told and is still to be. For admins."
    )
    async def delete_webhook(self, info: Info, id: WebhookId) -> DeleteWebhookPayload:
        try:
            found = _read("Webhook", id, ("id",))
            await webhooks.delete(info.context, found)
        except Refusal as refusal:
            return DeleteWebhookPayload(errors=told(refusal))
        return DeleteWebhookPayload(errors=[], deleted_id=strawberry.ID(str(found)))

    @strawberry.mutation(
        description="Send a webhook an event `ping`, to see whether it arrives. For admins."
    )
    async def ping_webhook(self, info: Info, id: WebhookId) -> PingWebhookPayload:
        try:
            sent = await webhooks.ping(info.context, _read("Webhook", id, ("id",)))
        except Refusal as refusal:
            return PingWebhookPayload(errors=told(refusal))
        return PingWebhookPayload(errors=[], delivery_id=sent)

    @strawberry.mutation(
        description="Send a delivery again, under the same id: at once, and with all attempts that"
        " a new one has. For admins."
    )
    async def redeliver_webhook(self, info: Info, id: DeliveryId) -> RedeliverWebhookPayload:
        try:
            found = _read("WebhookDelivery", id, ("id",))
            await webhooks.redeliver(info.context, found)
        except Refusal as refusal:
            return RedeliverWebhookPayload(errors=told(refusal))
        return RedeliverWebhookPayload(errors=[], delivery_id=found)


_NOUNS = {"Workspace": "workspace", "Webhook": "webhook", "WebhookDelivery": "delivery"}


def _read(type_name: str, id: strawberry.ID, path: Sequence[str]) -> UUID:
    found = read_id(type_name, id)
    if found is None:
        raise NotFound(f"There is no such {_NOUNS[type_name]}, or you may not see it.", path)
    return found
