"""Where in a file the workflows are: n8n writes one, a list, or either in a wrapper."""

from collections.abc import Iterator
from typing import NamedTuple

from resolvers import exact_json
from resolvers.diagnostics import Diagnostic, Findings, Path
from resolvers.exact_json import Json, Unreadable
from resolvers.imported import MOST_BYTES, MOST_DEPTH, ImportRefused, refuse_errors
from resolvers.n8n.form import Object

_WRAPPERS = ("workflow", "data")
_MOST_WRAPPERS = 3


class Source(NamedTuple):
    """A workflow inside a file, with the objects it is wrapped in, innermost first."""

    workflow: Object
    at: Path
    around: tuple[Object, ...]


def sources(data: bytes) -> list[Source]:
    try:
        value = exact_json.read(data, MOST_BYTES, MOST_DEPTH)
    except Unreadable as unreadable:
        raise ImportRefused(unreadable.diagnostics) from None
    findings = Findings()
    found = list(_unwrapped(value, None, (), findings))
    refuse_errors(findings)
    if not found:
        raise ImportRefused([Diagnostic("NO_WORKFLOW", "The file has no workflow.", "")])
    return found


def _unwrapped(
    value: Json, at: Path, around: tuple[Object, ...], findings: Findings
) -> Iterator[Source]:
    if isinstance(value, list) and len(around) < _MOST_WRAPPERS:
        for i, item in enumerate(value):
            yield from _unwrapped(item, (at, i), ({}, *around), findings)
    elif isinstance(value, dict) and isinstance(value.get("nodes"), list):
        if "edges" in value and "connections" not in value:
            message = "This is a definition of ours. Create a workflow with it instead."
            findings.error("NOT_N8N", message, at)
        yield Source(value, at, around)
    elif (key := _wrapper(value)) and isinstance(value, dict) and len(around) < _MOST_WRAPPERS:
        yield from _unwrapped(value[key], (at, key), (value, *around), findings)
    else:
        findings.error("NOT_N8N", 'This is no n8n workflow: it has no list of "nodes".', at)


def _wrapper(value: Json) -> str | None:
    """The key under which a workflow is, as n8n's API and its template library wrap it."""
    if not isinstance(value, dict):
        return None
    return next((key for key in _WRAPPERS if isinstance(value.get(key), dict | list)), None)
