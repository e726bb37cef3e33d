"""The words that types are declared with: over, related, listed, connected, looked_up, filtering.

A type is a declaration over a database row and never instantiated. A plain field is a column. A
docstring under a field is its description. A declaration that does not fit its row fails when the
schema is made (``checked``), before a server starts.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, TypeVar, cast, dataclass_transform, get_type_hints
from uuid import UUID

import msgspec
import strawberry
from graphql import GraphQLField, GraphQLObjectType
from strawberry.types import get_object_definition
from strawberry.types.arguments import InputContext
from strawberry.types.enum import EnumValue
from strawberry.utils.str_converters import to_camel_case

from db.filters import Conditions
from db.pages import Order
from db.relation import Hole, Many, One, Relation, columns_of, nullable
from graphql_api import ways
from graphql_api.described import docstrings
from graphql_api.global_ids import write_global_id
from graphql_api.ways import (
    DEFAULT_PAGE,
    LARGEST_PAGE,
    MOST_IDS,
    Column,
    Connected,
    Followed,
    Given,
    GlobalId,
    Listed,
    LookedUp,
    LookedUpAll,
    Related,
    Rowless,
    Same,
    Way,
    check_ids,
    identified,
    key_of,
    named_type,
    page_of,
    promises,
    way_of,
)
from resolvers.context import Asker, Info
from resolvers.errors import NotFound

T = TypeVar("T")

rows: dict[str, type[msgspec.Struct]] = {}
"""The row that each type is declared over, by the type's name."""
type_names: dict[type[msgspec.Struct], str] = {}
at_once: dict[str, tuple[type[msgspec.Struct], dict[str, str]]] = {}
"""What inputs of which many come at once are made into, by their name in the schema; and what its
fields are called there."""
nodes: dict[str, One[Any]] = {}
"""What finds a row of each type that is a node, by the type's name."""


def _field(resolver: Callable[..., Any], way: Way, description: str | None = None) -> Any:
    return strawberry.field(resolver=resolver, description=description, metadata={"way": way})


def column(name: str) -> Any:
    """A field read off the column ``name``."""

    def resolve(root: strawberry.Parent[Any]) -> Any:
        return getattr(root, name)

    return _field(resolve, Column(name))


def same(column: str, brought: Callable[[Asker], UUID | None]) -> Any:
    """Whether ``column`` is the id that whoever asks brings along."""

    def resolve(root: strawberry.Parent[Any], info: Info) -> bool:
        return getattr(root, column) == brought(info.context.asker)

    return _field(resolve, Same(column, brought))


def rowless(resolver: Callable[..., Any]) -> Any:
    """What ``resolver`` computes of what the process knows, reading no row: a field of Query."""
    return _field(resolver, Rowless(), inspect.getdoc(resolver))


def related(relation: One[Any], *, given: Given | None = None, **bound: str) -> Any:
    """The row that ``relation`` finds; ``bound`` names the column for a hole of another name."""
    way = Related(relation, _columns(relation, bound), given)

    async def resolve(root: strawberry.Parent[Any], info: Info, **arguments: Any) -> Any:
        key = key_of(way, root, arguments)
        return None if None in key else await info.context.loaders.one(relation, key)

    return _field(_taking(resolve, _parameters(given)), way)


def read_id(type_name: str, id: str) -> UUID | None:
    """The database id that ``id`` names, a global id of this type or a database id."""
    found = identified(LookedUp({type_name: nodes[type_name]}), id)
    return cast("UUID", found[1][0]) if found else None


def named(type_name: str, id: str, path: Sequence[str]) -> UUID:
    """The same; raises NotFound, about the input ``path``, where it names none."""
    found = read_id(type_name, id)
    if found is None:
        noun = re.sub("(?<!^)(?=[A-Z])", " ", type_name).lower()
        raise NotFound(f"There is no such {noun}, or you may not see it.", path)
    return found


def listed(relation: Many[Any], *, given: Given | None = None, **bound: str) -> Any:
    """All rows that ``relation`` finds, in the order of its tie."""
    way = Listed(relation, _columns(relation, bound), given)

    async def resolve(root: strawberry.Parent[Any], info: Info, **arguments: Any) -> Any:
        return await info.context.loaders.all(relation, key_of(way, root, arguments))

    return _field(_taking(resolve, _parameters(given)), way)


def connected(
    relation: Many[Any], filtered: type, ordered: Order, *, first: int = DEFAULT_PAGE, **bound: str
) -> Any:
    """A page of ``relation``, by default in the order ``ordered`` and ``first`` rows long."""
    way = Connected(relation, _columns(relation, bound), page_size=first)

    async def resolve(root: strawberry.Parent[Any], info: Info, **arguments: Any) -> Any:
        page = page_of(way, **arguments)
        return await info.context.loaders.page(relation, key_of(way, root, {}), page)

    return _field(_taking(resolve, _page_arguments(filtered, ordered, first)), way)


