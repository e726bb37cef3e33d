-- The rows to measure on, as many as bench.workspaces, bench.workflows, bench.executions and bench.logs
-- say. Executions are spread evenly over six weeks and over the workflows; each writes as many lines
-- as the next, but for one of each workspace, which wrote 1,000. One more of each workspace runs still
-- and has written nothing: lines are appended to it.
--
-- Person n owns workspace n and belongs to the four after it. Every id is made from a name.

SET session_replication_role = replica;  -- what triggers would write is written below, all at once

CREATE FUNCTION pg_temp.of(name text) RETURNS integer LANGUAGE sql STABLE
    AS $$ SELECT current_setting('bench.' || name)::integer $$;
CREATE FUNCTION pg_temp.u(name text) RETURNS uuid LANGUAGE sql IMMUTABLE
    AS $$ SELECT overlay(md5(name) PLACING '4' FROM 13 FOR 1)::uuid $$;
-- A UUIDv7 of the moment.
CREATE FUNCTION pg_temp.u7(moment timestamptz, name text) RETURNS uuid LANGUAGE sql IMMUTABLE
    AS $$ SELECT (lpad(to_hex(floor(extract(epoch FROM moment) * 1000)::bigint), 12, '0')
                  || '7' || substr(md5(name), 14, 3) || '8' || substr(md5(name), 18))::uuid $$;

-- Six weeks are kept, whatever the plan, and what runs is not given up.
UPDATE ops.retention SET log_days = 365, execution_days = 365 WHERE plan_type = 'free';

SELECT ops.ensure_partitions((now() - interval '2 months')::date, 7);

INSERT INTO users (id, email, name, email_verified, created_at)
SELECT pg_temp.u('person ' || n), format('person.%s@example.org', n), 'Person ' || n, true,
       now() - interval '1 year'
  FROM generate_series(1, pg_temp.of('workspaces')) n;

INSERT INTO workspaces (id, name, description, slug, owner_id, plan_type, created_at)
SELECT pg_temp.u('workspace ' || n), 'Workspace ' || to_char(n, 'FM0000'), 'What team ' || n || ' automates',
       'workspace-' || n, pg_temp.u('person ' || n), (ARRAY['free', 'pro', 'enterprise'])[1 + n % 3],
       now() - interval '1 year' + n * interval '1 day'
  FROM generate_series(1, pg_temp.of('workspaces')) n;

INSERT INTO workspace_users (workspace_id, user_id, role, joined_at)
SELECT pg_temp.u('workspace ' || 1 + (n - 1 + k) % pg_temp.of('workspaces')), pg_temp.u('person ' || n),
       (ARRAY['owner', 'admin', 'editor', 'editor', 'viewer'])[1 + k], now() - interval '6 months'
  FROM generate_series(1, pg_temp.of('workspaces')) n, generate_series(0, least(5, pg_temp.of('workspaces')) - 1) k;

INSERT INTO workflows (id, workspace_id, name, description, tags, definition, status, version, created_by,
                       created_at, updated_at, timeout_seconds)
SELECT pg_temp.u('workflow ' || n), pg_temp.u('workspace ' || team),
       'Workflow ' || to_char(n, 'FM000000'),
       CASE WHEN n % 3 > 0 THEN format('Takes what comes in and sends it on, number %s.', n) END,
       ARRAY['team-' || team, (ARRAY['sales', 'support', 'billing'])[1 + n % 3]],
       jsonb_build_object(
           'nodes', (SELECT jsonb_agg(jsonb_build_object(
                                'id', 'n' || k, 'type', (ARRAY['webhook', 'http', 'transform', 'slack'])[1 + k % 4],
                                'name', 'Step ' || k, 'position', jsonb_build_object('x', 200 * k, 'y', 100),
                                'config', jsonb_build_object('url', 'https://api.example.org/v1/step/' || k)))
                       FROM generate_series(1, 6) k),
           'edges', (SELECT jsonb_agg(jsonb_build_object('from', 'n' || k, 'to', 'n' || k + 1))
                       FROM generate_series(1, 5) k)),
       (ARRAY['active', 'active', 'active', 'draft'])[1 + n % 4], 1, pg_temp.u('person ' || team),
       now() - interval '10 months' + n * interval '1 minute', now() - n * interval '7 minutes', 2592000
  FROM generate_series(1, pg_temp.of('workflows')) n,
       LATERAL (SELECT 1 + n % pg_temp.of('workspaces') AS team) t;

INSERT INTO workflow_versions (id, workspace_id, workflow_id, version, definition, created_by, created_at)
SELECT pg_temp.u('version of ' || w.id), w.workspace_id, w.id, 1, w.definition, w.created_by, w.created_at
  FROM workflows w;

INSERT INTO deployments (id, workspace_id, workflow_id, environment, mcp_server_url, status, workflow_version,
                         created_by, deployed_at, created_at)
