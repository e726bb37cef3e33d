"""The plan and the loaders give the same answer to every query.

Every value, its text, the order of keys and every error: generated queries over all types are
answered both ways, as everybody who may ask. And the levels, by which the loaders are asked, mean
what graphql-core means, also where rows are lost or broken. EXAMPLES=1000000 makes it a long run.
What takes time is to make a query, so that each is seasoned several times.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from inspect import isawaitable
from typing import Any, cast
from zlib import crc32

import hypothesis_graphql.nodes as make
import msgspec
import pytest
from graphql import (
    ArgumentNode,
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    NamedTypeNode,
    NameNode,
    NullValueNode,
    ObjectFieldNode,
    OperationDefinitionNode,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    execute,  # pyright: ignore[reportUnknownVariableType]
    parse,
    parse_value,
    print_ast,
    validate,
    visit,
)
from graphql.execution.values import VariableValues, get_variable_values
from graphql.language import IntValueNode, ListValueNode, StringValueNode, TypeNode
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import queries

from db.pages import Page
from db.relation import Columns, Key, Many, One, Relation, columns_of
from db.secrets import Secrets
from db.session import Database
from graphql_api import levels
from graphql_api.messages import Body, encode
from graphql_api.schema import schema
from graphql_api.steps import Kept
from graphql_api.ways import way_of
from resolvers.context import Asker, Context, Resources
from resolvers.loaders import Edge, Loaders, Slice
from resolvers.passwords import Passwords
from resolvers.tokens import Tokens
from tests import sample
from tests.graphql_api.asking import ROOT, Asking

EXAMPLES = int(os.environ.get("EXAMPLES", "100"))
AT_ONCE = 300
SEASONINGS = 3
SDL = schema.as_str()
CORE = schema._schema  # pyright: ignore[reportPrivateUsage]
COMPILED = [name for name, field in ROOT.fields.items() if way_of(field)]
"""What is asked for: what Python reads has one path only."""

OF_THE_SCHEMA = ["{ __schema { queryType { name } } }", '{ __type(name: "Node") { kind name } }']
"""At times asked for besides."""

DEFINITIONS = [
    "{}",
    '{nodes: [{id: "a", type: "start"}], edges: []}',
    '{nodes: [{id: "a", type: "“ü” %"}, {id: "a"}], edges: [{source: "a", target: "?"}], more: 1}',
    "[1.50, null]",
]

SESSION = sample.of("session 1 owner 1")
"""In which everybody asks, though it is the owner's."""

VIEWERS = sample.viewers(1)
"""Those who see much come first: hypothesis likes the first."""

EVERYTHING = """{
  viewer { user { id } }
  workspaces { nodes {
    id
    members { nodes { id } }
    invitations { nodes { id } }
    integrations { nodes { id } }
    apiKeys { nodes { id } }
    auditLogs(first: 2) { nodes { id } }
    workflows(first: 3) { edges { cursor node {
      id
      versions(first: 2) { edges { cursor node { id } } }
      deployments(first: 2) { edges { cursor node { id } } }
      executions(first: 3) { edges { cursor node {
        id
        logs(first: 3) { edges { cursor node { id } } }
      } } }
    } } }
  } }
  a: workflows(first: 3, orderBy: RECENTLY_EXECUTED) { edges { cursor } }
  b: executions(first: 50, orderBy: SLOWEST) { edges { cursor } }
  c: deployments(first: 30, orderBy: RECENTLY_DEPLOYED) { edges { cursor } }
  d: workflows(orderBy: MOST_EXECUTED) { edges { cursor } }
}"""


