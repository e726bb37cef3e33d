"""How many statements a query takes: one a relation by the loaders, one in all by the plan."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asyncpg.connection import LoggedQuery
from graphql import GraphQLObjectType

from db.relation import Relation
from db.secrets import Secrets
from db.session import BIND_VIEWER, Database, connect
from graphql_api.execute import Path
from graphql_api.ways import Column, Followed, Rowless, named_type, way_of
from tests import sample
from tests.graph import BONDS, TABLES, Rows, global_id
from tests.graphql_api.asking import OWNER, PAGES, ROOT, Asking, leading_fields

pytestmark = pytest.mark.paths

# what a node did has no id to be asked for by: it is read with its execution
FIELDS = {
    name: field
    for name, field in leading_fields().items()
    if not name.startswith(("NodeTimeline.", "DeletedWorkflow.", "IntegrationUsage."))
}
OF_ROWS = sorted(name for name in FIELDS if name.split(".")[0] not in ("Query", "Viewer"))
OF_THE_VIEWER = sorted(set(FIELDS) - set(OF_ROWS))
TEAM = global_id("Workspace", {"id": sample.of("workspace 1")})
ARGUMENTS = {
    "Workflow.performance": '(since: "2026-01-01T00:00:00Z")',
    "Workflow.performanceByVersion": '(since: "2026-01-01T00:00:00Z")',
    "Workflow.performanceByNode": '(since: "2026-01-01T00:00:00Z")',
    "Workflow.statisticsByTime": '(since: "2026-01-01T00:00:00Z", bucket: MONTH)',
    "Query.explainAccess": f'(resource: "{TEAM}", action: CREATE_WORKFLOW)',
    "Query.integrationUsage": f'(workspaceId: "{TEAM}", service: "slack")',
    "Query.workspaceBySlug": '(slug: "team-1")',
}
ROWLESS = {
    "oauthProviders": "oauthProviders",
    "validateWorkflow": "validateWorkflow(definition: {}) { valid }",
}
MANY = 20

Count = Callable[..., Awaitable[int]]


@asynccontextmanager
async def counting(
    asking: Callable[[Database, Path], Asking], database: Database, path: Path
) -> AsyncGenerator[Count]:
    """Counts the statements that a query takes, on the one connection of the database."""
    log: list[str] = []

    def noted(entry: LoggedQuery) -> None:
        log.append(entry.query)

    async def count(query: str, **variables: object) -> int:
        log.clear()
        await ask(query, OWNER, **variables)
        await asyncio.sleep(0)  # the log is called from the loop
        return sum(statement.startswith("SELECT") for statement in log if statement != BIND_VIEWER)

    ask = asking(database, path)
    async with database.api.connection() as connection:
        connection.add_query_logger(noted)
    yield count
    async with database.api.connection() as connection:
        connection.remove_query_logger(noted)


@pytest.fixture(scope="module")
async def one_connection(sample_url: str, secrets: Secrets) -> AsyncGenerator[Database]:
    async with connect(sample_url, secrets, size=1) as database:
        yield database


@pytest.fixture(scope="module")
async def by_loaders(
    asking: Callable[[Database, Path], Asking], one_connection: Database
) -> AsyncGenerator[Count]:
    async with counting(asking, one_connection, "loaders") as count:
        yield count


@pytest.fixture(scope="module")
async def by_plan(
    asking: Callable[[Database, Path], Asking], one_connection: Database
) -> AsyncGenerator[Count]:
    async with counting(asking, one_connection, "compiled") as count:
        yield count


def selection(name: str, rest: str = "") -> str:
    """The field ``name``, with something of the rows that it leads to, and ``rest`` of a page."""
    field, type_ = name.split(".")[1], named_type(FIELDS[name])
    if name not in PAGES:
        return f"{field}{ARGUMENTS.get(name, '')} {{ {plain(type_)} }}"
    return f"{field} {{ nodes {{ {plain(named_type(type_.fields['nodes']))} }} {rest} }}"


def plain(type_: GraphQLObjectType) -> str:
    """A field of the type that is no relation."""
    columns = (name for name, field in type_.fields.items() if isinstance(way_of(field), Column))
    return next(columns, "__typename")


def type_of(name: str) -> str:
    return name.partition(".")[0]


def below(type_: str, *fields: str) -> str:
    """A query for fields of the rows with these ids."""
    selected = f"... on {type_} {{ {' '.join(fields)} }}"
    return f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ {selected} }} }}"


def parents(rows: Rows, name: str, most: int) -> list[str]:
    """The ids of rows that the field leads on from."""
    type_ = type_of(name)
    columns = [here for here, _ in BONDS[name].columns] if name in BONDS else []
    found = [
        global_id(type_, row)
        for row in rows.seen_by(OWNER)[type_]
        if all(row[column] is not None for column in columns)
    ]
    assert len(found) >= most
    return found[:most]


@pytest.mark.parametrize("name", OF_ROWS)
async def test_the_loaders_ask_once_for_a_relation_however_many_rows_lead_to_it(
    by_loaders: Count, rows: Rows, name: str
) -> None:
    query = below(type_of(name), selection(name))

    assert await by_loaders(query, ids=parents(rows, name, 1)) == 2
    assert await by_loaders(query, ids=parents(rows, name, MANY)) == 2


@pytest.mark.parametrize("name", sorted(PAGES.intersection(OF_ROWS)))
async def test_the_loaders_ask_once_more_for_what_is_counted(
    by_loaders: Count, rows: Rows, name: str
) -> None:
    query = below(type_of(name), selection(name, "totalCount pageInfo { endCursor }"))

    assert await by_loaders(query, ids=parents(rows, name, 1)) == 3
    assert await by_loaders(query, ids=parents(rows, name, MANY)) == 3


@pytest.mark.parametrize("name", OF_THE_VIEWER)
async def test_the_loaders_ask_once_for_a_relation_of_the_viewer(
    by_loaders: Count, name: str
) -> None:
    of_the_viewer = name.startswith("Viewer.")
    query = f"{{ viewer {{ {selection(name)} }} }}" if of_the_viewer else f"{{ {selection(name)} }}"

    # an owner is no API key, and of what is not there nothing is asked
    of_a_key = name in ("Viewer.apiKey", "Viewer.rateLimit")
    assert await by_loaders(query) == 1 + of_the_viewer - of_a_key


@pytest.mark.parametrize("type_", TABLES)
async def test_the_loaders_ask_no_more_than_once_for_each_relation_of_a_type(
    by_loaders: Count, rows: Rows, type_: str
) -> None:
    names = [name for name in OF_ROWS if name.startswith(f"{type_}.")]
    ids = [global_id(type_, row) for row in rows.seen_by(OWNER)[type_][:MANY]]
    relations = {relation_of(name) for name in names}

    asked = await by_loaders(below(type_, *map(selection, names)), ids=ids)

    assert 2 <= asked <= 1 + len(relations)


def relation_of(name: str) -> Relation[Any]:
    way = way_of(FIELDS[name])
    assert isinstance(way, Followed)
    return way.relation


async def test_the_loaders_ask_once_a_level_and_the_plan_once(
    by_loaders: Count, by_plan: Count
) -> None:
    query = """
        {
            viewer {
                workspaces(orderBy: NEWEST) {
                    nodes {
                        workflows { nodes { executions { nodes { logs { nodes { message } } } } } }
                    }
                }
            }
        }
    """

    assert await by_loaders(query) == 5
    assert await by_plan(query) == 1


async def test_what_is_computed_without_a_row_reads_none(by_loaders: Count, by_plan: Count) -> None:
    fields = ROOT.fields.items()
    rowless = [name for name, field in fields if isinstance(way_of(field), Rowless)]
    asked = " ".join(ROWLESS[name] for name in rowless)

    assert await by_loaders(f"{{ {asked} __schema {{ queryType {{ name }} }} }}") == 0
    assert await by_plan(f"{{ {asked} viewer {{ user {{ id }} }} }}") == 1


@pytest.mark.parametrize("type_", TABLES)
async def test_the_plan_asks_once_for_all_relations_of_a_type(
    by_plan: Count, rows: Rows, type_: str
) -> None:
    names = [name for name in OF_ROWS if name.startswith(f"{type_}.")]
    fields = [selection(name, "totalCount pageInfo { endCursor }") for name in names]
    ids = [global_id(type_, row) for row in rows.seen_by(OWNER)[type_][:MANY]]

    assert await by_plan(below(type_, *fields), ids=ids[:1]) == 1
    assert await by_plan(below(type_, *fields), ids=ids) == 1


async def test_the_plan_asks_once_for_all_relations_of_the_viewer(by_plan: Count) -> None:
    of_the_viewer = " ".join(selection(n) for n in OF_THE_VIEWER if n.startswith("Viewer."))
    of_all = " ".join(selection(n, "totalCount") for n in OF_THE_VIEWER if n.startswith("Query."))

    assert await by_plan(f"{{ {of_all} viewer {{ {of_the_viewer} }} }}") == 1
