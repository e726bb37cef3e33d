-- Rows of every type to read: two teams apart, with nulls, ties, empty lists and odd characters.
--
-- Team 1 is large enough for pages; team 2 is there to stay unseen, but for the guest, who belongs to
-- both. Every id is made from a name.

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
INSERT INTO users (id, email, name)
SELECT pg_temp.u(name), replace(name, ' ', '.') || '@example.org', name
  FROM (VALUES ('guest'), ('somebody else')) people (name)
 UNION ALL
SELECT pg_temp.u('crowd ' || n), format('crowd.%s@example.org', n), 'crowd ' || n FROM generate_series(1, 20) n;

BEGIN;
INSERT INTO workspaces (id, name, description, slug, owner_id, plan_type, settings)
SELECT pg_temp.u('workspace ' || team), 'Team ' || team, CASE team WHEN 1 THEN 'Erste' END,
       'team-' || team, pg_temp.u(format('user %s owner', team)), 'enterprise', '{"invitation_days": 5}'
  FROM generate_series(1, 2) team;
INSERT INTO workspace_users (id, workspace_id, user_id, role, permissions, invited_by, joined_at)
SELECT pg_temp.u(format('member %s %s', team, role)), pg_temp.u('workspace ' || team),
       pg_temp.u(format('user %s %s', team, role)), role,
       CASE role WHEN 'viewer' THEN '["audit:read"]' ELSE '[]' END::jsonb,
       CASE WHEN role <> 'owner' THEN pg_temp.u(format('user %s owner', team)) END,
       '2026-01-01'::timestamptz
  FROM generate_series(1, 2) team, unnest(ARRAY['owner', 'admin', 'editor', 'viewer']) role;
INSERT INTO workspace_users (id, workspace_id, user_id, role, invited_by, joined_at)
SELECT pg_temp.u('member guest ' || team), pg_temp.u('workspace ' || team), pg_temp.u('guest'),
       CASE team WHEN 1 THEN 'viewer' ELSE 'admin' END, NULL, now()
  FROM generate_series(1, 2) team
UNION ALL
SELECT pg_temp.u('member crowd ' || n), pg_temp.u('workspace 1'), pg_temp.u('crowd ' || n), 'viewer',
       pg_temp.u('user 1 owner'), '2026-01-02'::timestamptz + n / 3 * interval '1 day'
  FROM generate_series(1, 20) n;
INSERT INTO workspaces (id, name, slug, owner_id, plan_type, created_at)
SELECT pg_temp.u('spare ' || n), 'Spare ' || n % 4, 'spare-' || n, pg_temp.u('user 1 owner'),
       CASE n % 2 WHEN 0 THEN 'pro' ELSE 'free' END, '2025-06-01'::timestamptz + n / 3 * interval '1 day'
  FROM generate_series(1, 20) n;
INSERT INTO workspace_users (id, workspace_id, user_id, role)
SELECT pg_temp.u('member spare ' || n), pg_temp.u('spare ' || n), pg_temp.u('user 1 owner'), 'owner'
  FROM generate_series(1, 20) n;
COMMIT;

INSERT INTO workspace_invitations (id, workspace_id, email, role, token_hash, invited_by, accepted_at,
                                   revoked_at, expires_at, created_at)
SELECT pg_temp.u(format('invitation %s %s', team, n)), pg_temp.u('workspace ' || team),
       format('guest%s@example.org', n % 4), (ARRAY['viewer', 'editor', 'admin'])[1 + n % 3],
       sha256(format('%s %s', team, n)::bytea),
       CASE WHEN n <> 5 THEN pg_temp.u(format('user %s owner', team)) END,
       CASE WHEN n > 3 AND n % 2 = 0 THEN now() END, CASE WHEN n > 3 AND n % 2 = 1 THEN now() END,
       now() + CASE n WHEN 3 THEN -1 ELSE 1 END * interval '1 day', '2026-01-05'::timestamptz + n / 2 * interval '1 hour'
  FROM generate_series(1, 2) team, generate_series(1, 24) n;

BEGIN;
INSERT INTO workflows (id, workspace_id, name, description, tags, definition, status, version, created_by,
                       created_at, updated_at)
