-- Who is asking. Every policy rests on this file.
--
-- A transaction says whom it acts for in app.current_user_id or app.current_api_key_id, and proves it
-- in app.viewer_proof:
--
--     expiry, seconds since 1970     10 characters
--     id of the key that signed       2
--     HMAC-SHA256, hex               64   over  kind ('u' or 'k') || uuid (36) || expiry || key id
--     '@'                             1
--     extract(epoch FROM now())           stamped by the statement that sets it
--
-- The API signs and the statement stamps, so a value that an earlier transaction left on a pooled
-- connection is worth nothing, and injected SQL cannot become another viewer.
--
-- The functions are plpgsql (LANGUAGE sql is planned again at every reference on 15), STABLE (an
-- IMMUTABLE one is folded into a generic plan and leaks rows), and never raise: the planner may call
-- them for an estimate before the viewer is set. For the same reason a policy calls them as
-- (SELECT app.ws(…)) only; tests/db/test_lint.py holds this.

SET LOCAL ROLE mcp_owner;

-- The halves of HMAC's key (RFC 2104), not the key. In a table that only the definer reads and never
-- in a function's body: prosrc is readable by everybody.
CREATE TABLE secret.viewer_keys (
    kid          text        PRIMARY KEY,
    ipad         bytea       NOT NULL,
    opad         bytea       NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT viewer_keys_kid_check CHECK (length(kid) = 2),
    CONSTRAINT viewer_keys_pad_check CHECK (length(ipad) = 64 AND length(opad) = 64)
);

GRANT SELECT ON secret.viewer_keys TO app_definer;

SET LOCAL ROLE app_definer;

CREATE FUNCTION app.viewer_mac(message text, ipad bytea, opad bytea) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT encode(sha256(opad || sha256(ipad || convert_to(message, 'UTF8'))), 'hex')
$$;

-- 'u' or 'k' and the uuid, or NULL for nobody. No EXCEPTION block: a subtransaction costs as much as
-- the rest, and is an error in a parallel worker.
CREATE FUNCTION app.viewer() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proof   text := current_setting('app.viewer_proof', true);
    of_user text := current_setting('app.current_user_id', true);
    of_key  text := current_setting('app.current_api_key_id', true);
    claim   text;
    stamp   text;
BEGIN
    IF coalesce(proof, '') = '' THEN
        RETURN NULL;
    END IF;

    claim := CASE WHEN coalesce(of_key,  '') = '' THEN 'u' || of_user
                  WHEN coalesce(of_user, '') = '' THEN 'k' || of_key END;
    stamp := extract(epoch FROM now())::text;
    IF length(claim) IS DISTINCT FROM 37
       OR substr(proof, 77) <> '@' || stamp                 -- another transaction's
       OR substr(proof, 1, 10) COLLATE "C" < stamp THEN     -- expired
        RETURN NULL;
    END IF;

    RETURN (SELECT claim
              FROM secret.viewer_keys k
             WHERE k.kid = substr(proof, 11, 2)
               AND app.viewer_mac(claim || substr(proof, 1, 12), k.ipad, k.opad) = substr(proof, 13, 64));
END $$;

CREATE FUNCTION app.uid() RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    viewer text := app.viewer();
BEGIN
    IF left(viewer, 1) = 'u' THEN
        RETURN substr(viewer, 2)::uuid;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION app.key_id() RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    viewer text := app.viewer();
BEGIN
    IF left(viewer, 1) = 'k' THEN
        RETURN substr(viewer, 2)::uuid;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION app.rank(role text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE role WHEN 'owner' THEN 40 WHEN 'admin' THEN 30 WHEN 'editor' THEN 20 WHEN 'viewer' THEN 10 ELSE 0 END
$$;

-- The workspaces in which the viewer holds at least this rank, or the scope besides. A scope of NULL
-- is held by nobody: what asks for it is a matter of rank alone, and closed to API keys. The rows are
-- read at every statement, so a role or a key that is taken away is gone at once.
CREATE FUNCTION app.ws(p_rank integer, p_scope text) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    viewer text := app.viewer();
BEGIN
    IF viewer IS NULL THEN
        RETURN '{}';
    END IF;

    IF left(viewer, 1) = 'u' THEN
        RETURN ARRAY(
            SELECT m.workspace_id
              FROM public.workspace_users m
             WHERE m.user_id = substr(viewer, 2)::uuid
               AND (app.rank(m.role) >= p_rank OR m.permissions ? p_scope));
    END IF;

    RETURN ARRAY(
        SELECT k.workspace_id
          FROM public.api_keys k
         WHERE k.id = substr(viewer, 2)::uuid
           AND k.status = 'active'
           AND (k.expires_at IS NULL OR k.expires_at > now())
           AND p_scope = ANY (k.scopes));
END $$;

-- In whose name the viewer writes: the person, or the person who made the key.
CREATE FUNCTION app.author() RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    viewer text := app.viewer();
BEGIN
    IF left(viewer, 1) = 'k' THEN
        RETURN (SELECT k.created_by FROM public.api_keys k WHERE k.id = substr(viewer, 2)::uuid);
    END IF;
    RETURN substr(viewer, 2)::uuid;
END $$;

-- For people at psql, to see what a user sees until the transaction ends:
--     BEGIN; SELECT app.become('…'); SET LOCAL ROLE application_user; …
CREATE FUNCTION app.become(p_user uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key    secret.viewer_keys;
    signed text;
BEGIN
    SELECT * INTO key FROM secret.viewer_keys ORDER BY installed_at DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no viewer key is installed: run the migrations with SECRET_KEY set';
    END IF;
    IF NOT EXISTS (SELECT FROM public.users u WHERE u.id = p_user) THEN
        RAISE EXCEPTION 'there is no user %', p_user;
    END IF;

    signed := floor(extract(epoch FROM now()) + 3600)::text || key.kid;
    PERFORM set_config('app.current_user_id',    p_user::text, true),
            set_config('app.current_api_key_id', '', true),
            set_config('app.viewer_proof',
                       signed || app.viewer_mac('u' || p_user::text || signed, key.ipad, key.opad)
                              || '@' || extract(epoch FROM now())::text, true);
END $$;

GRANT EXECUTE ON FUNCTION
    app.viewer(),
    app.uid(),
    app.key_id(),
    app.rank(text),
    app.ws(integer, text),
    app.author()
TO application_user, mcp_owner;

GRANT EXECUTE ON FUNCTION app.become(uuid) TO mcp_owner;
