"""Rules that hold for every policy, function, table and view, whoever adds the next one."""

import importlib
import pkgutil
import re
from typing import cast, get_type_hints

import msgspec
import pytest

import db
from db.relation import Relation
from tests.db.world import World

VIEWER_FUNCTION = r"app\.(viewer|uid|key_id|ws|author)\("

RULES = {
    "a policy calls the functions of the viewer as (SELECT app.…) only": """
        SELECT polrelid::regclass || ': ' || polname
          FROM pg_policy,
               LATERAL (VALUES (pg_get_expr(polqual, polrelid)),
                               (pg_get_expr(polwithcheck, polrelid))) e (x)
         WHERE regexp_replace(x, 'SELECT app\\.(ws|uid|key_id|author)\\([^()]*\\)', '', 'g')
               ~ 'app\\.(viewer|uid|key_id|ws|author)'
    """,
    "a view calls the functions of the viewer as (SELECT app.…) only": """
        SELECT c.oid::regclass::text
          FROM pg_class c
         WHERE c.relkind = 'v' AND c.relnamespace = 'public'::regnamespace
           AND regexp_replace(pg_get_viewdef(c.oid),
                              'SELECT app\\.(ws|uid|key_id|author)\\(', '', 'g')
               ~ 'app\\.(viewer|uid|key_id|ws|author)\\('
    """,
    "the functions of the viewer are STABLE plpgsql": """
        SELECT p.oid::regprocedure::text
          FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
         WHERE p.pronamespace = 'app'::regnamespace
           AND p.proname IN ('viewer', 'uid', 'key_id', 'ws', 'author')
           AND (p.provolatile, l.lanname, p.prosecdef) <> ('s', 'plpgsql', true)
    """,
    "set_config is volatile and never runs in a parallel worker": """
        SELECT oid::regprocedure::text
          FROM pg_proc
         WHERE oid = 'pg_catalog.set_config(text,text,bool)'::regprocedure
           AND (provolatile, proparallel) <> ('v', 'u')
    """,
    "no login and no database has a default for the settings of the viewer": """
        SELECT array_to_string(setconfig, ' ') FROM pg_db_role_setting
         WHERE array_to_string(setconfig, ' ') ~ 'app\\.'
    """,
    "an IMMUTABLE function reads no setting": """
        SELECT oid::regprocedure::text
          FROM pg_proc
         WHERE pronamespace = 'app'::regnamespace AND provolatile = 'i'
           AND prosrc ~* 'current_setting|app\\.(viewer|uid|ws|key_id|author)'
    """,
    "every table and partition has row level security, forced on its owner too": """
        SELECT oid::regclass::text
          FROM pg_class
         WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
           AND NOT (relrowsecurity AND relforcerowsecurity)
    """,
    "a partition is reached through its parent only": """
        SELECT c.oid::regclass || ': ' || r.rolname
          FROM pg_class c, pg_roles r
         WHERE c.relispartition AND c.relnamespace = 'public'::regnamespace
           AND c.relkind = 'r' AND r.rolname ~ '^(mcp_|app)' AND r.rolname <> 'mcp_owner'
           AND (has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE')
                OR has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE'))
    """,
    "a view runs with the rights of who asks": """
        SELECT oid::regclass::text
          FROM pg_class
         WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace
           AND NOT coalesce(reloptions::text ~ 'security_invoker=true', false)
    """,
    "a SECURITY DEFINER function has a pinned search_path": """
        SELECT oid::regprocedure::text
          FROM pg_proc
         WHERE pronamespace IN ('app'::regnamespace, 'ops'::regnamespace, 'public'::regnamespace)
           AND prosecdef
           AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)
    """,
    "no function is open to everybody": """
        SELECT p.oid::regprocedure::text
          FROM pg_proc p, LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
         WHERE p.pronamespace IN ('app'::regnamespace, 'ops'::regnamespace, 'public'::regnamespace)
           AND a.grantee = 0 AND a.privilege_type = 'EXECUTE'
    """,
    "no login owns anything, and none passes row level security": """
        SELECT r.rolname
          FROM pg_roles r
         WHERE r.rolname ~ '^(mcp_|app)'
           AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb
                OR r.rolcanlogin AND EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid))
    """,
    "the definer's role is granted to nobody who serves requests": """
        SELECT m.member::regrole::text
          FROM pg_auth_members m
         WHERE m.roleid IN ('app_definer'::regrole, 'mcp_owner'::regrole)
           AND m.member::regrole::text ~ '^(mcp_|app)'
    """,
    "every table that a workspace owns says so in workspace_id": """
        SELECT c.oid::regclass::text
          FROM pg_class c
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
           AND NOT c.relispartition
           AND c.relname NOT IN ('users', 'sessions', 'user_identities', 'refresh_tokens',
                                 'workspaces', 'api_key_usage')
           AND NOT EXISTS (SELECT FROM pg_attribute a
                            WHERE a.attrelid = c.oid AND a.attname = 'workspace_id')
    """,
    "what people change in a workspace is audited": """
        SELECT c.oid::regclass::text
          FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
           AND NOT c.relispartition
           -- what runs say, what is counted, and what is sent are records of their own
           AND c.relname !~ '^(execution|webhook_deliver|deployment_|audit_logs|workflow_stat)'
           AND NOT EXISTS (SELECT FROM pg_trigger t
                            WHERE t.tgrelid = c.oid AND t.tgfoid = 'app.write_audit'::regproc)
    """,
    "every moment knows its zone": """
        SELECT table_name || '.' || column_name
          FROM information_schema.columns
         WHERE table_schema = 'public' AND data_type = 'timestamp without time zone'
    """,
    "every foreign key's columns are indexed": """
        SELECT k.conrelid::regclass || ': ' || k.conname
          FROM pg_constraint k
         WHERE k.contype = 'f' AND k.conparentid = 0
           AND k.connamespace = 'public'::regnamespace
           AND NOT EXISTS (
               SELECT FROM pg_index i
                 JOIN pg_attribute first ON first.attrelid = i.indrelid
                                        AND first.attnum = i.indkey[0]
                WHERE i.indrelid = k.conrelid AND i.indpred IS NULL
                  AND first.attnum = ANY (k.conkey)
                  -- a workspace has many rows: its id alone finds none of them
                  AND (first.attname <> 'workspace_id' OR cardinality(k.conkey) = 1
                       OR i.indkey[1] = ANY (k.conkey)))
    """,
    "a row that has updated_at moves it": """
        SELECT c.table_name
          FROM information_schema.columns c
         WHERE c.table_schema = 'public' AND c.column_name = 'updated_at'
           AND NOT EXISTS (SELECT FROM information_schema.views v
                            WHERE v.table_schema = 'public' AND v.table_name = c.table_name)
           AND NOT EXISTS (SELECT FROM pg_trigger t
                            WHERE t.tgrelid = c.table_name::regclass
                              AND t.tgname = 'touch_updated_at')
    """,
}