SELECT pg_temp.u(format('workflow %s %s', team, n)), pg_temp.u('workspace ' || team),
       format('Flow %s', n % 7), CASE WHEN n % 3 = 0 THEN E'Zeile\n\t“zwei” \\ ☃' END,
       CASE WHEN n % 2 = 0 THEN ARRAY['even', 'a "b"'] ELSE '{}' END,
       format('{"nodes": [{"id": "n%s", "type": "%s", "x": 1.50}], "edges": []}', n,
              CASE n % 5 WHEN 0 THEN 'slack' ELSE 'http' END)::jsonb,
       (ARRAY['draft', 'active', 'inactive', 'archived'])[1 + n % 4], 1 + n % 3,
       pg_temp.u(format('user %s editor', team)),
       '2026-02-01'::timestamptz + (n / 2) * interval '1 hour',
       '2026-02-03'::timestamptz + (n * 5 % 11) * interval '1 hour'
  FROM generate_series(1, 2) team, generate_series(1, 25) n;
INSERT INTO workflow_versions (id, workspace_id, workflow_id, version, definition, changelog, created_by)
SELECT pg_temp.u(format('version %s %s %s', team, n, v)), pg_temp.u('workspace ' || team),
       pg_temp.u(format('workflow %s %s', team, n)), v,
       '{"nodes": [], "edges": []}', CASE WHEN v > 1 THEN 'Change ' || v END,
       pg_temp.u(format('user %s admin', team))
  FROM generate_series(1, 2) team, generate_series(1, 25) n, generate_series(1, 1 + n % 3) v;
COMMIT;

INSERT INTO integrations (id, workspace_id, service_name, service_type, account_name, credentials,
                          credentials_key_id, scopes, test_result, created_by, last_tested_at,
                          status)
SELECT pg_temp.u(format('integration %s %s', team, n)), pg_temp.u('workspace ' || team),
       (ARRAY['slack', 'google'])[1 + n % 2], 'oauth2', 'account ' || n, '\x00', 'k', '{read}',
       CASE n WHEN 1 THEN '{"ok": true}'::jsonb END, pg_temp.u(format('user %s admin', team)),
       CASE WHEN n < 12 THEN '2026-03-01'::timestamptz + n / 2 * interval '1 day' END,
       (ARRAY['active', 'inactive', 'error'])[1 + n % 3]
  FROM generate_series(1, 2) team, generate_series(1, 22) n;

INSERT INTO deployments (id, workspace_id, workflow_id, environment, mcp_server_url, status, workflow_version,
                         created_by, deployed_at, created_at, health_status, deployment_version, status_reason,
                         origin, source_id, tools, tool_changes, claimed_at, attempt)
SELECT pg_temp.u(format('deployment %s %s %s', team, n, d)), pg_temp.u('workspace ' || team),
       pg_temp.u(format('workflow %s %s', team, n)),
       (ARRAY['development', 'staging', 'production'])[1 + d % 3],
       CASE WHEN d % 2 = 0 THEN 'https://mcp.example.org/' || d END,
       CASE WHEN d IN (2, 4, 6) THEN 'deployed' WHEN d IN (1, 3, 5) THEN 'deploying'
            WHEN d % 4 = 1 THEN 'failed' ELSE 'stopped' END,
       CASE d % 3 WHEN 0 THEN 1 + n % 3 ELSE 1 END, pg_temp.u(format('user %s editor', team)),
       CASE WHEN d % 2 = 0 THEN '2026-03-01'::timestamptz + d / 4 * interval '1 day' END,
       '2026-03-01'::timestamptz + d * interval '1 min',
       (ARRAY['healthy', 'unhealthy'])[d % 3], CASE WHEN d % 5 = 0 THEN '1.4.' || d END,
       CASE WHEN d % 7 = 0 THEN 'Because “so” \ ☃' END,
       (ARRAY['deploy', 'promote', 'rollback', 'redeploy'])[1 + d % 4],
       CASE WHEN d > 1 THEN pg_temp.u(format('deployment %s %s 1', team, n)) END,
       CASE WHEN d % 2 = 0 THEN '[{"name": "look_up", "description": "Finds “it”", "inputSchema": {"type": "object", "x": 1.50}},
                                  {"name": "put", "inputSchema": {"type": "object"}}]'::jsonb ELSE '[]' END,
       CASE WHEN d % 4 = 0 THEN '[{"tool": "put", "code": "TOOL_ADDED", "breaking": false, "pointer": "", "message": "New."}]'::jsonb
            ELSE '[]' END,
       CASE WHEN d % 2 = 0 THEN '2026-03-01'::timestamptz + d * interval '2 min' END, d % 2
  FROM generate_series(1, 2) team, generate_series(1, 25) n,
       generate_series(1, CASE WHEN n = 1 THEN 22 ELSE n % 4 END) d;

