"""``graphql-api backup`` and ``restore``: copies of the database, and the way back to a moment."""

import asyncio
import os
from datetime import datetime
from pathlib import Path

from db import backup, restoring
from db.backup import BackupFailed
from graphql_api.home import SECRET, Report, home
from graphql_api.settings import Settings

HOW_TO_GO_ON = """\
{data} is ready. Start PostgreSQL {release} on it: it reads on to that moment, and then serves.
    pg_ctl -D {data} start
Once it does (SELECT pg_is_in_recovery() is false), forget where it came from:
    psql -c 'ALTER SYSTEM RESET restore_command' -c 'ALTER SYSTEM RESET recovery_target_time'"""


async def make_backup(settings: Settings, to: Path, report: Report) -> None:
    """Copy the database's whole server, and the secret where it is the embedded one."""
    async with home(settings, report, share=True) as place:
        copy = await backup.backup(place.url, to, report)
        if place.folder:
            kept = to / SECRET
            kept.touch(mode=0o600)
            kept.write_text(place.secret)
            os.chmod(kept, 0o600)
    report(f"Every byte was checked: {copy}")


def restore(backups: Path, to: datetime | None, data: Path, report: Report) -> None:
    """Bring a backup to a moment, in a new folder."""
    if to and to.tzinfo is None:
        raise BackupFailed(f"Say the zone of the moment, such as {to.isoformat()}Z.")
    if (backups / SECRET).exists():
        asyncio.run(restoring.restore(backups, to, data, report))
        report(f"Restored. Start it: graphql-api serve --data {data}")
        return
    restoring.prepare(backups, to, data, report)
    release = (data / "PG_VERSION").read_text().strip()
    report(HOW_TO_GO_ON.format(data=data, release=release))
