"""Proving an address and setting another password: by mail, once, and telling nobody who exists."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from db.secrets import Secrets
from db.session import Client
from resolvers import accounts, recovery
from resolvers.accounts import InvalidCredentials, SignedIn
from resolvers.context import Resources
from resolvers.errors import InvalidInput, RateLimited, Refusal, Unauthenticated
from resolvers.mail import NoMail
from resolvers.proof import WrongPassword
from resolvers.recovery import BadToken
from resolvers.strength import WeakPassword
from tests.graphql_api.sign_in.people import (
    ANOTHER,
    PASSWORD,
    Person,
    a_person,
    events,
    somewhere,
)
from tests.mailbox import Mailbox, receiving, text_of

if TYPE_CHECKING:
    from asyncpg import Connection, Record

Ask = Callable[[Resources, Client, str], Awaitable[None]]


@pytest.fixture
async def mailbox() -> AsyncGenerator[Mailbox]:
    async with receiving() as box:
        yield box


@pytest.fixture
def strict(resources: Resources, mailbox: Mailbox, secrets: Secrets) -> Resources:
    """A server that sends mail and asks for verified addresses."""
    return replace(resources, mail=mailbox.mail(secrets), verified_only=True)


@pytest.fixture
async def person(strict: Resources) -> Person:
    return await a_person(strict)


async def delivered(resources: Resources) -> None:
    await resources.mail.deliver(resources.database)


async def signed_up(resources: Resources) -> str:
    """The address of an account that nobody has verified yet."""
    email = f"ada.{uuid4().hex}@example.org"
    await accounts.sign_up(resources, somewhere(), email=email, password=PASSWORD, name="Ada")
    await delivered(resources)
    return email


async def sign_in(resources: Resources, email: str, password: str = PASSWORD) -> SignedIn:
    return await accounts.sign_in(resources, somewhere(), email=email, password=password)


async def reset_token(person: Person, mailbox: Mailbox) -> str:
    await recovery.request_reset(person.resources, somewhere(), person.email)
    await delivered(person.resources)
    return mailbox.token(person.email)


async def test_who_follows_the_link_can_sign_in(strict: Resources, mailbox: Mailbox) -> None:
    email = await signed_up(strict)
    with pytest.raises(InvalidCredentials):
        await sign_in(strict, email)
    await recovery.verify_email(strict, somewhere(), mailbox.token(email))
    assert await sign_in(strict, email)


async def test_an_unverified_account_is_answered_like_none(strict: Resources) -> None:
    email = await signed_up(strict)
    answers: set[str] = set()
    for address in (email, f"not.{email}"):
        with pytest.raises(InvalidCredentials) as refused:
            await sign_in(strict, address)
        answers.add(refused.value.message)
    assert len(answers) == 1


async def test_a_link_is_good_once(strict: Resources, mailbox: Mailbox) -> None:
    token = mailbox.token(await signed_up(strict))
    answers = await asyncio.gather(
        *(recovery.verify_email(strict, somewhere(), token) for _ in range(8)),
        return_exceptions=True,
    )
    assert sorted(isinstance(each, BadToken) for each in answers) == [False] + [True] * 7


async def test_a_newer_link_takes_the_place_of_the_one_before(
    strict: Resources, mailbox: Mailbox
) -> None:
    email = await signed_up(strict)
    before = mailbox.token(email)
    await recovery.request_verification(strict, somewhere(), email)
    await delivered(strict)
    with pytest.raises(BadToken):
        await recovery.verify_email(strict, somewhere(), before)
    await recovery.verify_email(strict, somewhere(), mailbox.token(email))


@pytest.mark.parametrize("purpose", ["verify_email", "reset_password"])
async def test_a_link_runs_out(
    person: Person,
    mailbox: Mailbox,
    superuser: "Connection[Record]",
    purpose: str,
) -> None:
    token = await reset_token(person, mailbox)
    await superuser.execute(
        "UPDATE secret.one_time_tokens SET purpose = $2, expires_at = now() WHERE user_id = $1",
        person.id,
        purpose,
    )
    use = (
        recovery.verify_email(person.resources, somewhere(), token)
        if purpose == "verify_email"
        else recovery.reset_password(person.resources, somewhere(), token, ANOTHER)
    )
    with pytest.raises(BadToken):
        await use


async def test_a_taken_address_is_told_so_by_mail_alone(
    strict: Resources, mailbox: Mailbox, person: Person
) -> None:
    await accounts.sign_up(
        strict, somewhere(), email=person.email, password=ANOTHER, name="Somebody"
    )
    await delivered(strict)
    [message] = mailbox.to(person.email)
    assert message["Subject"] == "You have an account already"
    with pytest.raises(InvalidCredentials):
        await sign_in(strict, person.email, ANOTHER)


@pytest.mark.parametrize("ask", [recovery.request_reset, recovery.request_verification])
async def test_nobody_is_sent_a_message_where_there_is_no_account(
    strict: Resources, mailbox: Mailbox, ask: Ask
) -> None:
    await ask(strict, somewhere(), "nobody.at.all@example.org")
    await delivered(strict)
    assert mailbox.messages == []


async def test_a_new_password_ends_all_sessions_and_proves_the_address(
    strict: Resources, mailbox: Mailbox
) -> None:
    email = await signed_up(strict)
    lenient = replace(strict, verified_only=False)
    session = await sign_in(lenient, email)
    await recovery.request_reset(strict, somewhere(), email)
    await delivered(strict)
    await recovery.reset_password(strict, somewhere(), mailbox.token(email), ANOTHER)
    with pytest.raises(Refusal):
        await accounts.refresh_session(strict, session.refresh_token)
    with pytest.raises(InvalidCredentials):
        await sign_in(strict, email)
    assert await sign_in(strict, email, ANOTHER)


async def test_of_eight_who_use_one_link_at_once_one_sets_the_password(
    person: Person, mailbox: Mailbox
) -> None:
    token = await reset_token(person, mailbox)
    passwords = [f"{ANOTHER} number {n}" for n in range(8)]
    answers = await asyncio.gather(
        *(
            recovery.reset_password(person.resources, somewhere(), token, password)
            for password in passwords
        ),
        return_exceptions=True,
    )
    won = [password for password, answer in zip(passwords, answers, strict=True) if not answer]
    assert len(won) == 1
    assert sum(isinstance(each, BadToken) for each in answers) == 7
    assert await person.sign_in(won[0])


async def test_a_weak_password_does_not_use_the_link_up(person: Person, mailbox: Mailbox) -> None:
    token = await reset_token(person, mailbox)
    with pytest.raises(WeakPassword):
        await recovery.reset_password(person.resources, somewhere(), token, "password1")
    await recovery.reset_password(person.resources, somewhere(), token, ANOTHER)
    assert await person.sign_in(ANOTHER)


@pytest.mark.parametrize("token", ["", "mct_", "mct_\ud800", "x" * 100_000, "mct_" + "A" * 43])
async def test_what_is_no_token_does_nothing(strict: Resources, token: str) -> None:
    with pytest.raises(BadToken):
        await recovery.verify_email(strict, somewhere(), token)
    with pytest.raises(BadToken):
        await recovery.reset_password(strict, somewhere(), token, ANOTHER)


async def test_messages_to_one_address_are_limited_whoever_asks(strict: Resources) -> None:
    for email in (f"{uuid4()}@example.org", (await a_person(strict)).email):
        for _ in range(3):
            await recovery.request_reset(strict, somewhere(), email)
        with pytest.raises(RateLimited):
            await recovery.request_reset(strict, somewhere(), email)


async def test_without_a_mail_server_nobody_is_left_waiting(resources: Resources) -> None:
    for email in (f"{uuid4()}@example.org", (await a_person(resources)).email):
        with pytest.raises(NoMail):
            await recovery.request_reset(resources, somewhere(), email)


async def test_who_changes_the_password_stays_and_others_go(
    person: Person, mailbox: Mailbox
) -> None:
    other = await person.sign_in()
    await recovery.change_password(await person.context(), PASSWORD, ANOTHER)
    assert await person.context()
    with pytest.raises(Refusal):
        await accounts.refresh_session(person.resources, other.refresh_token)
    assert await accounts.refresh_session(person.resources, person.session.refresh_token)
    await delivered(person.resources)
    assert "changed just now" in text_of(mailbox.to(person.email)[-1])
    assert "account.password_changed" in await events(person)


async def test_a_change_of_password_takes_the_present_one(person: Person) -> None:
    with pytest.raises(WrongPassword):
        await recovery.change_password(await person.context(), ANOTHER, ANOTHER)
    assert await person.sign_in()


async def test_a_change_of_password_takes_somebody_signed_in(strict: Resources) -> None:
    nobody = (await a_person(strict)).session
    tampered = f"{nobody.access_token}x"
    person = Person(strict, "", somewhere(), replace(nobody, access_token=tampered))
    with pytest.raises(Unauthenticated):
        await person.context()


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("password1", "very common"),
        ("qwertzuiop", "very common"),
        ("Ada Lovelace", "easy to guess"),
        ("aaaaaaaaaaaaaaaa", "Repeats"),
        ("x" * 1_000, "Repeats"),
    ],
)
async def test_a_password_that_is_easy_to_guess_is_refused_with_a_reason(
    person: Person, password: str, said: str
) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(WeakPassword) as refused:
            await recovery.change_password(await person.context(), PASSWORD, password)
    assert said in refused.value.message
    assert refused.value.score < 3
    assert refused.value.path == ("input", "password")


async def test_one_s_own_address_is_no_password(person: Person) -> None:
    with pytest.raises(InvalidInput) as refused:
        await recovery.change_password(await person.context(), PASSWORD, person.email)
    assert refused.value.code == "WEAK_PASSWORD"
