"""The demonstration: what a newcomer finds, and that it never mixes with anybody's data."""

import re
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from db import accounts
from db.secrets import Secrets
from db.session import Database, connect
from resolvers import definitions, demo
from resolvers.context import Resources
from resolvers.demo.flows import FLOWS
from resolvers.demo.forms import Flow
from resolvers.demo.story import runs
from tests import forced
from tests.conftest import NewDatabase, silent
from tests.graphql_api.company import Company, company

if TYPE_CHECKING:
    from asyncpg import Connection, Record

EXAMPLES = Path(__file__).parents[2] / "graphql_api" / "graphiql" / "src" / "examples"
NESTED_GRAPH = (EXAMPLES / "NestedGraph.graphql").read_text()
QUERIES = [
    pytest.param(path.read_text(), id=path.stem)
    for path in sorted(EXAMPLES.glob("*.graphql"))
    if "\nquery" in path.read_text()
]
TABLES = ("users", "workspaces", "workflows", "workflow_versions", "executions", "execution_logs")


@pytest.fixture(scope="module")
async def loaded(new_database: NewDatabase, template: str, secrets: Secrets) -> str:
    """A database with the demonstration."""
    url = await new_database(template)
    async with connect(url, secrets, size=2) as database:
        assert await demo.load(database, silent) is not None
    return url


@pytest.fixture(scope="module")
async def visitors(loaded: str) -> AsyncGenerator[Company]:
    async with company(loaded) as found:
        yield found


@pytest.fixture(scope="module")
async def rows(loaded: str) -> "AsyncGenerator[Connection[Record]]":
    """Counts past every policy."""
    connection: Connection[Record] = await asyncpg.connect(loaded)
    yield connection
    await connection.close()


async def counts(superuser: "Connection[Record]") -> list[int]:
    return [await superuser.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES]


# Loading


async def test_it_loads_into_an_empty_database_and_tells_so(
    database: Database, superuser: "Connection[Record]"
) -> None:
    said: list[str] = []
    assert await demo.load(database, said.append) == demo.Demo("demo@example.com", "demonstration")
    people, workspaces, workflows, _, executions, lines = await counts(superuser)
    assert (people, workspaces, workflows) == (3, 2, 10)
    assert said[-1] == (
        f"Loaded 2 workspaces, 10 workflows, {executions} executions, {lines:,} lines of logs"
    )


async def test_loading_it_twice_loads_it_once(
    database: Database, superuser: "Connection[Record]"
) -> None:
    first = await demo.load(database, silent)
    before, said = await counts(superuser), list[str]()
    assert await demo.load(database, said.append) == first
    assert (await counts(superuser), said) == (before, [])


async def test_what_was_interrupted_is_made_up_for(
    database: Database, superuser: "Connection[Record]"
) -> None:
    def interrupt(_: str) -> None:
        raise EOFError

    with pytest.raises(EOFError):
        await demo.load(database, interrupt)
    assert (await counts(superuser))[:3] == [1, 0, 0]
    assert await demo.load(database, silent) is not None
    assert (await counts(superuser))[:3] == [3, 2, 10]


async def test_a_database_that_is_in_use_gets_no_demonstration(
    database: Database, superuser: "Connection[Record]"
) -> None:
    async with database.signing_in() as transaction:
        await accounts.register(transaction, "ada@example.org", "hash", "Ada")
    assert await demo.load(database, silent) is None
    assert (await counts(superuser))[:3] == [1, 0, 0]


async def test_whoever_took_its_address_is_not_given_away(
    resources: Resources, database: Database, superuser: "Connection[Record]"
) -> None:
    stored = await resources.passwords.hash("a password of their own")
    async with database.signing_in() as transaction:
        await accounts.register(transaction, "demo@example.com", stored, "Somebody")
    assert await demo.load(database, silent) is None
    assert (await counts(superuser))[:3] == [1, 0, 0]


# What is in it


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.slug)
def test_every_version_is_a_definition_without_a_remark(flow: Flow) -> None:
    for version in range(1, flow.version + 1):
        assert definitions.diagnose(definitions.write(flow.definition(version))) == []


def test_every_run_lies_between_three_weeks_ago_and_now() -> None:
    now = datetime(2026, 3, 1, 0, 0, 5, tzinfo=UTC)
    for run in runs(FLOWS, now):
        moments = [line.timestamp for line in run.lines]
        assert now - timedelta(days=28) < moments[0]
        assert moments == sorted(moments)
        assert moments[-1] <= (run.completed_at or now) <= now


