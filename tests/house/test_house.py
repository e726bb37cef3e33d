"""Rules of the house that no linter holds."""

import ast
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from tokenize import COMMENT, generate_tokens

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("db", "resolvers", "graphql_api")
LONGEST_MODULE = 450
NO_NAMES = {"utils", "helpers", "helper", "manager", "managers", "service", "services", "base"}


def sources(*rooms: str) -> list[Path]:
    """The Python files of some rooms, or of the whole house."""
    found = [
        path
        for room in rooms or (*PRODUCT, "tests", "bench")
        for path in (ROOT / room).rglob("*.py")
        if "node_modules" not in path.parts
    ]
    return sorted(found if rooms else [*found, *ROOT.glob("*.py")])


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


SOURCES = {name_of(path): path.read_text(encoding="utf-8") for path in sources()}
TREES = {name: ast.parse(text) for name, text in SOURCES.items()}


def in_rooms(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    return ((name, tree) for name, tree in TREES.items() if name.split("/")[0] in rooms)


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """The calls in a tree, each with the last name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Attribute):
                yield function.attr, node
            elif isinstance(function, ast.Name):
                yield function.id, node


def test_every_module_says_what_it_holds() -> None:
    """A noun's module in types/ begins with its type, whose docstring the schema shows."""
    silent = [name for name, tree in TREES.items() if not ast.get_docstring(tree)]

    assert [name for name in silent if not name.startswith("graphql_api/types/")] == []
    for name in silent:
        types = [node for node in TREES[name].body if isinstance(node, ast.ClassDef)]
        assert types, name
        assert all(ast.get_docstring(type_) for type_ in types), name


def test_a_module_is_named_for_what_it_holds() -> None:
    words = {name: set(re.split(r"[/_.]", name.removesuffix(".py"))) for name in SOURCES}

    assert [name for name, parts in words.items() if parts & NO_NAMES] == []


def test_a_class_is_named_for_what_it_is() -> None:
    endings = re.compile(r"\w(Utils?|Helpers?|Managers?|Services?|Base)$")

    assert [
        f"{name}: {node.name}"
        for name, tree in in_rooms(*PRODUCT)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and endings.search(node.name)
    ] == []


@pytest.mark.parametrize("room", PRODUCT)
def test_a_module_is_read_in_one_sitting(room: str) -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in sources(room)}

    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE} == {}


def test_the_driver_is_named_in_db_and_tests_only() -> None:
    named = [
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(a.name.startswith("asyncpg") for a in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("asyncpg"))
    ]

    assert [name for name in named if name.split("/")[0] not in ("db", "tests", "bench")] == []


def test_db_alone_speaks_sql() -> None:
    sql = re.compile(
        r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s.+\sSET|DELETE\s+FROM)\s", re.DOTALL
    )

    assert [
        f"{name}:{node.lineno}"
        for name, tree in in_rooms("graphql_api", "resolvers")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and sql.search(node.value)
    ] == []


def test_a_statement_names_its_columns() -> None:
    """``r.*`` stands for what a SELECT around it named."""
    star = re.compile(r"\bSELECT\s+\*", re.IGNORECASE)

    assert [
        f"{name}:{node.lineno}"
        for name, tree in in_rooms("db")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and star.search(node.value)
    ] == []


def test_no_noun_of_db_imports_another() -> None:
    """A join lives with the row that it returns."""
    nouns = {
        name.removeprefix("db/").removesuffix(".py")
        for name, tree in in_rooms("db")
        if any(called == "Many" for called, _ in calls(tree))
    }

    assert [
        f"{name} imports {node.module}"
        for name, tree in in_rooms("db")
        if name.removeprefix("db/").removesuffix(".py") in nouns
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").removeprefix("db.") in nouns
    ] == []


def test_a_test_waits_for_what_it_waits_for() -> None:
    """A sleep of nothing gives way to what is ready; any other is a guess."""
    assert [
        f"{name}:{call.lineno}"
        for name, tree in in_rooms("tests")
        for called, call in calls(tree)
        if called == "sleep"
        and not (isinstance(call.args[0], ast.Constant) and call.args[0].value == 0)
    ] == []


def test_a_test_is_a_sentence() -> None:
    names = [
        (f"{name}: {node.name}", node.name)
        for name, tree in in_rooms("tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    ]

    assert [place for place, name in names if name.count("_") < 3] == []


def test_nothing_is_left_to_be_done() -> None:
    left = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

    assert [
        f"{name}:{token.start[0]}"
        for name, text in SOURCES.items()
        for token in generate_tokens(StringIO(text).readline)
        if token.type == COMMENT and left.search(token.string)
    ] == []


def test_no_exception_is_swallowed() -> None:
    def silent(handler: ast.ExceptHandler) -> bool:
        return all(isinstance(each, ast.Pass) for each in handler.body)

    assert [
        f"{name}:{node.lineno}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and silent(node)
    ] == []
