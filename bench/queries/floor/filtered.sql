SELECT json_build_object('workflows', (
  SELECT json_build_object('nodes', coalesce(json_agg(x), '[]')) FROM (
    SELECT w.id, w.name, w.description, upper(w.status COLLATE "C") AS status, w.version, w.tags,
           w.created_at AS "createdAt", w.updated_at AS "updatedAt"
      FROM workflows w WHERE w.status = 'active'
     ORDER BY w.updated_at DESC, w.id DESC LIMIT 100) x))
