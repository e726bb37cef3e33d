-- What people do to their accounts: limits on guessing, tokens that are good once, passwords, the
-- second factor, sign-in by others, and the end of an account. All of it is the sign-in login's.

SET LOCAL ROLE mcp_owner;

-- How far each allowance is spent: a row's moment is behind now() by as much as is left of it, and an
-- allowance that nobody spends fills up by itself.
CREATE TABLE secret.allowances (
    key         bytea       PRIMARY KEY,
    spent_until timestamptz NOT NULL
);

CREATE INDEX idx_allowances_spent_until ON secret.allowances (spent_until);

-- Tokens that are good once, sent by mail or handed to a client between two steps.
CREATE TABLE secret.one_time_tokens (
    token_hash bytea       PRIMARY KEY,
    purpose    text        NOT NULL,
    user_id    uuid        REFERENCES users (id) ON DELETE CASCADE,
    email      text,       -- the address that it proves
    method     text,       -- how the first step of a sign-in was done
    expires_at timestamptz NOT NULL,

    CONSTRAINT one_time_tokens_hash_check    CHECK (length(token_hash) = 32),
    CONSTRAINT one_time_tokens_purpose_check
        CHECK (purpose IN ('verify_email', 'reset_password', 'second_factor', 'oauth'))
);

CREATE INDEX idx_one_time_tokens_user_id    ON secret.one_time_tokens (user_id, purpose);
CREATE INDEX idx_one_time_tokens_expires_at ON secret.one_time_tokens (expires_at);

-- The key that codes are made of is sealed by the API. Until confirmed_at it asks for nothing.
CREATE TABLE secret.second_factors (
    user_id      uuid        PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    key          bytea       NOT NULL,
    last_step    bigint      NOT NULL DEFAULT 0,  -- of the last code that was accepted: none twice
    confirmed_at timestamptz
);

CREATE TABLE secret.recovery_codes (
    user_id   uuid  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash bytea NOT NULL,

    PRIMARY KEY (user_id, code_hash),
    CONSTRAINT recovery_codes_hash_check CHECK (length(code_hash) = 32)
);

-- Who somebody is elsewhere. Replaces the one pair users.oauth_provider and oauth_id.
CREATE TABLE user_identities (
    id           uuid         PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      uuid         NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider     varchar(50)  NOT NULL,
    subject      varchar(255) NOT NULL,  -- never changes there; an address may
    email        varchar(255),
    created_at   timestamptz  NOT NULL DEFAULT now(),
    last_used_at timestamptz,

    CONSTRAINT user_identities_subject_key UNIQUE (provider, subject)
);

CREATE INDEX idx_user_identities_user_id ON user_identities (user_id, created_at);

DO $$
DECLARE
    t regclass;
BEGIN
    FOREACH t IN ARRAY ARRAY[
        'secret.allowances', 'secret.one_time_tokens', 'secret.second_factors', 'secret.recovery_codes',
        'user_identities'
    ]::regclass[] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY definer ON %s TO app_definer USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO app_definer', t);
    END LOOP;
END $$;

CREATE POLICY user_identities_select ON user_identities FOR SELECT TO application_user
    USING (user_id = (SELECT app.uid()));
GRANT SELECT ON user_identities TO application_user;

ALTER TABLE users
    ADD COLUMN deleted_at timestamptz,
    ALTER COLUMN locale TYPE varchar(35);  -- as long as a language tag must be supported (RFC 5646)

CREATE TRIGGER audit AFTER UPDATE OF name, avatar_url, timezone, locale ON users
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NULL)
    EXECUTE FUNCTION app.write_audit('user', 'password_hash', 'email last_login_at email_verified mfa_enabled');

GRANT DELETE ON workspace_users TO app_definer;

SET LOCAL ROLE app_definer;

INSERT INTO public.user_identities (user_id, provider, subject, email)
SELECT u.id, u.oauth_provider, u.oauth_id, u.email FROM public.users u WHERE u.oauth_id IS NOT NULL;

SET LOCAL ROLE mcp_owner;

ALTER TABLE users
    DROP COLUMN oauth_provider,
    DROP COLUMN oauth_id;

SET LOCAL ROLE app_definer;

