-- API keys as people keep them: made, changed, taken back, and rotated with a time in which both the
-- old one and the new one work.

SET LOCAL ROLE mcp_owner;

ALTER TABLE api_keys ADD COLUMN replaces uuid REFERENCES api_keys (id) ON DELETE SET NULL;

-- One successor each.
CREATE UNIQUE INDEX api_keys_one_successor ON api_keys (replaces) WHERE replaces IS NOT NULL;
CREATE INDEX idx_api_keys_replaces ON api_keys (replaces);

GRANT SELECT (replaces) ON api_keys TO application_user;
GRANT INSERT, UPDATE    ON api_keys TO app_definer;

SET LOCAL ROLE app_definer;

-- No key lives longer than its workspace's settings allow, whoever writes it.
CREATE FUNCTION app.guard_key_life() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    days integer;
BEGIN
    SELECT (w.settings ->> 'api_key_days')::integer INTO days FROM public.workspaces w WHERE w.id = NEW.workspace_id;
    IF days IS NOT NULL AND coalesce(NEW.expires_at, 'infinity') > NEW.created_at + make_interval(days => days) THEN
        RAISE EXCEPTION 'keys of this workspace live for % days at most', days
              USING ERRCODE = 'check_violation', CONSTRAINT = 'api_keys_life';
    END IF;
    RETURN NEW;
END $$;

GRANT EXECUTE ON FUNCTION app.guard_key_life() TO mcp_owner;

