"""What a plan answers, and what is answered all the same where there is none."""

from base64 import b64decode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from db.session import Database
from graphql_api.messages import Body
from graphql_api.plan import Declined
from resolvers.context import Asker
from tests import sample
from tests.graph import global_id
from tests.graphql_api.asking import OWNER, Asking
from tests.graphql_api.test_same_answer import exact

if TYPE_CHECKING:
    from asyncpg import Connection, Record

pytestmark = pytest.mark.paths

WORKFLOW = global_id("Workflow", {"id": sample.of("workflow 1 1")})


async def asked(asking: Asking, query: str, **variables: Any) -> tuple[str, Any]:
    """What answered, and the answer."""
    answer = await asking.executor.answer(Body(query, variables), Asker(OWNER))
    return answer.by, exact(answer.body)


async def test_a_response_key_stands_in_the_answer_however_long_it_is(compiled: Asking) -> None:
    """PostgreSQL cuts a name off behind 63 bytes."""
    key = "k" * 1_000

    by, answer = await asked(compiled, f"{{ viewer {{ {key}: __typename }} }}")

    assert by == "compiled"
    assert answer == [("data", [("viewer", [(key, "Viewer")])])]


async def test_each_type_that_an_id_may_name_is_read_by_its_own_columns(compiled: Asking) -> None:
    query = """
        query ($id: ID!) { node(id: $id) {
            ... on Workspace { workflows(first: 1) { nodes { description } } }
            ... on Workflow { versions(first: 1) { nodes { changelog } } }
        } }"""
    workspace = global_id("Workspace", {"id": sample.of("workspace 1")})

    for id in (WORKFLOW, workspace):
        by, answer = await asked(compiled, query, id=id)
        assert by == "compiled"
        assert [key for key, _ in answer] == ["data"]


async def test_a_promised_value_that_is_missing_is_told_as_without_a_plan(
    asking: Callable[..., Asking], own_database: Database, own_superuser: "Connection[Record]"
) -> None:
    query = "query ($id: ID!) { node(id: $id) { ... on Workflow { id name description } } }"
    compiled, loaders = (asking(own_database, path) for path in ("compiled", "loaders"))
    assert (await asked(compiled, query, id=WORKFLOW))[0] == "compiled"

    await own_superuser.execute("ALTER TABLE workflows ALTER name DROP NOT NULL")
    await own_superuser.execute(
        "UPDATE workflows SET name = NULL WHERE id = $1", sample.of("workflow 1 1")
    )

    found = await asked(compiled, query, id=WORKFLOW)
    assert found == await asked(loaders, query, id=WORKFLOW)
    assert found[0] == "loaders"
    assert "errors" in dict(found[1])


@pytest.mark.parametrize(("count", "path"), [(100, "compiled"), (101, "loaders")])
async def test_a_plan_has_a_hundred_relations_at_most(
    compiled: Asking, loaders: Asking, count: int, path: str
) -> None:
    owners = " ".join(f"u{number}: owner {{ id }}" for number in range(count - 1))
    query = f"{{ workspaces(first: 1) {{ nodes {{ {owners} }} }} }}"

    by, answer = await asked(compiled, query)

    assert by == path
    assert ("loaders", answer) == await asked(loaders, query)


async def test_the_types_that_an_id_may_name_count_as_the_largest_of_them(
    compiled: Asking,
) -> None:
    owners = " ".join(f"u{number}: owner {{ id }}" for number in range(98))
    query = """
        query ($id: ID!) {{
            node(id: $id) {{ ... on Workspace {{ {} }} ... on Workflow {{ workspace {{ id }} }} }}
            viewer {{ __typename }}
        }}
    """

    by, _ = await asked(compiled, query.format(owners), id=WORKFLOW)
    by_more, _ = await asked(compiled, query.format(f"{owners} more: owner {{ id }}"), id=WORKFLOW)

    assert (by, by_more) == ("compiled", "loaders")


async def test_a_mutation_has_no_plan_to_explain(compiled: Asking) -> None:
    mutation = 'mutation { deleteWorkflow(id: "nothing") { errors { code } } }'

    with pytest.raises(Declined, match="mutation"):
        await compiled.executor.explain(Body(mutation), Asker(OWNER))


async def test_a_float_is_written_as_one(compiled: Asking, loaders: Asking) -> None:
    query = """{
        workflows(first: 500) { nodes { statistics { totalExecutions successRate avgDurationMs } } }
    }"""

    by, answer = await asked(compiled, query)

    assert by == "compiled"
    assert ("loaders", answer) == await asked(loaders, query)
    [(_, [(_, [(_, nodes)])])] = answer
    rates = [dict(dict(node)["statistics"])["successRate"] for node in nodes]
    assert {None, "0.0"} < set(rates)


async def test_a_page_of_which_only_its_type_is_asked_needs_no_value_of_its_arguments(
    ask: Asking,
) -> None:
    query = """
        query ($after: String) {
            workflows(filter: {search: "x", tags: ["y"]}, first: 1, after: $after) { __typename }
        }
    """

    assert await ask(query, after=None) == {"workflows": {"__typename": "WorkflowConnection"}}


@pytest.mark.parametrize(
    "field",
    ["workflow(id: $it) { id }", "node(id: $it) { id }", "workspaceBySlug(slug: $it) { id }"],
)
async def test_null_for_an_argument_that_must_not_be_null_is_refused(
    ask: Asking, field: str
) -> None:
    """With a default, a variable that may be null may stand there, and be given null."""
    type_ = "String" if "slug" in field else "ID"
    query = f'query ($it: {type_} = "none") {{ {field} }}'
    asker = Asker(OWNER)

    default = await ask.executor.answer(Body(query, {}), asker)
    null = await ask.executor.answer(Body(query, {"it": None}), asker)

    name = field.partition("(")[0]
    assert exact(default.body) == [("data", [(name, None)])]
    [(_, data), (_, [error])] = exact(null.body)
    assert data == [(name, None)]
    assert "non-null type" in dict(error)["message"]


