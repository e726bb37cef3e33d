"""The binding of the viewer under attack: every form of statement, query and planner setting.

A statement that binds its viewer and reads at once rests on what PostgreSQL evaluates first. Here
the form that the API uses answers rightly under every planner setting, with another viewer's value
left on the session too; and other forms, which a careless change might turn it into, may see
nothing, but never another's rows. ``ATTACKS=all`` runs the whole matrix.
"""

import json
import os
from collections import Counter
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import asyncpg
import pytest

from db.secrets import Secrets
from db.session import BIND, BIND_VIEWER, Seal, Viewer, as_login, bound
from tests.db.world import World

if TYPE_CHECKING:
    from asyncpg import Connection, Record

# Each answers a list of {w: workspace or user, …}; $1 is an array of executions of all tenants.
QUERIES = {
    "count over partitions": (
        "SELECT json_agg(x) FROM (SELECT workspace_id w, count(*) n FROM executions GROUP BY 1) x"
    ),
    "logs over partitions": (
        "SELECT json_agg(x) FROM"
        " (SELECT workspace_id w, count(*) n FROM execution_logs GROUP BY 1) x"
    ),
    "by id": (
        "SELECT json_agg(x) FROM"
        " (SELECT workspace_id w, 1 n FROM executions WHERE id = ANY ($1::text::uuid[])) x"
    ),
    "a window of time": (
        "SELECT json_agg(x) FROM (SELECT workspace_id w, count(*) n FROM executions"
        " WHERE id >= app.uuid7_floor(now() + interval '10 days')"
        "   AND id < app.uuid7_floor(now() + interval '60 days') GROUP BY 1) x"
    ),
    "nested": """
        SELECT json_agg(r) FROM (SELECT t0.id w, 1 n, (SELECT json_agg(a) FROM (
            SELECT t1.id, t1.workspace_id w, (SELECT json_agg(b) FROM (
                SELECT t2.id, t2.workspace_id w, (SELECT json_agg(l) FROM (
                    SELECT t3.seq, t3.workspace_id w FROM execution_logs t3
                     WHERE t3.execution_id = t2.id ORDER BY seq LIMIT 5) l)
                  FROM executions t2 WHERE t2.workflow_id = t1.id ORDER BY t2.id DESC LIMIT 5) b)
              FROM workflows t1 WHERE t1.workspace_id = t0.id ORDER BY t1.name, t1.id LIMIT 5) a)
          FROM workspaces t0) r""",
    "join": (
        "SELECT json_agg(x) FROM (SELECT e.workspace_id w, count(*) n FROM executions e"
        " JOIN workflows f ON f.id = e.workflow_id"
        " JOIN execution_logs l ON l.execution_id = e.id GROUP BY 1) x"
    ),
    "the viewer": (
        "SELECT json_agg(x) FROM"
        " (SELECT u.id w, 1 n FROM users u WHERE u.id = (SELECT app.uid())) x"
    ),
    "a condition evaluated once": (
        "SELECT json_agg(x) FROM (SELECT u.id w, 1 n FROM users u WHERE app.uid() IS NOT NULL) x"
    ),
    "the dashboard": (
        "SELECT json_agg(x) FROM (SELECT user_id w, total_workflows n, total_executions,"
        " total_workspaces FROM user_dashboard) x"
    ),
    "a view": (
        "SELECT json_agg(x) FROM"
        " (SELECT workspace_id w, count(*) n FROM workflow_statistics GROUP BY 1) x"
    ),
    "a materialized CTE": (
        "WITH c AS MATERIALIZED (SELECT workspace_id w FROM executions)"
        " SELECT json_agg(x) FROM (SELECT w, count(*) n FROM c GROUP BY 1) x"
    ),
    "a union": (
        "SELECT json_agg(x) FROM (SELECT w, count(*) n FROM (SELECT workspace_id w FROM workflows"
        " UNION ALL SELECT workspace_id FROM executions"
        " UNION SELECT workspace_id FROM workflow_versions) y GROUP BY 1) x"
    ),
    "exists": (
        "SELECT json_agg(x) FROM (SELECT w.id w, 1 n FROM workspaces w"
        " WHERE EXISTS (SELECT 1 FROM workflows f WHERE f.workspace_id = w.id)"
        "    OR w.id IN (SELECT workspace_id FROM executions)) x"
    ),
}

OURS = "ours"