CREATE FUNCTION app.create_api_key(
    p_workspace  uuid,
    p_name       text,
    p_hash       bytea,
    p_prefix     text,
    p_scopes     text[],
    p_rate_limit integer,
    p_expires_at timestamptz
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made uuid;
BEGIN
    PERFORM app.demand(p_workspace, 30, NULL, 'api_keys_write');
    INSERT INTO public.api_keys
           (workspace_id, name, key_hash, key_prefix, scopes, rate_limit, expires_at, created_by)
    VALUES (p_workspace, p_name, p_hash, p_prefix, p_scopes, p_rate_limit, p_expires_at, app.uid())
    RETURNING id INTO made;
    RETURN made;
END $$;

-- The key, locked, for an admin of its workspace.
CREATE FUNCTION app.lock_api_key(p_id uuid) RETURNS public.api_keys
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key public.api_keys;
BEGIN
    SELECT * INTO key FROM public.api_keys k WHERE k.id = p_id FOR UPDATE;
    IF key.workspace_id = ANY (app.ws(30, NULL)) THEN
        RETURN key;
    END IF;
    IF p_id = app.key_id() THEN
        RAISE EXCEPTION 'a key does not change itself'
              USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'api_keys_write';
    END IF;
    RAISE EXCEPTION 'there is no such API key'
          USING ERRCODE = 'no_data_found', CONSTRAINT = 'api_keys_visible';
END $$;

-- p_change holds what changes: name, scopes, rate_limit, expires_at (null: for ever), status.
CREATE FUNCTION app.update_api_key(p_id uuid, p_change jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key public.api_keys := app.lock_api_key(p_id);
BEGIN
    IF key.status = 'revoked' AND p_change ->> 'status' IS DISTINCT FROM 'revoked' THEN
        RAISE EXCEPTION 'the API key is revoked'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'api_keys_revoked';
    END IF;
    UPDATE public.api_keys k
       SET name       = coalesce(p_change ->> 'name', k.name),
           scopes     = CASE WHEN p_change ? 'scopes'
                             THEN ARRAY(SELECT jsonb_array_elements_text(p_change -> 'scopes')) ELSE k.scopes END,
           rate_limit = coalesce((p_change ->> 'rate_limit')::integer, k.rate_limit),
           expires_at = CASE WHEN p_change ? 'expires_at'
                             THEN (p_change ->> 'expires_at')::timestamptz ELSE k.expires_at END,
           status     = coalesce(p_change ->> 'status', k.status)
     WHERE k.id = p_id;
END $$;

-- A key like it, which lives as long anew; the old one ends after p_grace. Whoever rotates it has made
-- the new one.
CREATE FUNCTION app.rotate_api_key(p_id uuid, p_hash bytea, p_prefix text, p_grace interval) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key  public.api_keys := app.lock_api_key(p_id);
    made uuid;
BEGIN
    IF key.status <> 'active' OR key.expires_at <= now()
       OR EXISTS (SELECT FROM public.api_keys k WHERE k.replaces = p_id) THEN
        RAISE EXCEPTION 'the API key is not active, or was rotated before'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'api_keys_rotatable';
    END IF;
    INSERT INTO public.api_keys
           (workspace_id, name, key_hash, key_prefix, scopes, rate_limit, expires_at, created_by, replaces)
    VALUES (key.workspace_id, key.name, p_hash, p_prefix, key.scopes, key.rate_limit,
            now() + (key.expires_at - key.created_at), app.uid(), p_id)
    RETURNING id INTO made;
    UPDATE public.api_keys k
       SET expires_at = least(k.expires_at, now() + p_grace)
     WHERE k.id = p_id;
    RETURN made;
END $$;

DROP FUNCTION app.find_api_key(bytea);

-- No row for a key that is unknown, inactive, revoked or expired, whose maker has left the workspace,
-- or whose workspace is deleted. Counts the request; `allowed` is false when the hour is used up.
CREATE FUNCTION app.find_api_key(p_hash bytea)
RETURNS TABLE (key_id uuid, workspace_id uuid, scopes text[], allowed boolean, rate_limit integer, remaining integer,
               reset_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    key   public.api_keys;
    hour  timestamptz := date_trunc('hour', now());
    count integer;
BEGIN
    SELECT k.* INTO key
      FROM public.api_keys k
      JOIN public.workspace_users m ON m.workspace_id = k.workspace_id AND m.user_id = k.created_by
      JOIN public.workspaces w ON w.id = k.workspace_id AND w.deleted_at IS NULL
     WHERE k.key_hash = p_hash AND k.status = 'active' AND (k.expires_at IS NULL OR k.expires_at > now());
    IF NOT FOUND THEN
        RETURN;
    END IF;

    INSERT INTO public.api_key_usage AS u (key_id, window_start, n)
    VALUES (key.id, hour, 1)
        ON CONFLICT (key_id, window_start) DO UPDATE SET n = u.n + 1 WHERE u.n < key.rate_limit
    RETURNING u.n INTO count;

    -- to the minute, or every request would write the key's row; the condition lets one of many do it
    UPDATE public.api_keys k
       SET last_used_at = now()
     WHERE k.id = key.id AND (k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute');

    RETURN QUERY
    SELECT key.id, key.workspace_id, key.scopes, count IS NOT NULL, key.rate_limit,
           greatest(key.rate_limit - coalesce(count, key.rate_limit), 0), hour + interval '1 hour';
END $$;

-- The requests of this hour, for admins and for the key itself.
CREATE FUNCTION app.key_usage(p_key uuid)
RETURNS TABLE ("limit" integer, used integer, remaining integer, resets_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT k.rate_limit, coalesce(u.n, 0), greatest(k.rate_limit - coalesce(u.n, 0), 0),
           date_trunc('hour', now()) + interval '1 hour'
      FROM public.api_keys k
      LEFT JOIN public.api_key_usage u ON u.key_id = k.id AND u.window_start = date_trunc('hour', now())
     WHERE k.id = p_key AND (k.id = app.key_id() OR k.workspace_id = ANY (app.ws(30, NULL)));
END $$;

GRANT EXECUTE ON FUNCTION app.find_api_key(bytea) TO mcp_auth;

GRANT EXECUTE ON FUNCTION
    app.create_api_key(uuid, text, bytea, text, text[], integer, timestamptz),
    app.update_api_key(uuid, jsonb),
    app.rotate_api_key(uuid, bytea, text, interval),
    app.key_usage(uuid)
TO application_user;

SET LOCAL ROLE mcp_owner;

CREATE TRIGGER guard_key_life BEFORE INSERT OR UPDATE OF expires_at ON api_keys
    FOR EACH ROW EXECUTE FUNCTION app.guard_key_life();
