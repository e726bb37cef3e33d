-- The keys of second factors are sealed anew with the others when SECRET_KEY changes (db/rewrapping.py).
-- What is kept is the sealing key's id, 16 characters, and what it sealed.

SET LOCAL ROLE app_definer;

CREATE FUNCTION app.read_second_factors_under_other_keys(p_key_id text, p_after uuid, p_most integer)
RETURNS TABLE (user_id uuid, key bytea, key_id text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.user_id, substr(f.key, 17), convert_from(substr(f.key, 1, 16), 'UTF8')
      FROM secret.second_factors f
     WHERE substr(f.key, 1, 16) <> convert_to(p_key_id, 'UTF8') AND f.user_id > p_after
     ORDER BY f.user_id
     LIMIT p_most
$$;

CREATE FUNCTION app.count_second_factors_under_other_keys(p_key_id text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) FROM secret.second_factors f WHERE substr(f.key, 1, 16) <> convert_to(p_key_id, 'UTF8')
$$;

-- How many were replaced: none where the user has begun another meanwhile.
CREATE FUNCTION app.rewrap_second_factor(p_user uuid, p_old bytea, p_new bytea, p_key_id text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n integer;
BEGIN
    UPDATE secret.second_factors f SET key = convert_to(p_key_id, 'UTF8') || p_new
     WHERE f.user_id = p_user AND substr(f.key, 17) = p_old;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

GRANT EXECUTE ON FUNCTION
    app.read_second_factors_under_other_keys(text, uuid, integer),
    app.count_second_factors_under_other_keys(text),
    app.rewrap_second_factor(uuid, bytea, bytea, text)
TO mcp_worker;
