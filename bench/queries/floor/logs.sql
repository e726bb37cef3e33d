SELECT json_build_object('execution', (
  SELECT row_to_json(x) FROM (
    SELECT e.id, (
      SELECT json_build_object('nodes', coalesce(json_agg(x), '[]')) FROM (
        SELECT l.seq, l.node_id AS "nodeId", upper(l.level) AS level, l.message, l.metadata, l."timestamp"
          FROM execution_logs l WHERE l.execution_id = e.id
         ORDER BY l.seq LIMIT 500) x) AS logs
      FROM executions e WHERE e.id = $1::uuid) x))
