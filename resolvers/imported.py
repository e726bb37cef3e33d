"""What every importer gives: a workflow with a report of all that did not map, or a refusal."""

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from resolvers import definitions
from resolvers.definitions import Definition
from resolvers.diagnostics import Diagnostic, Findings
from resolvers.errors import Refusal

# A foreign file may carry what is not imported (recorded data), so more than a definition.
MOST_BYTES = 4 * definitions.MOST_BYTES
# What is read here lies one level deeper in the definition that is made of it.
MOST_DEPTH = definitions.MOST_DEPTH - 1
MOST_NAME = 255


class Imported(msgspec.Struct, frozen=True):
    """A workflow from elsewhere, not stored yet.

    ``report`` has all that was left out, changed or may not work here; each pointer leads into
    the source. ``name`` is never empty and fits the column.
    """

    name: str
    description: str | None
    tags: list[str]
    definition: Definition
    report: list[Diagnostic]


class ImportRefused(Refusal):
    """A file that is not imported; ``problems`` has every reason, with pointers into the file."""

    code: ClassVar[str] = "IMPORT_REFUSED"

    def __init__(self, problems: Sequence[Diagnostic], path: Sequence[str] = ()) -> None:
        first, more = problems[0], len(problems) - 1
        where = f" (at {first.pointer})" if first.pointer else ""
        rest = f" There are {more} more problems." if more else ""
        super().__init__(f"Nothing was imported. {first.message}{where}{rest}", path)
        self.problems = tuple(problems)


def refuse_errors(findings: Findings) -> None:
    """Raise ImportRefused if anything found is an error."""
    if findings.errors:
        raise ImportRefused(findings.errors)


def refuse_unfit(definition: Definition) -> None:
    """Raise ImportRefused if the definition made is none that can be stored."""
    errors = [found for found in definitions.check(definition) if found.severity == "error"]
    if errors:
        raise ImportRefused(errors)


def fitting_name(name: str, otherwise: str) -> str:
    """A name for the workflow: not empty, and no longer than its column."""
    return (name.strip() or otherwise.strip() or "Imported workflow")[:MOST_NAME].strip()
