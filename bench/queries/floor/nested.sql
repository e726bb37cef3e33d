SELECT json_build_object('workspaces', (
  SELECT json_build_object('nodes', coalesce(json_agg(x), '[]')) FROM (
    SELECT s.id, s.name, s.slug, (
      SELECT json_build_object('nodes', coalesce(json_agg(x), '[]')) FROM (
        SELECT w.id, w.name, upper(w.status) AS status, (
          SELECT json_build_object('nodes', coalesce(json_agg(x), '[]')) FROM (
            SELECT e.id, upper(e.status) AS status, e.trigger_type AS "triggerType",
                   e.started_at AS "startedAt", e.duration_ms AS "durationMs", (
              SELECT json_build_object('nodes', coalesce(json_agg(x), '[]')) FROM (
                SELECT l.seq, upper(l.level) AS level, l.message, l."timestamp"
                  FROM execution_logs l WHERE l.execution_id = e.id
                 ORDER BY l.seq LIMIT 5) x) AS logs
              FROM executions e WHERE e.workflow_id = w.id
             ORDER BY e.id DESC LIMIT 5) x) AS executions
          FROM workflows w WHERE w.workspace_id = s.id
         ORDER BY w.name, w.id LIMIT 5) x) AS workflows
      FROM workspaces s
     ORDER BY s.name, s.id LIMIT 5) x))