-- Limits ----------------------------------------------------------------------------------------------

-- Spends one of each allowance, or none: then it answers when one of each is left. p_every[i] is the
-- time in which one grows back, p_most[i] how many there are. Keys are locked in one order.
CREATE FUNCTION app.spend(p_keys bytea[], p_every interval[], p_most integer[]) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at      timestamptz := clock_timestamp();
    allowed timestamptz;
BEGIN
    INSERT INTO secret.allowances (key, spent_until)
    SELECT k, '-infinity' FROM unnest(p_keys) k ORDER BY k
        ON CONFLICT DO NOTHING;
    PERFORM FROM secret.allowances a WHERE a.key = ANY (p_keys) ORDER BY a.key FOR UPDATE;

    SELECT max(greatest(a.spent_until, at) + l.every - l.every * l.most) INTO allowed
      FROM unnest(p_keys, p_every, p_most) AS l (key, every, most)
      JOIN secret.allowances a USING (key);
    IF allowed > at THEN
        RETURN allowed;
    END IF;

    UPDATE secret.allowances a
       SET spent_until = greatest(a.spent_until, at) + l.every
      FROM unnest(p_keys, p_every) AS l (key, every)
     WHERE a.key = l.key;
    RETURN NULL;
END $$;

-- What was spent by somebody who turned out to be right.
CREATE FUNCTION app.unspend(p_keys bytea[], p_every interval[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM secret.allowances a WHERE a.key = ANY (p_keys) ORDER BY a.key FOR UPDATE;
    UPDATE secret.allowances a
       SET spent_until = a.spent_until - l.every
      FROM unnest(p_keys, p_every) AS l (key, every)
     WHERE a.key = l.key;
END $$;

-- Who signs in ----------------------------------------------------------------------------------------

DROP FUNCTION app.find_sign_in(text);

-- known_here: the account was signed in to from this address before.
CREATE FUNCTION app.find_sign_in(p_email text)
RETURNS TABLE (id uuid, password_hash text, mfa_enabled boolean, email_verified boolean, name text,
               known_here boolean)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.id, u.password_hash, u.mfa_enabled, u.email_verified, u.name,
           EXISTS (SELECT FROM public.sessions s WHERE s.user_id = u.id AND s.ip_address = app.client_ip())
      FROM public.users u
     WHERE lower(u.email) = lower(btrim(p_email)) AND u.deleted_at IS NULL
$$;

DROP FUNCTION app.register_user(text, text, text);

-- NULL when the address is taken.
CREATE FUNCTION app.register_user(p_email text, p_password_hash text, p_name text, p_verified boolean DEFAULT false)
RETURNS uuid
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO public.users (email, password_hash, name, email_verified)
    VALUES (btrim(p_email), p_password_hash, p_name, p_verified)
        ON CONFLICT DO NOTHING
    RETURNING id
$$;

CREATE FUNCTION app.find_account(p_user uuid)
RETURNS TABLE (id uuid, email text, name text, password_hash text, mfa_enabled boolean,
               email_verified boolean, identities integer)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.id, u.email, u.name, u.password_hash, u.mfa_enabled, u.email_verified,
           (SELECT count(*)::integer FROM public.user_identities i WHERE i.user_id = u.id)
      FROM public.users u
     WHERE u.id = p_user AND u.deleted_at IS NULL
$$;

-- Tokens that are good once ---------------------------------------------------------------------------

-- A new one takes the place of the user's last one for the same purpose, but for steps of sign-ins.
CREATE FUNCTION app.make_token(p_hash bytea, p_purpose text, p_user uuid, p_email text, p_method text, p_ttl interval)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM secret.one_time_tokens t
     WHERE t.user_id = p_user AND t.purpose = p_purpose AND p_purpose IN ('verify_email', 'reset_password');
    INSERT INTO secret.one_time_tokens (token_hash, purpose, user_id, email, method, expires_at)
    VALUES (p_hash, p_purpose, p_user, p_email, p_method, now() + p_ttl);
END $$;

-- The token, if it is good: of several who take it at once, one gets it.
CREATE FUNCTION app.take_token(p_hash bytea, p_purpose text) RETURNS TABLE (user_id uuid, email text, method text)
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM secret.one_time_tokens t
     WHERE t.token_hash = p_hash AND t.purpose = p_purpose AND t.expires_at > now()
    RETURNING t.user_id, t.email, t.method
$$;

CREATE FUNCTION app.peek_token(p_hash bytea, p_purpose text) RETURNS TABLE (user_id uuid, email text, method text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.user_id, t.email, t.method
      FROM secret.one_time_tokens t
     WHERE t.token_hash = p_hash AND t.purpose = p_purpose AND t.expires_at > now()
$$;

-- Whose address it is that the token proves; NULL for a token that is not good, and where the account
-- has another address by now.
CREATE FUNCTION app.verify_email(p_hash bytea) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    token record;
BEGIN
    SELECT * INTO token FROM app.take_token(p_hash, 'verify_email');
    UPDATE public.users u SET email_verified = true
     WHERE u.id = token.user_id AND lower(u.email) = lower(token.email) AND u.deleted_at IS NULL;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM app.note_event(token.user_id, 'account.email_verified');
    RETURN token.user_id;
END $$;

-- Passwords -------------------------------------------------------------------------------------------

-- Whoever reads the mailbox sets the password; the address is proven by it. What anybody held before,
-- sessions and tokens, is gone.
CREATE FUNCTION app.reset_password(p_hash bytea, p_password_hash text) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    token record;
BEGIN
    SELECT * INTO token FROM app.take_token(p_hash, 'reset_password');
    UPDATE public.users u SET password_hash = p_password_hash, email_verified = true
     WHERE u.id = token.user_id AND lower(u.email) = lower(token.email) AND u.deleted_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the token is not good'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'one_time_tokens_good';
    END IF;
    DELETE FROM secret.one_time_tokens t WHERE t.user_id = token.user_id;
    PERFORM app.note_event(token.user_id, 'account.password_reset');
    RETURN QUERY SELECT app.end_sessions(token.user_id, NULL, NULL);
END $$;

-- The sessions that it ended: all but p_keep. An error if the password was changed meanwhile.
CREATE FUNCTION app.change_password(p_user uuid, p_old text, p_new text, p_keep uuid) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE public.users u SET password_hash = p_new
     WHERE u.id = p_user AND u.password_hash IS NOT DISTINCT FROM p_old AND u.deleted_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the password was changed meanwhile'
              USING ERRCODE = 'serialization_failure', CONSTRAINT = 'users_password_current';
    END IF;
    DELETE FROM secret.one_time_tokens t WHERE t.user_id = p_user;
    PERFORM app.note_event(p_user, 'account.password_changed');
    RETURN QUERY SELECT app.end_sessions(p_user, NULL, p_keep);
END $$;

-- The second factor -----------------------------------------------------------------------------------

-- A key that is not confirmed yet gives way; one that is stays, and the answer is false.
CREATE FUNCTION app.begin_second_factor(p_user uuid, p_key bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO secret.second_factors AS f (user_id, key) VALUES (p_user, p_key)
        ON CONFLICT (user_id) DO UPDATE SET key = excluded.key, last_step = 0 WHERE f.confirmed_at IS NULL;
    RETURN FOUND;
END $$;

CREATE FUNCTION app.find_second_factor(p_user uuid) RETURNS TABLE (key bytea, confirmed boolean)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.key, f.confirmed_at IS NOT NULL FROM secret.second_factors f WHERE f.user_id = p_user
$$;

-- Whether the code of this step may be used: none twice, and none older than one that was used.
CREATE FUNCTION app.use_step(p_user uuid, p_key bytea, p_step bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE secret.second_factors f SET last_step = p_step
     WHERE f.user_id = p_user AND f.key = p_key AND f.last_step < p_step;
    RETURN FOUND;
END $$;

CREATE FUNCTION app.use_recovery_code(p_user uuid, p_code_hash bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM secret.recovery_codes c WHERE c.user_id = p_user AND c.code_hash = p_code_hash;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM app.note_event(p_user, 'account.recovery_code_used');
    RETURN true;
END $$;

CREATE FUNCTION app.replace_recovery_codes(p_user uuid, p_hashes bytea[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM public.users u WHERE u.id = p_user FOR UPDATE;
    DELETE FROM secret.recovery_codes c WHERE c.user_id = p_user;
    INSERT INTO secret.recovery_codes (user_id, code_hash) SELECT p_user, h FROM unnest(p_hashes) h;
    PERFORM app.note_event(p_user, 'account.recovery_codes_made');
END $$;

-- From here on sign-in asks for it. False where it does already.
CREATE FUNCTION app.confirm_second_factor(p_user uuid, p_hashes bytea[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE secret.second_factors f SET confirmed_at = now() WHERE f.user_id = p_user AND f.confirmed_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE public.users u SET mfa_enabled = true WHERE u.id = p_user;
    PERFORM app.note_event(p_user, 'account.second_factor_enabled');
    PERFORM app.replace_recovery_codes(p_user, p_hashes);
    RETURN true;
END $$;

CREATE FUNCTION app.disable_second_factor(p_user uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM secret.second_factors f WHERE f.user_id = p_user;
    DELETE FROM secret.recovery_codes c WHERE c.user_id = p_user;
    UPDATE public.users u SET mfa_enabled = false WHERE u.id = p_user;
    PERFORM app.note_event(p_user, 'account.second_factor_disabled');
END $$;

CREATE FUNCTION app.note_failed_factor(p_user uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.note_event(p_user, 'account.second_factor_failed')
$$;

-- Sign-in by others -----------------------------------------------------------------------------------

CREATE FUNCTION app.find_identity(p_provider text, p_subject text)
RETURNS TABLE (user_id uuid, mfa_enabled boolean)
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE public.user_identities i SET last_used_at = now()
      FROM public.users u
     WHERE i.provider = p_provider AND i.subject = p_subject AND u.id = i.user_id AND u.deleted_at IS NULL
    RETURNING u.id, u.mfa_enabled
$$;

-- False where the identity is somebody else's.
CREATE FUNCTION app.link_identity(p_user uuid, p_provider text, p_subject text, p_email text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO public.user_identities (user_id, provider, subject, email)
    VALUES (p_user, p_provider, p_subject, p_email)
        ON CONFLICT (provider, subject) DO NOTHING;
    IF FOUND THEN
        PERFORM app.note_event(p_user, 'account.identity_linked', jsonb_build_object('provider', p_provider));
        RETURN true;
    END IF;
    RETURN EXISTS (SELECT FROM public.user_identities i
                    WHERE i.provider = p_provider AND i.subject = p_subject AND i.user_id = p_user);
END $$;

-- An account that begins with an identity whose address the provider has proven. NULL: it is taken.
CREATE FUNCTION app.register_identity(p_email text, p_name text, p_provider text, p_subject text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made uuid;
BEGIN
    INSERT INTO public.users (email, name, email_verified) VALUES (p_email, p_name, true)
        ON CONFLICT DO NOTHING
    RETURNING id INTO made;
    IF made IS NOT NULL THEN
        INSERT INTO public.user_identities (user_id, provider, subject, email)
        VALUES (made, p_provider, p_subject, p_email);
    END IF;
    RETURN made;
END $$;

-- The last way in stays: a password, or another identity.
CREATE FUNCTION app.unlink_identity(p_user uuid, p_identity uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account  public.users;
    provider text;
BEGIN
    SELECT * INTO account FROM public.users u WHERE u.id = p_user FOR UPDATE;
    DELETE FROM public.user_identities i WHERE i.id = p_identity AND i.user_id = p_user
    RETURNING i.provider INTO provider;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such identity'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'user_identities_visible';
    END IF;
    IF account.password_hash IS NULL
       AND NOT EXISTS (SELECT FROM public.user_identities i WHERE i.user_id = p_user) THEN
        RAISE EXCEPTION 'it is the last way in'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'user_identities_last';
    END IF;
    PERFORM app.note_event(p_user, 'account.identity_unlinked', jsonb_build_object('provider', provider));
END $$;

-- The end of an account -------------------------------------------------------------------------------

-- Workspaces that the user owns and others are members of.
-- 0050 gives workspaces their deleted_at.
CREATE FUNCTION app.shared_workspaces(p_user uuid) RETURNS TABLE (id uuid, name varchar)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT w.id, w.name
      FROM public.workspaces w
     WHERE w.owner_id = p_user AND w.deleted_at IS NULL
       AND EXISTS (SELECT FROM public.workspace_users m WHERE m.workspace_id = w.id AND m.user_id <> p_user)
     ORDER BY w.name;
END $$;

-- What the user made for others stays, as by nobody in particular; all else goes. Workspaces of their
-- own are deleted like any, and purged when their time of grace is over. The sessions that it ended.
CREATE FUNCTION app.delete_account(p_user uuid) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM public.users u WHERE u.id = p_user AND u.deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such account'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'users_visible';
    END IF;
    PERFORM FROM public.workspaces w WHERE w.owner_id = p_user ORDER BY w.id FOR UPDATE;
    IF EXISTS (SELECT FROM app.shared_workspaces(p_user)) THEN
        RAISE EXCEPTION 'others are members of a workspace of the account'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'users_owner';
    END IF;

    RETURN QUERY SELECT app.end_sessions(p_user, NULL, NULL);
    UPDATE public.workspaces w SET deleted_at = now() WHERE w.owner_id = p_user AND w.deleted_at IS NULL;
    DELETE FROM public.workspace_users m WHERE m.user_id = p_user AND m.role <> 'owner';
    DELETE FROM public.user_identities i WHERE i.user_id = p_user;
    DELETE FROM secret.one_time_tokens t WHERE t.user_id = p_user;
    DELETE FROM secret.second_factors f WHERE f.user_id = p_user;
    DELETE FROM secret.recovery_codes c WHERE c.user_id = p_user;
    UPDATE public.sessions s SET ip_address = NULL, user_agent = NULL WHERE s.user_id = p_user;
    UPDATE public.users u
       SET email = 'deleted-' || u.id || '@invalid', name = 'Deleted user', password_hash = NULL,
           avatar_url = NULL, email_verified = false, mfa_enabled = false, timezone = 'UTC', locale = 'en',
           last_login_at = NULL, deleted_at = now()
     WHERE u.id = p_user;
    PERFORM app.note_event(p_user, 'account.deleted');
END $$;

-- For maintenance, in place of that of 0012: what ended a month ago, and hours that are over.
CREATE OR REPLACE FUNCTION app.forget_expired() RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH tokens AS (
        DELETE FROM public.refresh_tokens WHERE expires_at < now() - interval '30 days' RETURNING 1
    ), ended AS (
        DELETE FROM public.sessions WHERE expires_at < now() - interval '30 days' RETURNING 1
    ), once AS (
        DELETE FROM secret.one_time_tokens WHERE expires_at < now() RETURNING 1
    ), allowances AS (
        DELETE FROM secret.allowances WHERE spent_until < now() - interval '1 day' RETURNING 1
    ), hours AS (
        DELETE FROM public.api_key_usage WHERE window_start < now() - interval '1 day' RETURNING 1
    )
    SELECT (SELECT count(*) FROM tokens) + (SELECT count(*) FROM ended) + (SELECT count(*) FROM once)
         + (SELECT count(*) FROM allowances) + (SELECT count(*) FROM hours)
$$;

GRANT EXECUTE ON FUNCTION
    app.spend(bytea[], interval[], integer[]),
    app.unspend(bytea[], interval[]),
    app.find_sign_in(text),
    app.register_user(text, text, text, boolean),
    app.find_account(uuid),
    app.make_token(bytea, text, uuid, text, text, interval),
    app.take_token(bytea, text),
    app.peek_token(bytea, text),
    app.verify_email(bytea),
    app.reset_password(bytea, text),
    app.change_password(uuid, text, text, uuid),
    app.begin_second_factor(uuid, bytea),
    app.find_second_factor(uuid),
    app.use_step(uuid, bytea, bigint),
    app.use_recovery_code(uuid, bytea),
    app.replace_recovery_codes(uuid, bytea[]),
    app.confirm_second_factor(uuid, bytea[]),
    app.disable_second_factor(uuid),
    app.note_failed_factor(uuid),
    app.find_identity(text, text),
    app.link_identity(uuid, text, text, text),
    app.register_identity(text, text, text, text),
    app.unlink_identity(uuid, uuid),
    app.shared_workspaces(uuid),
    app.delete_account(uuid)
TO mcp_auth;
