"""What people say of themselves, and the end of an account."""

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from db.session import ANONYMOUS, Viewer
from resolvers import accounts, profiles
from resolvers.accounts import InvalidCredentials
from resolvers.context import Asker, Context, Resources
from resolvers.errors import InvalidInput, Unauthenticated
from resolvers.profiles import OwnerOfOthers, Profile
from resolvers.proof import CodeRequired, WrongPassword
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
    return await a_person(resources)


async def update(person: Person, **given: str) -> None:
    await profiles.update(await person.context(), Profile(**given))


async def row_of(person: Person, superuser: "Connection[Record]") -> Any:
    return await superuser.fetchrow("SELECT * FROM users WHERE id = $1", person.id)


async def test_a_profile_is_changed_where_it_is_asked(
    person: Person, superuser: "Connection[Record]"
) -> None:
    await update(person, timezone="America/Bogota", locale="ZH-hant-tw")
    await update(person, name=" Ada King ", avatar_url="https://example.org/ada.png")
    row = await row_of(person, superuser)
    assert (row["name"], row["avatar_url"]) == ("Ada King", "https://example.org/ada.png")
    assert (row["timezone"], row["locale"]) == ("America/Bogota", "zh-Hant-TW")
    assert (await events(person)).count("user.update") == 2
    await update(person, avatar_url="")
    assert (await row_of(person, superuser))["avatar_url"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "two\nlines"),
        ("avatar_url", "http://example.org/ada.png"),
        ("avatar_url", "javascript:alert(1)"),
        ("avatar_url", "https://"),
        ("avatar_url", "https://ada:word@example.org/"),
        ("avatar_url", "https://example.org/" + "a" * 500),
        ("avatar_url", "https://[::1"),
        ("timezone", "Europe/Nowhere"),
        ("timezone", "../etc/passwd"),
        ("timezone", "\ud800"),
        ("locale", ""),
        ("locale", "english language"),
        ("locale", "en_US"),
        ("locale", "en-" + "x" * 40),
        ("locale", "de-DE\n"),
    ],
)
async def test_a_value_that_is_none_is_refused_with_its_name(
    person: Person, superuser: "Connection[Record]", field: str, value: str
) -> None:
    before = await row_of(person, superuser)
    with pytest.raises(InvalidInput) as refused:
        await update(person, **{field: value})
    name = {"avatar_url": "avatarUrl"}.get(field, field)
    assert refused.value.path == ("input", name)
    assert await row_of(person, superuser) == before


@pytest.mark.parametrize("tag", ["en", "pt-BR", "sr-Latn", "es-419", "de-CH-1996", "en-x-ours"])
async def test_a_language_is_named_as_the_standard_has_it(
    person: Person, superuser: "Connection[Record]", tag: str
) -> None:
    await update(person, locale=tag.upper())
    assert (await row_of(person, superuser))["locale"] == tag


@pytest.mark.parametrize("viewer", [ANONYMOUS, Viewer(api_key_id=uuid4())])
async def test_an_account_is_a_person_s(resources: Resources, viewer: Viewer) -> None:
    context = Context(resources, Asker(viewer, somewhere()))
    with pytest.raises(Unauthenticated):
        await profiles.update(context, Profile(name="Eve"))
    with pytest.raises(Unauthenticated):
        await profiles.delete(context, PASSWORD, None)
    with pytest.raises(Unauthenticated):
        await profiles.end_other_sessions(context)


async def delete(person: Person, password: str = PASSWORD, code: str | None = None) -> None:
    await profiles.delete(await person.context(), password, code)


async def shared_workspace(
    owner: Person, member: Person, superuser: "Connection[Record]"
) -> str:
    """The owner's workspace, of which the other is a member now."""
    return await superuser.fetchval(
        "INSERT INTO workspace_users (workspace_id, user_id, role)"
        " SELECT id, $2, 'editor' FROM workspaces WHERE owner_id = $1"
        " RETURNING workspace_id",
        owner.id,
        member.id,
    )


async def test_a_deleted_account_is_nobody_any_more(
    person: Person, superuser: "Connection[Record]"
) -> None:
    await delete(person)
    with pytest.raises(InvalidCredentials):
        await person.sign_in()
    with pytest.raises(Unauthenticated):
        await person.context()
    row = await row_of(person, superuser)
    assert row["name"] == "Deleted user"
    assert person.email not in str(row)
    assert row["password_hash"] is None
    left = await superuser.fetchval(
        "SELECT count(*) FROM workspaces WHERE owner_id = $1 AND deleted_at IS NULL", person.id
    )
    assert left == 0


async def test_its_address_is_free_again(resources: Resources, person: Person) -> None:
    await delete(person)
    await accounts.sign_up(
        resources, somewhere(), email=person.email, password=PASSWORD, name="Ada again"
    )
    assert (await person.sign_in()).user_id != person.id


async def test_who_owns_what_others_work_in_stays_and_is_told_where(
    resources: Resources, person: Person, superuser: "Connection[Record]"
) -> None:
    shared = await shared_workspace(person, await a_person(resources), superuser)
    with pytest.raises(OwnerOfOthers) as refused:
        await delete(person)
    assert refused.value.workspace_ids == [shared]
    assert "Ada Lovelace's workspace" in refused.value.message
    assert await person.sign_in()


async def test_what_was_made_for_others_stays_without_a_name(
    resources: Resources, person: Person, superuser: "Connection[Record]"
) -> None:
    other = await a_person(resources)
    shared = await shared_workspace(other, person, superuser)
    made = await superuser.fetchval(
        "INSERT INTO api_keys (workspace_id, name, key_hash, key_prefix, scopes, created_by)"
        " VALUES ($1, 'k', sha256($2::text::bytea), 'mcp_', '{logs:read}', $3) RETURNING id",
        shared,
        uuid4().hex,
        person.id,
    )
    await delete(person)
    row = await superuser.fetchrow("SELECT created_by FROM api_keys WHERE id = $1", made)
    assert row is not None
    assert row["created_by"] == person.id
    members = await superuser.fetch(
        "SELECT user_id FROM workspace_users WHERE workspace_id = $1", shared
    )
    assert [each["user_id"] for each in members] == [other.id]


async def test_deleting_takes_the_password_and_the_second_factor(resources: Resources) -> None:
    person = await with_second_factor(await a_person(resources))
    with pytest.raises(WrongPassword):
        await delete(person, "wrong horse battery", person.recovery_codes[0])
    with pytest.raises(CodeRequired):
        await delete(person)
    await delete(person, code=person.recovery_codes[0])
    with pytest.raises(Unauthenticated):
        await person.context()


async def test_deleting_at_once_and_twice_is_done_once(person: Person) -> None:
    contexts = [await person.context() for _ in range(4)]
    answers = await asyncio.gather(
        *(profiles.delete(context, PASSWORD, None) for context in contexts),
        return_exceptions=True,
    )
    assert sum(each is None for each in answers) == 1
