"""The mutations of API keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, TypeVar
from uuid import UUID

import strawberry
from strawberry import UNSET

from db import api_keys as rows
from graphql_api.declare import described, named, related
from graphql_api.types.api_keys import ApiKey
from graphql_api.types.errors import UserError, told
from graphql_api.types.workspace_changes import given
from resolvers import api_keys
from resolvers.context import Context, Info
from resolvers.errors import Refusal

T = TypeVar("T")
Given = Annotated[T, strawberry.argument(description="What and how.")]
Id = Annotated[
    strawberry.ID, strawberry.argument(description="The API key: its global or database id.")
]


@described
@strawberry.input(description="An API key to be made.")
class CreateApiKeyInput:
    workspace_id: strawberry.ID
    """The workspace that it is for."""
    name: str
    """What people see; at most 200 characters."""
    scopes: list[str]
    """What it may do, such as `executions:write`. It never may more than you, who make it."""
    rate_limit: int = 1000
    """How many requests an hour it may make, at most 1,000,000."""
    expires_at: datetime | None = None
    """Until when it is good; by default for ever, unless the workspace's settings say otherwise."""


@described
@strawberry.input(description="What is to change of an API key; what is left out stays as it is.")
class UpdateApiKeyInput:
    id: strawberry.ID
    """The API key."""
    name: str | None = UNSET
    """What people see; at most 200 characters."""
    scopes: list[str] | None = UNSET
    """All that it may do."""
    rate_limit: int | None = UNSET
    """How many requests an hour it may make, at most 1,000,000."""
    expires_at: datetime | None = UNSET
    """Until when it is good; null for ever."""


@described
@strawberry.input(description="An API key that gets a successor.")
class RotateApiKeyInput:
    id: strawberry.ID
    """The API key."""
    grace_seconds: int = 86_400
    """For how long the old key still works beside the new one: at most 30 days."""


@described
@strawberry.type
class _Done:
    errors: list[UserError] = strawberry.field(
        description="Why nothing was done; empty if it was."
    )
    api_key_id: strawberry.Private[UUID | None] = None
    api_key: ApiKey | None = related(rows.BY_ID, id="api_key_id")
    """The key as it is now, without what it is itself."""


@described
@strawberry.type(description="The answer to `createApiKey`.")
class CreateApiKeyPayload(_Done):
    key: str | None = None
    """The key itself. Keep it secret; it is told this once and can never be read again."""


@described
@strawberry.type(description="The answer to `rotateApiKey`: the new key.")
class RotateApiKeyPayload(_Done):
    key: str | None = None
    """The key itself. Keep it secret; it is told this once and can never be read again."""


@strawberry.type(description="The answer to `updateApiKey`.")
class UpdateApiKeyPayload(_Done):
    pass


@strawberry.type(description="The answer to `activateApiKey`.")
class ActivateApiKeyPayload(_Done):
    pass


@strawberry.type(description="The answer to `deactivateApiKey`.")
class DeactivateApiKeyPayload(_Done):
    pass


@strawberry.type(description="The answer to `revokeApiKey`.")
class RevokeApiKeyPayload(_Done):
    pass


Payload = TypeVar("Payload", bound=_Done)


@strawberry.type
class ApiKeyMutations:
    @strawberry.mutation(
        description="Make an API key. For admins. It is yours: what you may not do any more, it may"
        " not either, and when you leave it stops working."
    )
    async def create_api_key(
        self, info: Info, input: Given[CreateApiKeyInput]
    ) -> CreateApiKeyPayload:
        try:
            made = await api_keys.create(
                info.context,
                named("Workspace", input.workspace_id, ("input", "workspaceId")),
                name=input.name,
                scopes=input.scopes,
                rate_limit=input.rate_limit,
                expires_at=input.expires_at,
            )
        except Refusal as refusal:
            return CreateApiKeyPayload(errors=told(refusal))
        return CreateApiKeyPayload(errors=[], api_key_id=made.id, key=made.text)

    @strawberry.mutation(description="Change an API key: in force at its next request. For admins.")
    async def update_api_key(
        self, info: Info, input: Given[UpdateApiKeyInput]
    ) -> UpdateApiKeyPayload:
        try:
            id = named("ApiKey", input.id, ("input", "id"))
            change = given(input)
            del change["id"]
            await api_keys.update(info.context, id, change)
        except Refusal as refusal:
            return UpdateApiKeyPayload(errors=told(refusal))
        return UpdateApiKeyPayload(errors=[], api_key_id=id)

    @strawberry.mutation(
        description="Make a successor of an API key, as good as it was; both work until the time of"
        " grace is over, and `lastUsedAt` of the old one tells whether it is still in use. The new"
        " one is yours. For admins."
    )
    async def rotate_api_key(
        self, info: Info, input: Given[RotateApiKeyInput]
    ) -> RotateApiKeyPayload:
        try:
            id = named("ApiKey", input.id, ("input", "id"))
            grace = timedelta(seconds=input.grace_seconds)
            made = await api_keys.rotate(info.context, id, grace)
        except Refusal as refusal:
            return RotateApiKeyPayload(errors=told(refusal))
        return RotateApiKeyPayload(errors=[], api_key_id=made.id, key=made.text)

    @strawberry.mutation(description="Switch an API key on again. For admins.")
    async def activate_api_key(self, info: Info, id: Id) -> ActivateApiKeyPayload:
        return await _set(info.context, id, rows.ApiKeyStatus.ACTIVE, ActivateApiKeyPayload)

    @strawberry.mutation(description="Switch an API key off for a while, at once. For admins.")
    async def deactivate_api_key(self, info: Info, id: Id) -> DeactivateApiKeyPayload:
        return await _set(info.context, id, rows.ApiKeyStatus.INACTIVE, DeactivateApiKeyPayload)

    @strawberry.mutation(description="Take an API key back, at once and for good. For admins.")
    async def revoke_api_key(self, info: Info, id: Id) -> RevokeApiKeyPayload:
        return await _set(info.context, id, rows.ApiKeyStatus.REVOKED, RevokeApiKeyPayload)


async def _set(
    context: Context, id: strawberry.ID, status: rows.ApiKeyStatus, payload: type[Payload]
) -> Payload:
    try:
        found = named("ApiKey", id, ("id",))
        await api_keys.set_status(context, found, status)
    except Refusal as refusal:
        return payload(errors=told(refusal))
    return payload(errors=[], api_key_id=found)
