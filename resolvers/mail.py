"""Mail: posted in the transaction of what it tells of, and sent by a mail server after the commit.

    async with context.writing() as transaction:
        ...
        await context.resources.mail.post(transaction, Message(to, "Subject", "Text"))

Nothing is lost by a restart: the outbox is a table. A message whose server was not sure whether it
had taken it is sent again, under the same Message-ID. Neither the log nor the answer to whoever
caused a message tells whom it was for.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiosmtplib
import msgspec
import structlog

from db import mail
from db.mail import MailRow
from db.sealing import Box, NotOpened
from db.session import Database, Writing
from resolvers.beside import going_on
from resolvers.errors import Refusal
from resolvers.metrics import MAIL

log = structlog.stdlib.get_logger("resolvers.mail")

LOOK = 1.0
"""Seconds between two looks at what waits."""
AT_ONCE = 10
LEASE = timedelta(minutes=2)
"""Longer than a mail server may take to accept a message."""
SECONDS = 30.0
"""Time that a mail server has to answer."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(hours=1)
MOST_ATTEMPTS = 30
"""About a day."""
REFUSED_FOR_GOOD = 500
"""The first of the SMTP replies that say that trying again does not help."""
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class NoMail(Refusal):
    """This server sends no mail, so what goes by mail cannot be asked of it."""

    code = "MAIL_UNAVAILABLE"


class Message(NamedTuple):
    """``text`` is plain text; line ends in ``subject`` become spaces."""

    to: str
    subject: str
    text: str


Transport = Callable[[Message, UUID], Awaitable[None]]
"""Sends a message; the id is the same when the same is sent again."""


class Mail:
    """The post of a process. Without a ``transport`` nothing can be posted."""

    def __init__(
        self,
        box: Box | None = None,
        transport: Transport | None = None,
        public_url: str | None = None,
    ) -> None:
        self._box, self._transport = box, transport
        self._public_url = public_url.rstrip("/") if public_url else None

    @property
    def possible(self) -> bool:
        return self._box is not None and self._transport is not None

    def check(self) -> None:
        """Raises NoMail unless mail can be sent."""
        if not self.possible:
            raise NoMail("This server sends no mail. Ask whoever operates it.")

    def link(self, page: str, value: str, name: str = "token") -> str:
        """Where a message leads: a page of the front end; where none is known, the bare value.

        The value is behind a `#`: browsers send that to no server.
        """
        return f"{self._public_url}/{page}#{name}={value}" if self._public_url else value

    async def post(self, transaction: Writing, message: Message) -> None:
        """Have it sent, once the transaction is committed. Raises NoMail."""
        self.check()
        assert self._box is not None  # noqa: S101 # as was checked
        await mail.post(transaction, self._box.seal(msgspec.json.encode(message)))

    async def deliver(self, database: Database) -> int:
        """Send what is due. How many messages there were."""
        count = 0
        while taken := await mail.take(database, AT_ONCE, LEASE):
            await asyncio.gather(*(self._send(database, row) for row in taken))
            count += len(taken)
        return count

    async def keep_delivering(self, database: Database) -> None:
        """Do so for as long as the process runs."""
        while self.possible:
            with going_on("mail could not be looked after"):
                await self.deliver(database)
            await asyncio.sleep(LOOK)

    async def _send(self, database: Database, row: MailRow) -> None:
        assert self._box is not None  # noqa: S101 # whoever takes has one
        assert self._transport is not None  # noqa: S101
        try:
            message = msgspec.json.decode(self._box.open(row.message), type=Message)
            async with asyncio.timeout(SECONDS):
                await self._transport(message, row.id)
        except (aiosmtplib.SMTPException, OSError, ValueError, NotOpened) as error:
            await _failed(database, row, error)
        else:
            await mail.forget(database, row.id)
            MAIL.labels("sent").inc()


async def _failed(database: Database, row: MailRow, error: Exception) -> None:
    reason = type(error).__name__  # what a server says of a message names its reader
    if _for_good(error) or row.attempts >= MOST_ATTEMPTS:
        log.warning("mail was given up", mail=str(row.id), attempts=row.attempts, reason=reason)
        await mail.forget(database, row.id)
        MAIL.labels("given_up").inc()
        return
    log.info("mail waits", mail=str(row.id), attempts=row.attempts, reason=reason)
    pause = min(FIRST_PAUSE * 2 ** min(row.attempts - 1, 10), LONGEST_PAUSE)
    await mail.postpone(database, row.id, pause)
    MAIL.labels("retried").inc()


def _for_good(error: Exception) -> bool:
    """Whether trying again cannot help: the message or its reader is refused, not the server."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            return all(each.code >= REFUSED_FOR_GOOD for each in error.recipients)
        case aiosmtplib.SMTPDataError():
            return error.code >= REFUSED_FOR_GOOD
        case _:
            return isinstance(error, ValueError | NotOpened)


def smtp(url: str, sender: str) -> Transport:
    """Sends by the server of ``smtp://user:password@host:587`` (STARTTLS) or ``smtps://``."""
    parts = urlsplit(url)
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    # A password goes over nothing but TLS; without one, TLS is used where the server has it.
    start_tls = True if user and parts.hostname not in LOOPBACK else None

    async def send(message: Message, id: UUID) -> None:
        await aiosmtplib.send(
            written(message, sender, id),
            hostname=parts.hostname,
            port=parts.port,
            username=user,
            password=password,
            use_tls=parts.scheme == "smtps",
            start_tls=False if parts.scheme == "smtps" else start_tls,
            timeout=SECONDS,
        )

    return send


def written(message: Message, sender: str, id: UUID) -> EmailMessage:
    """The message as mail servers take it. Raises ValueError for an address that is none."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = sender, message.to
    mail["Subject"] = " ".join(message.subject.split())
    mail["Message-ID"] = f"<{id}@{sender.rpartition('@')[2].rstrip('>')}>"
    mail["Date"] = localtime()
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    return mail


async def to_the_log(message: Message, id: UUID) -> None:
    """For development: whoever reads the log reads the mail."""
    log.info(f"mail to {message.to}: {message.subject}\n\n{message.text}", mail=str(id))
