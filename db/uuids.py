"""UUIDs as rows have them: asyncpg's type, an instance of Python's own that is made, compared and
written about ten times faster."""

import uuid

from asyncpg.pgproto import pgproto

_fast = pgproto.UUID


def read_uuid(text: str) -> uuid.UUID:
    """Raises ValueError for what Python's own does not take."""
    try:
        return _fast(text)
    except ValueError:
        return _fast(uuid.UUID(text).bytes)
