"""What PostgreSQL refuses, in the words of this room."""

from collections.abc import Generator
from contextlib import contextmanager

import asyncpg


class Unavailable(Exception):
    """The database cannot be reached now, or has no connection free; trying again later helps."""


class TookTooLong(Exception):
    """The statement was stopped at the statement timeout."""


class BadValue(Exception):
    """A value does not fit its type: a number out of range, a text with a NUL character."""


class Broken(Exception):
    """A rule of the database was broken: ``rule`` is the name of the constraint."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class NotAllowed(Exception):
    """A policy or a grant forbids this to the viewer, or the row is not visible to it."""


class NotNow(Exception):
    """The row's state forbids this: it is already closed, or somebody else changed it first."""


@contextmanager
def refusal_of() -> Generator[None]:
    """Raises the errors above for those of the driver that are expected."""
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        raise Broken(error.constraint_name or error.column_name or "constraint") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise NotAllowed(error.message) from error
    except (asyncpg.ObjectNotInPrerequisiteStateError, asyncpg.SerializationError) as error:
        raise NotNow(error.message) from error
    except asyncpg.DataError as error:
        raise BadValue(str(error)) from error
    except asyncpg.QueryCanceledError as error:
        raise TookTooLong(error.message) from error
    except (
        asyncpg.PostgresConnectionError,
        asyncpg.CannotConnectNowError,
        asyncpg.TooManyConnectionsError,
        asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError,
        asyncpg.InterfaceError,
        ConnectionError,
        TimeoutError,
    ) as error:
        raise Unavailable(str(error) or type(error).__name__) from error
