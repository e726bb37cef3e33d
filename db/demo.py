"""What the demonstration writes, many rows a statement, with nothing but the API's own rights.

Statements whose name has no function take their rows through ``write``.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, LiteralString
from uuid import UUID

import msgspec

from db.errors import refusal_of
from db.session import BIND_VIEWER, Database, Viewer, Writing

if TYPE_CHECKING:
    from asyncpg import Record

Row = Mapping[str, object]

ONE_AT_A_TIME = 0x64656D6F  # any number that nothing else locks

# No login of ours may count the users; whether the table has ever held one, everybody may ask.
NEVER_USED = "SELECT pg_relation_size('public.users') = 0"

LOCK: LiteralString = "SELECT pg_advisory_xact_lock($1)"
HAS_WORKSPACE: LiteralString = "SELECT EXISTS (SELECT FROM workspaces)"

CREATE_WORKSPACE: LiteralString = "SELECT app.create_workspace($1, $2)"
INVITE: LiteralString = """
INSERT INTO workspace_invitations (workspace_id, email, role, token_hash, invited_by)
SELECT r.workspace_id, r.email, r.role, sha256(decode(r.token, 'hex')), app.author()
  FROM jsonb_to_recordset($1::jsonb) AS r(workspace_id uuid, email text, role text, token text)
"""
ACCEPT: LiteralString = "SELECT app.accept_invitation(NULL, sha256($1))"

DESCRIBE_USER: LiteralString = "UPDATE users SET timezone = $1, locale = $2 WHERE id = app.uid()"
DESCRIBE_WORKSPACES: LiteralString = """
UPDATE workspaces w
   SET description = r.description, settings = r.settings
  FROM jsonb_to_recordset($1::jsonb) AS r(id uuid, description text, settings jsonb)
 WHERE w.id = r.id
"""

CREATE_WORKFLOWS: LiteralString = """
SELECT r.slug,
       app.create_workflow(r.workspace_id, r.name, r.description, r.tags, r.definition, r.changelog)
  FROM jsonb_to_recordset($1::jsonb)
    AS r(slug text, workspace_id uuid, name text, description text, tags text[], definition jsonb,
         changelog text)
"""
SAVE_WORKFLOWS: LiteralString = """
SELECT app.save_workflow(r.id, r.base, r.definition, r.changelog)
  FROM jsonb_to_recordset($1::jsonb)
    AS r(id uuid, base integer, definition jsonb, changelog text)
"""
SET_STATUS: LiteralString = """
UPDATE workflows w
   SET status = r.status
  FROM jsonb_to_recordset($1::jsonb) AS r(id uuid, status text)
 WHERE w.id = r.id
"""

CONNECT: LiteralString = """
INSERT INTO integrations (id, workspace_id, service_name, service_type, account_name, credentials,
                          credentials_key_id, scopes, status, created_by)
SELECT r.id, r.workspace_id, r.service, r.kind, r.account, decode(r.credentials, 'hex'),
       r.key_id, r.scopes, r.status, app.author()
  FROM jsonb_to_recordset($1::jsonb)
    AS r(id uuid, workspace_id uuid, service text, kind text, account text, credentials text,
         key_id text, scopes text[], status text)
"""
REPORT_TESTS: LiteralString = """
UPDATE integrations i
   SET last_tested_at = r.tested_at, test_result = r.result
  FROM jsonb_to_recordset($1::jsonb) AS r(id uuid, tested_at timestamptz, result jsonb)
 WHERE i.id = r.id
"""

CREATE_KEYS: LiteralString = """
INSERT INTO api_keys (id, workspace_id, name, key_hash, key_prefix, scopes, rate_limit, expires_at,
                      created_by)
SELECT r.id, r.workspace_id, r.name, decode(r.key_hash, 'hex'), r.key_prefix, r.scopes,
       r.rate_limit, r.expires_at, app.author()
  FROM jsonb_to_recordset($1::jsonb)
    AS r(id uuid, workspace_id uuid, name text, key_hash text, key_prefix text, scopes text[],
         rate_limit integer, expires_at timestamptz)