@pytest.mark.parametrize("rule", RULES)
async def test_the_catalogue_keeps_the_rule(rule: str, shared_world: World) -> None:
    broken = [row[0] for row in await shared_world.superuser.fetch(RULES[rule])]

    assert broken == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE POLICY early ON workflows USING (workspace_id = ANY (app.ws(10, NULL)))",
        "CREATE VIEW leak AS SELECT id FROM users",
        "CREATE TABLE open_table (id int)",
        "ALTER FUNCTION app.uid() IMMUTABLE",
        "CREATE FUNCTION app.loose() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "ALTER ROLE mcp_api IN DATABASE {database} SET app.current_user_id = 'x'",
        "GRANT SELECT ON {partition} TO application_user",
        "DROP TRIGGER audit ON api_keys",
        "DROP INDEX idx_workflows_created_by",
        "ALTER TABLE workflows DROP COLUMN updated_at, ADD COLUMN updated_at timestamp",
    ],
)
async def test_the_rules_find_a_breach(statement: str, shared_world: World) -> None:
    superuser = shared_world.superuser
    names = {
        "database": await superuser.fetchval("SELECT current_database()"),
        "partition": await superuser.fetchval(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'executions'::regclass LIMIT 1"
        ),
    }
    transaction = superuser.transaction()
    await transaction.start()
    try:
        await superuser.execute(statement.format_map(names))
        found = [rule for rule, query in RULES.items() if await superuser.fetch(query)]
    finally:
        await transaction.rollback()

    assert found


def fragments() -> dict[str, str]:
    """The SQL of every relation, and of every computed column of its row."""
    found: dict[str, str] = {}
    for module in pkgutil.iter_modules(db.__path__):
        for name, value in vars(importlib.import_module(f"db.{module.name}")).items():
            if isinstance(value, Relation):
                relation = cast("Relation[msgspec.Struct]", value)
                found[f"{module.name}.{name}"] = relation.sql + str(
                    get_type_hints(relation.row, include_extras=True)
                )
    return found


def test_relations_call_the_functions_of_the_viewer_as_sub_selects_only() -> None:
    """A relation is read in the statement that binds the viewer, where a bare call is too early."""
    relations = fragments()
    early = [
        name
        for name, sql in relations.items()
        if re.search(VIEWER_FUNCTION, re.sub(r"SELECT " + VIEWER_FUNCTION, "", sql))
    ]

    assert len(relations) > 20
    assert early == []
