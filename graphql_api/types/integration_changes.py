"""The mutations of integrations. Credentials go in, and never come out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar
from uuid import UUID

import strawberry

from db import integrations as rows
from db.json import Json
from graphql_api.declare import described, read_id, related
from graphql_api.types.deployments import Deployment
from graphql_api.types.errors import UserError, telling, told
from graphql_api.types.integrations import Integration
from resolvers import integrations
from resolvers.context import Info
from resolvers.errors import NotFound, Refusal
from resolvers.integrations import Connecting, IntegrationInUse, Rotating

T = TypeVar("T")
Given = Annotated[T, strawberry.argument(description="What and how.")]
Id = Annotated[
    strawberry.ID, strawberry.argument(description="The integration: its global or database id.")
]


@telling(IntegrationInUse)
class IntegrationInUseError(UserError):
    """Live deployments name the integration in a node's config. Stop them first, or force it."""

    deployments: list[Deployment]
    """Those deployments."""


@described
@strawberry.input(description="A connection to an outside service.")
class CreateIntegrationInput:
    workspace_id: strawberry.ID
    """The workspace that is to have it."""
    service_name: str
    """The service, such as `slack`; kept in small letters."""
    service_type: str
    """What the credentials are: `api_key`, `oauth2`, `basic` or `custom`."""
    account_name: str = ""
    """Which account there, where there are several."""
    scopes: list[str] = strawberry.field(default_factory=list)
    """What the service allows with these credentials."""
    credentials: Json
    """An object of texts: `apiKey` (and `header`, where it goes elsewhere than `Authorization`);
    `accessToken` and what else belongs to it; `username` and `password`; or anything (`custom`).
    Nobody can read them again."""
    test_method: str = "GET"
    """How a test calls `testUrl`: `GET`, `HEAD` or `POST`."""
    test_url: str | None = None
    """An https address that answers with success to these credentials only; not needed where the
    service is known, such as `github` or `slack`. Changed only together with the credentials."""


@described
@strawberry.input(description="What is to be changed of an integration; the rest stays.")
class UpdateIntegrationInput:
    id: strawberry.ID
    """The integration."""
    account_name: str | None = None
    """Which account it is."""
    scopes: list[str] | None = None
    """What the service allows."""
    service_type: str | None = None
    """What the credentials are. Refused if the stored ones cannot be that."""


@described
@strawberry.input(description="Credentials that replace others.")
class RotateIntegrationCredentialsInput:
    id: strawberry.ID
    """The integration."""
    credentials: Json
    """As with `createIntegration`."""
    service_type: str | None = None
    """What they are; by default as before."""
    test_method: str | None = None
    """How a test calls `testUrl`; by default as before."""
    test_url: str | None = None
    """What a test calls; by default as before, and none where it is empty."""


@described
@strawberry.input(description="Switches an integration on or off.")
class SetIntegrationStatusInput:
    id: strawberry.ID
    """The integration."""
    status: rows.IntegrationStatus
    """`ACTIVE` or `INACTIVE`: `ERROR` is said by tests only."""


@described
@strawberry.input(description="Removes an integration, and its credentials for good.")
class DeleteIntegrationInput:
    id: strawberry.ID
    """The integration."""
    force: bool = False
    """Also where live deployments use it."""


@described
@strawberry.type
class _Changed:
    errors: list[UserError] = strawberry.field(
        description="Why nothing was done; empty if it was."
    )
    integration_id: strawberry.Private[UUID | None] = None
    integration: Integration | None = related(rows.BY_ID, id="integration_id")
    """The integration as it is now."""


@strawberry.type(description="The answer to `createIntegration`.")
class CreateIntegrationPayload(_Changed):
    pass


@strawberry.type(description="The answer to `updateIntegration`.")
class UpdateIntegrationPayload(_Changed):
    pass


@strawberry.type(description="The answer to `rotateIntegrationCredentials`.")
class RotateIntegrationCredentialsPayload(_Changed):
    pass


@strawberry.type(description="The answer to `setIntegrationStatus`.")
class SetIntegrationStatusPayload(_Changed):
    pass


@strawberry.type(
    description="The answer to `testIntegration`: what was found is `integration.testResult`."
)
class TestIntegrationPayload(_Changed):
    pass


