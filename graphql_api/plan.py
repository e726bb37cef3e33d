"""Compile a GraphQL operation into one SELECT that answers with the response's JSON.

The plan nests the relations that the types are declared with. It is an optimiser that may decline:
what only Python can compute, or would have to refuse, goes to the loaders, so that there is one
meaning.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import strawberry
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSkipDirective,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    is_abstract_type,
)
from graphql.execution.values import VariableValues, get_directive_values

from db.pages import Page
from db.plan import (
    Sql,
    Text,
    Texts,
    base64,
    json_list,
    json_object,
    keyed_list,
    nullable,
    promised,
    sql,
    subselect,
    write,
)
from db.plan_pages import CURSOR, Connection, EachRow
from db.relation import InvalidArgument, Key, Many, One, Relation
from graphql_api.arguments import Arguments, Request, arguments_of
from graphql_api.declare import node_key
from graphql_api.leaves import global_id, leaf, typename
from graphql_api.ways import (
    Column,
    Connected,
    Followed,
    GlobalId,
    Listed,
    LookedUp,
    LookedUpAll,
    Rowless,
    Same,
    check_ids,
    identified,
    named_type,
    page_of,
    promises,
    way_of,
)

MOST_RELATIONS = 100
PAGE_INFO: Mapping[str, Sql] = {
    "hasNextPage": "to_json(page.next)",
    "hasPreviousPage": "to_json(page.previous)",
    "startCursor": nullable(base64("page.start")),
    "endCursor": nullable(base64('page."end"')),
}
Sets = Sequence[SelectionSetNode]
Asked = Mapping[str, list[FieldNode]]
"""The fields asked of a type, by their response keys."""


class Declined(Exception):
    """The operation is not one for a plan; ``reason`` says why, in a few fixed words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Plan:
    """``sql`` answers with the fields that read rows, ``beside`` asks for those that read none.

    ``beside`` is None where all read rows; ``keys`` are those of the response, in order.
    """

    sql: Sql
    keys: tuple[str, ...]
    beside: DocumentNode | None

    def query(self, request: Request) -> str:
        """The query of one request. Raises Declined."""
        return "".join(self.texts(request))

    def texts(self, request: Request) -> tuple[str, ...]:
        """The same in pieces, which are shared by requests."""
        try:
            return tuple(write(self.sql, request))
        except (InvalidArgument, GraphQLError):
            raise Declined("bad argument") from None