class Seasoning(Visitor):
    """Put sensible values into a generated query, move some to variables and some fields to
    fragments, switch some off."""

    def __init__(self, draw: Any, ids: list[str], cursors: list[str]) -> None:
        super().__init__()
        self.draw, self.ids, self.cursors = draw, ids, cursors
        self.variables: dict[str, Any] = {}
        self.types: dict[str, str] = {}
        self.fragments: list[FragmentDefinitionNode] = []
        self.where = TypeInfo(CORE)

    def one_of(self, values: list[Any]) -> Any:
        return self.draw(st.sampled_from(values))

    def variable(self, type_: str, value: Any) -> VariableNode:
        name = f"v{len(self.variables)}"
        self.variables[name], self.types[name] = value, type_
        return VariableNode(name=NameNode(value=name))

    def leave_argument(self, node: ArgumentNode, *_: Any) -> ArgumentNode:
        return replace(node, value=self.argument(node.name.value, node.value))

    def argument(self, name: str, value: Any) -> Any:
        match name:
            case "id":
                id = self.one_of(self.ids)
                return self.given("ID!", id, StringValueNode(value=id))
            case "ids":
                ids = [self.one_of(self.ids) for _ in range(self.draw(st.integers(0, 6)))]
                nodes = tuple(StringValueNode(value=id) for id in ids)
                return self.given("[ID!]!", ids, ListValueNode(values=nodes))
            case "slug":
                return StringValueNode(value=self.one_of(["team-1", "team-2", "none"]))
            case "first" | "last":
                size = self.one_of([None, 0, *[1, 2, 3] * 6, 4, 5, 40, -1, 501])
                return self.given("Int", size, IntValueNode(value=str(size)))
            case "after" | "before":
                cursor = self.one_of([*[None] * 11, self.one_of(self.cursors)])
                return self.given("String", cursor, StringValueNode(value=cursor or ""))
            case _:
                return value

    def given(self, type_: str, value: Any, literal: Any) -> Any:
        if self.draw(st.booleans()):
            return self.variable(type_, value)
        return NullValueNode() if value is None else literal

    def leave_object_field(self, node: ObjectFieldNode, *_: Any) -> ObjectFieldNode:
        if node.name.value != "search" or not isinstance(node.value, StringValueNode):
            return node
        texts = ["1", "flow", "team", "e", "%", "'", "{}", "\\", "$1", node.value.value]
        text = self.one_of(texts)
        return replace(node, value=self.given("String", text, StringValueNode(value=text)))

    def enter_field(self, node: FieldNode, *_: Any) -> FieldNode:
        if self.draw(st.integers(0, 9)) == 0:  # first and last meet, which is refused
            return node
        unwanted = self.one_of([("last", "before"), ("first", "after")])
        kept = [each for each in node.arguments or () if each.name.value not in unwanted]
        return replace(node, arguments=tuple(kept))

    def leave_field(self, node: FieldNode, *_: Any) -> FieldNode:
        if self.draw(st.integers(0, 9)) == 0:
            wanted = self.draw(st.booleans())
            value = self.given("Boolean!", wanted, BooleanValueNode(value=wanted))
            switch = ArgumentNode(name=NameNode(value="if"), value=value)
            name = NameNode(value=self.one_of(["skip", "include"]))
            node = replace(node, directives=(DirectiveNode(name=name, arguments=(switch,)),))
        if self.draw(st.integers(0, 199)) == 0:
            alias = self.one_of(["x", "r", "page", "_1", "l0", "n", "keys", "found", "total"])
            node = replace(node, alias=NameNode(value=alias))
        if node.selection_set and self.draw(st.integers(0, 14)) == 0:
            node = replace(node, selection_set=self.fragment(node.selection_set))
        return node

    def fragment(self, fields: SelectionSetNode) -> SelectionSetNode:
        """A named fragment of the fields, spread; at times beside a field that it has, too."""
        name = NameNode(value=f"F{len(self.fragments)}")
        type_ = str(cast("Any", self.where).get_type()).strip("[]!")
        on = NamedTypeNode(name=NameNode(value=type_))
        self.fragments.append(
            FragmentDefinitionNode(
                name=name, type_condition=on, directives=(), selection_set=fields
            )
        )
        spread = FragmentSpreadNode(name=name, directives=())
        besides = fields.selections[: self.draw(st.integers(0, 1))]
        return SelectionSetNode(selections=(spread, *besides))


def type_node(text: str) -> TypeNode:
    (definition,) = parse(f"query ($x: {text}) {{ x }}").definitions
    variables: Any = cast("OperationDefinitionNode", definition).variable_definitions
    return variables[0].type


