"""Mail that waits to be sent, sealed: the functions of ``migrations/0040_mail.sql``."""

from datetime import timedelta
from uuid import UUID

import msgspec

from db.session import Database, Writing


class MailRow(msgspec.Struct, frozen=True):
    """A message that was taken to be sent, for the ``attempts``-th time."""

    id: UUID
    message: bytes
    attempts: int


POST = "SELECT app.post_mail($1)"
TAKE = "SELECT id, message, attempts FROM app.take_mail($1, $2)"
FORGET = "SELECT app.forget_mail($1)"
POSTPONE = "SELECT app.postpone_mail($1, $2)"


async def post(transaction: Writing, message: bytes) -> None:
    """Have it sent, once the transaction is committed."""
    await transaction.value(POST, message)


async def take(database: Database, most: int, lease: timedelta) -> list[MailRow]:
    """Messages that are due; nobody else gets them within ``lease``."""
    async with database.signing_in() as transaction:
        return [MailRow(*row) for row in await transaction.fetch(TAKE, most, lease)]


async def forget(database: Database, id: UUID) -> None:
    async with database.signing_in() as transaction:
        await transaction.value(FORGET, id)


async def postpone(database: Database, id: UUID, delay: timedelta) -> None:
    async with database.signing_in() as transaction:
        await transaction.value(POSTPONE, id, delay)
