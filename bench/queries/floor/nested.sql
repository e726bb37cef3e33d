SELECT '{"workspaces":{"nodes":[' || (
  SELECT coalesce(string_agg(
           concat('{"id":"', id, '","name":', to_json(name), ',"slug":', to_json(slug), ',"workflows":{"nodes":[')
             || workflows || ']}}', ','), '')
    FROM (
    SELECT s.id, s.name, s.slug, (
      SELECT coalesce(string_agg(
               concat('{"id":"', id, '","name":', to_json(name), ',"status":"', status, '","executions":{"nodes":[')
                 || executions || ']}}', ','), '')
        FROM (
        SELECT w.id, w.name, upper(w.status COLLATE "C") AS status, (
          SELECT coalesce(string_agg(
                   concat('{"id":"', id, '","status":"', status, '","triggerType":', to_json(trigger_type),
                          ',"startedAt":', to_json(started_at), ',"durationMs":', coalesce(duration_ms::text, 'null'),
                          ',"logs":{"nodes":[') || logs || ']}}', ','), '')
            FROM (
            SELECT e.id, upper(e.status COLLATE "C") AS status, e.trigger_type, e.started_at, e.duration_ms, (
              SELECT coalesce(string_agg(
                       concat('{"seq":', seq, ',"level":"', level, '","message":', to_json(message),
                              ',"timestamp":', to_json("timestamp"), '}'), ','), '')
                FROM (
                SELECT l.seq, upper(l.level COLLATE "C") AS level, l.message, l."timestamp"
                  FROM execution_logs l WHERE l.execution_id = e.id
                 ORDER BY l.seq LIMIT 5) x) AS logs
              FROM executions e WHERE e.workflow_id = w.id
             ORDER BY e.id DESC LIMIT 5) x) AS executions
          FROM workflows w WHERE w.workspace_id = s.id
         ORDER BY w.name, w.id LIMIT 5) x) AS workflows
      FROM workspaces s
     ORDER BY s.name, s.id LIMIT 5) x) || ']}}'