def _page_arguments(filtered: type, ordered: Order, first: int) -> list[inspect.Parameter]:
    size = f"at most {LARGEST_PAGE}"
    return [
        _argument("filter", filtered | None, strawberry.UNSET, "Only rows that pass."),
        _argument("order_by", type(ordered), ordered, "The order; nulls come last."),
        _argument(
            "first",
            int | None,
            strawberry.UNSET,
            f"How many from the start, {size}; {first} where neither `first` nor `last` is given.",
        ),
        _argument("after", str | None, strawberry.UNSET, "With `first`: start behind this cursor."),
        _argument("last", int | None, strawberry.UNSET, f"How many from the end, {size}."),
        _argument("before", str | None, strawberry.UNSET, "With `last`: end before this cursor."),
    ]


def _argument(name: str, type_: Any, default: Any, description: str) -> inspect.Parameter:
    annotation = Annotated[type_, strawberry.argument(description=description)]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def looked_up(relation: One[Any] | None = None) -> Any:
    """The row whose id is the argument ``id``: of ``relation``, or of any type that is a node."""
    way = LookedUp(nodes if relation is None else {type_names[relation.row]: relation})
    either = "Its global id." if relation is None else "Its global id, or its database id."

    async def resolve(
        info: Info, id: Annotated[strawberry.ID, strawberry.argument(description=either)]
    ) -> Any:
        found = identified(way, id)
        return await info.context.loaders.one(*found) if found else None

    return _field(resolve, way)


def looked_up_all() -> Any:
    """The nodes whose global ids are the argument ``ids``, each in its place."""
    way = LookedUpAll(nodes)

    async def resolve(
        info: Info,
        ids: Annotated[
            list[strawberry.ID], strawberry.argument(description=f"At most {MOST_IDS} global ids.")
        ],
    ) -> Any:
        check_ids(ids)
        found = (identified(way, id) for id in ids)
        one = info.context.loaders.one
        return [one(*each) if each else None for each in found]

    return _field(resolve, way)


def _columns(relation: Relation[Any], bound: dict[str, str]) -> tuple[str | None, ...]:
    if unknown := set(bound) - {hole.column for hole in relation.holes}:
        raise TypeError(f"no hole {', '.join(unknown)} in: {relation.sql.strip()}")
    return tuple(
        None if hole.owner == "argument" else bound.get(hole.column, hole.column)
        for hole in relation.holes
    )


