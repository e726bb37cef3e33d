"""Whoever cannot prove who they are is nobody, and nobody sees nothing."""

import hmac
import time
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import asyncpg
import pytest

from db.secrets import Secrets
from db.session import BIND_VIEWER, Seal, Viewer, as_login, bound
from tests.db.world import Team, World

if TYPE_CHECKING:
    from asyncpg import Connection, Record

TABLES = [
    *("users", "workspaces", "workspace_users", "workspace_invitations"),
    *("workflows", "workflow_versions", "workflow_statistics_shards", "integrations"),
    *("deployments", "executions", "execution_streams", "execution_logs"),
    *("api_keys", "audit_logs", "workflow_statistics", "user_dashboard"),
]

EVERYTHING = "SELECT " + " + ".join(f"(SELECT count(*) FROM {table})" for table in TABLES)

PROOF_LENGTH = 76


class Claim(NamedTuple):
    """The settings that say who asks, before the statement stamps the proof."""

    user: str
    key: str
    proof: str


class Scene(NamedTuple):
    world: World
    team: Team
    other: Team
    key: UUID
    connection: "Connection[Record]"


@pytest.fixture(scope="module")
async def scene(shared_world: World, secrets: Secrets) -> AsyncGenerator[Scene]:
    team, other = await shared_world.team(), await shared_world.team()
    key = await shared_world.api_key(team.workspace, team.owner, "workflows:read")
    connection: Connection[Record] = await asyncpg.connect(
        as_login(shared_world.url, "mcp_api", secrets)
    )
    yield Scene(shared_world, team, other, key, connection)
    await connection.close()


@pytest.fixture
def honest(scene: Scene) -> Claim:
    return Claim(*scene.world.database.seal.settings(Viewer(scene.team.viewer)))


async def seen(connection: "Connection[Record]", claim: Claim) -> int:
    """How many rows of all tables the one-statement form sees."""
    return int(await connection.fetchval(bound(f"({EVERYTHING})::text", 0), *claim))


async def seen_in_two_statements(connection: "Connection[Record]", claim: Claim) -> int:
    async with connection.transaction():
        await connection.fetchval(BIND_VIEWER, *claim)
        return await connection.fetchval(EVERYTHING)


async def test_a_proven_user_sees_what_its_workspace_holds(scene: Scene, honest: Claim) -> None:
    assert await seen(scene.connection, honest) > len(TABLES) / 2
    assert await seen(scene.connection, honest) == await seen_in_two_statements(
        scene.connection, honest
    )


async def test_a_proven_key_sees_what_its_scopes_open(scene: Scene) -> None:
    claim = Claim(*scene.world.database.seal.settings(Viewer(api_key_id=scene.key)))

    # the workflow, its version, its statistics and their view, and the key itself
    assert await seen(scene.connection, claim) == 5


def signed(message: str, key: bytes) -> str:
    return hmac.digest(key, message.encode(), "sha256").hex()


def in_seconds(seconds: int) -> str:
    return f"{int(time.time()) + seconds:010d}"


