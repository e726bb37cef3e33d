"""Importing files from the command line, as the owner of the workspace would through the API."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import SecretStr

from db import owners
from db.session import Client, Viewer
from graphql_api.app import resources
from graphql_api.home import Home, Report, bring_up, home
from graphql_api.settings import Settings
from resolvers.context import Asker, Context, Resources
from resolvers.diagnostics import Diagnostic
from resolvers.errors import NotFound, Refusal
from resolvers.imported import MOST_BYTES, Imported, ImportRefused
from resolvers.workflows import import_workflow

CLIENT = Client(user_agent="graphql-api import")
SIGNS = {"error": "!", "warning": "!", "info": "-"}
MOST_SLUGS = 20


async def import_files(
    settings: Settings,
    reader: str,
    files: Sequence[Path],
    slug: str,
    report: Report,
    *,
    remarks: bool | None = None,
) -> int:
    """Import each file on its own, and print what became of it; 1 if any was refused.

    Of a folder every ``*.json``. ``remarks`` prints the report of each file and not only how long
    it is; None: where there is one file. Raises NotFound if there is no such workspace, and
    whatever ``home`` raises.
    """
    found = list(_files(files))
    async with home(settings, report, share=True) as place:
        await bring_up(place, settings, report)
        owned = await _owned(place, slug)
        here = {"database_url": SecretStr(place.url), "secret_key": SecretStr(place.secret)}
        async with resources(settings.model_copy(update=here)) as shared:
            importing = _Importing(shared, owned, reader, len(found))
            for file in found:
                await importing.take(file, remarks=len(found) == 1 if remarks is None else remarks)
    _say(f"{importing.imported} imported, {importing.refused} refused")
    return 1 if importing.refused else 0


def _files(given: Sequence[Path]) -> Iterator[Path]:
    for path in given:
        if path.is_dir():
            yield from sorted(path.glob("*.json"))
        else:
            yield path


async def _owned(place: Home, slug: str) -> owners.Owned:
    owned = await owners.by_slug(place.url, slug)
    if owned is None:
        slugs = await owners.slugs(place.url, MOST_SLUGS)
        known = f" There are: {', '.join(slugs)}." if slugs else ""
        raise NotFound(f"There is no workspace with the slug {slug}.{known}")
    return owned


class _Importing:
    """Takes one file after the other."""

    def __init__(self, shared: Resources, owned: owners.Owned, reader: str, count: int) -> None:
        self._shared, self._workspace, self._reader = shared, owned.workspace_id, reader
        self._asker = Asker(Viewer(owned.owner_id), CLIENT)
        self._count, self.imported, self.refused = count, 0, 0

    async def take(self, file: Path, *, remarks: bool) -> None:
        try:
            imported = await self._import(file)
        except ImportRefused as refusal:
            self._refuse(file)
            _list(refusal.problems)
        except (Refusal, OSError) as fault:
            self._refuse(file)
            _say(f"  ! {_reason(fault)}")
        else:
            self.imported += 1
            _say(f"{self._number} imported  {file.name}: {_measured(imported)}")
            if remarks:
                _list(imported.report)

    async def _import(self, file: Path) -> Imported:
        context = Context(self._shared, self._asker)
        try:
            _, imported = await import_workflow(
                context, self._workspace, _read(file), self._reader, file.stem
            )
        finally:
            await context.end()
        return imported

    def _refuse(self, file: Path) -> None:
        self.refused += 1
        _say(f"{self._number} refused   {file}: nothing of it was stored")

    @property
    def _number(self) -> str:
        number, count = str(self.imported + self.refused), str(self._count)
        return f"[{number:>{len(count)}}/{count}]"


def _read(file: Path) -> bytes:
    """The file, or of a larger one enough to be refused for it."""
    with file.open("rb") as opened:
        return opened.read(MOST_BYTES + 1)


def _reason(fault: Exception) -> str:
    return (isinstance(fault, OSError) and fault.strerror) or str(fault)


def _measured(imported: Imported) -> str:
    definition, report = imported.definition, imported.report
    sizes = [(len(definition.nodes), "node"), (len(definition.edges), "edge")]
    sizes += [(len(definition.notes), "note")] if definition.notes else []
    sizes += [(len(report), "remark")] if report else []
    counted = ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in sizes)
    return f"{imported.name} ({counted})"


def _list(found: Sequence[Diagnostic]) -> None:
    for each in found:
        where = f" [{each.pointer}]" if each.pointer else ""
        _say(f"  {SIGNS[each.severity]} {each.message}{where}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
