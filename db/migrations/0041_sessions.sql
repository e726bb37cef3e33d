-- Sessions: from where somebody is signed in, since when, and until when. A session's refresh tokens
-- are its family; access tokens name it, and are no longer good once it has ended.

SET LOCAL ROLE mcp_owner;

CREATE TABLE sessions (
    id           uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    ip_address   inet,       -- where it was last refreshed
    user_agent   text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz
);

CREATE INDEX idx_sessions_user_id  ON sessions (user_id, last_used_at DESC);
CREATE INDEX idx_sessions_ended_at ON sessions (ended_at) WHERE ended_at IS NOT NULL;

ALTER TABLE sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY definer ON sessions TO app_definer USING (true) WITH CHECK (true);
CREATE POLICY sessions_select ON sessions FOR SELECT TO application_user
    USING (user_id = (SELECT app.uid()));

GRANT SELECT                         ON sessions TO application_user;
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO app_definer;

SET LOCAL ROLE app_definer;

INSERT INTO public.sessions (id, user_id, created_at, last_used_at, expires_at, ended_at)
SELECT t.family_id, t.user_id, min(t.session_started), max(t.created_at), max(t.expires_at), max(t.revoked_at)
  FROM public.refresh_tokens t
 GROUP BY t.family_id, t.user_id;

DROP FUNCTION app.start_session(uuid, bytea, interval);
DROP FUNCTION app.lock_family(bytea);
DROP FUNCTION app.refresh_session(bytea, bytea, interval);
DROP FUNCTION app.end_session(bytea);

SET LOCAL ROLE mcp_owner;

ALTER TABLE refresh_tokens
    DROP COLUMN session_started,
    DROP COLUMN revoked_at,
    ADD CONSTRAINT refresh_tokens_family_id_fkey FOREIGN KEY (family_id) REFERENCES sessions (id) ON DELETE CASCADE;

-- What concerns one's account is in no workspace, and for oneself to see.
CREATE POLICY audit_logs_own ON audit_logs FOR SELECT TO application_user
    USING (workspace_id IS NULL AND user_id = (SELECT app.uid()));

SET LOCAL ROLE app_definer;

CREATE FUNCTION app.client_agent() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT left(nullif(current_setting('app.user_agent', true), ''), 512)
$$;

-- An entry in the log of somebody's account. Called by the definer's functions only.
CREATE FUNCTION app.note_event(p_user uuid, p_action text, p_details jsonb DEFAULT NULL) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO public.audit_logs (user_id, action, resource_type, resource_id, details, ip_address, user_agent)
    VALUES (p_user, p_action, split_part(p_action, '.', 1), p_user, p_details, app.client_ip(), app.client_agent())
$$;

-- Answers the session. p_method says how: password, second_factor, recovery_code or a provider.
CREATE FUNCTION app.start_session(p_user uuid, p_token_hash bytea, p_ttl interval, p_method text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    session uuid;
BEGIN
    INSERT INTO public.sessions (user_id, ip_address, user_agent, expires_at)
    VALUES (p_user, app.client_ip(), app.client_agent(), now() + p_ttl)
    RETURNING id INTO session;
    INSERT INTO public.refresh_tokens (user_id, family_id, token_hash, expires_at)
    VALUES (p_user, session, p_token_hash, now() + p_ttl);
    UPDATE public.users SET last_login_at = now() WHERE id = p_user;
    PERFORM app.note_event(p_user, 'account.sign_in', jsonb_build_object('session', session, 'method', p_method));
    RETURN session;
END $$;

-- The session that a token is of. One at a time: to end it is to end the token that another is making
-- at this moment, too. The statement after this one sees it.
CREATE FUNCTION app.lock_session(p_token_hash bytea) RETURNS uuid
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.id
      FROM public.sessions s
     WHERE s.id = (SELECT t.family_id FROM public.refresh_tokens t WHERE t.token_hash = p_token_hash)
       FOR UPDATE
$$;

-- outcome: ok, unknown, reused (the session is ended), expired (or ended before). No session outlives
-- its sign-in by more than 90 days.
CREATE FUNCTION app.refresh_session(p_old bytea, p_new bytea, p_ttl interval)
RETURNS TABLE (outcome text, user_id uuid, session_id uuid)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    session public.sessions;
    token   public.refresh_tokens;
    expiry  timestamptz;
BEGIN
    PERFORM app.lock_session(p_old);
    SELECT * INTO token   FROM public.refresh_tokens t WHERE t.token_hash = p_old;
    SELECT * INTO session FROM public.sessions s WHERE s.id = token.family_id;

    IF token.id IS NULL THEN
        RETURN QUERY SELECT 'unknown', NULL::uuid, NULL::uuid;
    ELSIF token.used_at IS NOT NULL THEN
        UPDATE public.sessions s SET ended_at = now() WHERE s.id = session.id AND s.ended_at IS NULL;
        IF FOUND THEN
            PERFORM app.note_event(session.user_id, 'account.refresh_token_reused',
                                   jsonb_build_object('session', session.id));
        END IF;
        RETURN QUERY SELECT 'reused', session.user_id, session.id;
    ELSIF session.ended_at IS NOT NULL OR token.expires_at <= now() THEN
        RETURN QUERY SELECT 'expired', session.user_id, session.id;
    ELSE
        expiry := least(now() + p_ttl, session.created_at + interval '90 days');
        UPDATE public.refresh_tokens t SET used_at = now() WHERE t.id = token.id;
        INSERT INTO public.refresh_tokens (user_id, family_id, token_hash, expires_at)
        VALUES (session.user_id, session.id, p_new, expiry);
        UPDATE public.sessions s
           SET last_used_at = now(), expires_at = expiry,
               ip_address = app.client_ip(), user_agent = app.client_agent()
         WHERE s.id = session.id;
        RETURN QUERY SELECT 'ok', session.user_id, session.id;
    END IF;
END $$;

-- The session that was ended; NULL where there was none to end.
CREATE FUNCTION app.end_session(p_token_hash bytea) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    session uuid := app.lock_session(p_token_hash);
    owner   uuid;
BEGIN
    UPDATE public.sessions s SET ended_at = now()
     WHERE s.id = session AND s.ended_at IS NULL
    RETURNING s.user_id INTO owner;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM app.note_event(owner, 'account.sign_out', jsonb_build_object('session', session));
    RETURN session;
END $$;

-- Ends one session of a user's (p_only), or all but one (p_keep), or all: those that were ended.
CREATE FUNCTION app.end_sessions(p_user uuid, p_only uuid, p_keep uuid) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    session uuid;
BEGIN
    FOR session IN
        UPDATE public.sessions s SET ended_at = now()
         WHERE s.user_id = p_user AND s.ended_at IS NULL AND s.expires_at > now()
           AND (p_only IS NULL OR s.id = p_only)
           AND (p_keep IS NULL OR s.id <> p_keep)
        RETURNING s.id
    LOOP
        PERFORM app.note_event(p_user, 'account.session_ended', jsonb_build_object('session', session));
        RETURN NEXT session;
    END LOOP;
END $$;

-- Sessions whose access tokens may still run but are no longer good.
CREATE FUNCTION app.ended_sessions(p_within interval) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.id FROM public.sessions s WHERE s.ended_at > now() - p_within
$$;

GRANT EXECUTE ON FUNCTION
    app.start_session(uuid, bytea, interval, text),
    app.refresh_session(bytea, bytea, interval),
    app.end_session(bytea),
    app.end_sessions(uuid, uuid, uuid),
    app.ended_sessions(interval)
TO mcp_auth;
