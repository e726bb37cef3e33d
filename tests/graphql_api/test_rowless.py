"""What reads no row is computed by Python, beside a plan; what Python reads keeps a query from
having one."""

from typing import Any

import pytest
from graphql import GraphQLObjectType
from prometheus_client import REGISTRY

from db.session import Viewer
from graphql_api.messages import Body
from graphql_api.plan import Declined
from graphql_api.schema import schema
from graphql_api.ways import way_of
from resolvers.context import Asker
from tests import sample
from tests.graph import global_id
from tests.graphql_api.asking import OWNER, Asking
from tests.graphql_api.test_same_answer import exact

pytestmark = pytest.mark.paths

WORKFLOW = global_id("Workflow", {"id": sample.of("workflow 1 1")})
READ = "viewer { user { name } }"
VALIDATED = """
validateWorkflow(definition: {nodes: [{id: "a", type: "http"}], edges: 1}) {
  valid diagnostics { code message }
}
"""
BESIDE = {
    "before": f"{{ {VALIDATED} {READ} }}",
    "behind": f"{{ {READ} {VALIDATED} }}",
    "between": f"{{ b: {READ} oauthProviders a: workspaces(first: 1) {{ totalCount }} }}",
    "of the schema": f"""{{
      __typename __schema {{ queryType {{ name }} }} {READ} __type(name: "Node") {{ kind }}
    }}""",
    "in fragments": f"""
      {{ ...Said {READ} ... on Query {{ oauthProviders }} }}
      fragment Said on Query {{ __typename {VALIDATED} }}
    """,
    "merged": f"""{{
      same: __type(name: "User") {{ name }} {READ} same: __type(name: "User") {{ kind }}
    }}""",
    "of variables": f"""
      query ($definition: JSON!, $name: String = "Node", $yes: Boolean = true) {{
        validateWorkflow(definition: $definition) {{ ...Said @include(if: $yes) }}
        {READ}
        __type(name: $name) {{ name }}
      }}
      fragment Said on WorkflowValidation {{ valid diagnostics {{ pointer message }} }}
    """,
    "left out": f"{{ oauthProviders @skip(if: true) {READ} __typename @include(if: false) }}",
}
READING = [
    "workflowDiff(workflowId: $id, from: 1, to: 1) { toVersion }",
    "workflowExport(workflowId: $id) { fileName }",
    "deploymentManifest(deploymentId: $id)",
]


async def asked(asking: Asking, query: str, viewer: Viewer = OWNER, **variables: Any) -> Any:
    """What answered, and the answer."""
    answer = await asking.executor.answer(Body(query, variables), Asker(viewer))
    return answer.by, exact(answer.body)


def declined(reason: str) -> float:
    labels = {"path": "loaders", "reason": reason}
    return REGISTRY.get_sample_value("graphql_queries_total", labels) or 0


def computed() -> float:
    """How often graphql-core's executor ran."""
    labels = {"stage": "loaders"}
    return REGISTRY.get_sample_value("graphql_stage_seconds_count", labels) or 0


@pytest.mark.parametrize("where", BESIDE)
async def test_what_reads_no_row_stands_among_what_is_read(
    compiled: Asking, loaders: Asking, where: str
) -> None:
    given: dict[str, Any] = {"definition": {"nodes": 1, "ü": "😀"}} if "$" in BESIDE[where] else {}

    by, answer = await asked(compiled, BESIDE[where], **given)

    assert by == "compiled"
    assert ("loaders", answer) == await asked(loaders, BESIDE[where], **given)
    assert [key for key, _ in answer] == ["data"]


async def test_where_all_is_read_python_computes_nothing(compiled: Asking) -> None:
    before = computed()
    assert (await asked(compiled, f"{{ {READ} }}"))[0] == "compiled"
    assert computed() == before
    assert (await asked(compiled, f"{{ {READ} oauthProviders }}"))[0] == "compiled"
    assert computed() == before + 1


