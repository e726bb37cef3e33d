"""Makes the databases that the tests copy or only read, once for all mutants.

In a process of its own, so that the one that forks has not imported what is to be changed.
"""

import asyncio
import sys
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from db.migrate import migrate
from db.secrets import Secrets
from tests import sample
from tests.graphql_api.company import SECRET


async def prepare(url: str, empty: str, filled: str) -> None:
    server = await asyncpg.connect(url)
    for name in (empty, filled):
        await server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        await migrate(database_of(url, name), Secrets(SECRET), lambda _: None)
    await server.close()
    superuser = await asyncpg.connect(database_of(url, filled))
    await sample.fill(superuser)
    await superuser.close()


def database_of(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


if __name__ == "__main__":
    asyncio.run(prepare(*sys.argv[1:]))
