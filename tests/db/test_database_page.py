"""docs/database.md tells of every table of the database, and of no other."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from asyncpg import Connection, Record

PAGE = (Path(__file__).parents[2] / "docs/database.md").read_text("utf-8")
TABLES = """
SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND n.nspname IN ('public', 'app', 'ops', 'secret')
"""


async def test_the_page_says_of_every_table_who_sees_it(database_url: str) -> None:
    connection: Connection[Record] = await asyncpg.connect(database_url)
    tables = {row[0] for row in await connection.fetch(TABLES)}
    await connection.close()

    section = PAGE.partition("\n## Who may do what\n")[2].partition("\n### ")[0]
    first = " ".join(re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE))
    named = set(re.findall(r"`([a-z_.]+)`", first))

    roles = {name for name in named if re.match(r"(mcp_|app_|application_)", name)}
    assert named - roles == tables
