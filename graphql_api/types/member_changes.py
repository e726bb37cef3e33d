"""The mutations of members, and of the owner's chair."""

from __future__ import annotations

from typing import Annotated, TypeVar
from uuid import UUID

import strawberry

from db import members as member_rows
from db import ownership, workspaces
from graphql_api.declare import described, named, related
from graphql_api.types.errors import UserError, told
from graphql_api.types.members import WorkspaceMember
from graphql_api.types.ownership import OwnershipOffer
from graphql_api.types.workspaces import Workspace
from resolvers import members
from resolvers.context import Info
from resolvers.errors import Refusal

T = TypeVar("T")
Given = Annotated[T, strawberry.argument(description="What and how.")]
MemberId = Annotated[
    strawberry.ID, strawberry.argument(description="The membership: its global or database id.")
]
WorkspaceId = Annotated[
    strawberry.ID, strawberry.argument(description="The workspace: its global or database id.")
]
OfferId = Annotated[
    strawberry.ID, strawberry.argument(description="The offer: its global or database id.")
]
_ERRORS = "Why nothing was done; empty if it was."


@described
@strawberry.input(description="What is to change of a member; what is left out stays as it is.")
class UpdateMemberInput:
    id: strawberry.ID
    """The membership."""
    role: member_rows.Role | None = None
    """The new role. `OWNER` is no choice: see `offerOwnership`."""
    permissions: list[str] | None = None
    """All scopes that the member is to have beyond the role, such as `workflows:write`."""


@described
@strawberry.input(description="To whom a workspace is offered.")
class OfferOwnershipInput:
    member_id: strawberry.ID
    """The membership of the person who is to own the workspace."""


@described
@strawberry.type(description="The answer to `updateMember`.")
class UpdateMemberPayload:
    errors: list[UserError] = strawberry.field(description=_ERRORS)
    member_id: strawberry.Private[UUID | None] = None
    member: WorkspaceMember | None = related(member_rows.BY_ID, id="member_id")
    """The member as it is now; null if you may see it no more."""


@described
@strawberry.type(description="The answer to `removeMember`.")
class RemoveMemberPayload:
    errors: list[UserError]
    """Why nothing was done; empty if it was."""


@described
@strawberry.type(description="The answer to `leaveWorkspace`.")
class LeaveWorkspacePayload:
    errors: list[UserError]
    """Why nothing was done; empty if it was."""


@described
@strawberry.type
class _Offered:
    errors: list[UserError] = strawberry.field(description=_ERRORS)
    offer_id: strawberry.Private[UUID | None] = None
    offer: OwnershipOffer | None = related(ownership.BY_ID, id="offer_id")
    """The offer as it is now."""


@strawberry.type(description="The answer to `offerOwnership`.")
class OfferOwnershipPayload(_Offered):
    pass


@strawberry.type(description="The answer to `declineOwnership`.")
class DeclineOwnershipPayload(_Offered):
    pass


@strawberry.type(description="The answer to `withdrawOwnership`.")
class WithdrawOwnershipPayload(_Offered):
    pass


@described
@strawberry.type(description="The answer to `acceptOwnership`.")
class AcceptOwnershipPayload:
    errors: list[UserError] = strawberry.field(description=_ERRORS)
    workspace_id: strawberry.Private[UUID | None] = None
    workspace: Workspace | None = related(workspaces.BY_ID, id="workspace_id")
    """The workspace, which is yours."""


@strawberry.type
class MemberMutations:
    @strawberry.mutation(
        description="Change the role or the permissions of a member. For admins, who may make"
        " others admins and change admins, but not the owner."
    )
    async def update_member(
        self, info: Info, input: Given[UpdateMemberInput]
    ) -> UpdateMemberPayload:
        try:
            id = named("WorkspaceMember", input.id, ("input", "id"))
            role = None if input.role is None else input.role.value
            await members.change(info.context, id, role, input.permissions)
        except Refusal as refusal:
            return UpdateMemberPayload(errors=told(refusal))
        return UpdateMemberPayload(errors=[], member_id=id)

    @strawberry.mutation(
        description="Remove a member: at once, and the API keys that the member made stop working."
        " For admins; the owner stays."
    )
    async def remove_member(self, info: Info, id: MemberId) -> RemoveMemberPayload:
        try:
            await members.remove(info.context, named("WorkspaceMember", id, ("id",)))
        except Refusal as refusal:
            return RemoveMemberPayload(errors=told(refusal))
        return RemoveMemberPayload(errors=[])

    @strawberry.mutation(
        description="Leave a workspace. Your API keys of it stop working. The owner cannot leave."
    )
    async def leave_workspace(self, info: Info, id: WorkspaceId) -> LeaveWorkspacePayload:
        try:
            await members.leave(info.context, named("Workspace", id, ("id",)))
        except Refusal as refusal:
            return LeaveWorkspacePayload(errors=told(refusal))
        return LeaveWorkspacePayload(errors=[])

    @strawberry.mutation(
        description="Offer the workspace to another member, who is told by mail and has 7 days to"
        " accept. For the owner; an offer that was open is withdrawn."
    )
    async def offer_ownership(
        self, info: Info, input: Given[OfferOwnershipInput]
    ) -> OfferOwnershipPayload:
        try:
            member = named("WorkspaceMember", input.member_id, ("input", "memberId"))
            id = await members.offer_ownership(info.context, member)
        except Refusal as refusal:
            return OfferOwnershipPayload(errors=told(refusal))
        return OfferOwnershipPayload(errors=[], offer_id=id)

    @strawberry.mutation(
        description="Take over a workspace that was offered to you; its owner becomes an admin."
    )
    async def accept_ownership(self, info: Info, id: OfferId) -> AcceptOwnershipPayload:
        try:
            offer = named("OwnershipOffer", id, ("id",))
            workspace = await members.accept_ownership(info.context, offer)
        except Refusal as refusal:
            return AcceptOwnershipPayload(errors=told(refusal))
        return AcceptOwnershipPayload(errors=[], workspace_id=workspace)

    @strawberry.mutation(description="Leave a workspace that was offered to you to its owner.")
    async def decline_ownership(self, info: Info, id: OfferId) -> DeclineOwnershipPayload:
        try:
            offer = named("OwnershipOffer", id, ("id",))
            await members.decline_ownership(info.context, offer)
        except Refusal as refusal:
            return DeclineOwnershipPayload(errors=told(refusal))
        return DeclineOwnershipPayload(errors=[], offer_id=offer)

    @strawberry.mutation(description="Take your offer of a workspace back.")
    async def withdraw_ownership(self, info: Info, id: OfferId) -> WithdrawOwnershipPayload:
        try:
            offer = named("OwnershipOffer", id, ("id",))
            await members.withdraw_ownership(info.context, offer)
        except Refusal as refusal:
            return WithdrawOwnershipPayload(errors=told(refusal))
        return WithdrawOwnershipPayload(errors=[], offer_id=offer)
