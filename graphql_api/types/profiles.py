"""The mutations of one's own account: what it says of oneself, and its end."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from db import users
from graphql_api.declare import described, related
from graphql_api.types.errors import UserError, told
from graphql_api.types.users import User
from resolvers import profiles
from resolvers.context import Info
from resolvers.errors import Refusal
from resolvers.profiles import Profile


@described
@strawberry.input(description="What to change; what is left out stays.")
class UpdateProfileInput:
    name: str | None = None
    """What others see; at most 200 characters."""
    avatar_url: str | None = None
    """An https address of a picture; an empty one takes the picture away."""
    timezone: str | None = None
    """An IANA time zone, such as `Europe/Berlin`."""
    locale: str | None = None
    """A language tag (BCP 47), such as `en` or `pt-BR`."""


@described
@strawberry.input(description="Proof that it is you who deletes the account.")
class DeleteAccountInput:
    password: str
    """Your password."""
    code: str | None = None
    """A code of your second factor or a recovery code, where the account has one."""


@described
@strawberry.type(description="The answer to `updateProfile`.")
class UpdateProfilePayload:
    errors: list[UserError]
    """Why nothing was changed; empty if it was."""
    user_id: strawberry.Private[UUID | None] = None
    user: User | None = related(users.BY_ID, id="user_id")
    """You, as you are now."""


@described
@strawberry.type(description="The answer to `deleteAccount`.")
class DeleteAccountPayload:
    errors: list[UserError]
    """Why the account was not deleted; empty if it was."""


@strawberry.type
class ProfileMutations:
    @strawberry.mutation(description="Change what your account says of you.")
    async def update_profile(
        self,
        info: Info,
        input: Annotated[UpdateProfileInput, strawberry.argument(description="What to change.")],
    ) -> UpdateProfilePayload:
        given = Profile(input.name, input.avatar_url, input.timezone, input.locale)
        try:
            user_id = await profiles.update(info.context, given)
        except Refusal as refusal:
            return UpdateProfilePayload(errors=told(refusal))
        return UpdateProfilePayload(errors=[], user_id=user_id)

    @strawberry.mutation(
        description="Delete your account for good, with the workspaces that nobody else is a member"
        " of. What you made in others' workspaces stays there, without your name."
    )
    async def delete_account(
        self,
        info: Info,
        input: Annotated[DeleteAccountInput, strawberry.argument(description="Proof.")],
    ) -> DeleteAccountPayload:
        try:
            async with info.context.changing():
                await profiles.delete(info.context, input.password, input.code)
        except Refusal as refusal:
            return DeleteAccountPayload(errors=told(refusal))
        return DeleteAccountPayload(errors=[])