def test_it_is_the_same_story_every_time() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert runs(FLOWS, now) == runs(FLOWS, now)


def test_every_line_of_a_run_names_a_node_of_the_version_that_ran() -> None:
    for run in runs(FLOWS, datetime.now(UTC)):
        version = run.deployed.version if run.deployed else run.flow.version
        nodes = {node.id for node in run.flow.definition(version).nodes}
        assert {line.node_id for line in run.lines if line.node_id} <= nodes


def test_no_line_has_a_gap_left_to_fill() -> None:
    told = runs(FLOWS, datetime.now(UTC))
    assert not [line for run in told for line in run.lines if re.search("[{}]", line.message)]


async def test_every_state_is_there_to_be_seen(rows: "Connection[Record]") -> None:
    async def values(column: str, table: str) -> set[str]:
        found = await rows.fetch(f"SELECT DISTINCT {column} FROM {table}")
        return {row[0] for row in found}

    assert await values("status", "workflows") == {"draft", "active", "inactive", "archived"}
    assert await values("status", "executions") == {
        *("running", "success", "failed", "cancelled", "timeout")
    }
    assert await values("status", "deployments") == {"deploying", "deployed", "failed", "stopped"}
    assert await values("environment", "deployments") == {"development", "staging", "production"}
    assert await values("status", "integrations") == {"active", "inactive", "error"}
    assert await values("status", "api_keys") == {"active", "revoked"}
    assert await values("role", "workspace_users") == {"owner", "editor", "viewer"}


async def test_it_is_written_by_those_whose_names_are_on_it(rows: "Connection[Record]") -> None:
    forged = await rows.fetch("""
        SELECT a.resource_type
          FROM audit_logs a
          JOIN workflow_versions v ON v.id = a.resource_id
         WHERE a.action = 'workflow_version.create' AND a.user_id IS DISTINCT FROM v.created_by
    """)
    assert forged == []
    assert await rows.fetchval("SELECT count(*) FROM audit_logs WHERE user_id IS NULL") == 0


# As it is read


@pytest.mark.parametrize("query", QUERIES)
async def test_an_example_of_the_page_is_answered_by_its_plan(
    visitors: Company, query: str
) -> None:
    since = (datetime.now(UTC) - timedelta(days=7)).isoformat()
    answer = await visitors.owner(query, **({"since": since} if "$since" in query else {}))
    assert all(answer.values())
    assert forced.plan == "off" or visitors.owner.by == "compiled"


async def test_the_nested_graph_has_something_at_every_level(visitors: Company) -> None:
    answer = await visitors.owner(NESTED_GRAPH)
    seen = answer["viewer"]
    assert seen["user"] == {"name": "Ada Lindqvist"}
    assert [each["name"] for each in seen["workspaces"]["nodes"]] == [
        "Acme Operations",
        "Playground",
    ]
    workflows = seen["workspaces"]["nodes"][0]["workflows"]
    assert workflows["totalCount"] == 8
    assert [each["name"] for each in workflows["nodes"]] == [
        "Support triage",
        "Knowledge base answers",
        "Invoice intake",
    ]
    for each in workflows["nodes"]:
        assert each["createdBy"]["name"] in {"Ada Lindqvist", "Noor Haddad"}
        assert each["versions"]["nodes"]
        assert each["deployments"]["nodes"]
        assert each["executions"]["nodes"]
        assert all(run["logs"]["nodes"] for run in each["executions"]["nodes"])


async def test_its_numbers_are_those_of_the_tables(
    visitors: Company, rows: "Connection[Record]"
) -> None:
    answer = await visitors.owner("{ viewer { dashboard { totalWorkflows totalExecutions } } }")
    _, _, workflows, _, executions, _ = await counts(rows)
    assert answer["viewer"]["dashboard"] == {
        "totalWorkflows": workflows,
        "totalExecutions": executions,
    }


async def test_its_people_see_what_their_roles_let_them(visitors: Company) -> None:
    query = "{ viewer { workspaces(orderBy: NAME) { nodes { name } } } }"
    seen = {
        name: [each["name"] for each in (await asking(query))["viewer"]["workspaces"]["nodes"]]
        for name, asking in (
            ("owner", visitors.owner),
            ("editor", visitors.editor),
            ("viewer", visitors.viewer),
            ("stranger", visitors.stranger),
        )
    }
    assert seen == {
        "owner": ["Acme Operations", "Playground"],
        "editor": ["Acme Operations", "Playground"],
        "viewer": ["Acme Operations"],
        "stranger": ["Zoe's workspace"],
    }
