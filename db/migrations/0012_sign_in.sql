-- What must run before anybody is known. Only the login mcp_auth may call it: the login that runs
-- people's queries cannot ask for a password hash, a session or a key.

SET LOCAL ROLE mcp_owner;

-- A refresh token is used once; its successors are its family. Showing a used one again means that
-- somebody else holds a copy, and ends the family.
CREATE TABLE refresh_tokens (
    id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id         uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    family_id       uuid        NOT NULL,
    token_hash      bytea       NOT NULL,
    session_started timestamptz NOT NULL DEFAULT now(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    used_at         timestamptz,
    revoked_at      timestamptz,

    CONSTRAINT refresh_tokens_token_hash_key   UNIQUE (token_hash),
    CONSTRAINT refresh_tokens_token_hash_check CHECK (length(token_hash) = 32)
);

CREATE INDEX idx_refresh_tokens_user_id   ON refresh_tokens (user_id);
CREATE INDEX idx_refresh_tokens_family_id ON refresh_tokens (family_id);

SET LOCAL ROLE app_definer;

CREATE FUNCTION app.find_sign_in(p_email text)
RETURNS TABLE (id uuid, password_hash text, mfa_enabled boolean, email_verified boolean)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.id, u.password_hash, u.mfa_enabled, u.email_verified
      FROM public.users u
     WHERE lower(u.email) = lower(btrim(p_email))
$$;

-- NULL when the address is taken.
CREATE FUNCTION app.register_user(p_email text, p_password_hash text, p_name text) RETURNS uuid
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO public.users (email, password_hash, name)
    VALUES (btrim(p_email), p_password_hash, p_name)
        ON CONFLICT DO NOTHING
    RETURNING id
$$;

-- Stores the hash of the same password made with newer parameters, unless the password was changed.
CREATE FUNCTION app.renew_password_hash(p_user uuid, p_old text, p_new text) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE public.users SET password_hash = p_new WHERE id = p_user AND password_hash = p_old
$$;

-- Answers the family of tokens that begins here.
CREATE FUNCTION app.start_session(p_user uuid, p_token_hash bytea, p_ttl interval) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    family uuid := gen_random_uuid();
BEGIN
    INSERT INTO public.refresh_tokens (user_id, family_id, token_hash, expires_at)
    VALUES (p_user, family, p_token_hash, now() + p_ttl);
    UPDATE public.users SET last_login_at = now() WHERE id = p_user;
    RETURN family;
END $$;

-- One at a time in a family: to end one is to end the token that another is making at this moment, too.
-- The statement after this one sees it.
CREATE FUNCTION app.lock_family(p_token_hash bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_advisory_xact_lock(hashtextextended(t.family_id::text, 0))
      FROM public.refresh_tokens t
     WHERE t.token_hash = p_token_hash
$$;

-- outcome: ok, unknown, reused (the family is ended), expired (or ended before). No session outlives
-- its sign-in by more than 90 days.
CREATE FUNCTION app.refresh_session(p_old bytea, p_new bytea, p_ttl interval)
RETURNS TABLE (outcome text, user_id uuid)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    token public.refresh_tokens;
BEGIN
    PERFORM app.lock_family(p_old);
    SELECT * INTO token FROM public.refresh_tokens t WHERE t.token_hash = p_old;

    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unknown', NULL::uuid;
    ELSIF token.used_at IS NOT NULL THEN
        UPDATE public.refresh_tokens t
           SET revoked_at = now()
         WHERE t.family_id = token.family_id AND t.revoked_at IS NULL;
        RETURN QUERY SELECT 'reused', token.user_id;
    ELSIF token.revoked_at IS NOT NULL OR token.expires_at <= now() THEN
        RETURN QUERY SELECT 'expired', token.user_id;
    ELSE
        UPDATE public.refresh_tokens t SET used_at = now() WHERE t.id = token.id;
        INSERT INTO public.refresh_tokens (user_id, family_id, token_hash, session_started, expires_at)
        VALUES (token.user_id, token.family_id, p_new, token.session_started,
                least(now() + p_ttl, token.session_started + interval '90 days'));
        RETURN QUERY SELECT 'ok', token.user_id;
    END IF;
END $$;

-- True when there was a session to end.
CREATE FUNCTION app.end_session(p_token_hash bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM app.lock_family(p_token_hash);
    UPDATE public.refresh_tokens t
       SET revoked_at = now()
     WHERE t.family_id = (SELECT o.family_id FROM public.refresh_tokens o WHERE o.token_hash = p_token_hash)
       AND t.revoked_at IS NULL;
    RETURN FOUND;
END $$;

-- No row for a key that is unknown, inactive, revoked or expired. Counts the request; `allowed` is
-- false when the hour is used up.
CREATE FUNCTION app.find_api_key(p_hash bytea)
RETURNS TABLE (key_id uuid, workspace_id uuid, scopes text[], allowed boolean, remaining integer, reset_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    key   public.api_keys;
    hour  timestamptz := date_trunc('hour', now());
    count integer;
BEGIN
    SELECT * INTO key
      FROM public.api_keys k
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
    SELECT key.id, key.workspace_id, key.scopes, count IS NOT NULL,
           greatest(key.rate_limit - coalesce(count, key.rate_limit), 0), hour + interval '1 hour';
END $$;

-- For maintenance: sessions that ended a month ago, and hours that are over.
CREATE FUNCTION app.forget_expired() RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH tokens AS (
        DELETE FROM public.refresh_tokens WHERE expires_at < now() - interval '30 days' RETURNING 1
    ), hours AS (
        DELETE FROM public.api_key_usage WHERE window_start < now() - interval '1 day' RETURNING 1
    )
    SELECT (SELECT count(*) FROM tokens) + (SELECT count(*) FROM hours)
$$;

GRANT EXECUTE ON FUNCTION app.forget_expired() TO mcp_maintenance;

GRANT EXECUTE ON FUNCTION
    app.find_sign_in(text),
    app.register_user(text, text, text),
    app.renew_password_hash(uuid, text, text),
    app.start_session(uuid, bytea, interval),
    app.refresh_session(bytea, bytea, interval),
    app.end_session(bytea),
    app.find_api_key(bytea)
TO mcp_auth;
