"""The mutations of workspaces themselves."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar
from uuid import UUID

import strawberry
from strawberry import UNSET

from db import workspaces as rows
from graphql_api.declare import described, named, related
from graphql_api.types.errors import UserError, told
from graphql_api.types.workspaces import DeletedWorkspace, Workspace
from resolvers import workspaces
from resolvers.context import Info
from resolvers.errors import Refusal

T = TypeVar("T")
Given = Annotated[T, strawberry.argument(description="What and how.")]
Id = Annotated[
    strawberry.ID, strawberry.argument(description="The workspace: its global or database id.")
]


@described
@strawberry.input(description="A workspace to be made.")
class CreateWorkspaceInput:
    name: str
    """What people see; at most 200 characters."""
    slug: str | None = None
    """The name in addresses: a to z, 0 to 9, hyphens between. By default made of the name."""
    description: str | None = None
    """What it is for; at most 10,000 characters."""


@described
@strawberry.input(description="Settings that change; null is the default again.")
class WorkspaceSettingsInput:
    default_role: rows.DefaultRole | None = UNSET
    """The role that an invitation offers where it names none; by default a viewer's."""
    invitation_days: int | None = UNSET
    """How many days an invitation can be accepted, 1 to 30; by default 7."""
    invitation_domains: list[str] | None = UNSET
    """Invitations go to addresses of these domains only, at most 20; by default to any."""
    api_key_days: int | None = UNSET
    """The longest that a new API key may live, in days, 1 to 3,650; by default for ever."""


@described
@strawberry.input(description="What is to change of a workspace; what is left out stays as it is.")
class UpdateWorkspaceInput:
    id: strawberry.ID
    """The workspace."""
    name: str | None = UNSET
    """What people see; at most 200 characters."""
    slug: str | None = UNSET
    """The name in addresses. The old one leads nowhere from then on."""
    description: str | None = UNSET
    """What it is for; null for nothing."""
    settings: WorkspaceSettingsInput | None = UNSET
    """The settings that change."""


@described
@strawberry.type
class _Done:
    errors: list[UserError] = strawberry.field(
        description="Why nothing was done; empty if it was."
    )
    workspace_id: strawberry.Private[UUID | None] = None
    workspace: Workspace | None = related(rows.BY_ID, id="workspace_id")
    """The workspace as it is now."""


@strawberry.type(description="The answer to `createWorkspace`.")
class CreateWorkspacePayload(_Done):
    pass


@strawberry.type(description="The answer to `updateWorkspace`.")
class UpdateWorkspacePayload(_Done):
    pass


@strawberry.type(description="The answer to `restoreWorkspace`.")
class RestoreWorkspacePayload(_Done):
    pass


@described
@strawberry.type(description="The answer to `deleteWorkspace`.")
class DeleteWorkspacePayload:
    errors: list[UserError]
    """Why nothing was done; empty if it was."""
    workspace_id: strawberry.Private[UUID | None] = None
    deleted_workspace: DeletedWorkspace | None = related(rows.DELETED_BY_ID, id="workspace_id")
    """The workspace, and until when it can be restored."""


@strawberry.type
class WorkspaceMutations:
    @strawberry.mutation(description="Make a workspace, which you own.")
    async def create_workspace(
        self, info: Info, input: Given[CreateWorkspaceInput]
    ) -> CreateWorkspacePayload:
        try:
            id = await workspaces.create(info.context, input.name, input.slug, input.description)
        except Refusal as refusal:
            return CreateWorkspacePayload(errors=told(refusal))
        return CreateWorkspacePayload(errors=[], workspace_id=id)

    @strawberry.mutation(description="Change a workspace or its settings. For admins.")
    async def update_workspace(
        self, info: Info, input: Given[UpdateWorkspaceInput]
    ) -> UpdateWorkspacePayload:
        try:
            id = named("Workspace", input.id, ("input", "id"))
            change = given(input)
            del change["id"]
            if "settings" in change:
                change["settings"] = given(change["settings"]) if change["settings"] else {}
            await workspaces.update(info.context, id, change)
        except Refusal as refusal:
            return UpdateWorkspacePayload(errors=told(refusal))
        return UpdateWorkspacePayload(errors=[], workspace_id=id)

    @strawberry.mutation(
        description="Delete a workspace. For its owner, who can restore it for 30 days; until then"
        " nobody sees it, and its API keys do not work. Then it is removed with all that is in it."
    )
    async def delete_workspace(self, info: Info, id: Id) -> DeleteWorkspacePayload:
        try:
            found = named("Workspace", id, ("id",))
            await workspaces.delete(info.context, found)
        except Refusal as refusal:
            return DeleteWorkspacePayload(errors=told(refusal))
        return DeleteWorkspacePayload(errors=[], workspace_id=found)

    @strawberry.mutation(
        description="Restore a workspace that you deleted, as it was."
        " `viewer { deletedWorkspaces }` has those that can be."
    )
    async def restore_workspace(self, info: Info, id: Id) -> RestoreWorkspacePayload:
        try:
            found = named("Workspace", id, ("id",))
            await workspaces.restore(info.context, found)
        except Refusal as refusal:
            return RestoreWorkspacePayload(errors=told(refusal))
        return RestoreWorkspacePayload(errors=[], workspace_id=found)


def given(input: object) -> dict[str, Any]:
    """The fields of an input that were given, null included."""
    return {name: value for name, value in vars(input).items() if value is not UNSET}
