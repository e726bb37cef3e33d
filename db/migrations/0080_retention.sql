-- How long logs, executions and the audit log are kept, by the plan of their workspace; and what takes
-- away what is older: whole months where nobody needs them any more, rows in small batches else.
--
-- Plain DETACH with a short lock_timeout, not DETACH CONCURRENTLY: that takes the rights of the
-- tables' owner, which no login has; on a table that foreign keys refer to it waits in everybody's
-- way all the same; and broken off it leaves half a partition. docs/adr/0017

SET LOCAL ROLE mcp_owner;

-- For operators to change. A plan that is not here is kept as long as the longest that is.
CREATE TABLE ops.retention (
    plan_type      varchar(50) PRIMARY KEY,
    log_days       integer     NOT NULL,
    execution_days integer     NOT NULL,
    audit_days     integer     NOT NULL,

    CONSTRAINT retention_log_days_check       CHECK (log_days BETWEEN 1 AND 36500),
    CONSTRAINT retention_execution_days_check CHECK (execution_days BETWEEN log_days AND 36500),
    CONSTRAINT retention_audit_days_check     CHECK (audit_days BETWEEN 31 AND 36500)
);

INSERT INTO ops.retention (plan_type, log_days, execution_days, audit_days)
VALUES ('free',        14,   90,  365),
       ('pro',         90,  365,  730),
       ('enterprise', 365, 1095, 2555);

-- How far a workspace's log lines have been taken away, so that nobody looks there again.
CREATE TABLE ops.retention_marks (
    workspace_id uuid PRIMARY KEY REFERENCES public.workspaces (id) ON DELETE CASCADE,
    logs_before  uuid NOT NULL
);

CREATE TABLE ops.maintenance_runs (
    ended_at timestamptz PRIMARY KEY DEFAULT clock_timestamp(),
    did      jsonb       NOT NULL
);

GRANT USAGE                  ON SCHEMA ops                           TO app_definer;
GRANT SELECT                 ON ops.retention                        TO app_definer;
GRANT SELECT, INSERT, UPDATE ON ops.retention_marks                  TO app_definer;
GRANT SELECT, INSERT, DELETE ON ops.maintenance_runs                 TO app_definer;
GRANT SELECT, DELETE         ON executions, execution_logs, audit_logs TO app_definer;

-- Append-only still: but what maintenance takes away because its time is over. Nothing that is
-- younger than a month goes, whatever a plan says.
CREATE OR REPLACE FUNCTION app.refuse_audit_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_user = 'app_definer' AND OLD.id < app.uuid7_floor(now() - interval '31 days') THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only'
          USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'audit_logs_append_only';
END $$;

SET LOCAL ROLE app_definer;

-- A number of days from a workspace's plan_limits, or the plan's where that says nothing usable.
CREATE FUNCTION app.kept_days(p_limits jsonb, p_name text, p_plan integer) RETURNS integer
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN jsonb_typeof(p_limits -> p_name) = 'number'
                THEN least(greatest((p_limits ->> p_name)::numeric, 1), 36500)::integer
                ELSE p_plan END
$$;

-- For each workspace the first ids that are kept. `plan_limits` overrides the plan with logDays,
-- executionDays and auditDays; logs never outlive their executions.
CREATE FUNCTION app.retention()
RETURNS TABLE (workspace_id uuid, logs_before uuid, executions_before uuid, audit_before uuid)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH longest AS (
        SELECT max(log_days) AS log_days, max(execution_days) AS execution_days, max(audit_days) AS audit_days
          FROM ops.retention
    )
    SELECT w.id,
           app.uuid7_floor(now() - make_interval(days => least(d.logs, d.executions))),
           app.uuid7_floor(now() - make_interval(days => d.executions)),
           app.uuid7_floor(now() - make_interval(days => greatest(d.audit, 31)))
      FROM public.workspaces w
     CROSS JOIN longest l
      LEFT JOIN ops.retention r ON r.plan_type = w.plan_type
     CROSS JOIN LATERAL (
           SELECT app.kept_days(w.plan_limits, 'logDays',       coalesce(r.log_days,       l.log_days, 36500)),
                  app.kept_days(w.plan_limits, 'executionDays', coalesce(r.execution_days, l.execution_days, 36500)),
                  app.kept_days(w.plan_limits, 'auditDays',     coalesce(r.audit_days,     l.audit_days, 36500))
     ) d (logs, executions, audit)
