"""A relation is one hand-written SELECT with a hole for what it hangs on.

    BY_WORKFLOW = Many(
        DeploymentRow, "SELECT {d.*} FROM deployments d WHERE d.workflow_id = {workflow.id}"
    )

``{d.*}`` stands for the row's columns. ``{workflow.id}`` is the hole: a data loader fills it with
the keys of a batch, a compiled plan with the column of the parent's own SELECT. Filter, cursor,
order, limit and count are laid around the SELECT as around a table and speak only of the row's
columns, so both paths ask the database one and the same question. A client's text never becomes
SQL here: every value is a parameter.
"""

import typing
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from string import Formatter
from typing import Any, Generic, LiteralString, NamedTuple, TypeVar

import msgspec

R = TypeVar("R", bound=msgspec.Struct)
Key = tuple[object, ...]
Columns = tuple[str, ...] | None
"""Those of a row's columns that are wanted; None for all."""


class InvalidArgument(ValueError):
    """The client's page size, cursor or filter cannot be honoured."""


class Fragment(NamedTuple):
    """A piece of SQL with a ``{}`` for each of its values."""

    text: str
    values: Key = ()


@lru_cache(maxsize=1_000)
def parameter(number: int) -> str:
    return f"${number}"


class Statement:
    """The parameters of a statement in the making."""

    def __init__(self) -> None:
        self.values: list[object] = []

    def bind(self, value: object) -> str:
        self.values.append(value)
        return parameter(len(self.values))

    def write(self, fragment: Fragment) -> str:
        return fragment.text.format(*map(self.bind, fragment.values))


@dataclass(frozen=True)
class Computed:
    """A column of a row that is an expression of the table; ``{row}`` stands for the table's alias.

    address: Annotated[str | None, Computed("host({row}.ip_address)")]
    """

    sql: LiteralString


class Hole(NamedTuple):
    """What a SELECT hangs on.

    ``{workflow.id}``: column ``id`` of a parent WorkflowRow. ``{argument.since: timestamptz}``: an
    argument of the field. ``{id}``: whatever the field binds it to.
    """

    name: str
    type: str

    @property
    def owner(self) -> str:
        return self.name.rpartition(".")[0]

    @property
    def column(self) -> str:
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, eq=False)
class Relation(Generic[R]):
    """A SELECT of ``row``. A hole is a uuid unless it says otherwise: ``{version: int}``."""

    row: type[R]
    sql: LiteralString

    def __post_init__(self) -> None:
        if not any(name.endswith(".*") for _, name, _, _ in self._parts if name):
            raise TypeError(f"no {{alias.*}} for the columns of {self.row.__name__} in: {self.sql}")

    @cached_property
    def _parts(self) -> list[tuple[str, str | None, str | None, str | None]]:
        return list(Formatter().parse(self.sql))

    @cached_property
    def holes(self) -> tuple[Hole, ...]:
        found = [
            Hole(name, (type_ or "uuid").strip())
            for _, name, type_, _ in self._parts
            if name and not name.endswith(".*")
        ]
        return tuple(dict.fromkeys(found))

    @cached_property
    def pieces(self) -> list[str | Hole]:
        """The text with the row's columns in it, and the holes between."""
        holes = {hole.name: hole for hole in self.holes}
        found: list[str | Hole] = []
        for text, name, _, _ in self._parts:
            found.append(text)
            if name:
                found.append(holes.get(name) or columns_from_table(self.row, name[:-2]))
        return found

    def select(self, fill: Sequence[str]) -> str:
        """The SELECT with its holes filled, in the order of ``holes``."""
        return _selected(self, tuple(fill))

    def columns(self, alias: str, only: Columns = None) -> list[str]:
        """The row's columns of ``alias``, which is this SELECT; ``only`` those that are wanted."""
        names = self.row.__struct_fields__ if only is None else only
        return [f'{alias}."{column}"' for column in names]


class One(Relation[R]):
    """A relation that finds at most one row."""


@dataclass(frozen=True, eq=False)
class Many(Relation[R]):
    """A relation that finds any number of rows; ``tie`` is a column unique among them."""

    tie: str = "id"


@lru_cache(maxsize=5_000)
def _selected(relation: Relation[Any], fill: tuple[str, ...]) -> str:
    filled = dict(zip(relation.holes, fill, strict=True))
    return "".join(
        [piece if isinstance(piece, str) else filled[piece] for piece in relation.pieces]
    )


@cache
def columns_of(row: type[msgspec.Struct]) -> dict[str, Any]:
    """The row's columns and their Python types."""
    return typing.get_type_hints(row)


@cache
def columns_from_table(row: type[msgspec.Struct], alias: str) -> str:
    hints = typing.get_type_hints(row, include_extras=True)
    computed = {
        name: extra.sql.replace("{row}", alias)
        for name, hint in hints.items()
        for extra in getattr(hint, "__metadata__", ())
        if isinstance(extra, Computed)
    }
    return ", ".join(
        f'{computed[name]} AS "{name}"' if name in computed else f'{alias}."{name}"'
        for name in row.__struct_fields__
    )


@cache
def nullable(row: type[msgspec.Struct], column: str) -> bool:
    return type(None) in typing.get_args(columns_of(row)[column])
