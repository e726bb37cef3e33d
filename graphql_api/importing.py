"""Importing files from the command line, as the owner of the workspace would through the API."""

import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr

from db import owners
from db.session import Viewer
from graphql_api.app import resources
from graphql_api.home import Report, bring_up, home
from graphql_api.settings import Settings
from resolvers.context import Asker, Context, Resources
from resolvers.diagnostics import Diagnostic
from resolvers.errors import NotFound, Refusal
from resolvers.imported import MOST_BYTES, Imported, ImportRefused
from resolvers.workflows import import_workflow

MOST_PROBLEMS = 5
"""Of a file that is refused, as many reasons are printed; the refusal counts them all."""

SIGNS = {"error": "!", "warning": "!", "info": "-"}


async def import_files(
    settings: Settings, reader: str, files: Sequence[Path], slug: str, report: Report
) -> int:
    """Import each file on its own, and print what became of it; 1 if any was refused.

    Raises NotFound if there is no such workspace, and whatever ``home`` raises.
    """
    async with home(settings, report, share=True) as place:
        await bring_up(place, settings, report)
        owned = await owners.by_slug(place.url, slug)
        if owned is None:
            raise NotFound(f"There is no workspace with the slug {slug}.")
        here = {"database_url": SecretStr(place.url), "secret_key": SecretStr(place.secret)}
        async with resources(settings.model_copy(update=here)) as shared:
            asker = Asker(Viewer(owned.owner_id))
            refused = 0
            for file in files:
                refused += not await _import(shared, asker, owned.workspace_id, reader, file)
    _say(f"{len(files) - refused} imported, {refused} refused")
    return 1 if refused else 0


async def _import(
    shared: Resources, asker: Asker, workspace: UUID, reader: str, file: Path
) -> bool:
    """Whether the file was imported."""
    context = Context(shared, asker)
    try:
        source = _read(file)
        _, imported = await import_workflow(context, workspace, source, reader, file.stem)
    except ImportRefused as refusal:
        _say(f"refused   {file}: {refusal}")
        _list(refusal.problems[1:MOST_PROBLEMS])
        return False
    except (Refusal, OSError) as refusal:
        _say(f"refused   {file}: {refusal}")
        return False
    finally:
        await context.end()
    _say(f"imported  {file}: {_measured(imported)}")
    _list(imported.report)
    return True


def _read(file: Path) -> bytes:
    """The file, or of a larger one enough to be refused for it."""
    with file.open("rb") as opened:
        return opened.read(MOST_BYTES + 1)


def _measured(imported: Imported) -> str:
    definition = imported.definition
    return f"{imported.name} ({len(definition.nodes)} nodes, {len(definition.edges)} edges)"


def _list(found: Sequence[Diagnostic]) -> None:
    for each in found:
        where = f" [{each.pointer}]" if each.pointer else ""
        _say(f"  {SIGNS[each.severity]} {each.message}{where}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
