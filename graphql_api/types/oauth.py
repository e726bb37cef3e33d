"""The mutations of sign-in by a provider's word: begin, come back, link, unlink."""

from __future__ import annotations

from typing import Annotated, TypeVar
from uuid import UUID

import strawberry

from db import viewers
from graphql_api.declare import described, related
from graphql_api.types.accounts import SessionPayload, begun
from graphql_api.types.errors import UserError, told
from graphql_api.types.viewers import Viewer
from resolvers import identities
from resolvers.accounts import SecondFactorRequired
from resolvers.context import Info
from resolvers.errors import NotFound, Refusal

T = TypeVar("T")
Given = Annotated[T, strawberry.argument(description="What and how.")]


@described
@strawberry.input(description="By whose word to sign in.")
class BeginOAuthInput:
    provider: str
    """One of `oauthProviders`."""
    redirect_uri: str
    """Your page that the provider sends the browser back to; the server must know it."""
    link: bool = False
    """Whether to add a way in to the account that asks; it is ended with `linkOAuth`."""


@described
@strawberry.input(description="What the browser came back with.")
class CompleteOAuthInput:
    flow: str
    """What `beginOAuth` answered, kept in the browser until now."""
    code: str
    """The parameter `code` of the address."""
    state: str
    """The parameter `state` of the address."""


@described
@strawberry.type(description="The answer to `beginOAuth`.")
class BeginOAuthPayload:
    errors: list[UserError]
    """Why it does not begin; empty if it does."""
    authorization_url: str | None = None
    """Where to send the browser, within ten minutes."""
    flow: str | None = None
    """Keep it in the browser, in `sessionStorage`; it is asked for once, at the end."""


@described
@strawberry.type(description="The answer to `completeOAuth`.")
class CompleteOAuthPayload(SessionPayload):
    challenge: str | None = None
    """What goes with a code to `completeSignIn`, where the account has a second factor."""


@described
@strawberry.type(description="The answer to `linkOAuth`.")
class LinkOAuthPayload:
    errors: list[UserError]
    """Why it was not linked; empty if it was."""
    viewer: Viewer | None = related(viewers.ASKING)
    """You, with the new identity."""


@described
@strawberry.type(description="The answer to `unlinkOAuth`.")
class UnlinkOAuthPayload:
    errors: list[UserError]
    """Why it stays; empty if it is gone."""
    viewer: Viewer | None = related(viewers.ASKING)
    """You, with the identities that are left."""


@strawberry.type
class OAuthMutations:
    @strawberry.mutation(
        name="beginOAuth",
        description="Begin to sign in by a provider's word, with authorization code and PKCE.",
    )
    async def begin_oauth(self, info: Info, input: Given[BeginOAuthInput]) -> BeginOAuthPayload:
        try:
            started = await identities.begin_flow(
                info.context, input.provider, input.redirect_uri, link=input.link
            )
        except Refusal as refusal:
            return BeginOAuthPayload(errors=told(refusal))
        return BeginOAuthPayload(errors=[], authorization_url=started.url, flow=started.flow)

    @strawberry.mutation(
        name="completeOAuth",
        description="Sign in who came back from a provider. Who has no account gets one, if the"
        " provider has verified the e-mail address. The rest of the request is answered as the"
        " account's viewer.",
    )
    async def complete_oauth(
        self, info: Info, input: Given[CompleteOAuthInput]
    ) -> CompleteOAuthPayload:
        context = info.context
        try:
            session = await identities.complete_flow(
                context.resources, context.asker.client, input.flow, input.code, input.state
            )
        except SecondFactorRequired as refusal:
            return CompleteOAuthPayload(errors=told(refusal), challenge=refusal.challenge)
        except Refusal as refusal:
            return CompleteOAuthPayload(errors=told(refusal))
        return await begun(context, session, CompleteOAuthPayload)

    @strawberry.mutation(
        name="linkOAuth",
        description="Add who came back from a provider as a way in to your account.",
    )
    async def link_oauth(self, info: Info, input: Given[CompleteOAuthInput]) -> LinkOAuthPayload:
        try:
            async with info.context.changing():
                await identities.link(info.context, input.flow, input.code, input.state)
        except Refusal as refusal:
            return LinkOAuthPayload(errors=told(refusal))
        return LinkOAuthPayload(errors=[])

    @strawberry.mutation(
        name="unlinkOAuth", description="Take a way in away from your account, but not the last."
    )
    async def unlink_oauth(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The identity's id.")],
    ) -> UnlinkOAuthPayload:
        try:
            async with info.context.changing():
                await identities.unlink(info.context, _read(id))
        except Refusal as refusal:
            return UnlinkOAuthPayload(errors=told(refusal))
        return UnlinkOAuthPayload(errors=[])


def _read(id: strawberry.ID) -> UUID:
    try:
        return UUID(id)
    except ValueError as error:
        raise NotFound("You have no such identity.", ("id",)) from error