def seasoned(draw: Any, text: str, ids: list[str], cursors: list[str]) -> Body:
    season = Seasoning(draw, ids, cursors)
    document = visit(parse(text), TypeInfoVisitor(season.where, season))
    operation = cast("OperationDefinitionNode", document.definitions[0])
    definitions = tuple(
        VariableDefinitionNode(
            variable=VariableNode(name=NameNode(value=name)), type=type_node(type_), directives=()
        )
        for name, type_ in season.types.items()
    )
    fields = list(operation.selection_set.selections)
    if draw(st.integers(0, 9)) == 0:
        besides = parse(draw(st.sampled_from(OF_THE_SCHEMA))).definitions[0]
        place = draw(st.integers(0, len(fields)))
        fields[place:place] = cast("OperationDefinitionNode", besides).selection_set.selections
    operation = replace(
        operation,
        variable_definitions=definitions,
        selection_set=SelectionSetNode(selections=tuple(fields)),
    )
    return Body("\n".join(map(print_ast, [operation, *season.fragments])), season.variables)


def exact(body: bytes) -> Any:
    """The response, with every number as its text and every object with the order of its keys."""
    return json.loads(body, parse_float=str, parse_int=str, object_pairs_hook=lambda pairs: pairs)


@pytest.fixture(scope="session")
async def known(loaders: Asking) -> tuple[list[str], list[str]]:
    """Ids that exist, ids that do not; cursors of several orders, and what is none."""
    found = await loaders.executor.answer(Body(EVERYTHING), Asker(VIEWERS["owner"]))
    body = found.body.decode()
    assert '"errors"' not in body
    other = await loaders.executor.answer(Body(EVERYTHING), Asker(sample.viewers(2)["owner"]))
    ids = [
        *re.findall(r'"id":"([^"]+)"', body),
        *re.findall(r'"id":"([^"]+)"', other.body.decode())[:9],
    ]
    cursors = [*re.findall(r'"cursor":"([^"]+)"', body), "no cursor", "WyJOQU1FIl0="]
    return [*ids, str(sample.of("workflow 1 1")), "no id", ""], cursors


SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "DateTime": st.sampled_from(
        ["2026-10-05T00:00:00Z", "2026-11-01T00:20:00.5+02:00", "2026-02-01T05:00:00Z"]
    ).map(make.String),
    "UUID": st.sampled_from([str(sample.of("user 1 owner")), str(sample.of("?"))]).map(make.String),
    "JSON": st.sampled_from(DEFINITIONS).map(parse_value),
    "BigInt": st.integers(0, 100).map(make.Int),
}


