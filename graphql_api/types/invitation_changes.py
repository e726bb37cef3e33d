"""The mutations of invitations."""

from __future__ import annotations

from typing import Annotated, TypeVar
from uuid import UUID

import strawberry

from db import invitations as rows
from db import workspaces
from graphql_api.declare import described, named, related
from graphql_api.types.errors import UserError, told
from graphql_api.types.invitations import WorkspaceInvitation
from graphql_api.types.workspaces import Workspace
from resolvers import invitations
from resolvers.context import Info
from resolvers.errors import Refusal

T = TypeVar("T")
Given = Annotated[T, strawberry.argument(description="What and how.")]
Id = Annotated[
    strawberry.ID, strawberry.argument(description="The invitation: its global or database id.")
]
_ERRORS = "Why nothing was done; empty if it was."


@described
@strawberry.input(description="Who is asked to join, and as what.")
class InviteMemberInput:
    workspace_id: strawberry.ID
    """The workspace to join."""
    email: str
    """The address that the message goes to, and that the account which accepts must have."""
    role: rows.InvitedRole | None = None
    """The role that is offered; by default that of the workspace's settings."""
    permissions: list[str] | None = None
    """Scopes that are offered beyond the role, such as `workflows:write`."""


@described
@strawberry.input(description="An invitation to you, named by its token or by its id.")
class AnswerInvitationInput:
    token: str | None = None
    """The token in the message."""
    id: strawberry.ID | None = None
    """The database id, as `viewer { invitations }` has it."""


@described
@strawberry.type
class _Sent:
    errors: list[UserError] = strawberry.field(description=_ERRORS)
    invitation_id: strawberry.Private[UUID | None] = None
    invitation: WorkspaceInvitation | None = related(rows.BY_ID, id="invitation_id")
    """The invitation as it is now."""


@strawberry.type(description="The answer to `inviteMember`.")
class InviteMemberPayload(_Sent):
    pass


@strawberry.type(description="The answer to `resendInvitation`.")
class ResendInvitationPayload(_Sent):
    pass


@strawberry.type(description="The answer to `revokeInvitation`.")
class RevokeInvitationPayload(_Sent):
    pass


@described
@strawberry.type(description="The answer to `acceptInvitation`.")
class AcceptInvitationPayload:
    errors: list[UserError] = strawberry.field(description=_ERRORS)
    workspace_id: strawberry.Private[UUID | None] = None
    workspace: Workspace | None = related(workspaces.BY_ID, id="workspace_id")
    """The workspace, which you belong to."""


@described
@strawberry.type(description="The answer to `declineInvitation`.")
class DeclineInvitationPayload:
    errors: list[UserError]
    """Why nothing was done; empty if it was."""


@strawberry.type
class InvitationMutations:
    @strawberry.mutation(
        description="Ask somebody to join, by e-mail. For admins. Nobody invites an owner."
    )
    async def invite_member(
        self, info: Info, input: Given[InviteMemberInput]
    ) -> InviteMemberPayload:
        try:
            id = await invitations.invite(
                info.context,
                named("Workspace", input.workspace_id, ("input", "workspaceId")),
                input.email,
                None if input.role is None else input.role.value,
                input.permissions or (),
            )
        except Refusal as refusal:
            return InviteMemberPayload(errors=told(refusal))
        return InviteMemberPayload(errors=[], invitation_id=id)

    @strawberry.mutation(
        description="Send an invitation once more, also one that has expired: with a new token and"
        " the whole time. The earlier message is good for nothing then. For admins."
    )
    async def resend_invitation(self, info: Info, id: Id) -> ResendInvitationPayload:
        try:
            found = named("WorkspaceInvitation", id, ("id",))
            await invitations.resend(info.context, found)
        except Refusal as refusal:
            return ResendInvitationPayload(errors=told(refusal))
        return ResendInvitationPayload(errors=[], invitation_id=found)

    @strawberry.mutation(description="Take an invitation back. For admins.")
    async def revoke_invitation(self, info: Info, id: Id) -> RevokeInvitationPayload:
        try:
            found = named("WorkspaceInvitation", id, ("id",))
            await invitations.revoke(info.context, found)
        except Refusal as refusal:
            return RevokeInvitationPayload(errors=told(refusal))
        return RevokeInvitationPayload(errors=[], invitation_id=found)

    @strawberry.mutation(
        description="Join a workspace that you are invited to, once. The account must have the"
        " address that is invited."
    )
    async def accept_invitation(
        self, info: Info, input: Given[AnswerInvitationInput]
    ) -> AcceptInvitationPayload:
        try:
            workspace = await invitations.accept(info.context, _id(input), input.token)
        except Refusal as refusal:
            return AcceptInvitationPayload(errors=told(refusal))
        return AcceptInvitationPayload(errors=[], workspace_id=workspace)

    @strawberry.mutation(description="Decline an invitation to you; whoever invited may ask anew.")
    async def decline_invitation(
        self, info: Info, input: Given[AnswerInvitationInput]
    ) -> DeclineInvitationPayload:
        try:
            await invitations.decline(info.context, _id(input), input.token)
        except Refusal as refusal:
            return DeclineInvitationPayload(errors=told(refusal))
        return DeclineInvitationPayload(errors=[])


def _id(input: AnswerInvitationInput) -> UUID | None:
    if input.id is None:
        return None
    return named("WorkspaceInvitation", input.id, ("input", "id"))