-- the first state of each, which a trigger wrote, and more of some
DELETE FROM deployment_events;
INSERT INTO deployment_events (id, workspace_id, deployment_id, status, message, user_id, api_key_id, created_at)
SELECT pg_temp.u(format('event %s %s', d.id, n)), d.workspace_id, d.id,
       (ARRAY['deploying', 'deployed', 'failed', 'stopped'])[1 + n % 4],
       CASE WHEN n % 3 = 0 THEN 'Said “so” ' || n END,
       CASE n % 2 WHEN 0 THEN d.created_by END,
       CASE n % 2 WHEN 1 THEN pg_temp.u(CASE d.workspace_id WHEN pg_temp.u('workspace 1') THEN 'key 1 1' ELSE 'key 2 1' END) END,
       '2026-03-02'::timestamptz + n / 2 * interval '1 hour'
  FROM deployments d, generate_series(1, CASE WHEN d.created_at > '2026-03-01 00:20:30+00' THEN 24 ELSE 2 END) n;

INSERT INTO executions (id, workspace_id, workflow_id, workflow_version, deployment_id, status, trigger_type, input_data,
                        output_data, error_message, duration_ms, completed_at)
SELECT pg_temp.u7(format('execution %s %s %s', team, n, e), 100 + e * 3700), pg_temp.u('workspace ' || team),
       pg_temp.u(format('workflow %s %s', team, n)), CASE WHEN e % 9 > 0 THEN 1 END,
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
  FROM executions x, generate_series(1, CASE WHEN x.error_message = 'No “way” 7' THEN 120 ELSE 3 END) seq
 WHERE x.duration_ms IS DISTINCT FROM 0;

INSERT INTO api_keys (id, workspace_id, name, key_hash, key_prefix, scopes, created_by, expires_at,
                      status, last_used_at)
SELECT pg_temp.u(format('key %s %s', team, n)), pg_temp.u('workspace ' || team), 'Key ' || n,
       sha256(format('key %s %s', team, n)::bytea), 'mcp_' || n,
       CASE WHEN n IN (1, 5, 6, 7, 8, 9) THEN app.known_scopes() WHEN n = 2 THEN '{logs:read}'
            WHEN n = 4 THEN '{workflows:read}' ELSE '{}' END,
       CASE n WHEN 8 THEN pg_temp.u(format('user %s editor', team)) WHEN 9 THEN pg_temp.u('somebody else')
              ELSE pg_temp.u(format('user %s admin', team)) END,
       CASE WHEN n = 6 THEN now() - interval '1 hour' WHEN n > 9 THEN now() + n / 2 * interval '1 day' END,
       CASE n WHEN 5 THEN 'revoked' WHEN 7 THEN 'inactive' ELSE 'active' END,
       CASE WHEN n % 3 > 0 THEN '2026-04-01'::timestamptz + n / 5 * interval '1 day' END
  FROM generate_series(1, 2) team, generate_series(1, 22) n;

UPDATE api_keys k SET replaces = pg_temp.u(format('key 1 %s', n - 1))
  FROM generate_series(2, 22) n WHERE k.id = pg_temp.u(format('key 1 %s', n));

INSERT INTO ownership_offers (id, workspace_id, offered_by, offered_to, created_at, expires_at, withdrawn_at)
SELECT pg_temp.u(format('offer %s %s', team, n)), pg_temp.u('workspace ' || team),
       pg_temp.u(format('user %s owner', team)),
       pg_temp.u(CASE n % 2 WHEN 0 THEN format('user %s viewer', team) ELSE 'guest' END),
       '2026-01-05'::timestamptz + n / 2 * interval '1 hour', now() + interval '1 day',
       CASE WHEN n > 1 THEN now() END
  FROM generate_series(1, 2) team, generate_series(1, 22) n;

-- A workspace that was deleted, with a member, a workflow, a key and an offer: nobody sees any of it.
BEGIN;
INSERT INTO workspaces (id, name, slug, owner_id, deleted_at)
VALUES (pg_temp.u('gone'), 'Gone', 'gone', pg_temp.u('user 1 owner'), now());
INSERT INTO workspace_users (id, workspace_id, user_id, role)
SELECT pg_temp.u(format('member gone %s', role)), pg_temp.u('gone'), pg_temp.u(format('user 1 %s', role)), role
  FROM unnest(ARRAY['owner', 'admin']) role;
INSERT INTO workflows (id, workspace_id, name, definition, created_by)
VALUES (pg_temp.u('workflow gone'), pg_temp.u('gone'), 'Gone', '{"nodes": [], "edges": []}', pg_temp.u('user 1 owner'));
INSERT INTO workflow_versions (id, workspace_id, workflow_id, version, definition, created_by)
VALUES (pg_temp.u('version gone'), pg_temp.u('gone'), pg_temp.u('workflow gone'), 1, '{"nodes": [], "edges": []}',
        pg_temp.u('user 1 owner'));
