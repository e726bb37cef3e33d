SELECT json_build_object('workflow', (
  SELECT row_to_json(x) FROM (
    SELECT w.id, w.name, w.description, upper(w.status COLLATE "C") AS status, w.version, w.tags,
           w.created_at AS "createdAt", w.updated_at AS "updatedAt"
      FROM workflows w WHERE w.id = $1::uuid) x))
