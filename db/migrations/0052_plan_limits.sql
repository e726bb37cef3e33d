-- What a plan allows, held where rows are added: at the moment of writing and one at a time, so that
-- of many who ask at once no more get through than are allowed.
--
-- Rows that no viewer writes (those of the operator, at psql) are counted and not refused.

SET LOCAL ROLE mcp_owner;

-- null: as many as one likes. A plan that is not known allows what the smallest does.
CREATE FUNCTION app.plan_defaults(p_plan text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE p_plan
        WHEN 'enterprise' THEN
            '{"members": null, "workflows": null, "deployments": null, "executions": null}'::jsonb
        WHEN 'pro' THEN
            '{"members": 50, "workflows": 250, "deployments": 100, "executions": 1000000}'
        ELSE
            '{"members": 10, "workflows": 30, "deployments": 20, "executions": 50000}'
    END
$$;

-- What a workspace's own limits say goes before what its plan says.
CREATE FUNCTION app.plan_allows(p_plan text, p_limits jsonb, p_limit text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT ((app.plan_defaults(p_plan) || p_limits) ->> p_limit)::bigint
$$;

-- Other names are other files' business: 0080 has some.
CREATE FUNCTION app.plan_limits_are_good(p_limits jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN jsonb_typeof(p_limits) = 'object' THEN
               NOT EXISTS (SELECT FROM jsonb_each(p_limits) l
                            WHERE app.plan_defaults('free') ? l.key
                              AND l.value::text !~ '^(null|0|[1-9][0-9]{0,17})$')
           ELSE false END
$$;

GRANT EXECUTE ON FUNCTION
    app.plan_defaults(text), app.plan_allows(text, jsonb, text), app.plan_limits_are_good(jsonb)
TO application_user, app_definer;

-- Executions begun in a month, in sixteen counters as in 0013: one would make every start wait for
-- the one before.
CREATE TABLE execution_months (
    workspace_id uuid     NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    month        date     NOT NULL,  -- its first day, UTC
    shard        smallint NOT NULL,
    n            bigint   NOT NULL,

    PRIMARY KEY (workspace_id, month, shard)
) WITH (fillfactor = 50);

ALTER TABLE execution_months ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY definer ON execution_months TO app_definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON execution_months TO app_definer;

SET LOCAL ROLE app_definer;

UPDATE public.workspaces SET plan_limits = '{}' WHERE NOT app.plan_limits_are_good(plan_limits);

INSERT INTO public.execution_months (workspace_id, month, shard, n)
SELECT e.workspace_id, date_trunc('month', now() AT TIME ZONE 'UTC')::date, 0, count(*)
  FROM public.executions e
 WHERE e.id >= app.uuid7_floor(date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')
 GROUP BY e.workspace_id;

SET LOCAL ROLE mcp_owner;

ALTER TABLE workspaces ADD CONSTRAINT workspaces_plan_limits_check CHECK (app.plan_limits_are_good(plan_limits));

SET LOCAL ROLE app_definer;

CREATE FUNCTION app.plan_used(p_workspace uuid, p_limit text) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE p_limit
        WHEN 'members' THEN
            (SELECT count(*) FROM public.workspace_users m WHERE m.workspace_id = p_workspace)
          + (SELECT count(*) FROM public.workspace_invitations i
              WHERE i.workspace_id = p_workspace AND i.expires_at > now()
                AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.declined_at IS NULL)
        WHEN 'workflows' THEN
            (SELECT count(*) FROM public.workflows w
              WHERE w.workspace_id = p_workspace AND w.deleted_at IS NULL)  -- 0060 has the column
        WHEN 'deployments' THEN
            (SELECT count(*) FROM public.deployments d
              WHERE d.workspace_id = p_workspace AND d.status NOT IN ('failed', 'stopped'))
        WHEN 'executions' THEN
            (SELECT coalesce(sum(e.n), 0)::bigint FROM public.execution_months e
              WHERE e.workspace_id = p_workspace AND e.month = date_trunc('month', now() AT TIME ZONE 'UTC')::date)
    END;
END $$;

-- Raises where more than p_allowed are used. Somebody else's rows are waited for and counted: the
-- function is VOLATILE, so each of its statements sees what was committed before it.
CREATE FUNCTION app.hold_to_plan(p_workspace uuid, p_limit text, p_plan text, p_allowed bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    used bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(p_limit || p_workspace, 0));
    used := app.plan_used(p_workspace, p_limit);
    IF used > p_allowed THEN
        RAISE EXCEPTION 'the plan allows % %', p_allowed, p_limit
              USING ERRCODE = 'configuration_limit_exceeded', CONSTRAINT = 'plan_' || p_limit,
                    DETAIL = jsonb_build_object('limit', p_limit, 'used', used - 1, 'allowed', p_allowed,
                                                'plan', p_plan);
    END IF;
END $$;

-- Argument: the limit. After the row, which is then among those that are counted.
CREATE FUNCTION app.guard_plan() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    plan    text;
    allowed bigint;
BEGIN
    SELECT w.plan_type, app.plan_allows(w.plan_type, w.plan_limits, TG_ARGV[0])
      INTO plan, allowed
      FROM public.workspaces w
     WHERE w.id = NEW.workspace_id;
    IF allowed IS NOT NULL AND app.viewer() IS NOT NULL THEN
        PERFORM app.hold_to_plan(NEW.workspace_id, TG_ARGV[0], plan, allowed);
    END IF;
    RETURN NULL;
END $$;

-- Starts wait for each other only where the month is nearly used up: further away than there are
-- transactions at once, they cannot pass the limit together.
CREATE FUNCTION app.count_execution() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    margin  CONSTANT bigint := 1000;
    plan    text;
    allowed bigint;
BEGIN
    INSERT INTO public.execution_months AS m (workspace_id, month, shard, n)
    VALUES (NEW.workspace_id, date_trunc('month', now() AT TIME ZONE 'UTC')::date, pg_backend_pid() % 16, 1)
        ON CONFLICT (workspace_id, month, shard) DO UPDATE SET n = m.n + 1;

    SELECT w.plan_type, app.plan_allows(w.plan_type, w.plan_limits, 'executions')
      INTO plan, allowed
      FROM public.workspaces w
     WHERE w.id = NEW.workspace_id;
    IF allowed IS NOT NULL AND app.viewer() IS NOT NULL
       AND app.plan_used(NEW.workspace_id, 'executions') > allowed - margin THEN
        PERFORM app.hold_to_plan(NEW.workspace_id, 'executions', plan, allowed);
    END IF;
    RETURN NULL;
END $$;

-- What is used of a plan, for whoever may see the workspace.
CREATE FUNCTION app.plan_usage(p_workspace uuid)
RETURNS TABLE ("limit" text, used bigint, allowed bigint, resets_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF p_workspace = ANY (app.ws(10, 'workspace:read')) THEN
        RETURN QUERY
        SELECT l.name, app.plan_used(w.id, l.name), app.plan_allows(w.plan_type, w.plan_limits, l.name),
               CASE l.name WHEN 'executions' THEN
                   (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC' END
          FROM public.workspaces w, unnest(ARRAY['members', 'workflows', 'deployments', 'executions']) l (name)
         WHERE w.id = p_workspace;
    END IF;
END $$;

GRANT EXECUTE ON FUNCTION app.guard_plan(), app.count_execution() TO mcp_owner;
GRANT EXECUTE ON FUNCTION app.plan_usage(uuid) TO application_user;

SET LOCAL ROLE mcp_owner;

CREATE TRIGGER guard_plan AFTER INSERT ON workspace_users
    FOR EACH ROW EXECUTE FUNCTION app.guard_plan('members');
CREATE TRIGGER guard_plan AFTER INSERT OR UPDATE OF expires_at ON workspace_invitations
    FOR EACH ROW EXECUTE FUNCTION app.guard_plan('members');
CREATE TRIGGER guard_plan AFTER INSERT ON workflows
    FOR EACH ROW EXECUTE FUNCTION app.guard_plan('workflows');
CREATE TRIGGER guard_plan AFTER INSERT ON deployments
    FOR EACH ROW WHEN (NEW.status NOT IN ('failed', 'stopped')) EXECUTE FUNCTION app.guard_plan('deployments');
CREATE TRIGGER guard_plan_again AFTER UPDATE OF status ON deployments
    FOR EACH ROW WHEN (OLD.status IN ('failed', 'stopped') AND NEW.status NOT IN ('failed', 'stopped'))
    EXECUTE FUNCTION app.guard_plan('deployments');
CREATE TRIGGER count_execution AFTER INSERT ON executions
    FOR EACH ROW EXECUTE FUNCTION app.count_execution();
