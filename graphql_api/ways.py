"""How the database answers a field, and what a field's arguments mean to it.

Both paths go by this: a resolver asks the loaders along the field's way, the compiler nests it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from graphql import GraphQLField, GraphQLNonNull, get_named_type
from strawberry import UNSET
from strawberry.types.field import StrawberryField

from db.filters import Conditions, where
from db.pages import Order, Page, read_cursor
from db.relation import InvalidArgument, Key, Many, One, Relation
from graphql_api.global_ids import read_global_id, read_key
from resolvers.context import Asker

DEFAULT_PAGE = 20
LARGEST_PAGE = 500
MOST_IDS = 100
LONGEST_KEY = 45
"""Characters of a UUID in its longest form, urn:uuid:…"""

Given = Callable[..., Mapping[str, Any]]
"""Takes a field's arguments, refuses what is not allowed with InvalidArgument, and returns a value
for each hole ``{argument.x}``."""

conditions: dict[type, Conditions] = {}
"""What the fields of each filter mean."""


@dataclass(frozen=True)
class Column:
    """A field read off a column."""

    name: str


@dataclass(frozen=True)
class Same:
    """A field that says whether a column is the id that whoever asks brings along, if any."""

    name: str
    brought: Callable[[Asker], UUID | None]


@dataclass(frozen=True)
class Rowless:
    """A field of Query that Python computes of what the process knows: it reads no row."""


@dataclass(frozen=True)
class GlobalId:
    """The field ``id``."""


@dataclass(frozen=True)
class Followed:
    """A field that follows a relation.

    ``columns`` of the parent's row fill the holes; None stands where ``given`` fills one.
    """

    relation: Relation[Any]
    columns: tuple[str | None, ...]
    given: Given | None = None


@dataclass(frozen=True)
class Related(Followed):
    """A field that is the row of a relation."""

    relation: One[Any]


@dataclass(frozen=True)
class Listed(Followed):
    """A field that is all rows of a relation, in the order of its tie."""

    relation: Many[Any]


@dataclass(frozen=True)
class Connected(Followed):
    """A field that is a page of a relation's rows."""

    relation: Many[Any]
    page_size: int = DEFAULT_PAGE


@dataclass(frozen=True)
class LookedUp:
    """A field that finds a row of one of these types by the id in its argument."""

    relations: dict[str, One[Any]]


@dataclass(frozen=True)
class LookedUpAll:
    """A field that finds a row for each of the ids in its argument."""

    relations: dict[str, One[Any]]


@dataclass(frozen=True)
class Part:
    """A field of a connection, an edge or a page's info, read off the page."""

    name: str


Way = (
    Column | Same | GlobalId | Part | Rowless
    | Related | Listed | Connected | LookedUp | LookedUpAll
)


def named_type(field: GraphQLField) -> Any:
    """The type of the field without its lists and promises."""
    return get_named_type(field.type)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def promises(field: GraphQLField) -> bool:
    """Whether the field is never null."""
    return isinstance(field.type, GraphQLNonNull)  # pyright: ignore[reportUnknownMemberType]


def way_of(field: GraphQLField) -> Way | None:
    """How the database answers this field; None if only Python can."""
    declared: StrawberryField = field.extensions["strawberry-definition"]
    if "way" in declared.metadata:
        return declared.metadata["way"]
    computed = declared.base_resolver is not None  # pyright: ignore[reportUnknownMemberType]
    return None if computed else Column(declared.python_name)


def check_ids(ids: Sequence[str]) -> None:
    if len(ids) > MOST_IDS:
        raise InvalidArgument(f"ids has {len(ids)} ids; ask for at most {MOST_IDS} at once")


def identified(way: LookedUp | LookedUpAll, id: str) -> tuple[One[Any], Key] | None:
    """The relation that finds the row of this id, and its key; None if there can be no such row."""
    name, relation = next(iter(way.relations.items()))
    bare = len(way.relations) == 1 and len(id) <= LONGEST_KEY
    if bare and (key := read_key(relation.holes, [id])):
        return relation, key
    named = read_global_id(id)
    if named is None or named[0] not in way.relations:
        return None
    name, parts = named
    key = read_key(way.relations[name].holes, parts)
    return (way.relations[name], key) if key else None


def key_of(way: Followed, root: Any, arguments: Mapping[str, Any]) -> Key:
    """What fills the holes of the way's relation."""
    given: Mapping[str, Any] = way.given(**arguments) if way.given else {}
    return tuple(
        given[hole.column] if name is None else getattr(root, name)
        for hole, name in zip(way.relation.holes, way.columns, strict=True)
    )


def page_of(
    way: Connected,
    *,
    order_by: Order,
    filter: object | None = None,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> Page:
    """The page that a connection's arguments ask for. Raises InvalidArgument."""
    if first is not None and last is not None:
        raise InvalidArgument("give either first or last, not both")
    backward = last is not None or (before is not None and first is None)
    if (after if backward else before) is not None:
        raise InvalidArgument("after goes with first, before with last")
    cursor, size = (before, last) if backward else (after, first)
    if size is None:
        size = way.page_size
    if not 0 <= size <= LARGEST_PAGE:
        name = "last" if backward else "first"
        raise InvalidArgument(f"{name} is {size}; it must be between 0 and {LARGEST_PAGE}")
    beyond = None if cursor is None else read_cursor(way.relation, order_by, cursor)
    return Page(where(filter, _read_filter), order_by, size, beyond, backward)


def _read_filter(filter: object) -> tuple[Conditions, Mapping[str, Any]]:
    """What the fields of a filter mean, and those that ask for something."""
    given = {
        name: value
        for name, value in vars(filter).items()
        if value is not None and value is not UNSET
    }
    return conditions[type(filter)], given
