SELECT '{"execution":' || coalesce((
  SELECT concat('{"id":"', e.id, '","logs":{"nodes":[') || (
    SELECT coalesce(string_agg(
             concat('{"seq":', seq, ',"nodeId":', coalesce(to_json(node_id), 'null'), ',"level":"', level,
                    '","message":', to_json(message), ',"metadata":', coalesce(metadata, 'null'),
                    ',"timestamp":', to_json("timestamp"), '}'), ','), '')
      FROM (
      SELECT l.seq, l.node_id, upper(l.level COLLATE "C") AS level, l.message, l.metadata, l."timestamp"
        FROM execution_logs l WHERE l.execution_id = e.id
       ORDER BY l.seq LIMIT 500) x) || ']}}'
    FROM executions e WHERE e.id = $1::uuid), 'null') || '}'