FORGERIES: dict[str, Callable[[Claim, UUID, bytes], Claim]] = {
    "nothing is set": lambda c, _o, _k: Claim("", "", ""),
    "the user is told without a proof": lambda c, _o, _k: c._replace(proof=""),
    "the proof is there without a user": lambda c, _o, _k: c._replace(user=""),
    "the user is malformed": lambda c, _o, _k: c._replace(user="nobody"),
    "the user is nearly a uuid": lambda c, _o, _k: c._replace(user=c.user[:-1] + "g"),
    "the user ends in a line break": lambda c, _o, _k: c._replace(user=c.user + "\n"),
    "the user is in upper case": lambda c, o, _k: c._replace(user=str(o).upper()),
    "the user is another": lambda c, o, _k: c._replace(user=str(o)),
    "the user is given as a key": lambda c, _o, _k: Claim("", c.user, c.proof),
    "a user and a key at once": lambda c, o, _k: c._replace(key=str(o)),
    "the code is another": lambda c, _o, _k: c._replace(
        proof=c.proof[:-1] + ("0" if c.proof[-1] != "0" else "1")
    ),
    "the code is in upper case": lambda c, _o, _k: c._replace(
        proof=c.proof[:12] + c.proof[12:].upper()
    ),
    "the expiry is raised": lambda c, _o, _k: c._replace(proof=in_seconds(999) + c.proof[10:]),
    "the expiry is no number": lambda c, _o, _k: c._replace(proof="zzzzzzzzzz" + c.proof[10:]),
    "the signing key is unknown": lambda c, _o, _k: c._replace(
        proof=c.proof[:10] + "zz" + c.proof[12:]
    ),
    "the proof is signed with another key": lambda c, o, _k: Claim(
        str(o),
        "",
        c.proof[:12] + signed(f"u{o}{c.proof[:12]}", bytes(32)),
    ),
    "the proof is cut short": lambda c, _o, _k: c._replace(proof=c.proof[:-2]),
    "the proof is too long": lambda c, _o, _k: c._replace(proof=c.proof + "@1"),
    "the proof is garbage": lambda c, _o, _k: c._replace(proof="é" * PROOF_LENGTH),
    "the proof is SQL": lambda c, _o, _k: c._replace(proof="' OR true --"),
    "the proof has expired": lambda c, _o, key: c._replace(
        proof=(e := in_seconds(-1) + c.proof[10:12]) + signed(f"u{c.user}{e}", key)
    ),
}  # fmt: skip


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_viewer_is_nobody(
    forgery: str, scene: Scene, honest: Claim, secrets: Secrets
) -> None:
    claim = FORGERIES[forgery](honest, scene.other.owner, secrets.derive("viewer"))
    assert claim != honest

    assert await seen(scene.connection, claim) == 0
    assert await seen_in_two_statements(scene.connection, claim) == 0


async def test_without_any_setting_nobody_sees_anything(scene: Scene) -> None:
    assert await scene.connection.fetchval(EVERYTHING) == 0


async def test_a_proof_without_a_stamp_is_worth_nothing(scene: Scene, honest: Claim) -> None:
    async with scene.connection.transaction():
        await scene.connection.execute(
            "SELECT set_config('app.current_user_id', $1, true),"
            " set_config('app.current_api_key_id', $2, true),"
            " set_config('app.viewer_proof', $3, true)",
            *honest,
        )
        assert await scene.connection.fetchval(EVERYTHING) == 0


async def test_a_proof_stamped_for_another_transaction_is_worth_nothing(
    scene: Scene, honest: Claim
) -> None:
    await scene.connection.execute("BEGIN")
    await scene.connection.fetchval(BIND_VIEWER, *honest)
    stamped = await scene.connection.fetchval("SELECT current_setting('app.viewer_proof')")
    assert await scene.connection.fetchval(EVERYTHING) > 0
    await scene.connection.execute("ROLLBACK")

    async with scene.connection.transaction():
        await scene.connection.execute(
            "SELECT set_config('app.current_user_id', $1, true),"
            " set_config('app.viewer_proof', $2, true)",
            honest.user,
            stamped,
        )
        assert await scene.connection.fetchval(EVERYTHING) == 0


async def test_a_viewer_left_on_the_session_is_nobody_to_the_next_transaction(
    scene: Scene, honest: Claim
) -> None:
    await scene.connection.fetchval(BIND_VIEWER.replace("true", "false"), *honest)
    try:
        assert await scene.connection.fetchval("SELECT current_setting('app.viewer_proof')")
        assert await scene.connection.fetchval(EVERYTHING) == 0
    finally:
        await scene.connection.execute("RESET ALL")


async def test_the_viewer_ends_with_its_transaction(scene: Scene, honest: Claim) -> None:
    await seen_in_two_statements(scene.connection, honest)

    assert await scene.connection.fetchval("SELECT current_setting('app.viewer_proof', true)") == ""
    assert await scene.connection.fetchval(EVERYTHING) == 0


async def test_several_statements_of_a_transaction_have_one_viewer(
    scene: Scene, honest: Claim
) -> None:
    async with scene.connection.transaction():
        await scene.connection.fetchval(BIND_VIEWER, *honest)
        answers = [await scene.connection.fetchval(EVERYTHING) for _ in range(3)]

    assert answers[0] > 0
    assert len(set(answers)) == 1