"""
SET_KEYS: LiteralString = """
UPDATE api_keys k
   SET status = r.status
  FROM jsonb_to_recordset($1::jsonb) AS r(id uuid, status text)
 WHERE k.id = r.id AND k.status <> r.status
"""

DEPLOY: LiteralString = """
INSERT INTO deployments (id, workspace_id, workflow_id, environment, mcp_server_url, status, config,
                         health_check_url, workflow_version, deployment_version, created_by)
SELECT r.id, r.workspace_id, r.workflow_id, r.environment, r.url, r.status, r.config,
       r.url || '/health', r.version, r.label, app.author()
  FROM jsonb_to_recordset($1::jsonb)
    AS r(id uuid, workspace_id uuid, workflow_id uuid, environment text, url text, status text,
         config jsonb, version integer, label text)
"""
REPORT_HEALTH: LiteralString = """
UPDATE deployments d
   SET deployed_at = r.deployed_at, last_health_check = r.checked_at, health_status = r.health
  FROM jsonb_to_recordset($1::jsonb)
    AS r(id uuid, deployed_at timestamptz, checked_at timestamptz, health text)
 WHERE d.id = r.id
"""

BEGIN_RUNS: LiteralString = """
INSERT INTO executions (id, workspace_id, workflow_id, deployment_id, trigger_type, trigger_data,
                        input_data)
SELECT r.id, r.workspace_id, r.workflow_id, r.deployment_id, r.trigger_type, r.trigger_data,
       r.input_data
  FROM jsonb_to_recordset($1::jsonb)
    AS r(id uuid, workspace_id uuid, workflow_id uuid, deployment_id uuid, trigger_type text,
         trigger_data jsonb, input_data jsonb)
"""
LOG: LiteralString = """
SELECT l.inserted
  FROM jsonb_to_recordset($1::jsonb) AS r(id uuid, lines jsonb)
 CROSS JOIN LATERAL app.append_logs(r.id, r.lines) l
"""
END_RUNS: LiteralString = """
UPDATE executions e
   SET status = r.status, output_data = r.output_data, error_message = r.error_message,
       error_stack = r.error_stack, duration_ms = r.duration_ms,
       memory_usage_mb = r.memory_usage_mb, completed_at = r.completed_at
  FROM jsonb_to_recordset($1::jsonb)
    AS r(id uuid, status text, output_data jsonb, error_message text, error_stack text,
         duration_ms integer, memory_usage_mb integer, completed_at timestamptz)
 WHERE e.id = r.id
"""


async def never_used(database: Database) -> bool:
    """Whether nobody has ever had an account here."""
    with refusal_of():
        async with database.api.connection() as connection:
            return await connection.fetchval(NEVER_USED)


async def has_workspace(transaction: Writing) -> bool:
    """Whether the viewer is a member anywhere; until the end, nobody else gets to know."""
    await transaction.value(LOCK, ONE_AT_A_TIME)
    return await transaction.value(HAS_WORKSPACE)


async def go_on_as(database: Database, transaction: Writing, user_id: UUID) -> None:
    """What the transaction does from here on, this user does."""
    await transaction.value(BIND_VIEWER, *database.seal.settings(Viewer(user_id)))


async def create_workspace(transaction: Writing, name: str, slug: str) -> UUID:
    return await transaction.value(CREATE_WORKSPACE, name, slug)


async def accept(transaction: Writing, token: bytes) -> None:
    """Become a member of the workspace that the viewer was invited to with this token."""
    await transaction.value(ACCEPT, token)


async def describe_user(transaction: Writing, timezone: str, locale: str) -> None:
    """Set these of the viewer."""
    await transaction.value(DESCRIBE_USER, timezone, locale)


async def write(
    transaction: Writing, statement: LiteralString, rows: Sequence[Row]
) -> "list[Record]":
    """Run one of the statements above on all rows at once, in their order."""
    return await transaction.fetch(statement, msgspec.json.encode(rows).decode())
