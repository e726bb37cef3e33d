"""The whole application in production settings, against the checks of graphql-cop and the audits.

graphql-cop is no package that could be installed; its checks are written here one by one.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphql_api.app import create_app
from graphql_api.direct import WithShortcut
from graphql_api.http import OverHttp, Rules
from graphql_api.schema import schema
from graphql_api.settings import read_settings
from tests.conftest import NewDatabase
from tests.graphql_api.wires import serving

AUDITS = Path(__file__).parent / "audits"
SECRET = "the secret that every test of the database uses"


@pytest.fixture(scope="module")
async def database_url(new_database: NewDatabase, template: str) -> str:
    """One for all of these: nothing here writes."""
    return await new_database(template)


@pytest.fixture(scope="module")
async def address(database_url: str) -> AsyncGenerator[str]:
    """A server with the settings of production."""
    production = read_settings(
        environment="production", database_url=database_url, secret_key=SECRET, pool_size=2
    )
    async with serving(create_app(production), lifespan=True) as address:
        yield address


@pytest.fixture
async def open_address(database_url: str) -> AsyncGenerator[str]:
    """A server that answers GET and questions about the schema, as the audits ask."""
    explorable = read_settings(
        introspection=True, database_url=database_url, secret_key=SECRET, pool_size=2
    )
    app = create_app(explorable)
    answering_get = OverHttp(lambda scope: scope["app"].state.service, Rules(get=True))
    audited = WithShortcut("/graphql", answering_get, lifespan=app.router.lifespan_context)
    async with serving(audited, lifespan=True) as address:
        yield address


@pytest.fixture
async def client(address: str) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://{address}") as client:
        yield client


async def ask(client: httpx.AsyncClient, query: str) -> dict[str, Any]:
    body = {"query": query, "operationName": "cop"}
    return (await client.post("/graphql", json=body)).json()


async def test_names_of_fields_are_not_suggested(client: httpx.AsyncClient) -> None:
    told = await ask(client, "query cop { __schema { directive } }")
    assert "Did you mean" not in str(told)
    assert "Did you mean" not in str(await ask(client, "query cop { viewr { id } }"))


async def test_the_schema_is_not_told(client: httpx.AsyncClient) -> None:
    assert "data" not in await ask(
        client, "query cop { __schema { types { name fields { name } } } }"
    )
    assert "data" not in await ask(client, 'query cop { __type(name: "Query") { name } }')


async def test_the_schema_is_not_told_in_circles(client: httpx.AsyncClient) -> None:
    circle = "{ fields { type " * 4 + "{ name }" + " } }" * 4
    assert "data" not in await ask(client, "query cop { __schema { types " + circle + " } }")


@pytest.mark.parametrize("path", ["/graphql", "/", "/graphiql"])
async def test_there_is_no_page_to_explore(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path, headers={"accept": "text/html"})
    assert response.status_code in (404, 405, 406)
    assert "graphi" not in response.text.lower()
    assert "playground" not in response.text.lower()


async def test_nothing_is_answered_to_get(client: httpx.AsyncClient) -> None:
    for query in ("query cop { __typename }", "mutation cop { __typename }"):
        assert (await client.get("/graphql", params={"query": query})).status_code == 405


async def test_a_hundred_aliases_are_refused(client: httpx.AsyncClient) -> None:
    aliases = " ".join(f"alias{number}: __typename" for number in range(101))
    told = await ask(client, "query cop { " + aliases + " }")
    assert told["errors"][0]["extensions"]["limit"] == "aliases"


async def test_ten_requests_in_one_are_refused(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json=[{"query": "query cop { __typename }"}] * 10)
    assert response.status_code == 400
    assert isinstance(response.json(), dict)


async def test_how_a_request_was_run_is_not_traced(client: httpx.AsyncClient) -> None:
    told = await ask(client, "query cop { __typename }")
    assert told["data"] == {"__typename": "Query"}
    assert list(told["extensions"]) == ["cost"]


async def test_ten_directives_are_not_ten_errors(client: httpx.AsyncClient) -> None:
    told = await ask(client, "query cop { __typename " + "@aa" * 10 + " }")
    assert len(told["errors"]) < 10


async def test_a_form_is_not_read(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", data={"query": "query cop { __typename }"})
    assert response.status_code == 415


async def test_an_error_tells_nothing_of_the_inside(client: httpx.AsyncClient) -> None:
    told = await ask(client, "qwerty cop { abc }")
    assert told["errors"][0]["extensions"] == {"code": "SYNTAX_ERROR"}
    assert "Traceback" not in str(told)


async def test_five_hundred_times_the_same_field_is_refused(client: httpx.AsyncClient) -> None:
    told = await ask(client, "query cop { " + "__typename \n" * 500 + "}")
    assert told["errors"][0]["extensions"]["limit"] == "duplicates"


async def test_fragments_in_a_circle_are_refused(client: httpx.AsyncClient) -> None:
    told = await ask(
        client,
        "query cop { __schema { ...A } } fragment A on __Schema { ...B } "
        "fragment B on __Schema { ...A }",
    )
    assert "data" not in told


TEXTS: list[Any] = [
    "", "x", "\x00", "a\x00b", "\ufffe", "'; DROP TABLE users; --", "%", "\\", "x" * 10_000,
    "00000000-0000-0000-0000-000000000000", "V29ya2Zsb3c6MQ==", "2026-02-30T00:00:00Z",
    "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999+14:00", "2026-01-01T00:00:00Z",
    "infinity", "NaN", "a@b.example", "correct horse battery",
]  # fmt: skip
NUMBERS: list[Any] = [0, 1, -1, 500, 2**31 - 1, -(2**31)]
NASTY: list[Any] = [
    None, *TEXTS, *NUMBERS, 2**31, 2**63, 10**40, 0.5, 1e308, [], {}, [[]], [None], {"and": []},
]  # fmt: skip
BY_NAME: dict[str, list[Any]] = {"Int": NUMBERS, "Boolean": [True, False], "JSON": NASTY}


def leaves(type_: Any, depth: int) -> str:
    """A selection of all fields of a type that need no argument, down to some depth."""
    named = cast("Any", get_named_type(type_))
    if not isinstance(named, GraphQLObjectType):
        return "" if is_leaf_type(named) else "{ __typename }"
    chosen = [
        f"{name} {leaves(field.type, depth - 1)}"
        for name, field in named.fields.items()
        if (depth or is_leaf_type(get_named_type(field.type)))
        and not any(is_required_argument(each) for each in field.args.values())
        and name != "totalCount"
    ]
    return "{ " + " ".join(chosen) + " }"


CORE = schema._schema  # pyright: ignore[reportPrivateUsage]
ASKED = [
    (root, name)
    for root in (CORE.query_type, CORE.mutation_type)
    if root is not None
    for name, field in root.fields.items()
    if field.args
]


def inside(type_: Any, depth: int = 3) -> st.SearchStrategy[Any]:
    """Values of an input type, most of them; the rest are of none."""
    return st.one_of(*[fitting(type_, depth)] * 4, st.sampled_from(NASTY))


def fitting(type_: Any, depth: int) -> st.SearchStrategy[Any]:
    named = cast("Any", get_named_type(type_))
    if str(type_).startswith("["):
        return st.lists(inside(named, depth), max_size=3)
    if isinstance(named, GraphQLEnumType):
        return st.sampled_from(list(named.values))
    if not isinstance(named, GraphQLInputObjectType):
        return st.sampled_from(BY_NAME.get(named.name, TEXTS))
    needed = {n: each for n, each in named.fields.items() if is_required_input_field(each)}
    others = {n: each for n, each in named.fields.items() if n not in needed and depth > 0}
    return st.fixed_dictionaries(
        {name: inside(each.type, depth - 1) for name, each in needed.items()},
        optional={name: inside(each.type, depth - 1) for name, each in others.items()},
    )


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """A request for one field of the schema, valid but for the values of its arguments."""
    root, name = draw(st.sampled_from(ASKED))
    field = root.fields[name]
    told = {each: inside(argument.type) for each, argument in field.args.items()}
    needed = {each: told[each] for each in told if is_required_argument(field.args[each])}
    others = {each: told[each] for each in told if each not in needed}
    variables = draw(st.fixed_dictionaries(needed, optional=others))
    kind = "query" if root is CORE.query_type else "mutation"
    declared = " ".join(f"${each}: {field.args[each].type}" for each in variables)
    given = " ".join(f"{each}: ${each}" for each in variables)
    head = f"{kind} ({declared})" if variables else kind
    call = f"{name}({given})" if variables else name
    return {"query": f"{head} {{ {call} {leaves(field.type, 1)} }}", "variables": variables}


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(body=requests())
async def test_whatever_values_are_sent_nothing_fails_inside(
    client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    response = await client.post("/graphql", json=body, timeout=30)
    assert response.status_code == 200
    codes = [each["extensions"]["code"] for each in response.json().get("errors", ())]
    assert not {"INTERNAL", "TIMEOUT"} & set(codes), response.text


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.skipif(
    not (AUDITS / "node_modules").is_dir(), reason="run `npm ci` in tests/graphql_api/audits"
)
async def test_the_whole_application_passes_all_audits(open_address: str) -> None:
    audits = await asyncio.create_subprocess_exec(
        "node",
        AUDITS / "http.mjs",
        f"http://{open_address}/graphql",
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await audits.communicate()
    results = json.loads(told)
    assert len(results) == 61
    assert [result for result in results if result["status"] != "ok"] == []
