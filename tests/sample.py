"""Rows of every type to read: two teams apart, with nulls, ties, empty lists and odd characters.

Team 1 is large enough for pages; team 2 is there to stay unseen. Every id is made from a name.
"""

from typing import TYPE_CHECKING
from uuid import UUID

from db.session import Viewer

if TYPE_CHECKING:
    from asyncpg import Connection, Record

ROLES = ("owner", "admin", "editor", "viewer")

SQL = r"""
CREATE FUNCTION pg_temp.u(name text) RETURNS uuid LANGUAGE sql IMMUTABLE
    AS $$ SELECT overlay(md5(name) PLACING '4' FROM 13 FOR 1)::uuid $$;
CREATE FUNCTION pg_temp.u7(name text, seconds_ago float) RETURNS uuid LANGUAGE sql STABLE
    AS $$ SELECT overlay(overlay(md5(name) PLACING
                 left(replace(app.uuid7_floor(now() - seconds_ago * interval '1 second')::text, '-', ''), 12)
                 FROM 1 FOR 12) PLACING '7' FROM 13 FOR 1)::uuid $$;

INSERT INTO users (id, email, name, avatar_url, last_login_at, email_verified)
SELECT pg_temp.u(format('user %s %s', team, role)), format('%s.%s@example.org', role, team),
       format('%s — %s “Ω” \ "', initcap(role), team),
       CASE role WHEN 'owner' THEN 'https://example.org/a.png' END,
       CASE role WHEN 'admin' THEN now() - interval '1 day 0.5 seconds' END, role = 'owner'
  FROM generate_series(1, 2) team, unnest(ARRAY['owner', 'admin', 'editor', 'viewer']) role;

BEGIN;
INSERT INTO workspaces (id, name, description, slug, owner_id, settings)
SELECT pg_temp.u('workspace ' || team), 'Team ' || team, CASE team WHEN 1 THEN 'Erste' END,
       'team-' || team, pg_temp.u(format('user %s owner', team)), '{"a": [1, 2.50, 12345678901234567890]}'
  FROM generate_series(1, 2) team;
INSERT INTO workspace_users (id, workspace_id, user_id, role, permissions, invited_by, joined_at)
SELECT pg_temp.u(format('member %s %s', team, role)), pg_temp.u('workspace ' || team),
       pg_temp.u(format('user %s %s', team, role)), role,
       CASE role WHEN 'viewer' THEN '["executions:read"]' ELSE '[]' END::jsonb,
       CASE WHEN role <> 'owner' THEN pg_temp.u(format('user %s owner', team)) END,
       '2026-01-01'::timestamptz
  FROM generate_series(1, 2) team, unnest(ARRAY['owner', 'admin', 'editor', 'viewer']) role;
COMMIT;

INSERT INTO workspace_invitations (id, workspace_id, email, role, token_hash, invited_by)
SELECT pg_temp.u(format('invitation %s %s', team, n)), pg_temp.u('workspace ' || team),
       format('guest%s@example.org', n), 'viewer', sha256(format('%s %s', team, n)::bytea),
       pg_temp.u(format('user %s owner', team))
  FROM generate_series(1, 2) team, generate_series(1, 3) n;

BEGIN;
INSERT INTO workflows (id, workspace_id, name, description, tags, definition, status, version, created_by,
                       created_at)
SELECT pg_temp.u(format('workflow %s %s', team, n)), pg_temp.u('workspace ' || team),
       format('Flow %s', n % 7), CASE WHEN n % 3 = 0 THEN E'Zeile\n\t“zwei” \\ ☃' END,
       CASE WHEN n % 2 = 0 THEN ARRAY['even', 'a "b"'] ELSE '{}' END,
       format('{"nodes": [{"id": "n%s", "type": "http", "x": 1.50}], "edges": []}', n)::jsonb,
       (ARRAY['draft', 'active', 'inactive', 'archived'])[1 + n % 4], 1 + n % 3,
       pg_temp.u(format('user %s editor', team)),
       '2026-02-01'::timestamptz + (n / 2) * interval '1 hour'
  FROM generate_series(1, 2) team, generate_series(1, 25) n;
INSERT INTO workflow_versions (id, workspace_id, workflow_id, version, definition, changelog, created_by)
SELECT pg_temp.u(format('version %s %s %s', team, n, v)), pg_temp.u('workspace ' || team),
       pg_temp.u(format('workflow %s %s', team, n)), v,
       '{"nodes": [], "edges": []}', CASE WHEN v > 1 THEN 'Change ' || v END,
       pg_temp.u(format('user %s admin', team))
  FROM generate_series(1, 2) team, generate_series(1, 25) n, generate_series(1, 1 + n % 3) v;
COMMIT;

INSERT INTO integrations (id, workspace_id, service_name, service_type, account_name, credentials,
                          credentials_key_id, scopes, test_result, created_by, last_tested_at)
SELECT pg_temp.u(format('integration %s %s', team, n)), pg_temp.u('workspace ' || team),
       (ARRAY['slack', 'google'])[1 + n % 2], 'oauth2', 'account ' || n, '\x00', 'k', '{read}',
       CASE n WHEN 1 THEN '{"ok": true}'::jsonb END, pg_temp.u(format('user %s admin', team)),
       CASE n WHEN 1 THEN now() END
  FROM generate_series(1, 2) team, generate_series(1, 22) n;

INSERT INTO deployments (id, workspace_id, workflow_id, environment, mcp_server_url, status, workflow_version,
                         created_by, deployed_at, created_at)
SELECT pg_temp.u(format('deployment %s %s %s', team, n, d)), pg_temp.u('workspace ' || team),
       pg_temp.u(format('workflow %s %s', team, n)),
       (ARRAY['development', 'staging', 'production'])[1 + d % 3],
       CASE WHEN d % 2 = 0 THEN 'https://mcp.example.org/' || d END,
       (ARRAY['deployed', 'deploying', 'failed', 'stopped'])[1 + CASE WHEN d % 2 = 0 THEN 0 ELSE 1 + d % 3 END],
       1, pg_temp.u(format('user %s editor', team)),
       CASE WHEN d % 2 = 0 THEN '2026-03-01'::timestamptz END, '2026-03-01'::timestamptz + d * interval '1 min'
  FROM generate_series(1, 2) team, generate_series(1, 25) n,
       generate_series(1, CASE WHEN n = 1 THEN 22 ELSE n % 4 END) d;

INSERT INTO executions (id, workspace_id, workflow_id, deployment_id, status, trigger_type, input_data,
                        output_data, error_message, duration_ms, completed_at)
SELECT pg_temp.u7(format('execution %s %s %s', team, n, e), 100 + e * 3700), pg_temp.u('workspace ' || team),
       pg_temp.u(format('workflow %s %s', team, n)),
       CASE WHEN n = 1 AND e % 2 = 0 THEN pg_temp.u(format('deployment %s 1 1', team)) END,
       status, (ARRAY['manual', 'webhook', 'schedule'])[1 + e % 3],
       CASE WHEN e % 2 = 0 THEN '{"n": 1e3, "big": 123456789012345678901234567890, "k": null}'::jsonb END,
       CASE status WHEN 'success' THEN '[]'::jsonb END, CASE status WHEN 'failed' THEN 'No “way” ' || e END,
       CASE WHEN status <> 'running' THEN 10 * (e % 4) END, CASE WHEN status <> 'running' THEN now() END
  FROM generate_series(1, 2) team, generate_series(1, 25) n,
       generate_series(1, CASE WHEN n = 1 THEN 45 ELSE n % 5 END) e,
       LATERAL (SELECT (ARRAY['success', 'failed', 'running', 'cancelled', 'timeout', 'success'])[1 + e % 6]
                       AS status) s;

INSERT INTO execution_logs (id, workspace_id, execution_id, seq, node_id, level, message, metadata, "timestamp")
SELECT pg_temp.u(format('log %s %s', x.id, seq)), x.workspace_id, x.id, seq,
       CASE WHEN seq % 2 = 0 THEN 'n1' END, (ARRAY['debug', 'info', 'warn', 'error'])[1 + seq % 4],
       format(E'line %s \u2028 “ü” \\ \t%s', seq, repeat('x', seq % 5)),
       CASE WHEN seq % 3 = 0 THEN jsonb_build_object('seq', seq, 'deep', '{"a": [{"b": null}]}'::jsonb) END,
       x.started_at + seq * interval '1 millisecond'
  FROM executions x, generate_series(1, CASE WHEN x.duration_ms = 10 THEN 120 ELSE 3 END) seq
 WHERE x.duration_ms IS DISTINCT FROM 0;

INSERT INTO api_keys (id, workspace_id, name, key_hash, key_prefix, scopes, created_by, expires_at)
SELECT pg_temp.u(format('key %s %s', team, n)), pg_temp.u('workspace ' || team), 'Key ' || n,
       sha256(format('key %s %s', team, n)::bytea), 'mcp_' || n,
       CASE n WHEN 1 THEN app.known_scopes() WHEN 2 THEN '{logs:read}' ELSE '{}' END,
       pg_temp.u(format('user %s admin', team)), CASE WHEN n > 2 THEN now() + n * interval '1 day' END
  FROM generate_series(1, 2) team, generate_series(1, 22) n;
ANALYZE;
"""


def of(name: str) -> UUID:
    """The id of a row made above, e.g. ``workflow 1 3``."""
    from hashlib import md5

    digest = md5(name.encode()).hexdigest()  # noqa: S324
    return UUID(f"{digest[:12]}4{digest[13:]}")


def viewers(team: int) -> dict[str, Viewer]:
    """Everybody who may ask: the members of a team, its keys, a stranger and nobody."""
    return {
        **{role: Viewer(of(f"user {team} {role}")) for role in ROLES},
        "key": Viewer(api_key_id=of(f"key {team} 1")),
        "key for logs": Viewer(api_key_id=of(f"key {team} 2")),
        "key for nothing": Viewer(api_key_id=of(f"key {team} 3")),
        "stranger": Viewer(of("somebody else")),
        "nobody": Viewer(),
    }


async def fill(superuser: "Connection[Record]") -> None:
    await superuser.execute(SQL)
