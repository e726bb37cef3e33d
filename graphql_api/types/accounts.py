"""The account's mutations: sign up, sign in, refresh the session, sign out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeVar

import strawberry

from db import viewers
from graphql_api.declare import described, related
from graphql_api.types.errors import UserError, told
from graphql_api.types.viewers import Viewer
from resolvers import accounts
from resolvers.accounts import SecondFactorRequired, SignedIn
from resolvers.context import Context, Info
from resolvers.errors import Refusal


@described
@strawberry.input(description="Who opens an account.")
class SignUpInput:
    email: str
    """The e-mail address to sign in with. Capitals make no difference."""
    password: str
    """At least 8 characters of any kind, at most 1024 bytes, and not easy to guess."""
    name: str
    """What others see; at most 200 characters."""


@described
@strawberry.input(description="Who signs in.")
class SignInInput:
    email: str
    """The e-mail address of the account."""
    password: str
    """Its password."""


@described
@strawberry.input(description="Which session to go on with.")
class RefreshSessionInput:
    refresh_token: str
    """The newest refresh token of the session."""


@described
@strawberry.input(description="Which session to end.")
class SignOutInput:
    refresh_token: str
    """A refresh token of the session."""


@described
@strawberry.type(description="The answer to `signUp`.")
class SignUpPayload:
    errors: list[UserError]
    """What is wrong with the input; empty if it was accepted."""


@described
@strawberry.type
class SessionPayload:
    errors: list[UserError] = strawberry.field(
        description="Why there is no session; empty if there is one."
    )
    access_token: str | None = strawberry.field(
        default=None, description="Send it as `Authorization: Bearer …`, until it expires."
    )
    refresh_token: str | None = strawberry.field(
        default=None,
        description="Keep it secret. Exchange it once, by `refreshSession`, for new tokens.",
    )
    expires_at: datetime | None = strawberry.field(
        default=None, description="When the access token expires."
    )
    viewer: Viewer | None = related(viewers.ASKING)
    """You, signed in."""


@described
@strawberry.type(description="The answer to `signIn`.")
class SignInPayload(SessionPayload):
    challenge: str | None = None
    """What goes with a code to `completeSignIn`, where the account has a second factor."""


@strawberry.type(description="The answer to `refreshSession`.")
class RefreshSessionPayload(SessionPayload):
    pass


@described
@strawberry.type(description="The answer to `signOut`.")
class SignOutPayload:
    errors: list[UserError]
    """Why the session could not be ended; empty where there was none to end."""
    ended: bool
    """Whether there was a session to end."""


Payload = TypeVar("Payload", bound=SessionPayload)


@strawberry.type
class AccountMutations:
    @strawberry.mutation(
        description="Open an account with a workspace of its own; then call `signIn`, where the"
        " server asks for it after `verifyEmail`. The answer is the same where the address has an"
        " account already: nothing happens to that one."
    )
    async def sign_up(
        self, info: Info, input: Annotated[SignUpInput, strawberry.argument(description="Who.")]
    ) -> SignUpPayload:
        context = info.context
        try:
            await accounts.sign_up(
                context.resources,
                context.asker.client,
                email=input.email,
                password=input.password,
                name=input.name,
            )
        except Refusal as refusal:
            return SignUpPayload(errors=told(refusal))
        return SignUpPayload(errors=[])

    @strawberry.mutation(
        description="Begin a session. The rest of the request is answered as the account's viewer."
    )
    async def sign_in(
        self, info: Info, input: Annotated[SignInInput, strawberry.argument(description="Who.")]
    ) -> SignInPayload:
        try:
            session = await accounts.sign_in(
                info.context.resources,
                info.context.asker.client,
                email=input.email,
                password=input.password,
            )
        except SecondFactorRequired as refusal:
            return SignInPayload(errors=told(refusal), challenge=refusal.challenge)
        except Refusal as refusal:
            return SignInPayload(errors=told(refusal))
        return await begun(info.context, session, SignInPayload)

    @strawberry.mutation(
        description="Go on with a session: exchange its refresh token for new ones. A refresh token"
        " is good once; using it again ends the session, so let no two tabs refresh at a time."
    )
    async def refresh_session(
        self,
        info: Info,
        input: Annotated[RefreshSessionInput, strawberry.argument(description="Which session.")],
    ) -> RefreshSessionPayload:
        try:
            session = await accounts.refresh_session(
                info.context.resources, input.refresh_token, info.context.asker.client
            )
        except Refusal as refusal:
            return RefreshSessionPayload(errors=told(refusal))
        return await begun(info.context, session, RefreshSessionPayload)

    @strawberry.mutation(
        description="End a session: none of its tokens is good any more, at the latest after a"
        " second."
    )
    async def sign_out(
        self,
        info: Info,
        input: Annotated[SignOutInput, strawberry.argument(description="Which session.")],
    ) -> SignOutPayload:
        ended = await accounts.sign_out(
            info.context.resources, input.refresh_token, info.context.asker.client
        )
        return SignOutPayload(errors=[], ended=ended)


async def begun(context: Context, session: SignedIn, payload: type[Payload]) -> Payload:
    """The payload that tells of a session, answered from here on as who it is of."""
    await context.become(session.user_id, session.expires_at, session.session_id)
    return payload(
        errors=[],
        access_token=session.access_token,
        refresh_token=session.refresh_token,
        expires_at=session.expires_at,
    )
