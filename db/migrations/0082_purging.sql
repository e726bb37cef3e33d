-- What a deleted workspace ever ran goes in small batches, before the workspace goes in one statement;
-- and what was masked in log lines goes with them.

SET LOCAL ROLE mcp_owner;

GRANT DELETE ON execution_originals TO app_definer;

SET LOCAL ROLE app_definer;

-- As in 0080, but that of a workspace whose time of grace is over nothing is kept that ever ran.
CREATE OR REPLACE FUNCTION app.retention()
RETURNS TABLE (workspace_id uuid, logs_before uuid, executions_before uuid, audit_before uuid)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH longest AS (
        SELECT max(log_days) AS log_days, max(execution_days) AS execution_days, max(audit_days) AS audit_days
          FROM ops.retention
    )
    SELECT w.id,
           CASE WHEN g.gone THEN app.uuid7_floor(now())
                ELSE app.uuid7_floor(now() - make_interval(days => least(d.logs, d.executions))) END,
           CASE WHEN g.gone THEN app.uuid7_floor(now())
                ELSE app.uuid7_floor(now() - make_interval(days => d.executions)) END,
           app.uuid7_floor(now() - make_interval(days => greatest(d.audit, 31)))
      FROM public.workspaces w
     CROSS JOIN longest l
      LEFT JOIN ops.retention r ON r.plan_type = w.plan_type
     CROSS JOIN LATERAL (
           SELECT app.kept_days(w.plan_limits, 'logDays',       coalesce(r.log_days,       l.log_days, 36500)),
                  app.kept_days(w.plan_limits, 'executionDays', coalesce(r.execution_days, l.execution_days, 36500)),
                  app.kept_days(w.plan_limits, 'auditDays',     coalesce(r.audit_days,     l.audit_days, 36500))
     ) d (logs, executions, audit)
     CROSS JOIN LATERAL (SELECT coalesce(w.deleted_at <= now() - app.workspace_grace(), false)) g (gone)
$$;

-- As in 0080; and with an execution's lines goes what was masked in them.
CREATE OR REPLACE FUNCTION app.expire_logs(p_workspace uuid, p_most integer, OUT gone integer, OUT more boolean)
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
        DELETE FROM public.execution_originals o WHERE o.execution_id = ANY (old) AND o.part = 'line';
        INSERT INTO ops.retention_marks AS m (workspace_id, logs_before)
        VALUES (p_workspace, CASE WHEN more THEN old[100] ELSE until END)
            ON CONFLICT (workspace_id) DO UPDATE SET logs_before = excluded.logs_before
         WHERE m.logs_before < excluded.logs_before;
    END IF;
END $$;
