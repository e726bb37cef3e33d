SELECT json_build_object('append', json_build_object('appended', r.inserted))
  FROM app.report_lines($4, $5::jsonb, '{}', NULL) r
