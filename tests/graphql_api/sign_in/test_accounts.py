"""Signing up, in and out: who gets a session, how long it lasts, and what nobody learns."""

import asyncio
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID, uuid4

import asyncpg
import pytest
from argon2 import PasswordHasher

from db import sessions as sql
from db.accounts import find_sign_in
from db.session import Client, Database, Viewer
from resolvers import accounts
from resolvers.accounts import (
    InvalidCredentials,
    SecondFactorRequired,
    SessionEnded,
    SignedIn,
    TokenReused,
)
from resolvers.context import Resources
from resolvers.errors import InvalidInput
from resolvers.tokens import digest, new_refresh_token

Superuser: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

HERE = Client("192.0.2.7", "tests")
PASSWORD = "correct horse battery"


def an_address() -> str:
    return f"ada.{uuid4().hex}@example.org"


async def sign_up(
    resources: Resources, email: str, password: str = PASSWORD, name: str = "Ada Lovelace"
) -> None:
    await accounts.sign_up(resources, HERE, email=email, password=password, name=name)


async def sign_in(resources: Resources, email: str, password: str = PASSWORD) -> SignedIn:
    return await accounts.sign_in(resources, email=email, password=password)


@pytest.fixture
async def email(resources: Resources) -> str:
    """The address of an account."""
    address = an_address()
    await sign_up(resources, address)
    return address


@pytest.fixture
async def session(resources: Resources, email: str) -> SignedIn:
    return await sign_in(resources, email)


async def workspaces_of(database: Database, user_id: UUID) -> list[tuple[str, str]]:
    reading = database.reading(Viewer(user_id=user_id))
    try:
        rows = await reading.fetch("SELECT name, slug FROM workspaces ORDER BY name")
    finally:
        await reading.end()
    return [(row["name"], row["slug"]) for row in rows]


async def somebody_waits(superuser: Superuser) -> None:
    """Returns when a statement of this database waits for the lock of another."""
    async with asyncio.timeout(5):
        while not await superuser.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            pass


async def test_who_signed_up_signs_in(resources: Resources, email: str) -> None:
    session = await sign_in(resources, email)
    access = resources.tokens.read(session.access_token)
    assert (access.user_id, access.expires_at) == (session.user_id, session.expires_at)


@pytest.mark.parametrize("spelt", [str.upper, str.title, "  {}\n".format])
async def test_an_address_may_be_spelt_in_any_case(
    resources: Resources, email: str, spelt: type[str]
) -> None:
    assert await sign_in(resources, spelt(email))


async def test_a_new_account_has_a_workspace_of_its_own(
    resources: Resources, database: Database, session: SignedIn
) -> None:
    [(name, slug)] = await workspaces_of(database, session.user_id)
    assert name == "Ada Lovelace's workspace"
    assert slug.startswith("ada-lovelace-")


@pytest.mark.parametrize("name", ["愛", "Zoë Łęcka", "-", "x" * 200, "O'Neil; DROP TABLE"])
async def test_a_name_may_be_of_any_script(
    resources: Resources, database: Database, name: str
) -> None:
    email = an_address()
    await sign_up(resources, email, name=name)
    session = await sign_in(resources, email)
    [(workspace, _)] = await workspaces_of(database, session.user_id)
    assert workspace == f"{name}'s workspace"


async def test_namesakes_have_workspaces_apart(resources: Resources, database: Database) -> None:
    emails = [an_address() for _ in range(2)]
    for email in emails:
        await sign_up(resources, email)
    first, second = [await sign_in(resources, email) for email in emails]
    assert await workspaces_of(database, first.user_id) != await workspaces_of(
        database, second.user_id
    )


async def test_signing_up_again_is_answered_alike_and_changes_nothing(
    resources: Resources, database: Database, email: str
) -> None:
    before = await sign_in(resources, email)
    await sign_up(resources, email.upper(), password="another password", name="Somebody")
    with pytest.raises(InvalidCredentials):
        await sign_in(resources, email, "another password")
    after = await sign_in(resources, email)
    assert after.user_id == before.user_id
    assert len(await workspaces_of(database, after.user_id)) == 1