@described
@strawberry.type(description="The answer to `deleteIntegration`.")
class DeleteIntegrationPayload:
    errors: list[UserError]
    """Why nothing was done; empty if it was."""
    deleted_id: strawberry.ID | None = None
    """The database id of what is gone."""


@strawberry.type
class IntegrationMutations:
    @strawberry.mutation(description="Connect an outside service. For admins.")
    async def create_integration(
        self, info: Info, input: Given[CreateIntegrationInput]
    ) -> CreateIntegrationPayload:
        try:
            made = await integrations.create(
                info.context,
                Connecting(
                    _read("Workspace", input.workspace_id, ("input", "workspaceId")),
                    input.service_name,
                    input.service_type,
                    input.account_name,
                    input.scopes,
                    input.credentials,
                    input.test_method,
                    input.test_url,
                ),
            )
        except Refusal as refusal:
            return CreateIntegrationPayload(errors=told(refusal))
        return CreateIntegrationPayload(errors=[], integration_id=made)

    @strawberry.mutation(description="Change what an integration is called and may. For admins.")
    async def update_integration(
        self, info: Info, input: Given[UpdateIntegrationInput]
    ) -> UpdateIntegrationPayload:
        try:
            id = _integration(input.id)
            await integrations.update(
                info.context,
                id,
                account_name=input.account_name,
                scopes=input.scopes,
                service_type=input.service_type,
            )
        except Refusal as refusal:
            return UpdateIntegrationPayload(errors=told(refusal))
        return UpdateIntegrationPayload(errors=[], integration_id=id)

    @strawberry.mutation(description="Replace an integration's credentials by others. For admins.")
    async def rotate_integration_credentials(
        self, info: Info, input: Given[RotateIntegrationCredentialsInput]
    ) -> RotateIntegrationCredentialsPayload:
        try:
            id = _integration(input.id)
            given = Rotating(
                id, input.credentials, input.service_type, input.test_method, input.test_url
            )
            await integrations.rotate(info.context, given)
        except Refusal as refusal:
            return RotateIntegrationCredentialsPayload(errors=told(refusal))
        return RotateIntegrationCredentialsPayload(errors=[], integration_id=id)

    @strawberry.mutation(
        description="Switch an integration on or off; one that is off gives nobody its"
        " credentials. For admins."
    )
    async def set_integration_status(
        self, info: Info, input: Given[SetIntegrationStatusInput]
    ) -> SetIntegrationStatusPayload:
        try:
            id = _integration(input.id)
            await integrations.set_status(info.context, id, input.status)
        except Refusal as refusal:
            return SetIntegrationStatusPayload(errors=told(refusal))
        return SetIntegrationStatusPayload(errors=[], integration_id=id)

    @strawberry.mutation(
        description="Call the service with the credentials, and keep whether it took them. Only"
        " addresses of the public internet are called, redirects are not followed. A workspace has"
        " ten tests at once, and one more every six seconds (`RATE_LIMITED`). For admins."
    )
    async def test_integration(self, info: Info, id: Id) -> TestIntegrationPayload:
        try:
            found = _integration(id, ("id",))
            await integrations.test(info.context, found)
        except Refusal as refusal:
            return TestIntegrationPayload(errors=told(refusal))
        return TestIntegrationPayload(errors=[], integration_id=found)

    @strawberry.mutation(
        description="Remove an integration. Refused while live deployments name it in a node's"
        " config, unless it is forced. For admins."
    )
    async def delete_integration(
        self, info: Info, input: Given[DeleteIntegrationInput]
    ) -> DeleteIntegrationPayload:
        try:
            id = _integration(input.id)
            await integrations.delete(info.context, id, force=input.force)
        except Refusal as refusal:
            return DeleteIntegrationPayload(errors=told(refusal))
        return DeleteIntegrationPayload(errors=[], deleted_id=strawberry.ID(str(id)))


def _integration(id: strawberry.ID, path: Sequence[str] = ("input", "id")) -> UUID:
    return _read("Integration", id, path)


def _read(type_name: str, id: strawberry.ID, path: Sequence[str]) -> UUID:
    found = read_id(type_name, id)
    if found is None:
        raise NotFound(f"There is no such {type_name.lower()}, or you may not see it.", path)
    return found
