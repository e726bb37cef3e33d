"""Passwords: who passes, what may be one, and that computing them never crowds out the rest."""

import asyncio
import threading
import unicodedata
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from argon2 import PasswordHasher, extract_parameters
from hypothesis import example, given
from hypothesis import strategies as st

from resolvers.errors import InvalidInput
from resolvers.passwords import LONGEST, Passwords, TooBusy, check_password


@pytest.fixture(scope="module")
async def passwords() -> AsyncIterator[Passwords]:
    pool = Passwords()
    yield pool
    pool.close()


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that Argon2 was asked to compare with."""
    compared: list[str] = []
    verify = PasswordHasher.verify

    def recorded(self: PasswordHasher, hash: str, password: bytes) -> bool:
        compared.append(hash)
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", recorded)
    return compared


async def test_the_password_passes(passwords: Passwords) -> None:
    assert await passwords.verify(await passwords.hash("correct horse"), "correct horse")


async def test_another_password_does_not_pass(passwords: Passwords) -> None:
    assert not await passwords.verify(await passwords.hash("correct horse"), "correct house")


async def test_a_hash_is_argon2id_with_the_parameters_of_the_design(passwords: Passwords) -> None:
    made = extract_parameters(await passwords.hash("correct horse"))
    assert made.type.name == "ID"
    assert (made.memory_cost, made.time_cost, made.parallelism) == (19 * 1024, 2, 1)


async def test_two_hashes_of_one_password_differ(passwords: Passwords) -> None:
    assert await passwords.hash("correct horse") != await passwords.hash("correct horse")


async def test_a_hash_with_other_parameters_is_outdated_and_still_passes(
    passwords: Passwords,
) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse")
    assert passwords.outdated(old)
    assert not passwords.outdated(await passwords.hash("correct horse"))
    assert await passwords.verify(old, "correct horse")


@pytest.mark.parametrize("password", ["wrong password", "", "\ud800", "x" * 5000])
async def test_nobody_has_a_password_and_asking_costs_as_much_as_for_somebody(
    passwords: Passwords, computed: list[str], password: str
) -> None:
    stored = await passwords.hash("correct horse")
    assert not await passwords.verify(None, password)
    assert not await passwords.verify(stored, password)
    assert len(computed) == 2
    assert extract_parameters(computed[0]) == extract_parameters(computed[1])


async def test_a_password_typed_on_another_keyboard_passes(passwords: Passwords) -> None:
    stored = await passwords.hash("Grüße aus Köln")
    assert await passwords.verify(stored, unicodedata.normalize("NFD", "Grüße\u00a0aus Köln"))


async def test_characters_that_only_look_alike_stay_different(passwords: Passwords) -> None:
    assert not await passwords.verify(await passwords.hash("passwordﬁ2"), "passwordfi2")


@pytest.mark.parametrize(
    "password", ["", "1234567", "\U0001f511" * 7, "x" * (LONGEST + 1), "é" * LONGEST, "\ud800" * 8]
)
def test_what_is_too_short_too_long_or_no_text_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput):
        check_password(password)


@pytest.mark.parametrize("password", ["12345678", "\U0001f511" * 8, "x" * LONGEST])
def test_what_is_just_long_enough_is_accepted(password: str) -> None:
    check_password(password)


@given(st.text(st.characters(), max_size=60))
@example("\ud800\udc00 half a pair")
@example("long enough\0")
def test_any_text_is_accepted_or_refused_and_nothing_else_happens(password: str) -> None:
    with suppress(InvalidInput):
        check_password(password)


def test_a_refusal_names_the_field() -> None:
    with pytest.raises(InvalidInput) as refused:
        check_password("short", ("input", "password"))
    assert refused.value.path == ("input", "password")


async def test_who_finds_the_line_full_is_told_to_come_back_and_later_let_in() -> None:
    passwords = Passwords(threads=1, line=2)
    try:
        waiting = [asyncio.ensure_future(passwords.verify(None, "anything")) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(TooBusy):
            await passwords.verify(None, "one too many")
        assert await asyncio.gather(*waiting) == [False] * 3
        assert not await passwords.verify(None, "later")
    finally:
        passwords.close()


async def test_who_gives_up_waiting_frees_the_place() -> None:
    passwords = Passwords(threads=1, line=1)
    try:
        first, second = (
            asyncio.ensure_future(passwords.verify(None, "anything")) for _ in range(2)
        )
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        third = asyncio.ensure_future(passwords.verify(None, "anything"))
        assert await asyncio.gather(first, third) == [False, False]
    finally:
        passwords.close()


async def test_however_many_ask_at_once_two_threads_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords, threads = Passwords(), set[str]()
    verify = PasswordHasher.verify

    def recorded(self: PasswordHasher, hash: str, password: bytes) -> bool:
        threads.add(threading.current_thread().name)
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", recorded)
    try:
        await asyncio.gather(*(passwords.verify(None, "anything") for _ in range(12)))
    finally:
        passwords.close()
    assert len(threads) == 2
    assert threading.current_thread().name not in threads