COMMIT;
INSERT INTO api_keys (id, workspace_id, name, key_hash, key_prefix, scopes, created_by)
VALUES (pg_temp.u('key gone'), pg_temp.u('gone'), 'Gone', sha256('key gone'), 'mcp_gone', app.known_scopes(),
        pg_temp.u('user 1 owner'));
INSERT INTO ownership_offers (id, workspace_id, offered_by, offered_to)
VALUES (pg_temp.u('offer gone'), pg_temp.u('gone'), pg_temp.u('user 1 owner'), pg_temp.u('user 1 admin'));
UPDATE deployments d
   SET runtime_key_id = pg_temp.u(CASE d.workspace_id WHEN pg_temp.u('workspace 1') THEN 'key 1 1' ELSE 'key 2 1' END)
 WHERE d.claimed_at IS NOT NULL;

INSERT INTO audit_logs (id, workspace_id, user_id, api_key_id, action, resource_type, resource_id, details,
                        ip_address, user_agent)
SELECT pg_temp.u7(format('audit %s %s', team, n), n * 60), CASE WHEN n < 50 THEN pg_temp.u('workspace ' || team) END,
       CASE n % 2 WHEN 0 THEN pg_temp.u(format('user %s editor', team)) END,
       CASE n % 2 WHEN 1 THEN pg_temp.u(format('key %s 1', team)) END,
       'workflow.update', 'workflow', pg_temp.u(format('workflow %s %s', team, n)), '{"new": {"name": "ümlaut"}}',
       '2001:db8::1', 'curl/8 "quoted"'
  FROM generate_series(1, 2) team, generate_series(1, 50) n;

INSERT INTO webhooks (id, workspace_id, description, url, events, status, failing_since, last_delivered_at, created_by,
                      created_at)
SELECT pg_temp.u(format('webhook %s %s', team, n)), pg_temp.u('workspace ' || team), 'Hook “ü” ' || n % 5,
       'https://hooks.example.org/' || n, (app.known_events())[1 : 1 + n % 3],
       (ARRAY['active', 'inactive', 'failed'])[1 + n % 3], CASE n % 3 WHEN 2 THEN '2026-03-02'::timestamptz END,
       CASE WHEN n > 4 THEN '2026-03-01'::timestamptz + n / 2 * interval '1 day' END,
       pg_temp.u(format('user %s admin', team)), '2026-02-01'::timestamptz + (n / 2) * interval '1 hour'
  FROM generate_series(1, 2) team, generate_series(1, 22) n;

INSERT INTO webhook_deliveries (id, workspace_id, webhook_id, event, payload, status, attempts, next_attempt_at,
                                last_attempt_at, response_status, error, duration_ms, delivered_at, created_at)
SELECT pg_temp.u(format('delivery %s %s %s', team, n, d)), pg_temp.u('workspace ' || team),
       pg_temp.u(format('webhook %s %s', team, n)), (ARRAY['ping', 'execution.ended'])[1 + d % 2],
       '{"type": "ping", "big": 123456789012345678901234567890, "data": null}', status, d % 4,
       CASE status WHEN 'pending' THEN '2036-03-01'::timestamptz END,
       CASE WHEN d % 4 > 0 THEN '2026-03-01'::timestamptz + d / 3 * interval '1 min' END,
       CASE status WHEN 'delivered' THEN 200 WHEN 'failed' THEN 503 END,
       CASE status WHEN 'failed' THEN 'NOT_ACCEPTED' END, CASE WHEN status <> 'pending' THEN d * 10 END,
       CASE status WHEN 'delivered' THEN '2026-03-01'::timestamptz + d / 3 * interval '1 min' END,
       '2026-03-01'::timestamptz + d / 2 * interval '1 min'
  FROM generate_series(1, 2) team, generate_series(1, 22) n,
       generate_series(1, CASE WHEN n = 1 THEN 24 ELSE n % 4 END) d,
       LATERAL (SELECT (ARRAY['pending', 'delivered', 'failed'])[1 + d % 3] AS status) s;

INSERT INTO sessions (id, user_id, ip_address, user_agent, created_at, last_used_at, expires_at)
SELECT pg_temp.u(format('session %s owner %s', team, n)), pg_temp.u(format('user %s owner', team)),
       CASE n WHEN 1 THEN '2001:db8::1' END::inet, CASE n WHEN 1 THEN 'Browser “ü”' END,
       '2026-03-01'::timestamptz, '2026-03-01'::timestamptz + n * interval '1 min', '2036-03-01'::timestamptz
  FROM generate_series(1, 2) team, generate_series(1, 2) n;
ANALYZE;
