"""From ``Authorization`` to who asks: users, API keys, nobody, and whoever is turned away."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from db.secrets import Secrets
from db.session import ANONYMOUS, Client, Database, Viewer
from graphql_api.auth import KeyAsker, asker_of, shown_by
from resolvers import accounts
from resolvers.accounts import RateLimited, SignedIn
from resolvers.context import Resources
from resolvers.errors import Unauthenticated
from resolvers.tokens import Tokens, digest, new_api_key, shown

HERE = Client("192.0.2.7", "tests")
PASSWORD = "correct horse battery"


@pytest.fixture
async def owner(resources: Resources) -> SignedIn:
    """Somebody who owns a workspace."""
    email = f"ada.{uuid4().hex}@example.org"
    await accounts.sign_up(resources, HERE, email=email, password=PASSWORD, name="Ada")
    return await accounts.sign_in(resources, email=email, password=PASSWORD)


@dataclass(frozen=True)
class Key:
    text: str
    id: UUID
    workspace_id: UUID

    @property
    def header(self) -> str:
        return f"Bearer {self.text}"


async def make_key(
    database: Database,
    owner: SignedIn,
    *,
    rate_limit: int = 1000,
    status: str = "active",
    expires_at: datetime | None = None,
) -> Key:
    text = new_api_key()
    async with database.writing(Viewer(user_id=owner.user_id), HERE) as transaction:
        row = await transaction.row(
            "INSERT INTO api_keys (workspace_id, name, key_hash, key_prefix, scopes, rate_limit,"
            " expires_at, created_by)"
            " SELECT id, 'tests', $1, $2, '{workspace:read}', $3, $4, $5 FROM workspaces"
            " RETURNING id, workspace_id",
            digest(text),
            shown(text),
            rate_limit,
            expires_at,
            owner.user_id,
        )
        assert row is not None
        await transaction.row("UPDATE api_keys SET status = $2 WHERE id = $1", row["id"], status)
    return Key(text, row["id"], row["workspace_id"])


async def test_who_shows_nothing_is_nobody(resources: Resources) -> None:
    asker = await asker_of(None, HERE, resources)
    assert (asker.viewer, asker.client, asker.expires_at) == (ANONYMOUS, HERE, None)


async def test_an_access_token_stands_for_its_user_until_it_expires(
    resources: Resources, owner: SignedIn
) -> None:
    asker = await asker_of(f"Bearer {owner.access_token}", HERE, resources)
    assert asker.viewer == Viewer(user_id=owner.user_id)
    assert (asker.client, asker.expires_at) == (HERE, owner.expires_at)


@pytest.mark.parametrize("form", ["bearer {}", "BEARER {}", "Bearer   {}", " Bearer {} "])
async def test_the_scheme_may_be_spelt_in_any_case(
    resources: Resources, owner: SignedIn, form: str
) -> None:
    asker = await asker_of(form.format(owner.access_token), HERE, resources)
    assert asker.viewer == Viewer(user_id=owner.user_id)


async def test_an_expired_access_token_is_turned_away(
    resources: Resources, owner: SignedIn
) -> None:
    strict = replace(resources, tokens=Tokens(Secrets("a secret of another length of life"), -1))
    token, _ = strict.tokens.issue(owner.user_id)
    with pytest.raises(Unauthenticated, match="expired"):
        await asker_of(f"Bearer {token}", HERE, strict)


async def test_a_refresh_token_opens_nothing(resources: Resources, owner: SignedIn) -> None:
    with pytest.raises(Unauthenticated):
        await asker_of(f"Bearer {owner.refresh_token}", HERE, resources)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters()) | st.text(st.characters()).map("Bearer {}".format))
@example("")
@example("Bearer")
@example("Bearer ")
@example("Basic YWRhOnBhc3N3b3Jk")
@example("Bearer mcp_")
@example("Bearer mcp_\0")
@example("Bearer mcp_\ud800")
@example("Bearer mcp_" + "x" * 100_000)
@example("Bearer mcp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
@example("Bearer a.b.c")
async def test_whatever_else_is_shown_is_turned_away(resources: Resources, text: str) -> None:
    with pytest.raises(Unauthenticated):
        await asker_of(text, HERE, resources)


async def test_an_api_key_is_a_viewer_of_its_own(
    resources: Resources, database: Database, owner: SignedIn
) -> None:
    key = await make_key(database, owner)
    asker = await asker_of(key.header, HERE, resources)
    assert asker.viewer == Viewer(api_key_id=key.id)
    assert asker.client == HERE


async def test_an_api_key_sees_the_workspace_it_is_of(
    resources: Resources, database: Database, owner: SignedIn
) -> None:
    key = await make_key(database, owner)
    reading = database.reading((await asker_of(key.header, HERE, resources)).viewer)
    try:
        rows = await reading.fetch("SELECT id FROM workspaces")
    finally:
        await reading.end()
    assert [row["id"] for row in rows] == [key.workspace_id]


@pytest.mark.parametrize("status", ["inactive", "revoked"])
async def test_a_key_that_is_not_active_is_answered_like_an_unknown_one(
    resources: Resources, database: Database, owner: SignedIn, status: str
) -> None:
    key = await make_key(database, owner, status=status)
    answers: set[str] = set()
    for header in (key.header, f"Bearer {new_api_key()}"):
        with pytest.raises(Unauthenticated) as refused:
            await asker_of(header, HERE, resources)
        answers.add(refused.value.message)
    assert len(answers) == 1


async def test_a_revoked_key_is_turned_away_at_once(
    resources: Resources, database: Database, owner: SignedIn
) -> None:
    key = await make_key(database, owner)
    assert await asker_of(key.header, HERE, resources)
    async with database.writing(Viewer(user_id=owner.user_id), HERE) as transaction:
        await transaction.row("UPDATE api_keys SET status = 'revoked' WHERE id = $1", key.id)
    with pytest.raises(Unauthenticated):
        await asker_of(key.header, HERE, resources)


async def test_an_expired_key_is_turned_away(
    resources: Resources, database: Database, owner: SignedIn
) -> None:
    key = await make_key(database, owner, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(Unauthenticated):
        await asker_of(key.header, HERE, resources)


async def test_a_key_counts_its_requests_and_says_what_is_left(
    resources: Resources, database: Database, owner: SignedIn
) -> None:
    key = await make_key(database, owner, rate_limit=2)
    askers = [await asker_of(key.header, HERE, resources) for _ in range(2)]
    with pytest.raises(RateLimited) as refused:
        await asker_of(key.header, HERE, resources)
    reset_at = refused.value.reset_at
    assert [each.allowance for each in askers if isinstance(each, KeyAsker)] == [
        (2, 1, reset_at),
        (2, 0, reset_at),
    ]
    assert timedelta(0) < reset_at - datetime.now(UTC) <= timedelta(hours=1)


async def test_of_many_requests_at_once_a_key_gets_exactly_what_it_is_allowed(
    resources: Resources, database: Database, owner: SignedIn
) -> None:
    key = await make_key(database, owner, rate_limit=5)
    answers = await asyncio.gather(
        *(asker_of(key.header, HERE, resources) for _ in range(20)), return_exceptions=True
    )
    assert sum(isinstance(each, KeyAsker) for each in answers) == 5
    assert sum(isinstance(each, RateLimited) for each in answers) == 15


@pytest.mark.parametrize(
    ("payload", "authorization"),
    [
        ({"authorization": "Bearer x"}, "Bearer x"),
        ({"Authorization": "Bearer x"}, "Bearer x"),
        ({"authorization": None}, None),
        ({"headers": {}, "other": 1}, None),
        ({}, None),
        (None, None),
        ([], None),
        ("Bearer x", None),
    ],
)
def test_a_socket_shows_its_credentials_in_its_first_message(
    payload: object, authorization: str | None
) -> None:
    assert shown_by(payload) == authorization


@pytest.mark.parametrize("shown", [1, ["Bearer x"], {}, True])
def test_credentials_of_a_socket_that_are_no_text_are_refused(shown: object) -> None:
    with pytest.raises(Unauthenticated):
        shown_by({"authorization": shown})
