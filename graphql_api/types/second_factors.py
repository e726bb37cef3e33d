"""The mutations of the second factor: take it on, give it up, and sign in with it."""

from __future__ import annotations

from typing import Annotated, TypeVar

import strawberry

from db import viewers
from graphql_api.declare import described, related
from graphql_api.types.accounts import SessionPayload, begun
from graphql_api.types.errors import UserError, told
from graphql_api.types.viewers import Viewer
from resolvers import second_factor
from resolvers.context import Info
from resolvers.errors import Refusal

T = TypeVar("T")
Given = Annotated[T, strawberry.argument(description="Proof that it is you.")]


@described
@strawberry.input(description="The second step of a sign-in: one of the two codes.")
class CompleteSignInInput:
    challenge: str
    """What `signIn` or `completeOAuth` answered."""
    code: str | None = None
    """The six digits that the authenticator app shows; each is good once."""
    recovery_code: str | None = None
    """One of the recovery codes; each is good once."""


@described
@strawberry.input(description="Proof that it is you who wants a second factor.")
class BeginSecondFactorInput:
    password: str
    """Your password."""


@described
@strawberry.input(description="Proof that the authenticator app knows the key.")
class ConfirmSecondFactorInput:
    code: str
    """The six digits that it shows."""


@described
@strawberry.input(description="Proof that it is you, as at sign-in.")
class SecondFactorInput:
    password: str
    """Your password."""
    code: str
    """The six digits that the authenticator app shows, or a recovery code."""


@strawberry.type(description="The answer to `completeSignIn`.")
class CompleteSignInPayload(SessionPayload):
    pass


@described
@strawberry.type(description="The answer to `beginSecondFactor`.")
class BeginSecondFactorPayload:
    errors: list[UserError]
    """Why there is no key; empty if there is one."""
    secret: str | None = None
    """The key for the authenticator app (base 32), told this once."""
    uri: str | None = None
    """The same as an `otpauth:` address, to show as a QR code."""


@described
@strawberry.type(description="Recovery codes, told this once.")
class _RecoveryCodes:
    errors: list[UserError] = strawberry.field(
        description="Why there are no codes; empty if there are."
    )
    recovery_codes: list[str] | None = strawberry.field(
        default=None,
        description="Each signs in once in place of a code. To be kept where the app is not.",
    )
    viewer: Viewer | None = related(viewers.ASKING)
    """You."""


@strawberry.type(description="The answer to `confirmSecondFactor`.")
class ConfirmSecondFactorPayload(_RecoveryCodes):
    pass


@strawberry.type(description="The answer to `replaceRecoveryCodes`.")
class ReplaceRecoveryCodesPayload(_RecoveryCodes):
    pass


@described
@strawberry.type(description="The answer to `disableSecondFactor`.")
class DisableSecondFactorPayload:
    errors: list[UserError]
    """Why it goes on; empty if it does not."""
    viewer: Viewer | None = related(viewers.ASKING)
    """You."""


@strawberry.type
class SecondFactorMutations:
    @strawberry.mutation(
        description="End a sign-in that `signIn` or `completeOAuth` answered with a challenge. The"
        " rest of the request is answered as the account's viewer."
    )
    async def complete_sign_in(
        self, info: Info, input: Given[CompleteSignInInput]
    ) -> CompleteSignInPayload:
        context = info.context
        try:
            session = await second_factor.complete_sign_in(
                context.resources,
                context.asker.client,
                input.challenge,
                input.code,
                input.recovery_code,
            )
        except Refusal as refusal:
            return CompleteSignInPayload(errors=told(refusal))
        return await begun(context, session, CompleteSignInPayload)

    @strawberry.mutation(
        description="Get a key for an authenticator app. Sign-in asks for nothing more until"
        " `confirmSecondFactor`."
    )
    async def begin_second_factor(
        self, info: Info, input: Given[BeginSecondFactorInput]
    ) -> BeginSecondFactorPayload:
        try:
            enrolment = await second_factor.begin(info.context, input.password)
        except Refusal as refusal:
            return BeginSecondFactorPayload(errors=told(refusal))
        return BeginSecondFactorPayload(errors=[], secret=enrolment.secret, uri=enrolment.uri)

    @strawberry.mutation(
        description="Have sign-in ask for a code from here on. The recovery codes are told this"
        " once."
    )
    async def confirm_second_factor(
        self, info: Info, input: Given[ConfirmSecondFactorInput]
    ) -> ConfirmSecondFactorPayload:
        try:
            async with info.context.changing():
                codes = await second_factor.confirm(info.context, input.code)
        except Refusal as refusal:
            return ConfirmSecondFactorPayload(errors=told(refusal))
        return ConfirmSecondFactorPayload(errors=[], recovery_codes=codes)

    @strawberry.mutation(description="Have sign-in ask for the password alone again.")
    async def disable_second_factor(
        self, info: Info, input: Given[SecondFactorInput]
    ) -> DisableSecondFactorPayload:
        try:
            async with info.context.changing():
                await second_factor.disable(info.context, input.password, input.code)
        except Refusal as refusal:
            return DisableSecondFactorPayload(errors=told(refusal))
        return DisableSecondFactorPayload(errors=[])

    @strawberry.mutation(
        description="Get new recovery codes; those before are good no more."
    )
    async def replace_recovery_codes(
        self, info: Info, input: Given[SecondFactorInput]
    ) -> ReplaceRecoveryCodesPayload:
        try:
            async with info.context.changing():
                codes = await second_factor.replace_recovery_codes(
                    info.context, input.password, input.code
                )
        except Refusal as refusal:
            return ReplaceRecoveryCodesPayload(errors=told(refusal))
        return ReplaceRecoveryCodesPayload(errors=[], recovery_codes=codes)
