-- Nobody gives away a scope that they do not hold; and the answer to why somebody may do something, or
-- may not.

SET LOCAL ROLE mcp_owner;

-- The least rank that has a scope without being given it: what the policies and functions that ask for
-- the scope say, as a test holds.
CREATE FUNCTION app.scope_rank(p_scope text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN p_scope = 'executions:raw' THEN 40
                WHEN p_scope = 'audit:read'     THEN 30
                WHEN p_scope LIKE '%:read'      THEN 10
                WHEN p_scope LIKE '%:write'     THEN 20
                ELSE 40 END
$$;

GRANT EXECUTE ON FUNCTION app.scope_rank(text) TO application_user, app_definer;

SET LOCAL ROLE app_definer;

-- Argument: the column with the scopes. What was there before is no gift.
CREATE FUNCTION app.guard_scopes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given jsonb := to_jsonb(NEW) -> TG_ARGV[0];
    had   jsonb := '[]';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        had := to_jsonb(OLD) -> TG_ARGV[0];
    END IF;
    IF app.viewer() IS NOT NULL
       AND EXISTS (SELECT FROM jsonb_array_elements_text(given) g (scope)
                    WHERE NOT had ? g.scope AND g.scope = ANY (app.known_scopes())  -- others break a constraint
                      AND NEW.workspace_id <> ALL (app.ws(app.scope_rank(g.scope), g.scope))) THEN
        RAISE EXCEPTION 'a scope that the viewer does not hold'
              USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'scopes_held';
    END IF;
    RETURN NEW;
END $$;

GRANT EXECUTE ON FUNCTION app.guard_scopes() TO mcp_owner;

-- Where a thing is: the workspace that it belongs to, whoever asks. For the definer's functions only.
CREATE FUNCTION app.workspace_of(p_type text, p_id uuid) RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE p_type
        WHEN 'Workspace'           THEN p_id
        WHEN 'Workflow'            THEN (SELECT t.workspace_id FROM public.workflows t
                                          WHERE t.id = p_id AND t.deleted_at IS NULL)
        WHEN 'Integration'         THEN (SELECT t.workspace_id FROM public.integrations t WHERE t.id = p_id)
        WHEN 'Deployment'          THEN (SELECT t.workspace_id FROM public.deployments t WHERE t.id = p_id)
        WHEN 'Execution'           THEN (SELECT t.workspace_id FROM public.executions t WHERE t.id = p_id)
        WHEN 'ApiKey'              THEN (SELECT t.workspace_id FROM public.api_keys t WHERE t.id = p_id)
        WHEN 'WorkspaceInvitation' THEN (SELECT t.workspace_id FROM public.workspace_invitations t WHERE t.id = p_id)
    END;
END $$;

-- Whether somebody may do what takes p_rank or p_scope to a thing, and what decides: role, permission,
-- scope, maker, key or plan. About the viewer, or for admins about a member or a key. p_limit is what
-- the plan must have room for; '' stands for none. No row where there is nothing that the viewer may
-- ask about.
--
-- The tests are those of app.ws(), about somebody who need not be the viewer.
CREATE FUNCTION app.explain_access(
    p_type   text,
    p_id     uuid,
    p_rank   integer,
    p_scope  text,
    p_limit  text,
    p_member uuid,
    p_key    uuid
) RETURNS TABLE (
    allowed      boolean,
    decided_by   text,
    role         varchar,
    needed_role  text,
    needed_scope text,
    "limit"      text,
    used         bigint,
    plan_allows  bigint
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    nobody  CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    place   uuid := app.workspace_of(p_type, p_id);
    scope   text := nullif(p_scope, '');
    person  uuid := app.uid();
    key     public.api_keys;
    member  public.workspace_users;
    decider text;
    ok      boolean;
BEGIN
    IF p_key <> nobody OR person IS NULL THEN
        SELECT * INTO key
          FROM public.api_keys k
         WHERE k.workspace_id = place AND k.id = CASE p_key WHEN nobody THEN app.key_id() ELSE p_key END;
        person := key.created_by;
    ELSIF p_member <> nobody THEN
        SELECT m.user_id INTO person FROM public.workspace_users m WHERE m.id = p_member AND m.workspace_id = place;
    END IF;
    SELECT * INTO member FROM public.workspace_users m WHERE m.workspace_id = place AND m.user_id = person;

    IF NOT coalesce(place = ANY (app.ws(30, NULL))
                    OR (place = ANY (app.ws(10, NULL)) AND key.id IS NULL AND person = app.uid())
                    OR key.id = app.key_id(), false)
       OR (member.user_id IS NULL AND key.id IS NULL)
       OR EXISTS (SELECT FROM public.workspaces w WHERE w.id = place AND w.deleted_at IS NOT NULL) THEN
        RETURN;
    END IF;

    IF key.id IS NULL THEN
        ok := app.rank(member.role) >= p_rank;
        decider := CASE WHEN NOT ok AND coalesce(member.permissions ? scope, false) THEN 'permission' ELSE 'role' END;
        ok := ok OR decider = 'permission';
    ELSIF key.status <> 'active' OR key.expires_at <= now() THEN
        ok := false;
        decider := 'key';
    ELSIF p_type = 'ApiKey' AND p_id = key.id AND p_rank = 30 AND scope IS NULL AND p_limit = 'itself' THEN
        ok := true;
        decider := 'key';
    ELSIF coalesce(NOT scope = ANY (key.scopes), true) THEN
        ok := false;
        decider := 'scope';
    ELSE
        ok := coalesce(app.rank(member.role) >= p_rank OR member.permissions ? scope, false);
        decider := CASE WHEN ok THEN 'scope' ELSE 'maker' END;
    END IF;

    RETURN QUERY
    SELECT ok AND NOT coalesce(u.used >= u.allowed, false),
           CASE WHEN ok AND u.used >= u.allowed THEN 'plan' ELSE decider END,
           member.role,
           CASE p_rank WHEN 10 THEN 'viewer' WHEN 20 THEN 'editor' WHEN 30 THEN 'admin' ELSE 'owner' END,
           scope, u.name, u.used, u.allowed
      FROM public.workspaces w
      LEFT JOIN LATERAL (
           SELECT p_limit AS name, app.plan_used(w.id, p_limit) AS used,
                  app.plan_allows(w.plan_type, w.plan_limits, p_limit) AS allowed) u
        ON app.plan_defaults('free') ? p_limit
     WHERE w.id = place;
END $$;

GRANT EXECUTE ON FUNCTION app.explain_access(text, uuid, integer, text, text, uuid, uuid) TO application_user;

SET LOCAL ROLE mcp_owner;

-- Whoever accepts an invitation is given what an admin offered, so that adding a member is not asked.
CREATE TRIGGER guard_scopes BEFORE UPDATE OF permissions ON workspace_users
    FOR EACH ROW EXECUTE FUNCTION app.guard_scopes('permissions');
CREATE TRIGGER guard_scopes BEFORE INSERT ON workspace_invitations
    FOR EACH ROW EXECUTE FUNCTION app.guard_scopes('permissions');
CREATE TRIGGER guard_scopes BEFORE INSERT OR UPDATE OF scopes ON api_keys
    FOR EACH ROW EXECUTE FUNCTION app.guard_scopes('scopes');
