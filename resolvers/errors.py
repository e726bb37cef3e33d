"""Expected errors: what a client did that cannot be honoured, each with a code that never changes.

A mutation answers with them in its payload, a query as a top-level error. Anything else that is
raised is a fault of ours and is masked.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar


class Refusal(Exception):
    """A request that cannot be honoured; the message says what to do instead."""

    code: ClassVar[str] = "REFUSED"

    def __init__(self, message: str, path: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message, self.path = message, tuple(path)


class InvalidInput(Refusal):
    """An argument or an input field has a value that is not allowed; ``path`` names it."""

    code = "INVALID_INPUT"


class NotFound(Refusal):
    """There is no such thing, or the viewer may not see it: the two are not told apart."""

    code = "NOT_FOUND"


class Forbidden(Refusal):
    """The viewer sees the thing but may not do this to it."""

    code = "FORBIDDEN"


class Unauthenticated(Refusal):
    """Nobody is signed in, or the sign-in is no longer good."""

    code = "UNAUTHENTICATED"


class PlanLimit(Refusal):
    """The workspace's plan allows no more of this: ``used`` of ``allowed``."""

    code = "PLAN_LIMIT"

    def __init__(
        self, limit: str, used: int, allowed: int, plan: str, path: Sequence[str] = ()
    ) -> None:
        said = f"The plan {plan} allows {allowed} {limit}, and {used} are in use."
        super().__init__(f"{said} Make room, or change the plan.", path)
        self.limit, self.used, self.allowed, self.plan = limit, used, allowed, plan


class LimitReached(Refusal):
    """Whatever the plan, there may be no more of this: ``used`` of ``allowed``."""

    code = "LIMIT_REACHED"

    def __init__(self, message: str, used: int, allowed: int, path: Sequence[str] = ()) -> None:
        super().__init__(message, path)
        self.used, self.allowed = used, allowed


class Conflict(Refusal):
    """Somebody else was first."""

    code = "CONFLICT"


class RateLimited(Refusal):
    """So many requests of a kind that no more are answered before ``reset_at``."""

    code = "RATE_LIMITED"

    def __init__(self, reset_at: datetime, said: str | None = None) -> None:
        said = said or "This API key has used up this hour's requests;"
        super().__init__(f"{said} ask again at {reset_at:%H:%M:%S} UTC.")
        self.reset_at = reset_at
