"""A mail server that keeps what it is sent, for tests to read."""

import asyncio
import email
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP

from db.sealing import Box, Sealing
from db.secrets import Secrets
from resolvers.mail import Mail, smtp

SENDER = "The platform <platform@example.org>"
PUBLIC_URL = "https://app.example.org"


@dataclass(eq=False)
class Mailbox:
    """``reply``: what the server answers from now on to whatever it is sent; empty: it takes it."""

    url: str = ""
    reply: str = ""
    messages: list[EmailMessage] = field(default_factory=lambda: [])

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.reply:
            return self.reply
        read = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(read, EmailMessage)
        self.messages.append(read)
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        return [each for each in self.messages if each["To"] == address]

    def token(self, address: str) -> str:
        """The token in the last message to this address."""
        found = re.search(r"#token=(\S+)", text_of(self.to(address)[-1]))
        assert found
        return found[1]

    def mail(self, secrets: Secrets) -> Mail:
        """The post of a process that sends here."""
        return Mail(Box(Sealing(secrets), "mail"), smtp(self.url, SENDER), PUBLIC_URL)


def text_of(message: EmailMessage) -> str:
    return message.get_content().strip()


@asynccontextmanager
async def receiving() -> AsyncGenerator[Mailbox]:
    box = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, hostname="here"), "127.0.0.1", 0)
    box.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()