async def test_of_several_who_sign_up_at_once_with_one_address_one_gets_it(
    resources: Resources,
) -> None:
    email, passwords = an_address(), [f"password number {n}" for n in range(6)]
    spellings = [email, email.upper()] * 3
    await asyncio.gather(
        *(
            sign_up(resources, spelt, password)
            for spelt, password in zip(spellings, passwords, strict=True)
        )
    )
    answers = await asyncio.gather(
        *(sign_in(resources, email, password) for password in passwords), return_exceptions=True
    )
    assert len([each for each in answers if isinstance(each, SignedIn)]) == 1


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@example.org@example.org",
        "ada lovelace@example.org",
        "ada@-example.org",
        "ada@example..org",
        "ada@example.org\0",
        "ada@exämple.org",
        "ada@\ud800.org",
        "a" * 65 + "@example.org",
        "ada@" + "a" * 63 + "." + "b" * 63 + "." + "c" * 63 + "." + "d" * 63,
    ],
)
async def test_what_is_no_address_signs_nobody_up_and_nobody_in(
    resources: Resources, email: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await sign_up(resources, email)
    assert refused.value.path == ("input", "email")
    with pytest.raises(InvalidCredentials):
        await sign_in(resources, email)


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "Ada\nLovelace", "Ada\0", "Ada\ud800"])
async def test_what_is_no_name_is_refused(resources: Resources, name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await sign_up(resources, an_address(), name=name)
    assert refused.value.path == ("input", "name")


async def test_a_password_too_short_is_refused(resources: Resources) -> None:
    with pytest.raises(InvalidInput) as refused:
        await sign_up(resources, an_address(), password="1234567")
    assert refused.value.path == ("input", "password")


async def test_an_unknown_address_is_answered_like_a_wrong_password_and_costs_as_much(
    resources: Resources, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared, verify = list[str](), PasswordHasher.verify

    def recorded(self: PasswordHasher, hash: str, password: bytes) -> bool:
        compared.append(hash)
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", recorded)
    answers: list[tuple[str, str, tuple[str, ...]]] = []
    for address, password in (
        (email, "wrong password"),
        (an_address(), PASSWORD),
        ("no address", PASSWORD),
        (email, "x" * 5000),
    ):
        with pytest.raises(InvalidCredentials) as refused:
            await sign_in(resources, address, password)
        answers.append((refused.value.code, refused.value.message, refused.value.path))
    assert len(set(answers)) == 1
    assert len(compared) == 4


async def test_an_account_without_a_password_is_signed_in_to_by_none(
    resources: Resources, database: Database, email: str, superuser: Superuser
) -> None:
    await superuser.execute("UPDATE users SET password_hash = NULL WHERE email = $1", email)
    for password in ("", PASSWORD):
        with pytest.raises(InvalidCredentials):
            await sign_in(resources, email, password)


async def test_a_hash_made_with_other_parameters_is_renewed_at_sign_in(
    resources: Resources, database: Database, email: str, superuser: Superuser
) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    await superuser.execute("UPDATE users SET password_hash = $1 WHERE email = $2", weak, email)
    for _ in range(2):
        await sign_in(resources, email)
        row = await find_sign_in(database, email)
        assert row is not None
        assert not resources.passwords.outdated(row.password_hash or "")


async def test_an_account_with_a_second_factor_is_not_signed_in_to_by_a_password(
    resources: Resources, email: str, superuser: Superuser
) -> None:
    await superuser.execute("UPDATE users SET mfa_enabled = true WHERE email = $1", email)
    with pytest.raises(SecondFactorRequired):
        await sign_in(resources, email)
    with pytest.raises(InvalidCredentials):
        await sign_in(resources, email, "wrong password")


async def test_a_session_is_refreshed_again_and_again(
    resources: Resources, session: SignedIn
) -> None:
    tokens = {session.refresh_token}
    for _ in range(3):
        user_id, session = (
            session.user_id,
            await accounts.refresh_session(resources, session.refresh_token),
        )
        assert session.user_id == user_id
        assert resources.tokens.read(session.access_token).user_id == user_id
        tokens.add(session.refresh_token)
    assert len(tokens) == 4


async def test_a_replayed_refresh_token_ends_its_session(
    resources: Resources, session: SignedIn
) -> None:
    newest = await accounts.refresh_session(resources, session.refresh_token)
    with pytest.raises(TokenReused):
        await accounts.refresh_session(resources, session.refresh_token)
    with pytest.raises(SessionEnded):
        await accounts.refresh_session(resources, newest.refresh_token)


async def test_a_replay_leaves_the_other_sessions_of_the_account(
    resources: Resources, email: str, session: SignedIn
) -> None:
    other = await sign_in(resources, email)
    await accounts.refresh_session(resources, session.refresh_token)
    with pytest.raises(TokenReused):
        await accounts.refresh_session(resources, session.refresh_token)
    assert await accounts.refresh_session(resources, other.refresh_token)


async def test_of_eight_refreshes_of_one_token_one_wins_and_the_session_is_ended(
    resources: Resources, session: SignedIn
) -> None:
    answers = await asyncio.gather(
        *(accounts.refresh_session(resources, session.refresh_token) for _ in range(8)),
        return_exceptions=True,
    )
    winners = [each for each in answers if isinstance(each, SignedIn)]
    assert len(winners) == 1
    assert sum(isinstance(each, TokenReused) for each in answers) == 7
    with pytest.raises(SessionEnded):
        await accounts.refresh_session(resources, winners[0].refresh_token)


async def test_a_replay_ends_the_session_even_while_it_is_refreshed(
    resources: Resources, database: Database, session: SignedIn, superuser: Superuser
) -> None:
    second = await accounts.refresh_session(resources, session.refresh_token)
    third = new_refresh_token()
    async with database.signing_in() as honest:
        await honest.row(
            sql.REFRESH, digest(second.refresh_token), digest(third), timedelta(days=1)
        )
        replay = asyncio.ensure_future(accounts.refresh_session(resources, session.refresh_token))
        await somebody_waits(superuser)
    with pytest.raises(TokenReused):
        await replay
    with pytest.raises(SessionEnded):
        await accounts.refresh_session(resources, third)


async def test_signing_out_ends_the_session_even_while_it_is_refreshed(
    resources: Resources, database: Database, session: SignedIn, superuser: Superuser
) -> None:
    second = new_refresh_token()
    async with database.signing_in() as refreshing:
        await refreshing.row(
            sql.REFRESH, digest(session.refresh_token), digest(second), timedelta(days=1)
        )
        leaving = asyncio.ensure_future(accounts.sign_out(resources, session.refresh_token))
        await somebody_waits(superuser)
    assert await leaving
    with pytest.raises(SessionEnded):
        await accounts.refresh_session(resources, second)


async def test_an_expired_refresh_token_is_refused(
    resources: Resources, database: Database, session: SignedIn
) -> None:
    token = new_refresh_token()
    async with database.signing_in() as transaction:
        life = timedelta(seconds=-1)
        await sql.start(transaction, session.user_id, digest(token), life, "password")
    with pytest.raises(SessionEnded):
        await accounts.refresh_session(resources, token)


@pytest.mark.parametrize("token", ["", "mcr_", "mcr_\ud800", "x" * 100_000, "mcr_" + "A" * 43])
async def test_what_is_no_refresh_token_of_ours_refreshes_nothing_and_ends_nothing(
    resources: Resources, token: str
) -> None:
    with pytest.raises(SessionEnded):
        await accounts.refresh_session(resources, token)
    assert not await accounts.sign_out(resources, token)


async def test_who_signed_out_cannot_refresh(resources: Resources, session: SignedIn) -> None:
    assert await accounts.sign_out(resources, session.refresh_token)
    with pytest.raises(SessionEnded):
        await accounts.refresh_session(resources, session.refresh_token)


async def test_signing_out_twice_is_no_error(resources: Resources, session: SignedIn) -> None:
    assert await accounts.sign_out(resources, session.refresh_token)
    assert not await accounts.sign_out(resources, session.refresh_token)


async def test_an_old_refresh_token_signs_the_session_out_too(
    resources: Resources, session: SignedIn
) -> None:
    newest = await accounts.refresh_session(resources, session.refresh_token)
    assert await accounts.sign_out(resources, session.refresh_token)
    with pytest.raises(SessionEnded):
        await accounts.refresh_session(resources, newest.refresh_token)


async def test_no_token_and_no_password_is_stored(
    resources: Resources, session: SignedIn, superuser: Superuser
) -> None:
    rows = await superuser.fetch(
        "SELECT to_json(u)::text || to_json(t)::text AS stored FROM users u"
        " JOIN refresh_tokens t ON t.user_id = u.id WHERE u.id = $1",
        session.user_id,
    )
    stored = "".join(row["stored"] for row in rows)
    assert "$argon2id$" in stored
    assert PASSWORD not in stored
    assert session.refresh_token not in stored
    assert session.refresh_token.removeprefix("mcr_") not in stored
