"""Errors in payloads: a type for each expected error.

A refusal without a type of its own is shown as what it is a kind of, so that a new one never breaks
an answer.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import strawberry
from strawberry.types import get_object_definition

from graphql_api.declare import described
from graphql_api.types.plans import PlanLimit
from graphql_api.types.scalars import BigInt
from resolvers import accounts, errors, passwords, profiles, strength
from resolvers.errors import Refusal


@strawberry.interface(description="Why a mutation did not do what was asked, and what helps.")
class UserError:
    code: str = strawberry.field(
        description="What kind of error it is, in capitals. Never changes: decide by it."
    )
    message: str = strawberry.field(description="What to do about it, in a sentence for people.")
    path: list[str] = strawberry.field(
        description="The argument and the fields inside it that are at fault; empty if none is."
    )


T = TypeVar("T", bound=UserError)

_types: dict[type[Refusal], type[UserError]] = {}
ERRORS: list[type[UserError]] = []
"""The types to tell the schema of: no field names them."""


def telling(refusal: type[Refusal]) -> Callable[[type[T]], type[T]]:
    """Declare the type that shows ``refusal``: its fields are read off the refusal."""

    def declare(cls: type[T]) -> type[T]:
        declared = described(strawberry.type(cls, description=cls.__doc__))
        _types[refusal] = declared
        ERRORS.append(declared)
        return declared

    return declare


def told(refusal: Refusal) -> list[UserError]:
    """The ``errors`` of a payload."""
    type_ = next(_types[each] for each in type(refusal).__mro__ if each in _types)
    names = [field.python_name for field in get_object_definition(type_, strict=True).fields]
    return [type_(**{name: getattr(refusal, name) for name in names})]


@telling(Refusal)
class OtherError(UserError):
    """An error that has no type of its own; its code says which."""


@telling(errors.InvalidInput)
class InvalidInputError(UserError):
    """A field of the input has a value that is not allowed. `path` names it."""


@telling(errors.NotFound)
class NotFoundError(UserError):
    """There is no such thing, or you may not see it."""


@telling(errors.Forbidden)
class ForbiddenError(UserError):
    """You see it, but may not do this to it."""


@telling(errors.Unauthenticated)
class UnauthenticatedError(UserError):
    """Nobody is signed in. Call `signIn`, or send the access token."""


@telling(errors.Conflict)
class ConflictError(UserError):
    """Somebody else was first. Read it again, then decide."""


@telling(errors.PlanLimit)
class PlanLimitError(UserError):
    """The workspace's plan allows no more of this. `Workspace.usage` tells of it in advance."""

    limit: PlanLimit
    """Of what it allows no more."""
    used: BigInt
    """How many there are."""
    allowed: BigInt
    """How many it allows."""
    plan: str
    """The plan that the workspace is on."""


@telling(errors.LimitReached)
class LimitReachedError(UserError):
    """There may be no more of this, whatever the plan."""

    used: int
    """How many there are."""
    allowed: int
    """How many there may be."""


@telling(accounts.InvalidCredentials)
class InvalidCredentialsError(UserError):
    """No account has this e-mail address and this password. Which of them is wrong is not told."""


@telling(accounts.SecondFactorRequired)
class SecondFactorRequiredError(UserError):
    """The first step is right, but this account asks for a second: call `completeSignIn`."""

    challenge: str
    """What goes with a code to `completeSignIn`."""
    expires_at: datetime
    """Until when the challenge is good."""


@telling(accounts.SessionEnded)
class SessionEndedError(UserError):
    """The session was signed out or has expired. Call `signIn`."""


@telling(accounts.TokenReused)
class RefreshTokenReusedError(UserError):
    """The refresh token was used before. As somebody may have stolen it, its session is ended."""


@telling(errors.RateLimited)
class RateLimitedError(UserError):
    """So much was asked of this kind that no more is answered for a while."""

    reset_at: datetime
    """When the next request is answered again."""


@telling(strength.WeakPassword)
class WeakPasswordError(UserError):
    """The password would be guessed soon."""

    score: int
    """How hard it is to guess, from 0 to 4; 3 is enough."""
    warning: str | None
    """What is wrong with it."""
    suggestions: list[str]
    """What would make it better."""


@telling(profiles.OwnerOfOthers)
class OwnsWorkspacesError(UserError):
    """Others are members of workspaces that the account owns."""

    workspace_ids: list[UUID]
    """The database ids of those workspaces."""


@telling(passwords.TooBusy)
class TooBusyError(UserError):
    """Too many people are signing in at this moment. Try again in a few seconds."""