$$;

-- The first id that somebody still needs: of the plans that workspaces have, and of what still runs.
-- The audit log outlives its workspace, and is then kept as long as the longest plan says.
CREATE FUNCTION app.needed_from(p_table text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT id
      FROM (SELECT CASE p_table WHEN 'execution_logs' THEN r.logs_before
                                WHEN 'audit_logs'     THEN r.audit_before
                                ELSE r.executions_before END AS id
              FROM app.retention() r
             UNION ALL
            SELECT app.uuid7_floor(now() - make_interval(days => coalesce(max(audit_days), 36500)))
              FROM ops.retention HAVING p_table = 'audit_logs'
             UNION ALL
            (SELECT e.id FROM public.executions e WHERE e.status = 'running' AND p_table <> 'audit_logs'
              ORDER BY e.id LIMIT 1)
             UNION ALL
            SELECT app.uuid7_floor(now() - interval '31 days')) needed
     ORDER BY id LIMIT 1
$$;

-- The workspaces that have something whose time is over.
CREATE FUNCTION app.expired_workspaces() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.workspace_id
      FROM app.retention() r
      LEFT JOIN ops.retention_marks m ON m.workspace_id = r.workspace_id
     WHERE EXISTS (SELECT FROM public.executions e
                    WHERE e.workspace_id = r.workspace_id AND e.id < r.executions_before
                      AND e.status <> 'running')
        OR EXISTS (SELECT FROM public.executions e
                    WHERE e.workspace_id = r.workspace_id AND e.id < r.logs_before
                      AND e.id > coalesce(m.logs_before, '00000000-0000-0000-0000-000000000000'))
        OR EXISTS (SELECT FROM public.audit_logs a
                    WHERE a.workspace_id = r.workspace_id AND a.id < r.audit_before)
$$;

-- Takes away log lines, p_most at a time; more is true while there may be others.
CREATE FUNCTION app.expire_logs(p_workspace uuid, p_most integer, OUT gone integer, OUT more boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    until uuid := (SELECT r.logs_before FROM app.retention() r WHERE r.workspace_id = p_workspace);
    mark  uuid := (SELECT m.logs_before FROM ops.retention_marks m WHERE m.workspace_id = p_workspace);
    old   uuid[];
BEGIN
    old := ARRAY(
        SELECT e.id
          FROM public.executions e
         WHERE e.workspace_id = p_workspace AND e.id < until AND e.status <> 'running'
           AND e.id > coalesce(mark, '00000000-0000-0000-0000-000000000000')
         ORDER BY e.id
         LIMIT 100);

    DELETE FROM public.execution_logs l
     USING (SELECT line.execution_id, line.seq
              FROM unnest(old) o
             CROSS JOIN LATERAL (SELECT x.execution_id, x.seq FROM public.execution_logs x
                                  WHERE x.execution_id = o ORDER BY x.seq LIMIT p_most) line
             LIMIT p_most) expired
     WHERE l.execution_id = expired.execution_id AND l.seq = expired.seq;
    GET DIAGNOSTICS gone = ROW_COUNT;

    more := gone = p_most OR cardinality(old) = 100;
    IF gone < p_most AND until IS NOT NULL THEN
        INSERT INTO ops.retention_marks AS m (workspace_id, logs_before)
        VALUES (p_workspace, CASE WHEN more THEN old[100] ELSE until END)
            ON CONFLICT (workspace_id) DO UPDATE SET logs_before = excluded.logs_before
         WHERE m.logs_before < excluded.logs_before;
    END IF;
END $$;

-- Takes away executions that have ended, with what still hangs on them.
CREATE FUNCTION app.expire_executions(p_workspace uuid, p_most integer, OUT gone integer, OUT more boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old uuid[] := ARRAY(
        SELECT e.id
          FROM public.executions e
         WHERE e.workspace_id = p_workspace AND e.status <> 'running'
           AND e.id < (SELECT r.executions_before FROM app.retention() r WHERE r.workspace_id = p_workspace)
         ORDER BY e.id
         LIMIT p_most);
BEGIN
    -- the stream before the execution, as all who need both
    PERFORM FROM public.execution_streams s WHERE s.execution_id = ANY (old) ORDER BY s.execution_id FOR UPDATE;
    DELETE FROM public.executions e WHERE e.id = ANY (old);
    GET DIAGNOSTICS gone = ROW_COUNT;
    more := cardinality(old) = p_most;
END $$;

CREATE FUNCTION app.expire_audit(p_workspace uuid, p_most integer, OUT gone integer, OUT more boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM public.audit_logs a
     WHERE a.id = ANY (ARRAY(
           SELECT x.id
             FROM public.audit_logs x
            WHERE x.workspace_id = p_workspace
              AND x.id < (SELECT r.audit_before FROM app.retention() r WHERE r.workspace_id = p_workspace)
            ORDER BY x.id
            LIMIT p_most));
    GET DIAGNOSTICS gone = ROW_COUNT;
    more := gone = p_most;
END $$;

CREATE FUNCTION app.note_maintenance(p_did jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM ops.maintenance_runs WHERE ended_at < now() - interval '30 days';
    INSERT INTO ops.maintenance_runs (did) VALUES (p_did);
$$;

CREATE FUNCTION app.last_maintenance() RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT max(ended_at) FROM ops.maintenance_runs
$$;

CREATE FUNCTION app.has_executions(p_from uuid, p_before uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM public.executions WHERE id >= p_from AND id < p_before)
$$;

GRANT EXECUTE ON FUNCTION app.needed_from(text), app.has_executions(uuid, uuid) TO mcp_owner;

GRANT EXECUTE ON FUNCTION
    app.expired_workspaces(),
    app.expire_logs(uuid, integer),
    app.expire_executions(uuid, integer),
    app.expire_audit(uuid, integer),
    app.note_maintenance(jsonb),
    app.last_maintenance()
TO mcp_maintenance;

GRANT EXECUTE ON FUNCTION app.last_maintenance() TO application_user;  -- for the health check

SET LOCAL ROLE mcp_owner;

DROP FUNCTION ops.drop_expired(interval, interval, interval);

-- Whole months that nobody needs any more, logs first. Those of executions and their streams only
-- once they are empty: their rows are taken away one by one, and so nothing refers to them.
CREATE FUNCTION ops.expired_months() RETURNS TABLE (parent name, partition name)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.parent, c.relname
      FROM (SELECT p AS parent, app.needed_from(p) AS needed FROM ops.partitioned_tables() p) t
      JOIN pg_inherits i ON i.inhparent = format('public.%I', t.parent)::regclass
      JOIN pg_class    c ON c.oid = i.inhrelid
     CROSS JOIN LATERAL to_date(substring(c.relname FROM '_y(\d{4}m\d{2})$'), 'YYYY"m"MM') month
     CROSS JOIN LATERAL (
           SELECT app.uuid7_floor(month::timestamp AT TIME ZONE 'UTC'),
                  app.uuid7_floor((month + interval '1 month')::timestamp AT TIME ZONE 'UTC')
     ) bounds (first, next)
     WHERE bounds.next <= t.needed
       AND (t.parent NOT IN ('executions', 'execution_streams')
            OR NOT app.has_executions(bounds.first, bounds.next))
     ORDER BY t.parent = 'executions', t.parent = 'execution_streams', c.relname
$$;

-- True when it was dropped; false when it is not, or no longer, an expired month.
--
-- It locks the parent, and for a month of executions also those who refer to it, for milliseconds;
-- one who has to wait gives up soon, because everybody else would wait behind it.
CREATE FUNCTION ops.drop_month(p_partition text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '200ms'
SET enable_hashjoin = off   -- the check that nothing refers to the month would read all logs
SET enable_mergejoin = off
AS $$
DECLARE
    old record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ops.partitions'));
    SELECT m.parent, m.partition INTO old FROM ops.expired_months() m WHERE m.partition = p_partition;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    EXECUTE format('ALTER TABLE public.%I DETACH PARTITION public.%I', old.parent, old.partition);
    EXECUTE format('DROP TABLE public.%I', old.partition);
    RETURN true;
END $$;

GRANT EXECUTE ON FUNCTION ops.expired_months(), ops.drop_month(text) TO mcp_maintenance;