SELECT pg_temp.u('deployment of ' || w.id), w.workspace_id, w.id, 'production',
       'https://mcp.example.org/' || w.id, 'deployed', 1, w.created_by, w.created_at, w.created_at
  FROM workflows w WHERE w.status = 'active';

-- executions ------------------------------------------------------------------------------------------

CREATE TEMPORARY TABLE runs AS
SELECT n, pg_temp.u7(moment, 'execution ' || n) AS id, moment, w.id AS workflow_id, w.workspace_id, d.id AS deployment_id,
       CASE WHEN n > pg_temp.of('executions') THEN 'running'
            WHEN n % 20 = 7 THEN 'failed' WHEN n % 50 = 9 THEN 'timeout' ELSE 'success' END AS status,
       CASE WHEN n <= pg_temp.of('executions') THEN 50 + (n * 7919::bigint % 4000)::integer END AS duration_ms,
       CASE WHEN n > pg_temp.of('executions') THEN 0
            -- those that follow on each other are of one workspace each
            WHEN n - pg_temp.of('executions') / 2 BETWEEN 0 AND pg_temp.of('workspaces') - 1 THEN 1000
            ELSE pg_temp.of('logs') / pg_temp.of('executions') END AS lines
  FROM (SELECT n, now() - interval '1 hour'
                  - interval '6 weeks' * (1 - n::float8 / pg_temp.of('executions')) AS moment
          FROM generate_series(1, pg_temp.of('executions')) n
         UNION ALL
        SELECT n, now() - interval '1 minute'
          FROM generate_series(pg_temp.of('executions') + 1,
                               pg_temp.of('executions') + pg_temp.of('workspaces')) n) numbered
  JOIN workflows w ON w.id = pg_temp.u('workflow ' || 1 + n % pg_temp.of('workflows'))
  LEFT JOIN deployments d ON d.workflow_id = w.id;

INSERT INTO executions (id, workspace_id, workflow_id, deployment_id, status, trigger_type, input_data, output_data,
                        error_message, duration_ms, memory_usage_mb, completed_at)
SELECT id, workspace_id, workflow_id, deployment_id, status, (ARRAY['webhook', 'schedule', 'manual'])[1 + n % 3],
       jsonb_build_object('order', n, 'customer', jsonb_build_object('id', n % 977, 'name', 'Customer ' || n % 977)),
       CASE status WHEN 'success' THEN jsonb_build_object('sent', true, 'items', n % 13) END,
       CASE status WHEN 'failed' THEN 'The service answered 503 to step ' || 1 + n % 6 END,
       duration_ms, 20 + n % 200, moment + duration_ms * interval '1 millisecond'
  FROM runs
 ORDER BY n;

INSERT INTO execution_logs (execution_id, seq, workspace_id, node_id, level, message, metadata, "timestamp")
SELECT r.id, seq, r.workspace_id, 'n' || 1 + seq % 6,
       (ARRAY['info', 'debug', 'info', 'info', 'warn'])[1 + seq % 5],
       format('Step %s of run %s has sent %s bytes to the service', seq, r.n, 100 + (r.n * seq) % 9000),
       CASE WHEN seq % 5 = 0 THEN jsonb_build_object('attempt', 1 + seq % 3, 'service', 'api.example.org') END,
       r.moment + seq * interval '3 milliseconds'
  FROM runs r,
       generate_series(1, r.lines) seq
 ORDER BY r.n, seq;

INSERT INTO execution_streams (execution_id, workspace_id, last_seq, closed)
SELECT r.id, r.workspace_id, r.lines, r.status <> 'running'
  FROM runs r;

INSERT INTO workflow_statistics_shards (workflow_id, shard, workspace_id, total, successful, failed, timed,
                                        duration_ms, last_executed_at)
SELECT workflow_id, n / pg_temp.of('workflows') % 16, workspace_id, count(*), count(*) FILTER (WHERE status = 'success'),
       count(*) FILTER (WHERE status = 'failed'), count(duration_ms), coalesce(sum(duration_ms), 0), date_trunc('milliseconds', max(moment))
  FROM runs
 GROUP BY 1, 2, 3;

DROP TABLE runs;
RESET session_replication_role;

-- What PostGraphile offers as a mutation; the rest of our schema calls the same function.
CREATE SCHEMA bench;
CREATE FUNCTION bench.append_execution_logs(execution_id uuid, lines jsonb) RETURNS integer
LANGUAGE sql VOLATILE AS $$ SELECT r.inserted FROM app.report_lines(execution_id, lines, '{}', NULL) r $$;
GRANT USAGE ON SCHEMA bench TO mcp_api;
GRANT EXECUTE ON FUNCTION bench.append_execution_logs(uuid, jsonb) TO mcp_api;