@pytest.mark.parametrize("query", [f"{{ {VALIDATED} {READ} }}", f"{{ {READ} {VALIDATED} }}"])
async def test_an_error_of_what_reads_no_row_is_told_as_by_the_loaders(
    compiled: Asking, loaders: Asking, query: str
) -> None:
    nobody, before = Viewer(), declined("error in Python")

    by, answer = await asked(compiled, query, nobody)

    assert (by, answer) == await asked(loaders, query, nobody)
    assert dict(answer)["data"] is None
    assert declined("error in Python") == before + 1


@pytest.mark.parametrize("query", ["{ oauthProviders }", "{ __schema { queryType { name } } }"])
async def test_where_no_row_is_read_there_is_nothing_to_plan(
    compiled: Asking, loaders: Asking, query: str
) -> None:
    before = declined("no row to read")

    assert await asked(compiled, query) == await asked(loaders, query)
    assert declined("no row to read") == before + 1


async def test_of_an_operation_without_a_field_the_plan_answers_with_nothing(
    compiled: Asking,
) -> None:
    query = "{ oauthProviders @skip(if: true) }"

    assert await asked(compiled, query) == ("compiled", [("data", [])])


async def test_the_statement_that_is_explained_is_what_is_read(compiled: Asking) -> None:
    sql, _ = await compiled.executor.explain(Body(BESIDE["between"]), Asker(OWNER))

    assert sql.index('"b":') < sql.index('"a":')
    assert "oauthProviders" not in sql


@pytest.mark.parametrize(
    "operation",
    [
        'mutation { signOut(input: {refreshToken: "none"}) { errors { code } } }',
        f'subscription {{ executionUpdated(executionId: "{WORKFLOW}") {{ __typename }} }}',
    ],
)
async def test_only_a_query_has_a_plan(compiled: Asking, operation: str) -> None:
    with pytest.raises(Declined) as raised:
        await compiled.executor.explain(Body(operation), Asker(OWNER))

    assert raised.value.reason == operation.partition(" ")[0]


@pytest.mark.parametrize("field", READING)
async def test_what_python_reads_and_all_beside_it_are_of_one_moment(
    compiled: Asking, field: str
) -> None:
    before = declined("computed by Python")

    by, answer = await asked(compiled, f"query ($id: ID!) {{ {READ} {field} }}", id=WORKFLOW)

    assert by == "loaders"
    assert declined("computed by Python") == before + 1
    assert dict(dict(answer)["data"])["viewer"]


def test_python_computes_nothing_else() -> None:
    """All others have a plan: add to this list only what no SELECT can answer with."""
    types = schema._schema.type_map.values()  # pyright: ignore[reportPrivateUsage]
    found = {
        f"{type_.name}.{name}"
        for type_ in types
        if isinstance(type_, GraphQLObjectType)
        if not type_.name.startswith(("__", "Mutation", "Subscription"))
        for name, field in type_.fields.items()
        if not type_.name.endswith("Payload") and way_of(field) is None
    }
    roots = {name for name in found if name.startswith("Query.")}

    assert roots == {"Query.workflowDiff", "Query.workflowExport", "Query.deploymentManifest"}
    assert {name.split(".")[0] for name in found - roots} == {
        "WorkflowChange",
        "WorkflowValueChange",
    }, "what stands below workflowDiff"


@pytest.mark.parametrize("name", ["session 1 owner 1", "session 1 owner 2", None])
async def test_the_session_that_asks_is_current(
    compiled: Asking, loaders: Asking, name: str | None
) -> None:
    query = "{ viewer { sessions { id isCurrent } } }"
    here = name and sample.of(name)
    asker = Asker(OWNER, session_id=here or None)

    by_plan, by_loaders = [
        await each.executor.answer(Body(query), asker) for each in (compiled, loaders)
    ]

    assert by_plan.by == "compiled"
    assert exact(by_plan.body) == exact(by_loaders.body)
    [(_, [(_, [(_, sessions)])])] = exact(by_plan.body)
    current = [dict(each)["id"] for each in sessions if dict(each)["isCurrent"]]
    assert current == ([str(here)] if here else [])
    assert len(sessions) == 2
