"""Sealing anew, with the present key, what other keys sealed: page by page, each a transaction."""

from typing import LiteralString, NamedTuple
from uuid import UUID

from db.sealing import NotOpened, Sealed
from db.session import Database


class Kind(NamedTuple):
    """What is sealed for one purpose. ``read`` answers id, the owners, text and key id.

    ``lost``: what is to be done about one that does not open.
    """

    purpose: str
    number: LiteralString
    read: LiteralString
    write: LiteralString
    lost: str = "enter it again"


KINDS = {
    "integrations": Kind(
        "credentials",
        "SELECT app.count_credentials_under_other_keys($1)",
        """
        SELECT integration_id, workspace_id, integration_id, credentials, credentials_key_id
          FROM app.read_credentials_under_other_keys($1, $2, $3)
        """,
        "SELECT app.rewrap_credentials($1, $2, $3, $4)",
    ),
    "webhooks": Kind(
        "webhook",
        "SELECT app.count_webhook_secrets_under_other_keys($1)",
        """
        SELECT id, workspace_id, webhook_id, secret, secret_key_id
          FROM app.read_webhook_secrets_under_other_keys($1, $2, $3)
        """,
        "SELECT app.rewrap_webhook_secret($1, $2, $3, $4)",
    ),
    "second factors": Kind(
        "second factor",
        "SELECT app.count_second_factors_under_other_keys($1)",
        """
        SELECT user_id, user_id, key, key_id
          FROM app.read_second_factors_under_other_keys($1, $2, $3)
        """,
        "SELECT app.rewrap_second_factor($1, $2, $3, $4)",
    ),
    "messages that wait": Kind(
        "mail",
        "SELECT app.count_mail_under_other_keys($1)",
        "SELECT id, message, key_id FROM app.read_mail_under_other_keys($1, $2, $3)",
        "SELECT app.rewrap_mail($1, $2, $3, $4)",
        lost="it is given up when it is to be sent",
    ),
}


class Rewrapped(NamedTuple):
    """What became of a page; ``last`` is the id to go on behind."""

    last: UUID
    done: int
    closed: list[UUID]
    """Those that could not be opened, and are as they were."""


async def count_under_other_keys(database: Database, kind: Kind) -> int:
    async with database.working() as transaction:
        return await transaction.value(kind.number, database.sealing.key_id(kind.purpose))


async def rewrap(database: Database, kind: Kind, behind: UUID, most: int) -> Rewrapped | None:
    """Seal the next ``most`` that other keys sealed with the present one; None at the end.

    What is replaced at the same moment stays as it was replaced.
    """
    sealing, closed, done, last = database.sealing, list[UUID](), 0, behind
    async with database.working() as transaction:
        key_id = sealing.key_id(kind.purpose)
        rows = await transaction.fetch(kind.read, key_id, behind, most)
        for last, *owners, text, old_id in rows:
            try:
                plain = sealing.open(kind.purpose, Sealed(text, old_id), *owners)
            except NotOpened:
                closed.append(last)
                continue
            sealed = sealing.seal(kind.purpose, plain, *owners)
            done += await transaction.value(kind.write, last, text, *sealed)
    return Rewrapped(last, done, closed) if rows else None
