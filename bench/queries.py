"""What is asked, in the words of each server, and how their answers are compared.

The documents are in ``queries/``: those of ``ours`` go to every server that has our schema; the
floor finds its SQL by the name of the operation. A server is not asked what it has no file for.
"""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).with_name("queries")

QUERIES = {
    "point": "one workflow by its id",
    "nested": "5 workspaces, of each 5 workflows, of each 5 executions, of each 5 lines",
    "logs": "500 lines of an execution",
    "filtered": "100 workflows, filtered and ordered",
    "dashboard": "the dashboard, and the statistics of 20 workflows",
    "pages": "nested, with edges, global ids, cursors and pageInfo",
    "counts": "pages, with totalCount too",
    "append": "100 lines appended to the log of an execution",
}
"""What each reads."""

DATE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OPAQUE = {"cursor", "startCursor", "endCursor"}


class Ids(NamedTuple):
    """What the variables name."""

    person: str
    workflow: str
    execution: str
    running: str


def _line(number: int, level: str, node: str) -> dict[str, Any]:
    return {
        "message": f"Step {number} has sent {100 + number * 7919 % 9000} bytes to the service",
        "level": level,
        node: f"n{1 + number % 6}",
        "metadata": {"attempt": 1, "service": "api.example.org"} if number % 5 == 0 else None,
    }


LINES = {
    "ours": [_line(number, "INFO", "nodeId") for number in range(100)],
    "postgraphile": [_line(number, "info", "node_id") for number in range(100)],
}
"""What is appended, as each dialect has it."""


def body(dialect: str, query: str, ids: Ids) -> str | None:
    """The body of the request; None where this dialect has no such query."""
    file = FOLDER / dialect / f"{query}.graphql"
    if not file.exists():
        return None
    text = file.read_text(encoding="utf-8")
    given = {**ids._asdict(), "lines": LINES[dialect]}
    named = {name: value for name, value in given.items() if f"${name}" in text}
    asked = {"query": text, "operationName": query.title(), "variables": named}
    return json.dumps(asked)


def same(answer: Any) -> Any:
    """The answer without the differences that are only of form.

    Cursors and global ids are opaque and only have to be there. Enums may be in capitals, numbers
    and times in text, and PostGraphile has no ``viewer`` around what the viewer sees.
    """
    match answer:
        case dict():
            return _same_object(answer)  # pyright: ignore[reportUnknownArgumentType]
        case list():
            return [same(each) for each in answer]  # pyright: ignore[reportUnknownVariableType]
        case str():
            return _same_text(answer)
        case bool() | None:
            return answer
        case _:
            return round(float(answer), 2)


def _same_object(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in answer.items():
        if name == "viewer":
            found |= _same_object(value)
        elif name in OPAQUE or (name == "id" and not UUID.fullmatch(value)):
            found[name] = bool(value)
        else:
            found[name] = same(value)
    return found


def _same_text(text: str) -> object:
    if DATE.fullmatch(text):
        return datetime.fromisoformat(text).timestamp()
    return round(float(text), 2) if NUMBER.fullmatch(text) else text.lower()
