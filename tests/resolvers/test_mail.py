"""Mail: sent after the commit, by a real server; once, again after a failure, or not at all."""

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import asyncpg
import pytest

from db.sealing import Sealing
from db.secrets import Secrets
from db.session import ANONYMOUS, Database, connect
from resolvers import rewrapping
from resolvers.mail import Mail, Message, NoMail
from tests.conftest import NewDatabase
from tests.counted import counted, since
from tests.mailbox import PUBLIC_URL, SENDER, Mailbox, receiving, text_of

if TYPE_CHECKING:
    from asyncpg import Connection, Record

TOKEN = "a-token-that-opens-an-account"
MESSAGE = Message("ada@example.org", "Zoë invites\nyou", f"Follow {TOKEN}\n")


@pytest.fixture(scope="module")
async def url(new_database: NewDatabase, template: str) -> str:
    return await new_database(template)


@pytest.fixture(scope="module")
async def superuser(url: str) -> "AsyncGenerator[Connection[Record]]":
    connection: Connection[Record] = await asyncpg.connect(url)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def shared(url: str, secrets: Secrets) -> AsyncGenerator[Database]:
    async with connect(url, secrets, size=4, sign_in_size=4) as database:
        yield database


@pytest.fixture
async def database(shared: Database, superuser: "Connection[Record]") -> Database:
    await superuser.execute("DELETE FROM secret.mail_outbox")
    return shared


@pytest.fixture
async def mailbox() -> AsyncGenerator[Mailbox]:
    async with receiving() as box:
        yield box


@pytest.fixture
def mail(mailbox: Mailbox, secrets: Secrets) -> Mail:
    return mailbox.mail(secrets)


async def post(mail: Mail, database: Database, message: Message = MESSAGE) -> None:
    async with database.writing(ANONYMOUS) as transaction:
        await mail.post(transaction, message)


async def waiting(superuser: "Connection[Record]") -> list[tuple[int, bool]]:
    """Of each message that waits: how often it was tried, and whether it is due."""
    rows = await superuser.fetch("SELECT attempts, due_at <= now() FROM secret.mail_outbox")
    return [(row[0], row[1]) for row in rows]


async def test_a_message_is_sent_after_the_commit(
    mail: Mail, mailbox: Mailbox, database: Database, superuser: "Connection[Record]"
) -> None:
    async with database.writing(ANONYMOUS) as transaction:
        await mail.post(transaction, MESSAGE)
        assert await mail.deliver(database) == 0
    assert await mail.deliver(database) == 1
    [sent] = mailbox.messages
    assert (sent["To"], sent["From"]) == (MESSAGE.to, SENDER)
    assert sent["Subject"] == "Zoë invites you"
    assert text_of(sent) == MESSAGE.text.strip()
    assert await waiting(superuser) == []


async def test_what_is_undone_is_not_told(mail: Mail, mailbox: Mailbox, database: Database) -> None:
    async def change_one_s_mind() -> None:
        async with database.writing(ANONYMOUS) as transaction:
            await mail.post(transaction, MESSAGE)
            raise LookupError

    with pytest.raises(LookupError):
        await change_one_s_mind()
    assert await mail.deliver(database) == 0
    assert mailbox.messages == []


async def test_of_several_processes_one_sends_a_message(
    mail: Mail, mailbox: Mailbox, database: Database
) -> None:
    for n in range(20):
        await post(mail, database, MESSAGE._replace(to=f"ada.{n}@example.org"))
    counts = await asyncio.gather(*(mail.deliver(database) for _ in range(4)))
    assert sum(counts) == 20
    assert len({each["To"] for each in mailbox.messages}) == len(mailbox.messages) == 20


@pytest.mark.parametrize("reply", ["451 try again later", "421 closing"])
async def test_a_message_that_a_server_cannot_take_now_waits(
    mail: Mail,
    mailbox: Mailbox,
    database: Database,
    superuser: "Connection[Record]",
    reply: str,
) -> None:
    mailbox.reply = reply
    await post(mail, database)
    await mail.deliver(database)
    assert await waiting(superuser) == [(1, False)]
    mailbox.reply = ""
    await superuser.execute("UPDATE secret.mail_outbox SET due_at = now()")
    await mail.deliver(database)
    assert len(mailbox.messages) == 1


async def test_a_message_waits_for_a_server_that_is_down(
    secrets: Secrets, database: Database, superuser: "Connection[Record]"
) -> None:
    mail = Mailbox("smtp://127.0.0.1:1").mail(secrets)
    await post(mail, database)
    await mail.deliver(database)
    assert await waiting(superuser) == [(1, False)]


@pytest.mark.parametrize("message", [MESSAGE, MESSAGE._replace(to="ada@example.org\nBcc: eve@x")])
async def test_a_message_that_is_refused_for_good_is_given_up(
    mail: Mail,
    mailbox: Mailbox,
    database: Database,
    superuser: "Connection[Record]",
    message: Message,
) -> None:
    mailbox.reply = "550 no such reader"
    await post(mail, database, message)
    await mail.deliver(database)
    assert await waiting(superuser) == []
    assert mailbox.messages == []


async def test_what_came_of_attempts_is_counted(
    mail: Mail, mailbox: Mailbox, database: Database, superuser: "Connection[Record]"
) -> None:
    outcomes = ("mail_messages_total", "sent", "retried", "given_up")
    before = counted(*outcomes)
    await post(mail, database)
    for reply in ("451 try again later", ""):
        mailbox.reply = reply
        await superuser.execute("UPDATE secret.mail_outbox SET due_at = now()")
        await mail.deliver(database)
    mailbox.reply = "550 no such reader"
    await post(mail, database)
    await mail.deliver(database)
    assert since(before, counted(*outcomes)) == [1, 1, 1]


async def test_the_outbox_can_be_read_by_who_holds_the_secret_only(
    mail: Mail, database: Database, superuser: "Connection[Record]"
) -> None:
    await post(mail, database)
    [kept] = await superuser.fetch("SELECT message FROM secret.mail_outbox")
    assert TOKEN.encode() not in kept["message"]
    assert MESSAGE.to.encode() not in kept["message"]
    for pool in (database.api, database.auth):
        async with pool.connection() as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch("SELECT message FROM secret.mail_outbox")


async def test_what_waits_comes_under_a_new_key_and_is_sent_by_it(
    mail: Mail, mailbox: Mailbox, database: Database
) -> None:
    old, new = "the secret that every test of the database uses", "a secret of a later day " * 2
    said = list[str]()
    for n in range(3):
        await post(mail, database, MESSAGE._replace(to=f"ada.{n}@example.org"))
    database.sealing, before = Sealing(Secrets(new, old)), database.sealing
    try:
        assert await rewrapping.rewrap(database, said.append)
        assert await rewrapping.rewrap(database, said.append)
    finally:
        database.sealing = before
    assert said == ["Sealed the secrets of 3 of 3 messages that wait anew"]

    assert await mailbox.mail(Secrets(new)).deliver(database) == 3
    assert len(mailbox.messages) == 3


async def test_without_a_mail_server_nothing_is_posted(database: Database) -> None:
    with pytest.raises(NoMail):
        await post(Mail(), database)


def test_a_link_leads_to_the_front_end_and_shows_its_token_to_no_server(mail: Mail) -> None:
    assert mail.link("verify-email", "abc") == f"{PUBLIC_URL}/verify-email#token=abc"
    assert Mail().link("verify-email", "abc") == "abc"
