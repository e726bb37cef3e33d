"""The second factor: asked for at sign-in, each code once, and given up only by who has it."""

import asyncio
import re
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from pyotp.totp import TOTP

from db.sealing import Sealing
from db.secrets import Secrets
from resolvers import accounts, second_factor
from resolvers.accounts import SecondFactorRequired, SignedIn
from resolvers.codes import InvalidCode
from resolvers.context import Resources
from resolvers.errors import Conflict, InvalidInput, RateLimited, Refusal
from resolvers.proof import CodeRequired, WrongPassword
from resolvers.rewrapping import rewrap
from resolvers.second_factor import ChallengeEnded
from tests.graphql_api.sign_in.people import (
    PASSWORD,
    Person,
    a_person,
    events,
    somewhere,
    with_second_factor,
)

if TYPE_CHECKING:
    from asyncpg import Connection, Record


@pytest.fixture
async def person(resources: Resources) -> Person:
    """Somebody with a second factor, whose code of now is used."""
    return await with_second_factor(await a_person(resources))


async def challenge(person: Person) -> str:
    with pytest.raises(SecondFactorRequired) as asked:
        await person.sign_in()
    return asked.value.challenge


async def complete(
    person: Person, challenge: str, code: str | None = None, recovery_code: str | None = None
) -> SignedIn:
    return await second_factor.complete_sign_in(
        person.resources, somewhere(), challenge, code, recovery_code
    )


def next_code(person: Person, steps: int = 1) -> str:
    totp = TOTP(person.secret)
    return totp.generate_otp(totp.timecode(datetime.now(UTC)) + steps)


async def test_sign_in_asks_for_a_code_and_the_code_signs_in(person: Person) -> None:
    session = await complete(person, await challenge(person), next_code(person))
    assert session.user_id == person.id
    assert "account.second_factor_enabled" in await events(person)


async def test_a_code_is_accepted_once(person: Person) -> None:
    code = next_code(person)
    first, second = await challenge(person), await challenge(person)
    await complete(person, first, code)
    with pytest.raises(InvalidCode):
        await complete(person, second, code)


async def test_of_eight_who_use_one_code_at_once_one_signs_in(person: Person) -> None:
    code, challenges = next_code(person), [await challenge(person) for _ in range(8)]
    answers = await asyncio.gather(
        *(complete(person, each, code) for each in challenges), return_exceptions=True
    )
    assert sum(isinstance(each, SignedIn) for each in answers) == 1
    assert all(isinstance(each, SignedIn | InvalidCode) for each in answers)


async def test_of_eight_who_use_one_recovery_code_at_once_one_signs_in(person: Person) -> None:
    code, challenges = person.recovery_codes[0], [await challenge(person) for _ in range(8)]
    answers = await asyncio.gather(
        *(complete(person, each, recovery_code=code) for each in challenges),
        return_exceptions=True,
    )
    assert sum(isinstance(each, SignedIn) for each in answers) == 1
    assert all(isinstance(each, SignedIn | InvalidCode) for each in answers)


async def test_of_eight_who_end_one_challenge_at_once_one_signs_in(person: Person) -> None:
    answered = await challenge(person)
    answers = await asyncio.gather(
        *(complete(person, answered, recovery_code=code) for code in person.recovery_codes[:8]),
        return_exceptions=True,
    )
    assert sum(isinstance(each, SignedIn) for each in answers) == 1


@pytest.mark.parametrize("steps", [-3, 3])
async def test_a_code_of_another_time_is_refused(person: Person, steps: int) -> None:
    with pytest.raises(InvalidCode):
        await complete(person, await challenge(person), next_code(person, steps))
    assert "account.second_factor_failed" in await events(person)


async def test_a_wrong_code_leaves_the_challenge_as_it_is(person: Person) -> None:
    answered = await challenge(person)
    with pytest.raises(InvalidCode):
        await complete(person, answered, recovery_code="aaaa-aaaa-aaaa-aaaa")
    assert await complete(person, answered, recovery_code=person.recovery_codes[0])