class Compiler:
    """Compiles one operation. Of ``variables`` it looks only at those of @skip and @include."""

    def __init__(
        self,
        schema: strawberry.Schema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
    ) -> None:
        self._schema, self._fragments, self._variables = schema, fragments, variables
        self._core = schema._schema  # pyright: ignore[reportPrivateUsage]
        self._relations = 0
        self._wanted: dict[str, set[str]] = {}

    def operation(self, node: OperationDefinitionNode) -> Plan:
        if node.operation is not OperationType.QUERY:
            raise Declined(node.operation.value)
        query = self._object_type("Query")
        asked = self._collected(query, [node.selection_set])
        beside = {key: nodes for key, nodes in asked.items() if takes_no_row(query, nodes[0])}
        if beside and len(beside) == len(asked):
            raise Declined("no row to read")
        read = {key: nodes for key, nodes in asked.items() if key not in beside}
        return Plan(
            self._shown(query, read, "").sql,
            tuple(asked),
            bare(node, self._fragments, chain(*beside.values())) if beside else None,
        )

    def _object(self, type_: GraphQLObjectType, sets: Sets, alias: str) -> Text:
        return self._shown(type_, self._collected(type_, sets), alias)

    def _shown(self, type_: GraphQLObjectType, asked: Asked, alias: str) -> Text:
        return json_object({key: self._field(type_, nodes, alias) for key, nodes in asked.items()})

    def _field(
        self, type_: GraphQLObjectType, nodes: list[FieldNode], alias: str
    ) -> Sql | Text:
        name = nodes[0].name.value
        if name == "__typename":
            return typename(type_)
        field = type_.fields[name]
        match way_of(field):
            case GlobalId():
                self._wants(alias, (hole.column for hole in node_key(type_.name)))
                return global_id(type_, alias)
            case Column() | Same() as way:
                self._wants(alias, [way.name])
                return leaf(field, way, alias)
            case Followed() as way:
                self._wants(alias, filter(None, way.columns))
                return self._followed(field, nodes, way, alias)
            case LookedUp() as way:
                return self._looked_up(field, nodes, way)
            case LookedUpAll() as way:
                return self._looked_up_all(field, nodes, way)
            case _:
                raise Declined("computed by Python")

    def _followed(
        self, field: GraphQLField, nodes: list[FieldNode], way: Followed, alias: str
    ) -> Sql:
        select = self._select(field, nodes[0], way, alias)
        if isinstance(way, Connected):
            return self._connection(field, nodes, way, select)
        if isinstance(way, Listed):
            return self._list(field, nodes, way.relation, select)
        return self._one(field, nodes, named_type(field), select)

    def _select(self, field: GraphQLField, node: FieldNode, way: Followed, alias: str) -> Sql:
        """The relation's SELECT, hung on the parent's columns and the field's arguments."""
        relation, given = way.relation, way.given
        if given is None:
            return relation.select([f'{alias}."{column}"' for column in way.columns])
        arguments = self._arguments(field, node)

        def written(request: Request) -> Texts:
            values = given(**arguments.read(request))
            fill = [
                f'{alias}."{column}"'
                if column
                else f"{request.bind(values[hole.column])}::{hole.type}"
                for hole, column in zip(relation.holes, way.columns, strict=True)
            ]
            return [relation.select(fill)]

        return written

    def _one(
        self, field: GraphQLField, nodes: list[FieldNode], type_: GraphQLObjectType, select: Sql
    ) -> Sql:
        alias = self._alias()
        found = subselect(self._object(type_, below(nodes), alias).sql, aliased(select, alias))
        return promised(found) if promises(field) else nullable(found)

    def _list(
        self, field: GraphQLField, nodes: list[FieldNode], relation: Many[Any], select: Sql
    ) -> Sql:
        alias = self._alias()
        shown = self._object(named_type(field), below(nodes), alias)
        found = json_list(shown, by=f'{alias}."{relation.tie}"')
        return subselect(found.sql, aliased(select, alias))

    def _looked_up(self, field: GraphQLField, nodes: list[FieldNode], way: LookedUp) -> Sql:
        """A branch for each type that the id may name; which one is taken shows with the id."""
        arguments = self._arguments(field, nodes[0])

        branches: dict[Relation[Any], Sql] = {}
        before = largest = self._relations
        for name, relation in way.relations.items():
            self._relations = before

            def select(request: Request, relation: One[Any] = relation) -> Texts:
                return [relation.select(filled(request, relation, request.looked_up))]

            branches[relation] = self._one(field, nodes, self._object_type(name), select)
            largest = max(largest, self._relations)
        self._relations = largest

        def written(request: Request) -> Texts:
            found = identified(way, arguments.read(request)["id"])
            if found is None:
                return ["'null'"]
            relation, request.looked_up = found
            return write(branches[relation], request)

        return written

    def _looked_up_all(self, field: GraphQLField, nodes: list[FieldNode], way: LookedUpAll) -> Sql:
        """The rows of each type that is named among the ids, put where their ids stand."""
        arguments = self._arguments(field, nodes[0])
        aliases = {relation: self._alias() for relation in way.relations.values()}
        shown = {
            relation: self._object(self._object_type(name), below(nodes), aliases[relation])
            for name, relation in way.relations.items()
        }

        def written(request: Request) -> Texts:
            ids: list[str] = arguments.read(request)["ids"]
            check_ids(ids)
            wanted: dict[One[Any], list[tuple[int, Key]]] = {}
            for place, id in enumerate(ids, 1):
                if found := identified(way, id):
                    wanted.setdefault(found[0], []).append((place, found[1]))
            return write(keyed_list(wanted, aliases, shown, len(ids)), request)

        return written

    def _connection(
        self, field: GraphQLField, nodes: list[FieldNode], way: Connected, select: Sql
    ) -> Sql:
        alias, type_ = self._alias(), named_type(field)
        shown: dict[str, Sql | Text | EachRow] = {}
        asked: set[str] = set()
        for key, group in self._collected(type_, below(nodes)).items():
            name = group[0].name.value
            asked.add(name)
            match name:
                case "__typename":
                    shown[key] = typename(type_)
                case "totalCount":
                    shown[key] = "page.total::text"
                case "pageInfo":
                    info = named_type(type_.fields[name])
                    shown[key] = self._known(info, group, PAGE_INFO)
                case _:
                    shown[key] = EachRow(self._row(type_.fields[name], group, alias))
        return Connection(
            way.relation,
            select,
            alias,
            page_of=self._page(field, nodes[0], way),
            shown=shown,
            columns=frozenset(self._wanted.get(alias, ())),
            cursors="edges" in asked,
            ends="pageInfo" in asked,
            total="totalCount" in asked,
        ).sql

    def _row(self, field: GraphQLField, group: list[FieldNode], alias: str) -> Text:
        """What is shown of a row in ``nodes``, or in ``edges``."""
        type_ = named_type(field)
        if group[0].name.value == "nodes":
            return self._object(type_, below(group), alias)
        node_type = named_type(type_.fields["node"])

        def node(nodes: list[FieldNode]) -> Text:
            return self._object(node_type, below(nodes), alias)

        return self._known(type_, group, {"cursor": base64(CURSOR)}, node)

    def _known(
        self,
        type_: GraphQLObjectType,
        group: list[FieldNode],
        known: Mapping[str, Sql],
        other: Callable[[list[FieldNode]], Text] | None = None,
    ) -> Text:
        """An object of a type whose fields are ``known`` by name."""
        shown: dict[str, Sql | Text] = {}
        for key, nodes in self._collected(type_, below(group)).items():
            name = nodes[0].name.value
            if name == "__typename":
                shown[key] = typename(type_)
            else:
                shown[key] = known[name] if other is None or name in known else other(nodes)
        return json_object(shown)

    def _page(
        self, field: GraphQLField, node: FieldNode, way: Connected
    ) -> Page | Callable[[Request], Page]:
        arguments = self._arguments(field, node)
        if arguments.constant is not None:
            return page_of(way, **arguments.constant)
        return lambda request: page_of(way, **arguments.read(request))

    def _arguments(self, field: GraphQLField, node: FieldNode) -> Arguments:
        return arguments_of(self._schema, field, node, self._variables)

    def _collected(self, type_: GraphQLObjectType, sets: Sets) -> dict[str, list[FieldNode]]:
        """The fields asked of ``type_``, merged under their response keys, in order."""
        found: dict[str, list[FieldNode]] = {}
        for node in self._selected(type_, sets, set()):
            found.setdefault((node.alias or node.name).value, []).append(node)
        return found

    def _selected(
        self, type_: GraphQLObjectType, sets: Sets, spread: set[str]
    ) -> Iterator[FieldNode]:
        for node in (node for each in sets for node in each.selections if self._included(node)):
            match node:
                case FieldNode():
                    yield node
                case FragmentSpreadNode():
                    name = node.name.value
                    if name not in spread:
                        spread.add(name)
                        yield from self._within(type_, self._fragments[name], spread)
                case InlineFragmentNode():
                    yield from self._within(type_, node, spread)
                case _:
                    raise Declined("unknown selection")

    def _within(
        self,
        type_: GraphQLObjectType,
        fragment: InlineFragmentNode | FragmentDefinitionNode,
        spread: set[str],
    ) -> Iterator[FieldNode]:
        condition = fragment.type_condition
        on = self._core.type_map[condition.name.value] if condition else type_
        if on is type_ or (is_abstract_type(on) and self._core.is_sub_type(on, type_)):
            yield from self._selected(type_, [fragment.selection_set], spread)

    def _included(self, node: SelectionNode) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, self._variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self._variables)
        return not (skip and skip["if"]) and not (include and not include["if"])

    def _wants(self, alias: str, columns: Iterable[str]) -> None:
        """Of the rows of ``alias`` these columns are needed."""
        self._wanted.setdefault(alias, set()).update(columns)

    def _alias(self) -> str:
        self._relations += 1
        if self._relations > MOST_RELATIONS:
            raise Declined("too many relations")
        alias = f"_{self._relations}"
        self._wanted[alias] = set()  # another type that an id may name had it before, or nobody
        return alias

    def _object_type(self, name: str) -> GraphQLObjectType:
        type_ = self._core.type_map[name]
        if not isinstance(type_, GraphQLObjectType):
            raise TypeError(f"{name} is no object type")
        return type_


def bare(
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    selections: Iterable[SelectionNode],
) -> DocumentNode:
    """The operation without its variables, for who has their values already; of its root's fields
    only these."""
    selected = SelectionSetNode(selections=tuple(selections))
    operation = replace(operation, variable_definitions=(), selection_set=selected)
    return DocumentNode(definitions=(operation, *fragments.values()))


def takes_no_row(query: GraphQLObjectType, node: FieldNode) -> bool:
    """Whether this field of the root reads nothing: introspection and what is declared so."""
    name = node.name.value
    if name.startswith("__"):
        return name != "__typename"
    return isinstance(way_of(query.fields[name]), Rowless)


def filled(request: Request, relation: Relation[Any], key: Key) -> list[str]:
    """The key's values as parameters, to fill the relation's holes."""
    return [
        f"{request.bind(value)}::{hole.type}"
        for hole, value in zip(relation.holes, key, strict=True)
    ]


def aliased(select: Sql, alias: str) -> Sql:
    return sql("(", select, f") {alias}")


def below(nodes: list[FieldNode]) -> list[SelectionSetNode]:
    return [node.selection_set for node in nodes if node.selection_set]
