"""The client guide names every code that an error can have, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from resolvers.errors import Refusal

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/clients/errors.md").read_text("utf-8")
MAKERS = {"request_error", "request_fault", "_coded"}
CODE = re.compile(r"[A-Z]+(_[A-Z]+)*")


def subclasses(cls: type[Refusal]) -> Iterator[type[Refusal]]:
    for each in cls.__subclasses__():
        yield each
        yield from subclasses(each)


def made_for_requests() -> Iterator[str]:
    """Codes that are written where a request is refused."""
    for path in sorted((ROOT / "graphql_api").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=name), args=args) if name in MAKERS:
                    values: list[ast.expr | None] = [*args]
                case ast.Dict(keys=keys, values=found):
                    pairs = zip(keys, found, strict=True)
                    values = [
                        value
                        for key, value in pairs
                        if isinstance(key, ast.Constant) and key.value == "code"
                    ]
                case _:
                    continue
            for value in values:
                if isinstance(value, ast.Constant) and CODE.fullmatch(str(value.value)):
                    yield str(value.value)


def test_the_guide_names_every_code_and_no_other() -> None:
    rows = re.findall(r"^\| (`[A-Z].*?) \|", GUIDE, re.MULTILINE)
    named = re.findall(r"`([A-Z_]+)`", " ".join(rows))
    raised = {each.code for each in subclasses(Refusal)} - {Refusal.code}

    assert sorted(named) == sorted(set(named))
    assert set(named) == raised | set(made_for_requests())
