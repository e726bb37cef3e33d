"""What PostgreSQL refuses, in the words of this room."""

from contextlib import AbstractContextManager
from typing import Any

import asyncpg
import msgspec


class Unavailable(Exception):
    """The database cannot be reached now; trying again later helps."""


class Busy(Unavailable):
    """Others have what is needed: a connection, or a row's lock. Nothing was done."""


class OutOfRoom(Unavailable):
    """The database's disk is full: nothing was written. What is there can be read."""


class TookTooLong(Exception):
    """It was given up when its time was over: at the statement timeout, or the request's."""


class BadValue(Exception):
    """A value does not fit its type: a number out of range, a text with a NUL character."""


class RuleBroken(Exception):
    """A rule of the database forbids this; ``rule`` is the name of its constraint."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class Taken(RuleBroken):
    """Something else has this value already, which only one may have."""


class PlanLimitReached(RuleBroken):
    """The workspace's plan allows no more; ``limit`` is one of ``db.plans.PlanLimit``."""

    def __init__(self, rule: str, limit: str, used: int, allowed: int, plan: str) -> None:
        super().__init__(rule)
        self.limit, self.used, self.allowed, self.plan = limit, used, allowed, plan


class LimitReached(RuleBroken):
    """There may be no more of this, whatever the plan: ``used`` of ``allowed``."""

    def __init__(self, rule: str, used: int, allowed: int) -> None:
        super().__init__(rule)
        self.used, self.allowed = used, allowed


class NotThere(RuleBroken):
    """There is no such row, or none that the viewer may see."""


class NotAllowed(RuleBroken):
    """The viewer may see the row, but not do this."""


class NotNow(RuleBroken):
    """The row's state forbids this: it has ended, or somebody else changed it first."""


RULES: dict[type[asyncpg.PostgresError], type[RuleBroken]] = {
    asyncpg.UniqueViolationError: Taken,
    asyncpg.IntegrityConstraintViolationError: RuleBroken,
    asyncpg.NoDataFoundError: NotThere,
    asyncpg.InsufficientPrivilegeError: NotAllowed,
    asyncpg.ObjectNotInPrerequisiteStateError: NotNow,
    asyncpg.TransactionRollbackError: NotNow,
}


class _RefusalOf:
    def __enter__(self) -> None:
        pass

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if error is not None and (refusal := refusal_for(error)):
            raise refusal from error


_REFUSAL_OF = _RefusalOf()


def refusal_of() -> AbstractContextManager[None]:
    """Raises the errors above for those of the driver that are expected."""
    return _REFUSAL_OF


def refusal_for(error: BaseException) -> Exception | None:
    """That of the errors above that is raised for one of the driver's, if it is expected."""
    match error:
        case asyncpg.PostgresError() if isinstance(error, tuple(RULES)):
            return _broken(error)
        case asyncpg.ConfigurationLimitExceededError():
            told = msgspec.json.decode(error.detail or "{}", type=dict[str, Any])
            reached = PlanLimitReached if "plan" in told else LimitReached
            return reached(_rule(error), **told)
        case asyncpg.DataError() | asyncpg.FeatureNotSupportedError():
            return BadValue(str(error))
        case asyncpg.QueryCanceledError():
            return TookTooLong(error.message)
        case (
            asyncpg.PostgresConnectionError()
            | asyncpg.CannotConnectNowError()
            | asyncpg.InsufficientResourcesError()  # a full disk, too many connections
            | asyncpg.AdminShutdownError()
            | asyncpg.CrashShutdownError()
            | asyncpg.InterfaceError()
            | asyncpg.InternalClientError()  # the connection broke while it was in use
            | OSError()  # among them that the socket of a local server is not there
        ):
            full = isinstance(error, asyncpg.DiskFullError)
            return (OutOfRoom if full else Unavailable)(str(error) or type(error).__name__)
        case _:
            return None


def _broken(error: asyncpg.PostgresError) -> Busy | RuleBroken:
    by_itself = isinstance(error, asyncpg.LockNotAvailableError | asyncpg.DeadlockDetectedError)
    in_recovery = isinstance(error, asyncpg.SerializationError) and not error.constraint_name
    if by_itself or in_recovery:  # a replica breaks off reads that stand in the way of its replay
        return Busy(error.message)
    broken = next(RULES[each] for each in RULES if isinstance(error, each))
    return broken(_rule(error))


def _rule(error: asyncpg.PostgresError) -> str:
    return error.constraint_name or error.column_name or error.message or ""
