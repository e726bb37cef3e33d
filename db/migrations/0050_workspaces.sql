-- A workspace's life: made, changed, deleted, restored within a time of grace, and then removed.
--
-- A deleted workspace is left out of app.ws(), and so it is gone from every policy at once: for its
-- members, for its keys and in every list. Only its owner hears of it, from app.deleted_workspaces().

SET LOCAL ROLE mcp_owner;

ALTER TABLE workspaces ADD COLUMN deleted_at timestamptz;

-- What app.ws() probes for each of the viewer's workspaces: next to nothing is in it.
CREATE INDEX idx_workspaces_deleted ON workspaces (id) WHERE deleted_at IS NOT NULL;

-- How long a deleted workspace can be restored.
CREATE FUNCTION app.workspace_grace() RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT interval '30 days'
$$;

-- The settings that there are; what reads each is written beside it.
CREATE FUNCTION app.known_settings() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT ARRAY[
        'default_role',        -- app.invite: what an invitation offers that names no role
        'invitation_days',     -- app.invite, app.resend_invitation: how long it can be accepted
        'invitation_domains',  -- app.invite: where addresses must be; none: anywhere
        'api_key_days'         -- app.guard_key_life: the longest life of an API key; none: for ever
    ]
$$;

-- Each test is guarded by one of the kind, so that no value makes this an error.
CREATE FUNCTION app.settings_are_good(p_settings jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    days jsonb;
BEGIN
    IF jsonb_typeof(p_settings) <> 'object' THEN
        RETURN false;
    END IF;
    IF p_settings - app.known_settings() <> '{}'
       OR coalesce(p_settings ->> 'default_role', 'viewer') NOT IN ('viewer', 'editor') THEN
        RETURN false;
    END IF;
    FOREACH days IN ARRAY ARRAY[p_settings -> 'invitation_days', p_settings -> 'api_key_days'] LOOP
        IF days IS NOT NULL AND days::text !~ '^[1-9][0-9]{0,3}$' THEN
            RETURN false;
        END IF;
    END LOOP;
    IF coalesce((p_settings ->> 'invitation_days')::integer, 7) > 30 THEN
        RETURN false;
    END IF;
    IF p_settings ? 'invitation_domains' THEN
        IF jsonb_typeof(p_settings -> 'invitation_domains') <> 'array' THEN
            RETURN false;
        END IF;
        RETURN jsonb_array_length(p_settings -> 'invitation_domains') BETWEEN 1 AND 20
           AND NOT EXISTS (SELECT FROM jsonb_array_elements(p_settings -> 'invitation_domains') d
                            WHERE jsonb_typeof(d) <> 'string' OR length(d #>> '{}') > 253
                               OR d #>> '{}' !~ '^[a-z0-9-]+([.][a-z0-9-]+)+$');
    END IF;
    RETURN true;
END $$;

GRANT EXECUTE ON FUNCTION app.workspace_grace(), app.known_settings(), app.settings_are_good(jsonb)
   TO application_user, app_definer;

-- Deleting for good is maintenance's, when the time of grace is over.
DROP POLICY workspaces_delete ON workspaces;
REVOKE DELETE ON workspaces FROM application_user;
GRANT  DELETE ON workspaces TO app_definer;
GRANT  SELECT (deleted_at) ON workspaces TO application_user;

-- The settings are a closed list now, without a secret: the log may say what they were.
DROP TRIGGER audit ON workspaces;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON workspaces
    FOR EACH ROW EXECUTE FUNCTION app.write_audit('workspace', '', 'owner_role');

SET LOCAL ROLE app_definer;

-- Nothing has read settings before; what is none of the list has no meaning to keep.
UPDATE public.workspaces SET settings = '{}' WHERE NOT app.settings_are_good(settings);

SET LOCAL ROLE mcp_owner;

ALTER TABLE workspaces ADD CONSTRAINT workspaces_settings_check CHECK (app.settings_are_good(settings));

SET LOCAL ROLE app_definer;

-- As in 0011, without what is deleted. A key may what its scopes say and its maker may: what its maker
-- loses, it loses at once.
CREATE OR REPLACE FUNCTION app.ws(p_rank integer, p_scope text) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    viewer text := app.viewer();
BEGIN
    IF viewer IS NULL THEN
        RETURN '{}';
    END IF;

    -- OFFSET 0 keeps it a probe for each row, however the planner judges the sizes of tables.
    IF left(viewer, 1) = 'u' THEN
        RETURN ARRAY(
            SELECT m.workspace_id
              FROM public.workspace_users m
             WHERE m.user_id = substr(viewer, 2)::uuid
               AND (app.rank(m.role) >= p_rank OR m.permissions ? p_scope)
               AND NOT EXISTS (SELECT FROM public.workspaces w
                                WHERE w.id = m.workspace_id AND w.deleted_at IS NOT NULL OFFSET 0));
    END IF;

    RETURN ARRAY(
        SELECT k.workspace_id
          FROM public.api_keys k
          JOIN public.workspace_users m ON m.workspace_id = k.workspace_id AND m.user_id = k.created_by
         WHERE k.id = substr(viewer, 2)::uuid
           AND k.status = 'active'
           AND (k.expires_at IS NULL OR k.expires_at > now())
           AND p_scope = ANY (k.scopes)
           AND (app.rank(m.role) >= p_rank OR m.permissions ? p_scope)
           AND NOT EXISTS (SELECT FROM public.workspaces w
                            WHERE w.id = k.workspace_id AND w.deleted_at IS NOT NULL OFFSET 0));
END $$;

-- As in 0010; a noun that has deleted_at is deleted and restored by it, and removed for good later.
CREATE OR REPLACE FUNCTION app.write_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    noun     text   := TG_ARGV[0];
    withheld text[] := string_to_array(TG_ARGV[1], ' ');
    unheeded text[] := string_to_array(TG_ARGV[2], ' ') || 'updated_at'::text;
    before   jsonb  := '{}';
    after    jsonb  := '{}';
    row_now  jsonb;
    changed  text[];
    details  jsonb;
BEGIN
    IF TG_OP <> 'INSERT' THEN before := to_jsonb(OLD); END IF;
    IF TG_OP <> 'DELETE' THEN after  := to_jsonb(NEW); END IF;
    row_now := CASE TG_OP WHEN 'DELETE' THEN before ELSE after END;

    changed := ARRAY(SELECT k
                       FROM jsonb_object_keys(row_now) k
                      WHERE before -> k IS DISTINCT FROM after -> k
                        AND k <> ALL (unheeded)
                      ORDER BY k);
    IF TG_OP = 'UPDATE' AND cardinality(changed) = 0 THEN
        RETURN NULL;
    END IF;

    details := jsonb_strip_nulls(jsonb_build_object(
        'old', (SELECT jsonb_object_agg(k, before -> k) FROM unnest(changed) k
                 WHERE before ? k AND k <> ALL (withheld)),
        'new', (SELECT jsonb_object_agg(k, after -> k) FROM unnest(changed) k
                 WHERE after ? k AND k <> ALL (withheld)),
        'withheld', (SELECT jsonb_agg(k) FROM unnest(changed) k WHERE k = ANY (withheld))));

    INSERT INTO public.audit_logs
           (workspace_id, user_id, api_key_id, action, resource_type, resource_id, details, ip_address, user_agent)
    VALUES ((row_now ->> CASE noun WHEN 'workspace' THEN 'id' ELSE 'workspace_id' END)::uuid,
            app.uid(),
            app.key_id(),
            noun || CASE
                WHEN TG_OP = 'INSERT'                                                           THEN '.create'
                WHEN TG_OP = 'DELETE' AND before ->> 'deleted_at' IS NOT NULL                   THEN '.purge'
                WHEN TG_OP = 'DELETE'                                                           THEN '.delete'
                WHEN (before ->> 'deleted_at' IS NULL) AND (after ->> 'deleted_at' IS NOT NULL) THEN '.delete'
                WHEN (before ->> 'deleted_at' IS NOT NULL) AND (after ->> 'deleted_at' IS NULL) THEN '.restore'
                ELSE '.update' END,
            noun,
            (row_now ->> 'id')::uuid,
            details,
            app.client_ip(),
            left(nullif(current_setting('app.user_agent', true), ''), 512));
    RETURN NULL;
END $$;

-- Raises unless the viewer holds this rank, or the scope, in the workspace: as p_rule where it may be
-- seen, else as unseen.
CREATE FUNCTION app.demand(p_workspace uuid, p_rank integer, p_scope text, p_rule text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_workspace = ANY (app.ws(p_rank, p_scope)) THEN
        RETURN;
    END IF;
    IF p_workspace = ANY (app.ws(10, 'workspace:read')) THEN
        RAISE EXCEPTION 'this takes a higher role'
              USING ERRCODE = 'insufficient_privilege', CONSTRAINT = p_rule;
    END IF;
    RAISE EXCEPTION 'there is no such workspace'
          USING ERRCODE = 'no_data_found', CONSTRAINT = 'workspaces_visible';
END $$;

DROP FUNCTION app.create_workspace(text, text);

CREATE FUNCTION app.create_workspace(p_name text, p_slug text, p_description text DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    founder uuid := app.uid();
    created uuid;
BEGIN
    IF founder IS NULL THEN
        RAISE EXCEPTION 'only a signed-in user creates a workspace'
              USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'workspaces_create';
    END IF;

    INSERT INTO public.workspaces (name, slug, description, owner_id)
    VALUES (p_name, p_slug, p_description, founder)
    RETURNING id INTO created;
    INSERT INTO public.workspace_users (workspace_id, user_id, role) VALUES (created, founder, 'owner');
    RETURN created;
END $$;

-- p_change holds what changes: name, slug, description (null: none), and settings, of which null is
-- the default again.
CREATE FUNCTION app.update_workspace(p_id uuid, p_change jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM app.demand(p_id, 30, NULL, 'workspaces_write');
    UPDATE public.workspaces w
       SET name        = CASE WHEN p_change ? 'name'        THEN p_change ->> 'name'        ELSE w.name        END,
           slug        = CASE WHEN p_change ? 'slug'        THEN p_change ->> 'slug'        ELSE w.slug        END,
           description = CASE WHEN p_change ? 'description' THEN p_change ->> 'description' ELSE w.description END,
           settings    = jsonb_strip_nulls(w.settings || coalesce(p_change -> 'settings', '{}'))
     WHERE w.id = p_id;
END $$;

CREATE FUNCTION app.delete_workspace(p_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM app.demand(p_id, 40, NULL, 'workspaces_owner');
    UPDATE public.workspaces w SET deleted_at = now() WHERE w.id = p_id AND w.deleted_at IS NULL;
END $$;

CREATE FUNCTION app.restore_workspace(p_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE public.workspaces w
       SET deleted_at = NULL
     WHERE w.id = p_id AND w.owner_id = app.uid() AND w.deleted_at > now() - app.workspace_grace();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such deleted workspace'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'workspaces_deleted';
    END IF;
END $$;

-- The viewer's own that can still be restored.
CREATE FUNCTION app.deleted_workspaces()
RETURNS TABLE (id uuid, name varchar, slug varchar, deleted_at timestamptz, restorable_until timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT w.id, w.name, w.slug, w.deleted_at, w.deleted_at + app.workspace_grace()
      FROM public.workspaces w
     WHERE w.owner_id = app.uid() AND w.deleted_at > now() - app.workspace_grace();
END $$;

-- For maintenance: removes the workspaces whose time of grace is over, with all that is in them.
-- Answers how many, of at most p_most.
CREATE FUNCTION app.purge_workspaces(p_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n bigint;
BEGIN
    DELETE FROM public.workspaces w
     WHERE w.id IN (SELECT d.id
                      FROM public.workspaces d
                     WHERE d.deleted_at <= now() - app.workspace_grace()
                     ORDER BY d.deleted_at
                     LIMIT p_most
                       FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

GRANT EXECUTE ON FUNCTION
    app.create_workspace(text, text, text),
    app.update_workspace(uuid, jsonb),
    app.delete_workspace(uuid),
    app.restore_workspace(uuid),
    app.deleted_workspaces()
TO application_user;

GRANT EXECUTE ON FUNCTION app.purge_workspaces(integer) TO mcp_maintenance;