async def test_a_parallel_worker_knows_the_viewer_too(scene: Scene, honest: Claim) -> None:
    c = scene.connection
    forced = "debug_parallel_query" if c.get_server_version().major >= 16 else "force_parallel_mode"
    async with c.transaction():
        await c.fetchval(BIND_VIEWER, *honest)
        alone = await c.fetchval("SELECT cardinality(app.ws(10, 'workflows:read'))")
        for setting in (f"{forced} = on", "parallel_setup_cost = 0", "parallel_tuple_cost = 0"):
            await c.execute(f"SET LOCAL {setting}")
        query = "SELECT cardinality(app.ws(10, 'workflows:read'))"
        plan = await c.fetch(f"EXPLAIN {query}")
        in_worker = await c.fetchval(query)

    assert "Gather" in plan[0][0]
    assert in_worker == alone == 1


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM secret.viewer_keys",
        "SELECT most_common_vals::text FROM pg_stats WHERE schemaname = 'secret'",
        "SELECT app.become('{user}')",
        "SELECT app.viewer_mac('u', '', '')",
        "CREATE FUNCTION pg_temp.x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TEMP TABLE workflows (id uuid)",
        "SET ROLE app_definer",
        "SET ROLE mcp_owner",
        "SET SESSION AUTHORIZATION mcp_owner",
        "COPY workflows TO '/tmp/x'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "SELECT lo_from_bytea(0, '')",
        "SELECT query_to_xml('SELECT 1', true, true, '')",
        "SELECT app.find_sign_in('x')",
        "SELECT app.read_credentials('{user}')",
        "SELECT ops.ensure_partitions()",
        "SELECT create_monthly_partition('executions', now()::date)",
        "ALTER TABLE workflows DISABLE ROW LEVEL SECURITY",
        "SELECT * FROM ops.migrations",
    ],
)
async def test_injected_sql_gets_nowhere(query: str, scene: Scene, honest: Claim) -> None:
    statement = query.format(user=scene.other.owner)
    async with scene.connection.transaction():
        await scene.connection.fetchval(BIND_VIEWER, *honest)
        try:
            async with scene.connection.transaction():
                rows = await scene.connection.fetch(statement)
        except asyncpg.InsufficientPrivilegeError:
            rows = []

    assert rows == []


async def test_the_key_of_viewers_is_in_no_function(scene: Scene, secrets: Secrets) -> None:
    bodies = await scene.connection.fetch("SELECT prosrc FROM pg_proc")

    assert not any(secrets.derive("viewer").hex() in row[0] for row in bodies)


async def test_a_signature_of_this_program_and_of_the_database_are_the_same(
    scene: Scene, secrets: Secrets
) -> None:
    code = await scene.world.superuser.fetchval(
        "SELECT app.viewer_mac('ü message', ipad, opad) FROM secret.viewer_keys WHERE kid = $1",
        secrets.kid,
    )

    assert code == signed("ü message", secrets.derive("viewer"))


async def test_the_owner_at_psql_can_become_a_user_until_the_transaction_ends(
    scene: Scene,
) -> None:
    c = scene.world.superuser
    async with c.transaction():
        await c.execute("SELECT app.become($1)", scene.team.viewer)
        await c.execute("SET LOCAL ROLE application_user")
        assert await c.fetchval("SELECT app.uid()") == scene.team.viewer
        assert await c.fetchval("SELECT array_agg(id) FROM workspaces") == [scene.team.workspace]

    assert await c.fetchval("SELECT app.uid()") is None


async def test_a_seal_of_another_secret_opens_nothing(scene: Scene) -> None:
    stranger = Seal(Secrets("the secret of some other installation, s"))

    claim = Claim(*stranger.settings(Viewer(scene.team.owner)))

    assert await seen(scene.connection, claim) == 0


def test_a_proof_is_made_anew_long_before_it_runs_out(
    secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal, viewer, start = Seal(secrets), Viewer(UUID(int=1)), 1_000_000_000
    left: list[int] = []
    for second in [*range(120), -5]:
        monkeypatch.setattr(time, "time", lambda now=start + second: now)
        expiry = int(seal.settings(viewer)[2][:10])
        left.append(expiry - (start + second))
    assert 50 < min(left) <= max(left) == 60


def test_each_viewer_has_a_proof_of_its_own(secrets: Secrets) -> None:
    seal = Seal(secrets)
    viewers = [Viewer(UUID(int=1)), Viewer(UUID(int=2)), Viewer(None, UUID(int=1)), Viewer()]
    assert len({seal.settings(viewer) for viewer in viewers * 2}) == len(viewers)
