"""The ordinary path: what it prepares, keeps, reads and does once."""

import asyncio
import json
from asyncio import create_task
from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
from graphql import Executor, parse
from graphql.execution.values import VariableValues

from db import workflows
from db.batches import CURSOR
from db.pages import Page
from db.relation import Columns, Key, Many
from db.secrets import Secrets
from db.session import Database
from graphql_api import levels
from graphql_api.documents import MOST_WAYS
from graphql_api.messages import Body
from graphql_api.schema import schema
from resolvers.context import Asker, Context, Resources
from resolvers.loaders import Loaders, Slice
from resolvers.passwords import Passwords
from resolvers.tokens import Tokens
from tests import sample
from tests.graph import global_id
from tests.graphql_api.asking import OWNER, Asking
from tests.graphql_api.platform import Platform

TEAM = str(sample.of("workspace 1"))
WORKFLOW = global_id("Workflow", {"id": sample.of("workflow 1 1")})


class Noting(Loaders):
    """Notes what columns of pages are read."""

    noted: list[tuple[str, Columns]]

    async def pages(
        self, relation: Many[Any], keys: Sequence[Key], page: Page, only: Columns = None
    ) -> list[Slice]:
        self.noted.append((relation.row.__name__, only))
        return await super().pages(relation, keys, page, only)


async def test_only_the_columns_are_read_that_the_answer_is_made_of(
    sample_database: Database, secrets: Secrets
) -> None:
    context = Context(
        Resources(sample_database, Passwords(), Tokens(secrets)), Asker(OWNER)
    )
    context.loaders = noting = Noting(context.session)
    noting.noted = []
    asked = parse("{ workflows { edges { cursor node { name executions { nodes { id } } } } } }")

    found = await levels.execute(schema, asked, VariableValues({}, {}), context, kept={})
    await context.end()

    assert found.errors is None
    assert noting.noted == [("WorkflowRow", (CURSOR, "id", "name")), ("ExecutionRow", ("id",))]


async def test_who_gives_up_takes_no_row_from_others_that_wait_for_it(
    sample_database: Database,
) -> None:
    session = sample_database.reading(OWNER)
    loaders, key = Loaders(session), (sample.of("workflow 1 1"),)
    given_up, waiting = (create_task(loaders.one(workflows.BY_ID, key)) for _ in range(2))
    await asyncio.wait([given_up, waiting], timeout=0)  # both have asked by then
    given_up.cancel()

    async with asyncio.timeout(10):
        found = await waiting
        await session.end()

    assert given_up.cancelled()
    assert found.id == key[0]


async def test_what_goes_well_is_not_executed_anew(
    loaders: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def executes(*_: object) -> None:
        raise AssertionError("graphql-core executes it field by field")

    monkeypatch.setattr(Executor, "execute_fields", executes)
    query = """query ($id: ID!) {
      __typename
      viewer { user { id name } sessions { isCurrent createdAt } }
      workflow(id: $id) { name status executions(first: 2) { totalCount nodes { status } } }
      workspaces { totalCount edges { cursor node { __typename id members { nodes { role } } } } }
      none: workflow(id: "none") { name executions { nodes { id } } }
      empty: workflow(id: $id) { executions(first: 0) { nodes { logs { totalCount } } } }
      bare: workflow(id: $id) { name @skip(if: true) }
      validateWorkflow(definition: {nodes: [], edges: []}) { valid diagnostics { code } }
    }"""

    answer = await loaders(query, OWNER, id=WORKFLOW)

    assert (answer["none"], answer["bare"]) == (None, {})
    assert answer["workspaces"]["edges"]


async def test_each_way_that_directives_fall_has_an_answer_of_its_own(loaders: Asking) -> None:
    names = ["a", "b", "c", "d"]
    assert 2 ** len(names) > MOST_WAYS
    fields = " ".join(f"{name}: name @include(if: ${name})" for name in names)
    given = ", ".join(f"${name}: Boolean!" for name in names)
    query = f"query ({given}) {{ workflows(first: 1) {{ nodes {{ id {fields} }} }} }}"

    for switches in [*product([True, False], repeat=len(names))] * 2:
        wanted = dict(zip(names, switches, strict=True))
        (node,) = (await loaders(query, OWNER, **wanted))["workflows"]["nodes"]
        assert list(node) == ["id", *(name for name in names if wanted[name])]


@pytest.mark.parametrize(
    "wrong",
    [
        "workflow(id: $id) { executions(first: 501) { totalCount } }",
        "node(id: $id) { ... on Workflow { executions(first: 501) { totalCount } } }",
    ],
)
async def test_every_error_is_told_once_where_one_has_all_executed_anew(
    loaders: Asking, wrong: str
) -> None:
    query = f'query ($id: ID!) {{ deploymentManifest(deploymentId: "none") {wrong} }}'

    answered = await loaders.executor.answer(Body(query, {"id": WORKFLOW}), Asker(OWNER))
    answer = json.loads(answered.body)

    assert list(answer["data"].values()) == [None, None]
    assert sorted(error["path"][0] for error in answer["errors"]) == sorted(answer["data"])


async def test_a_value_that_is_none_to_postgresql_spoils_its_own_field_only(
    loaders: Asking,
) -> None:
    query = """query ($id: ID!, $search: String) {
      viewer { user { name } }
      workflow(id: $id) { executions(filter: {search: $search}) { totalCount } }
    }"""

    given = {"id": WORKFLOW, "search": "a\0b"}
    answer = json.loads((await loaders.executor.answer(Body(query, given), Asker(OWNER))).body)

    assert answer["data"]["viewer"]["user"]["name"]
    assert [error["path"] for error in answer["errors"]] == [["workflow", "executions"]]


async def test_what_is_wrong_with_a_payload_has_nothing_done_twice(platform: Platform) -> None:
    count = "SELECT count(*) FROM workflows"
    before = await platform.superuser.fetchval(count)
    mutation = """mutation ($input: CreateWorkflowInput!) {
      createWorkflow(input: $input) { workflow { executions(first: 501) { nodes { id } } } }
    }"""
    given = {"workspaceId": TEAM, "name": "Once", "definition": {"nodes": ()}}

    code = await platform.ask.code(mutation, OWNER, input=given)

    assert code == "INVALID_INPUT"
    assert await platform.superuser.fetchval(count) == before + 1


async def test_all_that_is_read_together_has_ended_when_something_of_it_fails() -> None:
    end = asyncio.Event()

    async def fails() -> list[Any]:
        raise ValueError("its own")

    async def takes_longer() -> list[Any]:
        await end.wait()
        return []

    both = asyncio.ensure_future(levels.together([fails(), takes_longer()]))
    done, _ = await asyncio.wait([both], timeout=0.05)
    assert not done
    end.set()
    with pytest.raises(ValueError, match="its own"):
        await both
