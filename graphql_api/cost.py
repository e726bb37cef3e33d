"""What an operation costs, in fields answered, before anything is asked of the database.

Counted once per document into a tree of numbers; what hangs on variables is worked out for each
request. A fragment is worked out once a request, however often and however deep it is spread.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    value_from_ast_untyped,
)

DEFAULT_PAGE = 20
"""Rows of a page whose field declares no size of its own."""

PLAIN_LIST = 10
"""Rows that a list without pages is taken to have."""

COUNTING = 10
"""What ``totalCount`` costs: it reads all that the page leaves out."""

LONGEST = 2**31
SIZES = ("first", "last", "ids")

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType


class Weight(NamedTuple):
    """``once`` counts once, ``a_row`` for each row of the page that the selection is made on."""

    once: int = 0
    a_row: int = 0


class Asked:
    """One request: its variables, and the size that its pages are cut to (None: as they are)."""

    def __init__(self, variables: Mapping[str, Any], cut: int | None = None) -> None:
        self.variables, self.cut = variables, cut
        self.known: dict[int, Weight] = {}

    def value(self, node: ValueNode) -> object:
        return self.variables.get(node.name.value) if isinstance(node, VariableNode) else node


@dataclass(eq=False, slots=True)
class Size:
    """How many rows a field may answer: what ``given`` says, else ``otherwise``."""

    node: FieldNode
    given: tuple[ValueNode, ...]
    otherwise: int
    is_page: bool

    @property
    def steady(self) -> bool:
        return not any(isinstance(value, VariableNode) for value in self.given)

    def rows(self, asked: Asked) -> int:
        told = [rows for node in self.given if (rows := _rows(asked.value(node))) is not None]
        rows = max(told, default=self.otherwise)
        return rows if asked.cut is None or not self.is_page else min(rows, asked.cut)


def _rows(value: object) -> int | None:
    match value:
        case bool():
            return None
        case IntValueNode():
            found = int(value.value[:12])
        case ListValueNode():
            found = len(value.values)
        case list():
            found = len(cast("list[object]", value))
        case int() | float() if value == value // 1:
            found = int(value)
        case _:
            return None
    return min(max(0, found), LONGEST)


@dataclass(eq=False, slots=True)
class Part:
    """A field, or a fragment spread: what it holds, and how it counts."""

    switches: tuple[DirectiveNode, ...]
    held: "Parts | None"
    own: int = 0
    size: Size | None = None
    is_rows: bool = False

    @property
    def steady(self) -> bool:
        size, held = self.size, self.held
        return (
            not self.switches
            and (size is None or size.steady)
            and (held is None or held.fixed is not None)
        )

    def weight(self, asked: Asked) -> Weight:
        if not all(_passes(switch, asked) for switch in self.switches):
            return Weight()
        held = Weight() if self.held is None else self.held.weight(asked)
        if self.own == 0:
            return held
        if self.is_rows:
            return Weight(a_row=self.own + held.once)
        if self.size is None:
            return Weight(self.own + held.once)
        rows = self.size.rows(asked)
        if self.size.is_page:
            return Weight(self.own + held.once + rows * held.a_row)
        return Weight(self.own + rows * (self.own + held.once))


def _passes(switch: DirectiveNode, asked: Asked) -> bool:
    wanted = switch.name.value == "include"
    for argument in switch.arguments or ():
        given = asked.value(argument.value)
        value = value_from_ast_untyped(given) if isinstance(given, ValueNode) else given
        if isinstance(value, bool):
            return value is wanted
    return True


@dataclass(eq=False, slots=True)
class Parts:
    """A selection. ``fixed`` is its weight where no variable can change it."""

    parts: list[Part] = field(default_factory=lambda: [])
    fixed: Weight | None = None

    def weight(self, asked: Asked) -> Weight:
        if self.fixed is not None and asked.cut is None:
            return self.fixed
        if id(self) not in asked.known:
            asked.known[id(self)] = Weight()
            asked.known[id(self)] = _sum(part.weight(asked) for part in self.parts)
        return asked.known[id(self)]


def _sum(weights: Iterable[Weight]) -> Weight:
    once = a_row = 0
    for weight in weights:
        once, a_row = once + weight.once, a_row + weight.a_row
    return Weight(once, a_row)


class Cost:
    """The cost of one operation as a function of its variables."""

    def __init__(self, whole: Parts, sizes: list[Size], defaults: Mapping[str, Any]) -> None:
        self._whole, self._defaults = whole, defaults
        self._pages = [size for size in sizes if not size.steady]
        steady = [(size.rows(Asked({})), size.node) for size in sizes if size.steady]
        self._longest = max(steady, default=(0, None), key=lambda each: each[0])

    def __call__(self, variables: Mapping[str, Any], cut: int | None = None) -> int:
        """``variables`` as given or coerced; ``cut`` is the size that longer pages are cut to."""
        if self._whole.fixed is not None and cut is None:
            return self._whole.fixed.once
        return self._whole.weight(Asked({**self._defaults, **variables}, cut)).once

    def longest_page(self, variables: Mapping[str, Any]) -> tuple[int, FieldNode | None]:
        """The most rows that any field asks for, and the field."""
        if not self._pages:
            return self._longest
        asked = Asked({**self._defaults, **variables})
        found = [(size.rows(asked), size.node) for size in self._pages]
        return max([self._longest, *found], key=lambda each: each[0])

    def page_that_fits(self, variables: Mapping[str, Any], allowed: int) -> int:
        """The longest page with which the operation would cost no more than allowed; 0 for none."""
        fits, too_long = 0, self.longest_page(variables)[0] + 1
        while too_long - fits > 1:
            tried = (fits + too_long) // 2
            if self(variables, tried) <= allowed:
                fits = tried
            else:
                too_long = tried
        return fits


def cost_of(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
) -> Cost:
    """The cost of an operation of a document that was found valid, and no deeper than allowed."""
    compiler = _Compiler(schema, document)
    root = schema.get_root_type(operation.operation)
    whole = compiler.parts(operation.selection_set, root)
    defaults = {
        variable.variable.name.value: value_from_ast_untyped(variable.default_value)
        for variable in operation.variable_definitions or ()
        if variable.default_value is not None
    }
    return Cost(whole, compiler.sizes, defaults)


class _Compiler:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self.sizes: list[Size] = []
        self._schema = schema
        self._spread: dict[str, Parts] = {}
        self._fragments = {
            each.name.value: each
            for each in document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }

    def parts(self, selections: SelectionSetNode, parent: GraphQLNamedType | None) -> Parts:
        return self._fill(Parts(), selections, parent)

    def _fill(
        self, parts: Parts, selections: SelectionSetNode, parent: GraphQLNamedType | None
    ) -> Parts:
        parts.parts = [self._part(node, parent) for node in selections.selections]
        if all(part.steady for part in parts.parts):
            parts.fixed = _sum(part.weight(Asked({})) for part in parts.parts)
        return parts

    def _part(self, node: SelectionNode, parent: GraphQLNamedType | None) -> Part:
        switches = tuple(
            each for each in node.directives or () if each.name.value in ("skip", "include")
        )
        if isinstance(node, FieldNode):
            return self._field(node, switches, parent)
        if isinstance(node, InlineFragmentNode):
            on = node.type_condition
            inner = self._schema.get_type(on.name.value) if on is not None else parent
            return Part(switches, self.parts(node.selection_set, inner))
        return Part(switches, self._fragment(cast("FragmentSpreadNode", node).name.value))

    def _fragment(self, name: str) -> Parts:
        if name not in self._spread:
            parts = self._spread[name] = Parts()
            if name in self._fragments:
                fragment = self._fragments[name]
                on = self._schema.get_type(fragment.type_condition.name.value)
                self._fill(parts, fragment.selection_set, on)
        return self._spread[name]

    def _field(
        self, node: FieldNode, switches: tuple[DirectiveNode, ...], parent: GraphQLNamedType | None
    ) -> Part:
        name = node.name.value
        declared = self._declared(parent, name)
        own = COUNTING if name == "totalCount" and _is_connection(parent) else 1
        if node.selection_set is None or declared is None:
            return Part(switches, None, own)
        written = str(cast("Any", declared).type)
        is_list, target = written.startswith("["), self._schema.get_type(written.strip("[]!"))
        held = self.parts(node.selection_set, target)
        if is_list and _is_connection(parent):
            return Part(switches, held, own, is_rows=True)
        return Part(switches, held, own, self._size(node, declared, target, is_list))

    def _declared(self, parent: GraphQLNamedType | None, name: str) -> GraphQLField | None:
        return self._schema.get_field(parent, name) if isinstance(parent, Composite) else None

    def _size(
        self,
        node: FieldNode,
        declared: GraphQLField,
        target: GraphQLNamedType | None,
        is_list: bool,
    ) -> Size | None:
        is_page = _is_connection(target)
        if target is None or target.name.startswith("__") or not (is_page or is_list):
            return None
        given = tuple(
            argument.value for argument in node.arguments or () if argument.name.value in SIZES
        )
        declares = [_rows(_default(each)) for name, each in declared.args.items() if name in SIZES]
        otherwise = max((rows for rows in declares if rows is not None), default=None)
        fallback = DEFAULT_PAGE if is_page or declares else PLAIN_LIST
        size = Size(node, given, fallback if otherwise is None else otherwise, is_page)
        self.sizes.append(size)
        return size


def _default(argument: GraphQLArgument) -> object:
    if argument.default is not None:
        return argument.default.literal or argument.default.value
    return argument.default_value


def _is_connection(type_: GraphQLNamedType | None) -> bool:
    return isinstance(type_, GraphQLObjectType) and "pageInfo" in type_.fields