OTHER_FORMS = {
    "no OFFSET 0": (
        "SELECT j FROM (SELECT {bind} s) s CROSS JOIN LATERAL"
        " (SELECT CASE WHEN s IS NOT NULL THEN ({q}) END j) q"
    ),
    "not referenced": (
        "SELECT j FROM (SELECT {bind} s OFFSET 0) s CROSS JOIN LATERAL (SELECT ({q}) j OFFSET 0) q"
    ),
    "query first": (
        "SELECT j FROM (SELECT ({q}) j OFFSET 0) q CROSS JOIN (SELECT {bind} s OFFSET 0) s"
    ),
    "target list": "SELECT ({q}) j, {bind}",
    "target list, bound first": "SELECT {bind}, ({q}) j",
    "CTE": (
        "WITH s AS MATERIALIZED (SELECT {bind} s)"
        " SELECT CASE WHEN s IS NOT NULL THEN ({q}) END j FROM s"
    ),
    "CTE not used": "WITH s AS MATERIALIZED (SELECT {bind} s) SELECT ({q}) j FROM s",
    "CTE not referenced": "WITH s AS MATERIALIZED (SELECT {bind} s) SELECT ({q}) j",
    "WHERE": "SELECT ({q}) j WHERE {bind} IS NOT NULL",
    "join": "SELECT y.j FROM (SELECT {bind} s OFFSET 0) s, (SELECT ({q}) j) y",
    "UNION ALL": (
        "SELECT j FROM (SELECT {bind} j, 0 o UNION ALL SELECT ({q})::text, 1) z WHERE o = 1"
    ),
}

PLANNER = {
    "default": [],
    "generic plans": ["plan_cache_mode = force_generic_plan"],
    "custom plans": ["plan_cache_mode = force_custom_plan"],
    "no nested loop": ["enable_nestloop = off"],
    "no hash": ["enable_hashjoin = off", "enable_hashagg = off"],
    "no index": [
        "enable_indexscan = off",
        "enable_bitmapscan = off",
        "enable_indexonlyscan = off",
    ],
    "no sequential scan": ["enable_seqscan = off"],
    "no memoize": ["enable_memoize = off"],
    "no materialize": ["enable_material = off"],
    "no pruning": ["enable_partition_pruning = off"],
    "partitionwise": ["enable_partitionwise_join = on", "enable_partitionwise_aggregate = on"],
    "parallel": [
        "parallel_setup_cost = 0",
        "parallel_tuple_cost = 0",
        "min_parallel_table_scan_size = 0",
        "min_parallel_index_scan_size = 0",
        "{parallel} = on",
    ],
    "compiled": [
        "jit = on",
        "jit_above_cost = 0",
        "jit_inline_above_cost = 0",
        "jit_optimize_above_cost = 0",
    ],
    "genetic": ["geqo_threshold = 2", "join_collapse_limit = 1", "from_collapse_limit = 1"],
}

THOROUGH = os.environ.get("ATTACKS") == "all"
SOME = list(PLANNER) if THOROUGH else ["generic plans", "parallel"]
# PostgreSQL 15 takes seconds to compile a statement
COMPILED = list(QUERIES) if THOROUGH else ["by id", "a view"]
STALE = 3  # the viewer whose values are left on the session


class Battlefield(NamedTuple):
    """Four users, each alone in a workspace; what each rightly sees; the login that attacks."""

    users: list[UUID]
    executions: str
    right: dict[tuple[str, int], Any]
    connection: "Connection[Record]"
    seal: Seal


@pytest.fixture(scope="module")
async def field(shared_world: World, secrets: Secrets) -> AsyncGenerator[Battlefield]:
    users = [await tenant(shared_world, size) for size in range(2, 6)]
    ids = await shared_world.superuser.fetch(
        "SELECT id FROM"
        " (SELECT id, row_number() OVER (PARTITION BY workspace_id) AS n FROM executions) e"
        " WHERE n <= 3"
    )
    await shared_world.superuser.execute("ANALYZE")
    connection: Connection[Record] = await asyncpg.connect(
        as_login(shared_world.url, "mcp_api", secrets), server_settings={"jit": "off"}
    )
    field = Battlefield(
        users, "{" + ",".join(str(row[0]) for row in ids) + "}", {}, connection, Seal(secrets)
    )
    for name, query in QUERIES.items():
        for n, user in enumerate(users):
            async with connection.transaction():
                await connection.fetchval(BIND_VIEWER, *field.seal.settings(Viewer(user)))
                answer = await connection.fetchval(query, *values(field, query))
            field.right[name, n] = canonical(answer)
    yield field
    await connection.close()


async def tenant(world: World, size: int) -> UUID:
    """A user alone in a workspace with ``size`` workflows, runs this month and next, and lines."""
    user = await world.user()
    workspace = await world.workspace(user)
    for _ in range(size):
        workflow = await world.workflow(workspace, user)
        await world.superuser.execute(
            "WITH runs AS (INSERT INTO executions (id, workspace_id, workflow_id, trigger_type)"
            " SELECT app.uuid7(now() + n * interval '10 days'), $1, $2, 'manual'"
            " FROM generate_series(0, $3) n RETURNING id)"
            " INSERT INTO execution_logs (execution_id, seq, workspace_id, message)"
            " SELECT id, s, $1, 'x' FROM runs, generate_series(1, $3) s",
            workspace,
            workflow,
            size,
        )
    return user


def values(field: Battlefield, query: str) -> list[str]:
    return [field.executions] if "$1" in query else []


