"""Migrations of a platform that runs hold no table for long.

Files before ``FROM`` are of the first release, which no database had rows of; later ones keep the
rules. A statement that a rule is wrong about says why in a comment before it: ``-- lock: …``.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from db.migrate import MIGRATIONS, OUTSIDE

FROM = "0200"

NAME = r"(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:ONLY\s+)?([a-z_][\w.]*)"
VOLATILE = r"\b(gen_random_uuid|random|clock_timestamp|nextval|uuid7|uuidv7|timeofday)\s*\("
BRACKETS = r"\([^()]*(?:\([^()]*\)[^()]*)*\)"
COLUMN = rf"ADD\s+COLUMN\s+(?:IF\s+NOT\s+EXISTS\s+)?\w+\s+(?:[^,()]|{BRACKETS})*"


class Statement(NamedTuple):
    """One statement without its comments, and what stands before it, in earlier files too."""

    sql: str
    excused: bool
    outside: bool
    file: str
    before: str

    def has(self, pattern: str) -> bool:
        return re.search(pattern, self.sql, re.IGNORECASE | re.DOTALL) is not None

    @property
    def table(self) -> str | None:
        found = re.match(rf"\s*ALTER\s+TABLE\s+{NAME}", self.sql, re.IGNORECASE) or re.search(
            rf"\bON\s+{NAME}", self.sql, re.IGNORECASE
        )
        return found[1].lower() if found else None

    @property
    def on_new_table(self) -> bool:
        """Whether its table is made in the same file."""
        made = re.findall(rf"CREATE\s+TABLE\s+{NAME}", self.file, re.IGNORECASE)
        return self.table in {name.lower() for name in made}

    def columns(self) -> list[str]:
        return [m[0] for m in re.finditer(COLUMN, self.sql, re.IGNORECASE | re.DOTALL)]


def _locks_while_it_builds(s: Statement) -> bool:
    return s.has(r"CREATE\s+(UNIQUE\s+)?INDEX(?!\s+CONCURRENTLY)") and not s.has(r"\bON\s+ONLY\b")


def _rewrites(s: Statement) -> bool:
    kinds = rf"DEFAULT\b.*{VOLATILE}|\b(small|big)?serial\b|GENERATED\s+(ALWAYS|BY\s+DEFAULT)"
    return any(re.search(kinds, each, re.IGNORECASE | re.DOTALL) for each in s.columns())


def _reads_all(s: Statement) -> bool:
    checks = r"\b(REFERENCES|CHECK|UNIQUE|PRIMARY\s+KEY)\b"
    return any(re.search(checks, each, re.IGNORECASE) for each in s.columns())


def _checks_under_lock(s: Statement) -> bool:
    adds = r"ADD\s+(CONSTRAINT\s+\w+\s+)?(CHECK|FOREIGN\s+KEY|UNIQUE|PRIMARY\s+KEY|EXCLUDE)\b"
    return s.has(adds) and not s.has(r"NOT\s+VALID|USING\s+INDEX")


def _nulls_unchecked(s: Statement) -> bool:
    for column in re.findall(r"ALTER\s+(?:COLUMN\s+)?(\w+)\s+SET\s+NOT\s+NULL", s.sql, re.I):
        check = rf"ADD\s+CONSTRAINT\s+(\w+)\s+CHECK\s*\(\s*{column}\s+IS\s+NOT\s+NULL\s*\)"
        names = re.findall(check, s.before, re.IGNORECASE)
        validated = [f"VALIDATE\\s+CONSTRAINT\\s+{name}\\b" for name in names]
        if not any(re.search(each, s.before, re.IGNORECASE) for each in validated):
            return True
    return False


def _validates_under_lock(s: Statement) -> bool:
    named = re.search(r"VALIDATE\s+CONSTRAINT\s+(\w+)", s.sql, re.IGNORECASE)
    if named is None:
        return False
    return bool(re.search(rf"ADD\s+CONSTRAINT\s+{named[1]}\b", s.file, re.IGNORECASE))


RULES: dict[str, Callable[[Statement], bool]] = {
    "an index on a table with rows is made CONCURRENTLY": _locks_while_it_builds,
    "a new column has no default that differs by row, which rewrites the table": _rewrites,
    "a new column is not checked on the way, which reads the table under a lock": _reads_all,
    "a constraint is added NOT VALID and validated in a later file, or USING INDEX": (
        _checks_under_lock
    ),
    "SET NOT NULL follows a CHECK that was validated": _nulls_unchecked,
    "VALIDATE CONSTRAINT is not in the file that adds it, whose lock lasts to its end": (
        _validates_under_lock
    ),
    "a column keeps its type: another rewrites the table": lambda s: s.has(
        r"ALTER\s+(COLUMN\s+)?\w+\s+(SET\s+DATA\s+)?TYPE\b"
    ),
    "nothing is renamed that running servers use": lambda s: s.has(
        r"ALTER\s+(TABLE|VIEW|TYPE|FUNCTION)\b.*\bRENAME\b"
    ),
    "no table is locked, rewritten or emptied as a whole": lambda s: s.has(
        r"^\s*(LOCK|CLUSTER|TRUNCATE|VACUUM|REINDEX(?!.*CONCURRENTLY))\b"
    ),
    "rows are changed in batches, by maintenance, not all in one statement": lambda s: (
        s.has(r"^\s*UPDATE\s") or s.has(r"^\s*DELETE\s")
    )
    and not s.has(r"\bWHERE\b"),
    "what is CONCURRENTLY stands in a file of its own, outside a transaction": lambda s: s.has(
        r"\bCONCURRENTLY\b"
    )
    != s.outside,
}
OF_OLD_TABLES = list(RULES)[:6]


def statements(sql: str, before: str = "") -> Iterable[Statement]:
    outside = sql.startswith(OUTSIDE)
    bodiless = re.sub(r"\$(\w*)\$.*?\$\1\$", "''", sql, flags=re.DOTALL)
    plain = re.sub(r"--[^\n]*", "", bodiless)
    seen = before
    for each in re.split(r";[ \t]*(?:\n|$)", bodiless):
        text = re.sub(r"--[^\n]*", "", each)
        if text.strip() and not re.match(r"\s*(SET|RESET)\s", text, re.IGNORECASE):
            yield Statement(text, "-- lock: " in each, outside, plain, seen)
        seen += text + ";\n"


def broken(sql: str, before: str = "") -> list[str]:
    return [
        rule
        for statement in statements(sql, before)
        if not statement.excused
        for rule, breaks in RULES.items()
        if breaks(statement) and not (rule in OF_OLD_TABLES and statement.on_new_table)
    ]


def files() -> list[Path]:
    return sorted(MIGRATIONS.glob("[0-9]*.sql"))


def test_no_migration_holds_a_table_for_long() -> None:
    faults: dict[str, list[str]] = {}
    before = ""
    for file in files():
        sql = file.read_text(encoding="utf-8")
        if file.name >= FROM and (found := broken(sql, before)):
            faults[file.name] = found
        before += re.sub(r"--[^\n]*", "", sql)

    assert faults == {}


def test_the_first_release_would_be_refused_today() -> None:
    """So the rules read files as they are written here."""
    assert any(broken(file.read_text(encoding="utf-8")) for file in files())


NULLS = "ALTER TABLE users ADD CONSTRAINT named CHECK (name IS NOT NULL) NOT VALID;\n"
VALIDATED = "ALTER TABLE users VALIDATE CONSTRAINT named;\n"


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        (0, "CREATE INDEX i ON users (name);"),
        (0, "CREATE UNIQUE INDEX IF NOT EXISTS i ON public.users (lower(name));"),
        (1, "ALTER TABLE users ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();"),
        (1, "ALTER TABLE users ADD COLUMN a int,\n ADD COLUMN n bigserial;"),
        (1, "ALTER TABLE users ADD COLUMN a int GENERATED ALWAYS AS (length(name)) STORED;"),
        (2, "ALTER TABLE users ADD COLUMN boss uuid REFERENCES users (id);"),
        (2, "ALTER TABLE users ADD COLUMN age int CHECK (age > 0);"),
        (3, "ALTER TABLE users ADD CONSTRAINT c CHECK (name <> '');"),
        (3, "ALTER TABLE users ADD UNIQUE (name);"),
        (3, "ALTER TABLE users ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES people (id);"),
        (4, "ALTER TABLE users ALTER COLUMN name SET NOT NULL;"),
        (4, NULLS + "ALTER TABLE users ALTER name SET NOT NULL;"),
        (5, NULLS + VALIDATED),
        (6, "ALTER TABLE users ALTER COLUMN name TYPE text;"),
        (6, "ALTER TABLE users ALTER name SET DATA TYPE text USING name::text;"),
        (7, "ALTER TABLE users RENAME COLUMN name TO full_name;"),
        (8, "LOCK TABLE users;"),
        (8, "TRUNCATE users;"),
        (8, "REINDEX TABLE users;"),
        (9, "UPDATE users SET name = lower(name);"),
        (10, "CREATE INDEX CONCURRENTLY i ON users (name);"),
        (10, OUTSIDE + "ALTER TABLE users ADD COLUMN age int;\n"),
    ],
)
def test_a_breach_is_found(rule: int, sql: str) -> None:
    assert list(RULES)[rule] in broken(sql)


@pytest.mark.parametrize(
    ("sql", "before"),
    [
        ("CREATE TABLE shoes (id int PRIMARY KEY);\nCREATE INDEX i ON shoes (id);", ""),
        ("CREATE TABLE shoes (id int);\nALTER TABLE shoes ADD CONSTRAINT c CHECK (id > 0);", ""),
        (OUTSIDE + "DROP INDEX CONCURRENTLY IF EXISTS i;\n", ""),
        (OUTSIDE + "CREATE INDEX CONCURRENTLY i ON users (name);\n", ""),
        ("ALTER TABLE users ADD COLUMN age int NOT NULL DEFAULT 0;", ""),
        ("ALTER TABLE users ADD COLUMN seen timestamptz NOT NULL DEFAULT now();", ""),
        (NULLS, ""),
        (VALIDATED, NULLS),
        ("ALTER TABLE users ALTER name SET NOT NULL;", NULLS + VALIDATED),
        ("ALTER TABLE users ADD CONSTRAINT u UNIQUE USING INDEX i;", ""),
        ("CREATE INDEX i ON ONLY executions (id);", ""),
        ("-- lock: it has three rows\nALTER TABLE ops.retention ADD CHECK (log_days > 0);", ""),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$\nTRUNCATE users;\n$$;", ""),
        ("-- LOCK TABLE users;\nSELECT 1;", ""),
    ],
)
def test_what_takes_no_long_lock_passes(sql: str, before: str) -> None:
    assert broken(sql, before) == []
