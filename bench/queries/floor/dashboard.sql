SELECT json_build_object(
  'viewer', (
    SELECT json_build_object('dashboard', row_to_json(x)) FROM (
      SELECT d.total_workspaces AS "totalWorkspaces", d.total_workflows AS "totalWorkflows",
             d.active_workflows AS "activeWorkflows", d.total_executions AS "totalExecutions"
        FROM user_dashboard d) x),
  'workflows', (
    SELECT json_build_object('nodes', coalesce(json_agg(x), '[]')) FROM (
      SELECT w.id, w.name, (
        SELECT row_to_json(x) FROM (
          SELECT s.total_executions AS "totalExecutions", s.successful_executions AS "successfulExecutions",
                 s.failed_executions AS "failedExecutions", s.success_rate::float8 AS "successRate",
                 round(s.avg_duration_ms, 2)::float8 AS "avgDurationMs", s.last_executed_at AS "lastExecutedAt"
            FROM workflow_statistics s WHERE s.id = w.id) x) AS statistics
        FROM workflows w
       ORDER BY w.updated_at DESC, w.id DESC LIMIT 20) x))