def canonical(answer: str | None) -> Any:
    """The answer without the order of its rows; nothing seen and no row seen are the same."""
    rows: list[dict[str, Any]] = json.loads(answer) if answer else []
    return sorted(json.dumps(row, sort_keys=True) for row in rows if row.get("n") != 0)


def statement(form: str, query: str) -> str:
    arguments = query.count("$1")
    if form == OURS:
        return bound(query, arguments)
    user, key, proof = (f"${arguments + n}::text" for n in (1, 2, 3))
    return OTHER_FORMS[form].format(bind=BIND.format(user=user, key=key, proof=proof), q=query)


async def attack(field: Battlefield, form: str, planner: str, *, stale: bool) -> Counter[str]:
    """How often the form is right, sees nothing, errs, or shows what is another's."""
    c, seen = field.connection, Counter[str]()
    newer = c.get_server_version().major >= 16
    for setting in PLANNER[planner]:
        parallel = "debug_parallel_query" if newer else "force_parallel_mode"
        await c.execute("SET " + setting.format(parallel=parallel))
    if stale:
        left = field.seal.settings(Viewer(field.users[STALE]))
        await c.fetchval(BIND_VIEWER.replace("true", "false"), *left)
    try:
        for name, query in QUERIES.items():
            if planner == "compiled" and name not in COMPILED:
                continue
            prepared = await c.prepare(statement(form, query))
            # beyond the fifth time PostgreSQL may take a generic plan
            for n in range(8 if planner == "default" else 3):
                who = n % 3
                claim = field.seal.settings(Viewer(field.users[who]))
                try:
                    row = await prepared.fetchrow(*values(field, query), *claim)
                except asyncpg.PostgresError:
                    seen["error"] += 1
                    continue
                answer = canonical(row["j" if form != OURS else "answer"] if row else None)
                right = answer == field.right[name, who]
                seen["right" if right else "foreign" if answer else "nothing"] += 1
    finally:
        await c.execute("RESET ALL")
    return seen


def test_the_tenants_can_be_told_apart(field: Battlefield) -> None:
    for name in QUERIES:
        answers = [str(field.right[name, n]) for n in range(4)]
        assert len(set(answers)) == 4, name
        assert "[]" not in answers, name


@pytest.mark.parametrize("stale", [False, True], ids=["clean session", "stale viewer"])
@pytest.mark.parametrize("planner", PLANNER)
async def test_our_form_is_right_under_every_planner_setting(
    field: Battlefield, planner: str, stale: bool
) -> None:
    seen = await attack(field, OURS, planner, stale=stale)

    assert set(seen) == {"right"}


@pytest.mark.parametrize("planner", SOME)
@pytest.mark.parametrize("form", OTHER_FORMS)
async def test_no_form_ever_shows_anothers_rows(
    field: Battlefield, form: str, planner: str
) -> None:
    seen = await attack(field, form, planner, stale=True)

    assert seen["foreign"] == 0


async def test_the_viewer_does_not_stay_after_the_statement(field: Battlefield) -> None:
    claim = field.seal.settings(Viewer(field.users[0]))

    await field.connection.fetchval(bound(QUERIES["a view"], 0), *claim)

    for setting in ("app.current_user_id", "app.viewer_proof"):
        left = await field.connection.fetchval(f"SELECT current_setting('{setting}', true)")
        assert not left


async def test_our_form_cannot_write(field: Battlefield) -> None:
    claim = field.seal.settings(Viewer(field.users[0]))

    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await field.connection.fetchval(
            bound("SELECT to_json(app.create_workspace('x', 'x'))", 0), *claim
        )


MINE = """
BEGIN
    IF coalesce(current_setting('app.viewer_proof', true), '') = '' THEN
        RAISE EXCEPTION 'asked before the viewer was bound';
    END IF;
"""


class TestEarlyEvaluation:
    """With policies that raise when they are asked too soon, our form still never raises."""

    @pytest.fixture
    async def mined(self, field: Battlefield, shared_world: World) -> AsyncGenerator[Battlefield]:
        asked = ("app.viewer", "app.ws")
        definition = "SELECT pg_get_functiondef($1::text::regproc)"
        originals = [await shared_world.superuser.fetchval(definition, name) for name in asked]
        for original in originals:
            await shared_world.superuser.execute(original.replace("\nBEGIN\n", MINE, 1))
        yield field
        for original in originals:
            await shared_world.superuser.execute(original)

    async def test_the_mine_goes_off(self, mined: Battlefield) -> None:
        with pytest.raises(asyncpg.RaiseError, match="before the viewer"):
            await mined.connection.fetchval("SELECT count(*) FROM workflows")

    @pytest.mark.parametrize("planner", PLANNER)
    async def test_our_form_never_asks_too_soon(self, mined: Battlefield, planner: str) -> None:
        seen = await attack(mined, OURS, planner, stale=False)

        assert set(seen) == {"right"}
