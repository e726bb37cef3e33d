-- The rest of what is sealed comes under a new key, too (db/rewrapping.py): messages that wait, and what
-- was masked, as it was.

SET LOCAL ROLE mcp_owner;

GRANT UPDATE (sealed, key_id) ON execution_originals TO app_definer;

SET LOCAL ROLE app_definer;

-- As in 0043: what is kept of a message is the sealing key's id, 16 characters, and what it sealed.
CREATE FUNCTION app.read_mail_under_other_keys(p_key_id text, p_after uuid, p_most integer)
RETURNS TABLE (id uuid, message bytea, key_id text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT m.id, substr(m.message, 17), convert_from(substr(m.message, 1, 16), 'UTF8')
      FROM secret.mail_outbox m
     WHERE substr(m.message, 1, 16) <> convert_to(p_key_id, 'UTF8') AND m.id > p_after
     ORDER BY m.id
     LIMIT p_most
$$;

CREATE FUNCTION app.count_mail_under_other_keys(p_key_id text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) FROM secret.mail_outbox m WHERE substr(m.message, 1, 16) <> convert_to(p_key_id, 'UTF8')
$$;

-- How many were replaced: none where it was sent meanwhile.
CREATE FUNCTION app.rewrap_mail(p_id uuid, p_old bytea, p_new bytea, p_key_id text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n integer;
BEGIN
    UPDATE secret.mail_outbox m SET message = convert_to(p_key_id, 'UTF8') || p_new
     WHERE m.id = p_id AND substr(m.message, 17) = p_old;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

-- The next p_most behind one, whoever sealed them: so a page takes as long among many that are done as
-- among many that are not. Each part of an execution has a key of its own; what is sealed with another
-- is shown.
CREATE FUNCTION app.page_of_originals(
    p_parts     text[],
    p_key_ids   text[],
    p_execution uuid,
    p_part      text,
    p_line      uuid,
    p_most      integer
) RETURNS TABLE (execution_id uuid, part text, line_id uuid, sealed bytea, key_id text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT o.execution_id, o.part, o.line_id, CASE WHEN k.key_id IS NULL THEN o.sealed END, o.key_id
      FROM (SELECT *
              FROM public.execution_originals e
             WHERE e.execution_id >= p_execution
               AND (e.execution_id, e.part, e.line_id) > (p_execution, p_part, p_line)
             ORDER BY e.execution_id, e.part, e.line_id
             LIMIT p_most) o
      LEFT JOIN unnest(p_parts, p_key_ids) AS k (part, key_id) ON k.part = o.part AND k.key_id = o.key_id
     ORDER BY o.execution_id, o.part, o.line_id
$$;

-- How many were replaced: none of those that were purged, or sealed anew by another, meanwhile.
CREATE FUNCTION app.rewrap_originals(
    p_executions uuid[],
    p_parts      text[],
    p_lines      uuid[],
    p_old        bytea[],
    p_new        bytea[],
    p_key_ids    text[]
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n integer;
BEGIN
    UPDATE public.execution_originals o
       SET sealed = given.new, key_id = given.key_id
      FROM unnest(p_executions, p_parts, p_lines, p_old, p_new, p_key_ids)
           AS given (execution_id, part, line_id, old, new, key_id)
     WHERE o.execution_id = given.execution_id AND o.part = given.part AND o.line_id = given.line_id
       AND o.sealed = given.old;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

GRANT EXECUTE ON FUNCTION
    app.read_mail_under_other_keys(text, uuid, integer),
    app.count_mail_under_other_keys(text),
    app.rewrap_mail(uuid, bytea, bytea, text),
    app.page_of_originals(text[], text[], uuid, text, uuid, integer),
    app.rewrap_originals(uuid[], text[], uuid[], bytea[], bytea[], text[])
TO mcp_worker;