async def test_codes_are_guessed_a_few_times_only(person: Person) -> None:
    answered = await challenge(person)
    answers = await asyncio.gather(
        *(
            second_factor.complete_sign_in(
                person.resources, person.client, answered, f"00000{n}"[-6:], None
            )
            for n in range(12)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(each, InvalidCode) for each in answers) == 5
    assert sum(isinstance(each, RateLimited) for each in answers) == 7


async def test_a_challenge_is_good_once_and_runs_out(
    person: Person, superuser: "Connection[Record]"
) -> None:
    answered = await challenge(person)
    await complete(person, answered, recovery_code=person.recovery_codes[0])
    with pytest.raises(ChallengeEnded):
        await complete(person, answered, recovery_code=person.recovery_codes[1])
    late = await challenge(person)
    await superuser.execute(
        "UPDATE secret.one_time_tokens SET expires_at = now() WHERE user_id = $1", person.id
    )
    with pytest.raises(ChallengeEnded):
        await complete(person, late, recovery_code=person.recovery_codes[2])


async def test_a_challenge_is_of_one_account(resources: Resources, person: Person) -> None:
    other = await with_second_factor(await a_person(resources))
    with pytest.raises(InvalidCode):
        await complete(person, await challenge(person), recovery_code=other.recovery_codes[0])


@pytest.mark.parametrize("given", [(None, None), ("000000", "aaaa")])
async def test_one_code_is_asked_for(person: Person, given: tuple[str | None, str | None]) -> None:
    with pytest.raises(InvalidInput):
        await complete(person, await challenge(person), *given)


async def test_nothing_is_asked_before_the_factor_is_confirmed(resources: Resources) -> None:
    person = await a_person(resources)
    enrolment = await second_factor.begin(await person.context(), PASSWORD)
    assert re.match(r"otpauth://totp/.*secret=" + enrolment.secret, enrolment.uri)
    assert await person.sign_in()
    with pytest.raises(InvalidCode):
        await second_factor.confirm(await person.context(), "000000")
    assert await person.sign_in()


async def test_the_key_is_sealed_and_bound_to_its_user(
    resources: Resources, person: Person, superuser: "Connection[Record]"
) -> None:
    kept = await superuser.fetchval(
        "SELECT key FROM secret.second_factors WHERE user_id = $1", person.id
    )
    assert person.secret.encode() not in kept
    codes = await superuser.fetch("SELECT code_hash FROM secret.recovery_codes")
    assert all(len(row["code_hash"]) == 32 for row in codes)


async def test_a_second_factor_is_not_begun_over(person: Person) -> None:
    with pytest.raises(Conflict):
        await second_factor.begin(await person.context(), PASSWORD)


async def test_giving_it_up_takes_the_password_and_a_code(person: Person) -> None:
    context = await person.context()
    with pytest.raises(WrongPassword):
        await second_factor.disable(context, "wrong horse battery", person.recovery_codes[0])
    with pytest.raises(CodeRequired):
        await second_factor.disable(context, PASSWORD, None)
    with pytest.raises(InvalidCode):
        await second_factor.disable(context, PASSWORD, "aaaa-aaaa-aaaa-aaaa")
    await second_factor.disable(context, PASSWORD, person.recovery_codes[0])
    assert await person.sign_in()


async def test_new_recovery_codes_take_the_place_of_the_old(person: Person) -> None:
    new = await second_factor.replace_recovery_codes(
        await person.context(), PASSWORD, person.recovery_codes[0]
    )
    assert len(set(new)) == 10
    answered = await challenge(person)
    with pytest.raises(InvalidCode):
        await complete(person, answered, recovery_code=person.recovery_codes[1])
    assert await complete(person, answered, recovery_code=new[0].upper().replace("-", " "))


async def test_a_session_of_before_goes_on(person: Person) -> None:
    assert await accounts.refresh_session(person.resources, person.session.refresh_token)


async def test_no_challenge_is_made_for_a_wrong_password(person: Person) -> None:
    with pytest.raises(Refusal) as refused:
        await person.sign_in("wrong horse battery")
    assert refused.value.code == "INVALID_CREDENTIALS"


async def test_the_key_outlives_the_secret_that_sealed_it(
    person: Person, secrets: Secrets
) -> None:
    said: list[str] = []
    rotated = copy(person.resources.database)
    old, new = "the secret that every test of the database uses", "a secret of a later day " * 2
    assert Secrets(old).kid == secrets.kid
    rotated.sealing = Sealing(Secrets(new, old))
    assert await rewrap(rotated, said.append)
    rotated.sealing = Sealing(Secrets(new))
    later = replace(person, resources=replace(person.resources, database=rotated))
    assert await complete(later, await challenge(later), next_code(later))
    assert "second factors" in "".join(said)
    # the others of this module go on with the secret that they have
    rotated.sealing = Sealing(Secrets(old, new))
    assert await rewrap(rotated, said.append)
