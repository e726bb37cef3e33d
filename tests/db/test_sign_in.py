"""What runs before anybody is known: for the sign-in login alone, a function each."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest

from db.session import Viewer
from tests.db.world import Team, World

if TYPE_CHECKING:
    from asyncpg import Record


@pytest.fixture
def world(shared_world: World) -> World:
    return shared_world


@pytest.fixture
async def user(world: World) -> UUID:
    return await world.user()


@pytest.fixture
async def team(world: World) -> Team:
    return await world.team()


async def ask(world: World, query: str, *values: object) -> Any:
    """One value, as the sign-in login is answered."""
    async with world.database.auth.connection() as connection:
        return await connection.fetchval(query, *values)


async def ask_row(world: World, query: str, *values: object) -> "Record | None":
    async with world.database.auth.connection() as connection:
        return await connection.fetchrow(query, *values)


REGISTER = "SELECT app.register_user($1, 'hash', 'Name')"
START = "SELECT app.start_session($1, sha256($2), '30 days', 'password')"
REFRESH = "SELECT outcome FROM app.refresh_session(sha256($1), sha256($2), '30 days')"
END = "SELECT app.end_session(sha256($1))"
FIND_KEY = "SELECT * FROM app.find_api_key(sha256($1))"


async def test_whoever_registers_is_found_by_the_address_however_spelt(world: World) -> None:
    made = await ask(world, REGISTER, " Berta@Example.org ")

    row = await ask_row(world, "SELECT * FROM app.find_sign_in('bERTA@example.ORG')")

    assert row is not None
    assert tuple(row) == (made, "hash", False, False, "Name", False)


async def test_a_taken_address_is_no_error_and_no_account(world: World) -> None:
    await ask(world, REGISTER, "carl@example.org")

    assert await ask(world, REGISTER, "CARL@example.org") is None


async def test_an_unknown_address_is_no_row(world: World) -> None:
    assert await ask_row(world, "SELECT * FROM app.find_sign_in('nobody@example.org')") is None


@pytest.mark.parametrize("table", ["users", "refresh_tokens", "api_keys", "workflows"])
async def test_the_sign_in_login_reads_no_table(world: World, table: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(world, f"SELECT 1 FROM public.{table}")


@pytest.mark.parametrize(
    "function",
    [
        "find_sign_in('a')",
        "register_user('a@b', 'h', 'n')",
        "start_session(gen_random_uuid(), ''::bytea, '1 day', 'password')",
        "refresh_session(''::bytea, ''::bytea, '1 day')",
        "end_session(''::bytea)",
        "find_api_key(''::bytea)",
        "forget_expired()",
        "take_cost(''::bytea, 1, 1)",
        "give_back_cost('{}', '{}', '{}')",
    ],
)
async def test_the_api_login_cannot_sign_anybody_in(
    world: World, user: UUID, function: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await world.seen(Viewer(user), f"SELECT app.{function}")


@pytest.mark.parametrize("verb", ["SELECT 1 FROM", "DELETE FROM", "INSERT INTO"])
async def test_no_login_that_serves_reads_or_changes_budgets_of_cost(
    world: World, user: UUID, verb: str
) -> None:
    statement = f"{verb} secret.cost_budgets" + (" DEFAULT VALUES" if "INSERT" in verb else "")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await world.seen(Viewer(user), statement)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(world, statement)


async def test_a_session_is_refreshed_from_token_to_token(world: World, user: UUID) -> None:
    await ask(world, START, user, b"r1")

    assert await ask(world, REFRESH, b"r1", b"r2") == "ok"
    assert await ask(world, REFRESH, b"r2", b"r3") == "ok"
    assert await world.superuser.fetchval("SELECT last_login_at FROM users WHERE id = $1", user)


async def test_a_token_shown_twice_ends_the_whole_family(world: World, user: UUID) -> None:
    await ask(world, START, user, b"f1")
    await ask(world, REFRESH, b"f1", b"f2")
    await ask(world, START, user, b"g1")

    assert await ask(world, REFRESH, b"f1", b"f3") == "reused"
    assert await ask(world, REFRESH, b"f2", b"f4") == "expired"
    assert await ask(world, REFRESH, b"g1", b"g2") == "ok"


async def test_an_unknown_token_is_unknown(world: World) -> None:
    assert await ask(world, REFRESH, b"never made", b"x") == "unknown"


async def test_a_session_ends_for_all_its_tokens_and_only_once(world: World, user: UUID) -> None:
    session = await ask(world, START, user, b"e1")
    await ask(world, REFRESH, b"e1", b"e2")

    assert await ask(world, END, b"e1") == session
    assert await ask(world, END, b"e1") is None
    assert await ask(world, END, b"never made") is None
    assert await ask(world, REFRESH, b"e2", b"e3") == "expired"


async def test_a_token_expires(world: World, user: UUID) -> None:
    await ask(world, "SELECT app.start_session($1, sha256('old'), '-1 s', 'password')", user)

    assert await ask(world, REFRESH, b"old", b"new") == "expired"


async def test_no_session_outlives_its_sign_in_by_ninety_days(world: World, user: UUID) -> None:
    await ask(world, START, user, b"long 1")
    await world.superuser.execute(
        "UPDATE sessions SET created_at = now() - interval '89 days' WHERE user_id = $1", user
    )

    await ask(world, REFRESH, b"long 1", b"long 2")

    left = await world.superuser.fetchval(
        "SELECT expires_at - now() FROM refresh_tokens WHERE token_hash = sha256('long 2')"
    )
    assert left.days <= 1


async def make_key(world: World, team: Team, key: bytes, limit: int = 1000) -> UUID:
    return await world.superuser.fetchval(
        "INSERT INTO api_keys (workspace_id, name, key_hash, key_prefix, scopes, rate_limit,"
        " created_by) VALUES ($1, 'k', sha256($2), 'mcp_', '{logs:write}', $3, $4) RETURNING id",
        team.workspace,
        key,
        limit,
        team.owner,
    )


async def test_a_key_is_found_and_its_use_is_noted(world: World, team: Team) -> None:
    key = await make_key(world, team, b"mcp_1")

    row = await ask_row(world, FIND_KEY, b"mcp_1")

    assert row is not None
    assert (row["key_id"], row["workspace_id"], row["scopes"]) == (
        key,
        team.workspace,
        ["logs:write"],
    )
    assert (row["allowed"], row["remaining"]) == (True, 999)
    assert row["reset_at"].minute == 0
    assert await world.superuser.fetchval("SELECT last_used_at FROM api_keys WHERE id = $1", key)


async def test_a_key_is_refused_when_its_hour_is_used_up(world: World, team: Team) -> None:
    await make_key(world, team, b"mcp_2", limit=2)

    rows = [await ask_row(world, FIND_KEY, b"mcp_2") for _ in range(4)]

    assert [(row["allowed"], row["remaining"]) for row in rows if row] == [
        (True, 1),
        (True, 0),
        (False, 0),
        (False, 0),
    ]


@pytest.mark.parametrize(
    "end", ["status = 'revoked'", "status = 'inactive'", "expires_at = now() - interval '1 s'"]
)
async def test_a_key_that_ended_is_not_found(world: World, team: Team, end: str) -> None:
    key = await make_key(world, team, end.encode())
    await world.superuser.execute(f"UPDATE api_keys SET {end} WHERE id = $1", key)

    assert await ask_row(world, FIND_KEY, end.encode()) is None


async def test_using_a_key_is_no_event_of_the_audit_log(world: World, team: Team) -> None:
    key = await make_key(world, team, b"mcp_3")

    await ask_row(world, FIND_KEY, b"mcp_3")

    actions = await world.superuser.fetch(
        "SELECT action FROM audit_logs WHERE resource_id = $1", key
    )
    assert [row[0] for row in actions] == ["api_key.create"]


async def test_maintenance_forgets_what_ended_long_ago(world: World, user: UUID) -> None:
    await ask(world, "SELECT app.start_session($1, sha256('gone'), '-31 days', 'password')", user)
    await ask(world, START, user, b"stays")

    await world.superuser.execute("SELECT app.forget_expired()")

    assert await ask(world, REFRESH, b"gone", b"x") == "unknown"
    assert await ask(world, REFRESH, b"stays", b"y") == "ok"
