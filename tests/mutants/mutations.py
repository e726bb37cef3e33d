"""The mutants of a module: its source with one thing changed."""

import ast
import copy
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple


class Mutant(NamedTuple):
    """``what`` names the change by its function and text, as a person finds it again; ``inside``
    says that it is in the body of a function, and not in what the module does when imported."""

    line: int
    what: str
    source: str
    inside: bool


FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}

WORDS = {
    "ASC": "DESC",
    "DESC": "ASC",
    "FIRST": "LAST",
    "LAST": "FIRST",
    "AND": "OR",
    "OR": "AND",
    "IS NOT TRUE": "IS TRUE",
    "IS NOT NULL": "IS NULL",
    "IS NULL": "IS NOT NULL",
    "IS TRUE": "IS NOT TRUE",
    "EXISTS": "NOT EXISTS",
    "TRUE": "FALSE",
    "FALSE": "TRUE",
    "LEFT JOIN": "JOIN",
    "LIMIT": "OFFSET",
    "OFFSET 0": "",
    "max": "min",
    "min": "max",
    "count": "max",
    "coalesce": "nullif",
    "<": "<=",
    ">": ">=",
    "<=": "<",
    ">=": ">",
    "=": "<>",
    "+": "-",
    "-": "+",
}
ANY_WORD = "|".join(map(re.escape, sorted(WORDS, key=len, reverse=True)))
SQL_WORD = re.compile(rf"(?<![\w<>=|-])({ANY_WORD})(?![\w<>=|-])")
SQL = re.compile(r"[A-Z]{2}|[<>=]|^(?:max|min|count)\b")


def mutants_of(source: str) -> Iterator[Mutant]:
    """Every mutant of a module; docstrings, annotations and imports stay as they are."""
    tree = ast.parse(source)
    unheard, within = silent(tree), scopes(tree)
    named: Counter[str] = Counter()
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.expr | ast.stmt)]
    for number, node in enumerate(nodes):
        if id(node) in unheard:
            continue
        for what, change in changes(node):
            changed = copy.deepcopy(tree)
            again = [each for each in ast.walk(changed) if isinstance(each, ast.expr | ast.stmt)]
            before = ast.unparse(again[number])
            replaced = Swap(again[number], change).visit(changed)
            after = ast.unparse(ast.fix_missing_locations(replaced))
            if after != ast.unparse(tree):
                scope = within.get(id(node))
                name = f"{scope.name if scope else 'module'}: {first_line(before)}  ({what})"
                named[name] += 1
                name += f" #{named[name]}" if named[name] > 1 else ""
                yield Mutant(node.lineno, name, after, isinstance(scope, FUNCTION))


class Swap(ast.NodeTransformer):
    """Replaces one node by what ``change`` makes of it."""

    def __init__(self, target: ast.AST, change: "Change") -> None:
        self._target, self._change = target, change

    def visit(self, node: ast.AST) -> ast.AST:
        return self._change(node) if node is self._target else self.generic_visit(node)


class Change:
    """Makes another node of a node."""

    def __init__(self, make: "ast.AST | None" = None, **attributes: object) -> None:
        self._make, self._attributes = make, attributes

    def __call__(self, node: ast.AST) -> ast.AST:
        if self._make is not None:
            return self._make
        for name, value in self._attributes.items():
            setattr(node, name, value)
        return node


def changes(node: ast.expr | ast.stmt) -> Iterator[tuple[str, Change]]:
    """What may be changed about one node, each with its name."""
    yield from conditions(node)
    match node:
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            yield "sign", Change(op=ast.Sub() if isinstance(node.op, ast.Add) else ast.Add())
        case ast.Constant(value=bool()):
            yield "flipped", Change(value=not node.value)
        case ast.Constant(value=int() as number):
            yield "one more", Change(value=number + 1)
        case ast.Constant(value=str() as text) if SQL.search(text):
            yield from ((what, Change(value=other)) for what, other in words(text))
        case ast.Expr(value=ast.Call()) | ast.AugAssign():
            yield "left out", Change(ast.Pass())
        case _:
            pass


def conditions(node: ast.expr | ast.stmt) -> Iterator[tuple[str, Change]]:
    match node:
        case ast.Compare(ops=[operator, *rest]) if type(operator) in COMPARED:
            other = COMPARED[type(operator)]
            yield other.__name__, Change(ops=[other(), *rest])
        case ast.BoolOp():
            word = ast.Or if isinstance(node.op, ast.And) else ast.And
            yield word.__name__, Change(op=word())
            yield "without the last", Change(values=node.values[:-1] * 2)
        case ast.UnaryOp(op=ast.Not()):
            yield "not taken away", Change(node.operand)
        case ast.If() | ast.IfExp() | ast.While():
            yield "always", Change(test=ast.Constant(value=True))
            yield "never", Change(test=ast.Constant(value=False))
        case _:
            pass


def words(text: str) -> Iterator[tuple[str, str]]:
    """The texts with one word of SQL changed."""
    for found in SQL_WORD.finditer(text):
        word = found[1]
        changed = f"{text[: found.start()]}{WORDS[word]}{text[found.end() :]}"
        yield f"{word} -> {WORDS[word]}", changed


def silent(tree: ast.Module) -> set[int]:
    """What changes no answer: documentation, annotations, the words of errors, and ``strict`` and
    ``frozen``, which only guard against mistakes in the code around."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found |= {id(node), id(node.value)}
        annotations = [getattr(node, name, None) for name in ("annotation", "returns")]
        for annotation in filter(None, annotations):
            found |= {id(each) for each in ast.walk(annotation)}
        if isinstance(node, ast.Raise):
            found |= {id(each) for each in ast.walk(node)}
        if isinstance(node, ast.keyword) and node.arg in ("strict", "frozen"):
            found.add(id(node.value))
    return found


def scopes(tree: ast.Module) -> dict[int, Scope]:
    """The innermost function or class in whose body each node stands, by the node's id."""
    return {
        id(node): scope
        for scope in ast.walk(tree)
        if isinstance(scope, Scope)
        for statement in scope.body
        for node in ast.walk(statement)
    }


def first_line(text: str) -> str:
    return text.splitlines()[0][:100]