def generated(count: int, ids: list[str], cursors: list[str]) -> list[tuple[Body, str]]:
    """So many queries, seasoned, each with who asks it."""
    cases: list[tuple[Body, str]] = []

    @settings(
        max_examples=-(-count // SEASONINGS),
        deadline=None,
        suppress_health_check=list(HealthCheck),  # pyright: ignore[reportArgumentType]
        phases=[Phase.generate],
        database=None,
    )
    @given(
        queries(SDL, fields=COMPILED, custom_scalars=SCALARS, allow_null=True),
        st.data(),
    )
    def collect(text: str, data: st.DataObject) -> None:
        for _ in range(SEASONINGS):
            viewer = data.draw(st.sampled_from(list(VIEWERS)))
            cases.append((seasoned(data.draw, text, ids, cursors), viewer))

    collect()
    return cases


@pytest.mark.paths
async def test_plan_and_loaders_agree(
    compiled: Asking, loaders: Asking, known: tuple[list[str], list[str]]
) -> None:
    seen: Counter[str] = Counter()
    for start in range(0, EXAMPLES, AT_ONCE):
        for body, viewer in generated(min(AT_ONCE, EXAMPLES - start), *known):
            asker = Asker(VIEWERS[viewer], session_id=SESSION)
            plan = await compiled.executor.answer(body, asker)
            loaded = await loaders.executor.answer(body, asker)
            seen[plan.by] += 1
            assert exact(plan.body) == exact(loaded.body), (
                f"as {viewer}: {body}\n{plan.body.decode()[:2000]}\n{loaded.body.decode()[:2000]}"
            )
    assert seen["compiled"] > sum(seen.values()) / 4, seen


class Careless(Loaders):
    """Loses a row here and there, and puts into others what may not be there: always the same."""

    def spoil(self, relation: Relation[Any], row: Any, *where: object) -> Any:
        chance, which = divmod(crc32(repr((relation.sql, where)).encode()), 256)
        columns = columns_of(relation.row)
        name = list(columns)[which % len(columns)]
        match chance % 24:
            case 0:
                return None
            case 1:
                return self.changed(row, name, None)
            case 2 if "UUID" not in str(columns[name]):
                return self.changed(row, name, {"no": "value"})
            case _:
                return row

    def changed(self, row: Any, name: str, value: object) -> Any:
        if isinstance(row, msgspec.Struct):
            return msgspec.structs.replace(row, **{name: value})
        return row and {**row, name: value}

    async def ones(
        self, relation: One[Any], keys: Sequence[Key], only: Columns = None
    ) -> list[Any]:
        found = await super().ones(relation, keys, only)
        return [
            self.spoil(relation, row, key) for row, key in zip(found, keys, strict=True)
        ]

    async def lists(
        self, relation: Many[Any], keys: Sequence[Key], only: Columns = None
    ) -> list[list[Any]]:
        found = await super().lists(relation, keys, only)
        return [
            [self.spoil(relation, row, key, place) for place, row in enumerate(rows)]
            for rows, key in zip(found, keys, strict=True)
        ]

    async def pages(
        self, relation: Many[Any], keys: Sequence[Key], page: Page, only: Columns = None
    ) -> list[Slice]:
        return [
            replace(
                each,
                edges=[
                    Edge(self.spoil(relation, edge.node, each.key, number), edge.place)
                    for number, edge in enumerate(each.edges)
                ],
            )
            for each in await super().pages(relation, keys, page, only)
        ]


class AmongTheCareless(Context):
    def _read_anew(self) -> None:
        super()._read_anew()
        self.loaders = Careless(self.session)


async def test_levels_mean_what_graphql_core_means(
    sample_database: Database, secrets: Secrets, known: tuple[list[str], list[str]]
) -> None:
    resources = Resources(sample_database, Passwords(), Tokens(secrets))
    seen: Counter[bool] = Counter()
    for start in range(0, EXAMPLES, AT_ONCE):
        for body, viewer in generated(min(AT_ONCE, EXAMPLES - start), *known):
            asker = Asker(VIEWERS[viewer], session_id=SESSION)
            told = await told_by_each(body, partial(AmongTheCareless, resources, asker))
            seen.update(len(errors) > 0 for _, errors in told)
            assert told[1:] == told[:-1], f"{body} as {viewer}"
    assert set(seen) == {True, False}


async def told_by_each(
    body: Body, anew: Callable[[], Context]
) -> list[tuple[bytes, list[str]]]:
    """Data and errors of a query whose loaders are careless: as the levels have it when they
    prepare it, as they have it then, and as graphql-core does. Nothing if it is none to execute."""
    document, given = parse(body.query or ""), body.variables or {}
    operation = cast("OperationDefinitionNode", document.definitions[0])
    variables = get_variable_values(CORE, operation.variable_definitions or (), given)
    if validate(CORE, document) or not isinstance(variables, VariableValues):
        return []
    plain = replace(operation, variable_definitions=())
    bare = DocumentNode(definitions=(plain, *document.definitions[1:]))
    kept: Kept = {}

    def by_levels(context: Context) -> Any:
        return levels.execute(schema, bare, variables, context, kept=kept)

    def by_core(context: Context) -> Any:
        return execute(CORE, document, context_value=context, variable_values=given)

    found: list[tuple[bytes, list[str]]] = []
    for way in (by_levels, by_levels, by_core):
        context = anew()
        result = way(context)
        result = await result if isawaitable(result) else result
        await context.end()
        found.append((encode(result.data), [str(error) for error in result.errors or ()]))
    return found