@pytest.mark.parametrize("name", ["first", "last"])
async def test_a_page_that_is_too_large_is_refused_by_the_name_of_its_argument(
    ask: Asking, name: str
) -> None:
    _, answer = await asked(ask, f"{{ workflows({name}: 501) {{ totalCount }} }}")

    [error] = dict(answer)["errors"]
    assert dict(error)["message"].startswith(f"{name} is 501")


async def test_everything_of_a_page_tells_its_type(ask: Asking) -> None:
    query = """{
        workflows(first: 1) {
            __typename
            edges { __typename name: __typename node { __typename } }
            nodes { __typename }
            pageInfo { __typename name: __typename }
        }
    }"""

    page = (await ask(query))["workflows"]

    node = {"__typename": "Workflow"}
    assert page == {
        "__typename": "WorkflowConnection",
        "edges": [{"__typename": "WorkflowEdge", "name": "WorkflowEdge", "node": node}],
        "nodes": [node],
        "pageInfo": {"__typename": "PageInfo", "name": "PageInfo"},
    }


async def test_a_fragment_is_of_its_type_or_of_an_interface_or_of_any(ask: Asking) -> None:
    query = """
        query ($id: ID!) {
            node(id: $id) {
                ... { a: __typename }
                ... on Node { b: __typename ... on Workflow { c: __typename } }
                ... on Workflow { ... on Node { d: __typename } }
                ... on Execution { e: __typename }
                ...Twice
                ...Twice
            }
        }
        fragment Twice on Workflow { f: __typename ...Again }
        fragment Again on Node { g: __typename }
    """

    data = await ask(query, id=WORKFLOW)

    assert list(data["node"]) == ["a", "b", "c", "d", "f", "g"]


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("include", [True, False])
async def test_a_field_is_there_if_it_is_included_and_not_skipped(
    ask: Asking, skip: bool, include: bool
) -> None:
    query = """
        query ($skip: Boolean!, $include: Boolean!) {
            viewer {
                __typename
                one: __typename @skip(if: $skip)
                other: __typename @include(if: $include)
                both: __typename @skip(if: $skip) @include(if: $include)
                ... @skip(if: $skip) { within: __typename }
            }
        }
    """

    data = await ask(query, skip=skip, include=include)

    shown = {"one": not skip, "other": include, "both": include and not skip, "within": not skip}
    assert list(data["viewer"]) == ["__typename", *(key for key, there in shown.items() if there)]


async def test_a_plan_that_was_written_for_one_page_is_right_for_any_other(
    compiled: Asking, loaders: Asking
) -> None:
    """What is kept of a page's SQL must not be that of another size, order, direction or filter."""
    query = """
        query (
            $order: ExecutionOrder!, $filter: ExecutionFilter,
            $first: Int, $after: String, $last: Int, $before: String
        ) {
            executions(
                orderBy: $order, filter: $filter,
                first: $first, after: $after, last: $last, before: $before
            ) { totalCount edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage } }
        }
    """
    _, whole = await asked(loaders, query, order="SLOWEST", first=500)
    edges = dict(dict(dict(whole)["data"])["executions"])["edges"]
    measured, unmeasured = dict(edges[3])["cursor"], dict(edges[-3])["cursor"]
    assert [b"null" in b64decode(each) for each in (measured, unmeasured)] == [False, True]
    pages: list[dict[str, Any]] = [
        {"first": 2},
        {"first": 3},
        {"last": 2},
        *({"first": 2, "after": cursor} for cursor in (measured, unmeasured)),
        *({"last": 2, "before": cursor} for cursor in (measured, unmeasured)),
        {"first": 2, "filter": {"status": ["FAILED"]}},
        {"first": 2, "filter": {"status": ["SUCCESS"], "slowerThanMs": 5}, "after": measured},
        {"first": 2, "filter": {"not": {"status": ["SUCCESS"]}}, "after": measured},
    ]

    for page in [*pages, *reversed(pages)]:
        for order in ("SLOWEST", "FASTEST") if len(page) == 1 else ("SLOWEST",):
            by, answer = await asked(compiled, query, order=order, **page)

            assert by == "compiled"
            assert ("loaders", answer) == await asked(loaders, query, order=order, **page)


async def test_a_page_within_a_page_has_values_of_its_own(
    compiled: Asking, loaders: Asking
) -> None:
    query = """
        query ($outer: Int, $after: String, $inner: Int, $filter: ExecutionFilter) {
            workflows(first: $outer, after: $after) {
                edges { cursor node { name executions(first: $inner, filter: $filter) {
                    totalCount nodes { id logs(first: $inner) { nodes { seq } } }
                } } }
            }
        }
    """
    _, first = await asked(loaders, query, outer=2)
    cursor = dict(dict(dict(dict(first)["data"])["workflows"])["edges"][0])["cursor"]

    for given in (
        {"outer": 3, "inner": 2},
        {"outer": 2, "inner": 3, "after": cursor, "filter": {"status": ["SUCCESS"]}},
        {"outer": 3, "inner": 1, "filter": {"status": ["FAILED"], "slowerThanMs": 1}},
    ):
        by, answer = await asked(compiled, query, **given)

        assert by == "compiled"
        assert ("loaders", answer) == await asked(loaders, query, **given)
        assert dict(dict(answer)["data"])["workflows"]
