"""A streaming replica of the PostgreSQL of these tests, made as an operator makes one."""

import os
import shutil
import signal
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from urllib.parse import parse_qs, urlsplit

import asyncpg

from db import cluster
from tests.faults.servers import Postgres

PASSWORD = "replication"
ROLE = f"""
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'replicator') THEN
    CREATE ROLE replicator REPLICATION LOGIN PASSWORD '{PASSWORD}';
  END IF;
END $$
"""
MAY_REPLICATE = "local replication replicator scram-sha-256\n"


@asynccontextmanager
async def replica(primary: Postgres) -> AsyncGenerator[Postgres]:
    """A server that follows the primary, and answers reads."""
    connection = await asyncpg.connect(primary.url)
    await connection.execute(ROLE)
    who_may = primary.files / "pg_hba.conf"
    if MAY_REPLICATE not in who_may.read_text():
        with who_may.open("a") as rules:
            rules.write(MAY_REPLICATE)
        await connection.execute("SELECT pg_reload_conf()")
    await connection.close()
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # noqa: ASYNC240 # the server may run as another user
        data, sockets = folder / "data", Path(mkdtemp(prefix="replica-"))
        data.mkdir()
        _copy(primary, data / "postgres")
        if primary.account:
            data.chmod(0o755)
            os.chown(sockets, primary.account.uid, primary.account.gid)
        follower = Postgres(data, sockets)
        await follower.start()
        try:
            yield follower
        finally:
            await follower.stop(signal.SIGINT)
            shutil.rmtree(sockets)


def _copy(primary: Postgres, to: Path) -> None:
    """A base backup that knows whom to follow."""
    [host] = parse_qs(urlsplit(primary.url).query)["host"]
    source = f"host={host} user=replicator password={PASSWORD} dbname=postgres"
    words = ["--pgdata", to, "--dbname", source, "--write-recovery-conf", "--wal-method=stream"]
    words += ["--checkpoint=fast", "--no-sync"]
    program = primary.programs / "pg_basebackup"
    subprocess.run([program, *words], check=True, capture_output=True, env=cluster.ENVIRONMENT)  # noqa: S603
    if primary.account:
        for path in (to, *to.rglob("*")):
            os.chown(path, primary.account.uid, primary.account.gid)