def _parameters(given: Given | None) -> list[inspect.Parameter]:
    if given is None:
        return []
    hints = get_type_hints(given, include_extras=True)
    return [
        parameter.replace(annotation=hints[name], kind=parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(given).parameters.items()
    ]


def _taking(resolve: Callable[..., Any], arguments: list[inspect.Parameter]) -> Callable[..., Any]:
    """``resolve``, declared to take these as the field's arguments."""
    own = [p for p in inspect.signature(resolve).parameters.values() if p.kind is not p.VAR_KEYWORD]
    signature = inspect.Signature([*own, *arguments])
    resolve.__signature__ = signature  # pyright: ignore[reportFunctionMemberAccess]
    return resolve


@dataclass_transform(
    kw_only_default=True, field_specifiers=(column, same, related, listed, connected, looked_up)
)
def over(row: type[msgspec.Struct], by_id: One[Any] | None = None) -> Callable[[type[T]], type[T]]:
    """Declare a type whose plain fields are read straight off ``row``.

    It is a node if ``by_id`` is given; its global id is made of the holes of that relation.
    """

    def declare(cls: type[T]) -> type[T]:
        def is_type_of(obj: object, _info: object) -> bool:
            return type(obj) is row

        cls.is_type_of = is_type_of  # type: ignore[attr-defined]
        rows[cls.__name__], type_names[row] = row, cls.__name__
        if by_id is not None:
            nodes[cls.__name__] = by_id
        return described(strawberry.type(cls, description=cls.__doc__))

    return declare


def filtering(conditions: Conditions, **related: Relation[Any]) -> Callable[[type[T]], type[T]]:
    """Declare a filter whose fields are ``conditions``, or name rows ``related`` to those filtered.

    It gains ``and``, ``or`` and ``not``.
    """

    def declare(cls: type[T]) -> type[T]:
        known: Conditions = {**conditions, **related}
        if unknown := set(cls.__annotations__) - set(known):
            raise TypeError(f"{cls.__name__}: no condition for {', '.join(sorted(unknown))}")
        several, one = f"list[{cls.__name__}] | None", f"{cls.__name__} | None"
        for name in cls.__annotations__:
            setattr(cls, name, strawberry.UNSET)
        for name, annotation, meaning in (
            ("and_", several, "All of these must pass."),
            ("or_", several, "At least one of these must pass."),
            ("not_", one, "This must not pass."),
        ):
            cls.__annotations__[name] = annotation
            setattr(
                cls,
                name,
                strawberry.field(name=name[:-1], default=strawberry.UNSET, description=meaning),
            )
        ways.conditions[cls] = known
        return described(strawberry.input(cls, description=cls.__doc__))

    return declare


def made_at_once(
    into: type[msgspec.Struct] | None = None, **lists: type
) -> Callable[[type[T]], type[T]]:
    """Declare an input of plain values, or of ``lists`` of such inputs, of which many come at once.

    Its fields are not looked at one by one, as Strawberry does it: graphql-core has coerced them.
    What is made is ``into``, whose fields have the names of the input's, if it is given; lists of
    it in variables are made by ``coercion`` already.
    """

    def declare(cls: type[T]) -> type[T]:
        definition = get_object_definition(cls, strict=True)
        names = {to_camel_case(each.python_name): each.python_name for each in definition.fields}
        makers: dict[str, Any] = {
            name: get_object_definition(item, strict=True).from_input
            for name, item in lists.items()
        }
        if into is not None:
            at_once[definition.name] = into, names

        def make(made: type, value: Mapping[str, Any], context: InputContext) -> Any:
            given = {names[name]: each for name, each in value.items()}
            for name, item in lists.items():
                given[name] = [
                    makers[name](item, each, context) if isinstance(each, dict) else each
                    for each in given[name]
                ]
            return (into or made)(**given)

        definition.from_input = make
        return cls

    return declare


def enum(cls: type[Enum], description: str) -> None:
    """Declare an enum whose members have docstrings under them as their descriptions."""
    strawberry.enum(cls, description=description)
    notes = docstrings(cls)
    definition = cast("Any", cls).__strawberry_definition__
    for value in cast("list[EnumValue]", definition.values):
        value.description = notes.get(value.name)


def described(cls: type[T]) -> type[T]:
    """``cls`` with the docstrings under its fields as their descriptions."""
    notes = docstrings(cls)
    for field in get_object_definition(cls, strict=True).fields:
        if field.python_name in notes:
            field.description = notes[field.python_name]
    return cls


def _own_id(root: strawberry.Parent[Any]) -> strawberry.ID:
    name = type_names[type(root)]
    key = [getattr(root, hole.column) for hole in node_key(name)]
    return strawberry.ID(write_global_id(name, key))


def _database_id(root: strawberry.Parent[Any]) -> UUID:
    return root.id


def node_key(type_name: str) -> tuple[Hole, ...]:
    """What the global id of this type is made of."""
    return nodes[type_name].holes


@strawberry.interface(description="Anything with a global id.")
class Node:
    id: strawberry.ID = _field(_own_id, GlobalId(), "The global id: opaque, and good for `node`.")
    database_id: UUID = _field(_database_id, Column("id"), "The id in the database.")


def checked(schema: strawberry.Schema) -> strawberry.Schema:
    """The schema, if every field fits the row it is declared over; else raises TypeError."""
    for type_ in schema._schema.type_map.values():  # pyright: ignore[reportPrivateUsage]
        row = rows.get(type_.name)
        if isinstance(type_, GraphQLObjectType) and (row or type_.name == "Query"):
            for name, field in type_.fields.items():
                if fault := _fault(field, row):
                    raise TypeError(f"{type_.name}.{name}: {fault}")
    return schema


def _fault(field: GraphQLField, row: type[msgspec.Struct] | None) -> str | None:
    columns = columns_of(row) if row else {}
    match way_of(field):
        case Column(name):
            if row is None or name not in columns:
                return f"no column {name}"
            if promises(field) and nullable(row, name):
                return f"column {name} may be null"
        case Same(name) if columns.get(name) is not UUID:
            return f"no column {name} of ids"
        case Followed(relation, bound):
            return _misfit(field, relation, bound, row)
        case _:
            pass
    return None


def _misfit(
    field: GraphQLField,
    relation: Relation[Any],
    bound: tuple[str | None, ...],
    row: type[msgspec.Struct] | None,
) -> str | None:
    columns = columns_of(row) if row else {}
    if missing := {name for name in bound if name} - set(columns):
        return f"no column {', '.join(sorted(missing))} for: {relation.sql.strip()}"
    if strangers := [hole for hole in relation.holes if not _belongs(hole, row)]:
        return f"{{{strangers[0].name}}} is not of {row.__name__ if row else 'Query'}"
    target = named_type(field).name.removesuffix("Connection")
    if rows.get(target) is not relation.row:
        return f"{relation.row.__name__} is not the row of {target}"
    return None


def _belongs(hole: Hole, row: type[msgspec.Struct] | None) -> bool:
    if hole.owner in ("", "argument"):
        return True
    return row is not None and row.__name__.lower() == f"{hole.owner.replace('_', '')}row"
