"""The mutations of addresses and passwords: prove one, set another of the other."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphql_api.declare import described
from graphql_api.types.errors import UserError, told
from resolvers import recovery
from resolvers.context import Info
from resolvers.errors import Refusal


@described
@strawberry.input(description="Whose address is to be verified.")
class RequestEmailVerificationInput:
    email: str
    """The e-mail address of the account."""


@described
@strawberry.input(description="What was in the message.")
class VerifyEmailInput:
    token: str
    """The token behind `#token=` in the link."""


@described
@strawberry.input(description="Whose password is to be set anew.")
class RequestPasswordResetInput:
    email: str
    """The e-mail address of the account."""


@described
@strawberry.input(description="What was in the message, and the new password.")
class ResetPasswordInput:
    token: str
    """The token behind `#token=` in the link."""
    password: str
    """The new password: as for `signUp`."""


@described
@strawberry.input(description="The password of now, and the new one.")
class ChangePasswordInput:
    current_password: str
    """The password of now."""
    password: str
    """The new password: as for `signUp`."""


@described
@strawberry.type
class _Done:
    errors: list[UserError] = strawberry.field(
        description="Why it was not done; empty if it was accepted."
    )


@strawberry.type(description="The answer to `requestEmailVerification`.")
class RequestEmailVerificationPayload(_Done):
    pass


@strawberry.type(description="The answer to `verifyEmail`.")
class VerifyEmailPayload(_Done):
    pass


@strawberry.type(description="The answer to `requestPasswordReset`.")
class RequestPasswordResetPayload(_Done):
    pass


@strawberry.type(description="The answer to `resetPassword`.")
class ResetPasswordPayload(_Done):
    pass


@strawberry.type(description="The answer to `changePassword`.")
class ChangePasswordPayload(_Done):
    pass


@strawberry.type
class PasswordMutations:
    @strawberry.mutation(
        description="Send the message to verify an address once more. The answer is the same"
        " whether there is such an account or not."
    )
    async def request_email_verification(
        self,
        info: Info,
        input: Annotated[
            RequestEmailVerificationInput, strawberry.argument(description="Whose address.")
        ],
    ) -> RequestEmailVerificationPayload:
        context = info.context
        try:
            await recovery.request_verification(
                context.resources, context.asker.client, input.email
            )
        except Refusal as refusal:
            return RequestEmailVerificationPayload(errors=told(refusal))
        return RequestEmailVerificationPayload(errors=[])

    @strawberry.mutation(description="Show that an address is one's own; then call `signIn`.")
    async def verify_email(
        self,
        info: Info,
        input: Annotated[VerifyEmailInput, strawberry.argument(description="The token.")],
    ) -> VerifyEmailPayload:
        context = info.context
        try:
            await recovery.verify_email(context.resources, context.asker.client, input.token)
        except Refusal as refusal:
            return VerifyEmailPayload(errors=told(refusal))
        return VerifyEmailPayload(errors=[])

    @strawberry.mutation(
        description="Send a message with a link to choose a new password. The answer is the same"
        " whether there is such an account or not."
    )
    async def request_password_reset(
        self,
        info: Info,
        input: Annotated[
            RequestPasswordResetInput, strawberry.argument(description="Whose password.")
        ],
    ) -> RequestPasswordResetPayload:
        context = info.context
        try:
            await recovery.request_reset(context.resources, context.asker.client, input.email)
        except Refusal as refusal:
            return RequestPasswordResetPayload(errors=told(refusal))
        return RequestPasswordResetPayload(errors=[])

    @strawberry.mutation(
        description="Set a new password by the token of a message. All sessions of the account"
        " end; then call `signIn`."
    )
    async def reset_password(
        self,
        info: Info,
        input: Annotated[
            ResetPasswordInput, strawberry.argument(description="The token and the password.")
        ],
    ) -> ResetPasswordPayload:
        context = info.context
        try:
            await recovery.reset_password(
                context.resources, context.asker.client, input.token, input.password
            )
        except Refusal as refusal:
            return ResetPasswordPayload(errors=told(refusal))
        return ResetPasswordPayload(errors=[])

    @strawberry.mutation(
        description="Change your password. All your sessions end but the one that asks."
    )
    async def change_password(
        self,
        info: Info,
        input: Annotated[
            ChangePasswordInput, strawberry.argument(description="Both passwords.")
        ],
    ) -> ChangePasswordPayload:
        try:
            await recovery.change_password(
                info.context, input.current_password, input.password
            )
        except Refusal as refusal:
            return ChangePasswordPayload(errors=told(refusal))
        return ChangePasswordPayload(errors=[])
