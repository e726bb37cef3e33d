-- Deployments in the hands of runtimes: they wait to be claimed, come up, follow one another, and leave
-- a history. Of a workflow one is up in each environment; the next one takes its place in the
-- transaction in which its runtime reports it up.
--
-- Whatever needs both locks the workflow's row first and the deployment's after it.

SET LOCAL ROLE mcp_owner;

ALTER TABLE deployments
    ADD COLUMN origin         varchar(20) NOT NULL DEFAULT 'deploy',
    ADD COLUMN source_id      uuid,          -- the deployment that it was made from
    ADD COLUMN status_reason  text,
    ADD COLUMN tools          jsonb       NOT NULL DEFAULT '[]',  -- as the runtime reported them
    ADD COLUMN tool_changes   jsonb       NOT NULL DEFAULT '[]',  -- against those that were up before
    ADD COLUMN runtime_key_id uuid        REFERENCES api_keys (id) ON DELETE SET NULL,
    ADD COLUMN claimed_at     timestamptz,
    -- counts the claims; what an earlier holder still says is refused
    ADD COLUMN attempt        integer     NOT NULL DEFAULT 0,
    -- how long its holder may be silent, while it comes up, before another may claim it
    ADD COLUMN lease          interval    NOT NULL DEFAULT interval '1 minute',
    ADD CONSTRAINT deployments_origin_check CHECK (origin IN ('deploy', 'promote', 'rollback', 'redeploy')),
    ADD CONSTRAINT deployments_lease_check  CHECK (lease BETWEEN interval '5 seconds' AND interval '1 day'),
    ADD CONSTRAINT deployments_source_fkey
        FOREIGN KEY (workflow_id, source_id) REFERENCES deployments (workflow_id, id);

CREATE INDEX idx_deployments_source      ON deployments (source_id, created_at DESC, id DESC);
CREATE INDEX idx_deployments_workflow_source ON deployments (workflow_id, source_id);
CREATE INDEX idx_deployments_runtime_key ON deployments (runtime_key_id, created_at DESC, id DESC);
CREATE INDEX idx_deployments_waiting     ON deployments (workspace_id, created_at, id) WHERE status = 'deploying';

CREATE TABLE deployment_events (
    id            uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id  uuid        NOT NULL,
    deployment_id uuid        NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
    status        varchar(50) NOT NULL,
    message       text,
    user_id       uuid,        -- who did it; no foreign keys, as in the audit log
    api_key_id    uuid,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT deployment_events_status_check CHECK (status IN ('deploying', 'deployed', 'failed', 'stopped'))
);

CREATE INDEX idx_deployment_events_deployment ON deployment_events (deployment_id, created_at DESC, id DESC);

ALTER TABLE deployment_events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY definer ON deployment_events TO app_definer USING (true) WITH CHECK (true);
CREATE POLICY deployment_events_select ON deployment_events FOR SELECT TO application_user
    USING (workspace_id = ANY ((SELECT app.ws(10, 'deployments:read'))::uuid[]));

GRANT SELECT         ON deployment_events TO application_user;
GRANT SELECT, INSERT ON deployment_events TO app_definer;
GRANT INSERT, UPDATE ON deployments       TO app_definer;

-- What a runtime reports is long, and its signs of life are no events.
DROP TRIGGER audit ON deployments;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON deployments
    FOR EACH ROW EXECUTE FUNCTION
        app.write_audit('deployment', 'config tools tool_changes', 'last_health_check claimed_at lease attempt');

SET LOCAL ROLE app_definer;

-- Where several were up, or coming up, the newest is.
UPDATE public.deployments d
   SET status = 'stopped', status_reason = 'Another one is up.'
  FROM (SELECT id, row_number() OVER (PARTITION BY workflow_id, environment, status
                                      ORDER BY created_at DESC, id DESC) AS place
          FROM public.deployments
         WHERE status IN ('deploying', 'deployed')) live
 WHERE live.id = d.id AND live.place > 1;

INSERT INTO public.deployment_events (workspace_id, deployment_id, status, user_id, created_at)
SELECT workspace_id, id, status, created_by, coalesce(deployed_at, created_at) FROM public.deployments;

-- What has changed is written down by whoever changed it.
CREATE FUNCTION app.write_deployment_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO public.deployment_events (workspace_id, deployment_id, status, message, user_id, api_key_id)
    VALUES (NEW.workspace_id, NEW.id, NEW.status, NEW.status_reason, app.uid(), app.key_id());
    RETURN NULL;
END $$;

GRANT EXECUTE ON FUNCTION app.write_deployment_event() TO mcp_owner;

SET LOCAL ROLE mcp_owner;

CREATE UNIQUE INDEX deployments_one_up     ON deployments (workflow_id, environment) WHERE status = 'deployed';
CREATE UNIQUE INDEX deployments_one_coming ON deployments (workflow_id, environment) WHERE status = 'deploying';

CREATE TRIGGER write_deployment_event_first AFTER INSERT ON deployments
    FOR EACH ROW EXECUTE FUNCTION app.write_deployment_event();
CREATE TRIGGER write_deployment_event AFTER UPDATE ON deployments
    FOR EACH ROW WHEN (OLD.status <> NEW.status OR OLD.attempt <> NEW.attempt OR OLD.tools <> NEW.tools)
    EXECUTE FUNCTION app.write_deployment_event();

SET LOCAL ROLE app_definer;

-- The deployment, locked, if the viewer may change it. p_attempt, where it is known, must be that of
-- the last claim.
CREATE FUNCTION app.lock_deployment(p_id uuid, p_attempt integer) RETURNS public.deployments
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    deployed public.deployments;
BEGIN
    SELECT * INTO deployed
      FROM public.deployments d
     WHERE d.id = p_id AND d.workspace_id = ANY (app.ws(20, 'deployments:write'))
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        IF EXISTS (SELECT FROM public.deployments d
                    WHERE d.id = p_id AND d.workspace_id = ANY (app.ws(10, 'deployments:read'))) THEN
            RAISE EXCEPTION 'changing a deployment takes the role of an editor'
                  USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'deployments_write';
        END IF;
        RAISE EXCEPTION 'there is no such deployment'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'deployments_visible';
    END IF;
    IF p_attempt <> deployed.attempt THEN
        RAISE EXCEPTION 'claim % was given up; it is claim % now', p_attempt, deployed.attempt
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'deployments_attempt';
    END IF;
    RETURN deployed;
END $$;

-- A version of an active workflow waits for a runtime. One that waited for the same environment is
-- stopped; what is up stays up until this one is. Answers the definition, to be looked at once more.
CREATE FUNCTION app.deploy_workflow(
    p_workflow    uuid,
    p_version     integer,
    p_environment text,
    p_config      jsonb,
    p_name        text,
    p_origin      text DEFAULT 'deploy',
    p_source      uuid DEFAULT NULL
) RETURNS TABLE (id uuid, workspace_id uuid, replaced uuid, definition jsonb)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    flow    public.workflows := app.lock_workflow(p_workflow, 20, 'deployments:write', 'deployments_write');
    chosen  integer          := coalesce(p_version, flow.version);
    frozen  jsonb := (SELECT v.definition FROM public.workflow_versions v
                       WHERE v.workflow_id = p_workflow AND v.version = chosen);
    waited  uuid;
    created uuid;
BEGIN
    IF flow.status <> 'active' THEN
        RAISE EXCEPTION 'the workflow is %', flow.status
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'workflows_active';
    END IF;
    IF frozen IS NULL THEN
        RAISE EXCEPTION 'the workflow has no version %', chosen
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'workflow_versions_visible';
    END IF;
    UPDATE public.deployments d
       SET status = 'stopped', status_reason = format('Version %s was deployed before it was up.', chosen)
     WHERE d.workflow_id = p_workflow AND d.environment = p_environment AND d.status = 'deploying'
    RETURNING d.id INTO waited;
    INSERT INTO public.deployments (workspace_id, workflow_id, workflow_version, environment, config,
                                    deployment_version, origin, source_id, created_by)
    VALUES (flow.workspace_id, p_workflow, chosen, p_environment, coalesce(p_config, '{}'), p_name,
            p_origin, p_source, app.author())
    RETURNING id INTO created;
    RETURN QUERY SELECT created, flow.workspace_id, waited, frozen;
END $$;

-- The same version once more: in another environment, after what followed it, or again. p_config and
-- p_environment are the earlier one's where they are NULL.
CREATE FUNCTION app.derive_deployment(p_source uuid, p_origin text, p_environment text, p_config jsonb)
RETURNS TABLE (id uuid, workspace_id uuid, replaced uuid, definition jsonb)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    source public.deployments;
BEGIN
    -- The workflow's row before the deployment's.
    PERFORM app.lock_workflow(d.workflow_id, 20, 'deployments:write', 'deployments_write')
       FROM public.deployments d WHERE d.id = p_source;
    source := app.lock_deployment(p_source, NULL);
    IF p_origin = 'promote' AND source.status <> 'deployed' THEN
        RAISE EXCEPTION 'the deployment is %', source.status
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'deployments_up';
    END IF;
    IF p_origin = 'promote' AND source.environment = p_environment THEN
        RAISE EXCEPTION 'the deployment is in this environment'
              USING ERRCODE = 'check_violation', CONSTRAINT = 'deployments_elsewhere';
    END IF;
    IF p_origin = 'rollback' AND (source.deployed_at IS NULL OR source.status = 'deployed') THEN
        RAISE EXCEPTION 'the deployment was never up, or is up now'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'deployments_earlier';
    END IF;
    RETURN QUERY
    SELECT n.id, n.workspace_id, n.replaced, n.definition
      FROM app.deploy_workflow(source.workflow_id, source.workflow_version,
                               coalesce(p_environment, source.environment), coalesce(p_config, source.config),
                               source.deployment_version, p_origin, p_source) n;
END $$;

-- What was up in the same place before p_id; NULL where nothing was.
CREATE FUNCTION app.deployment_before(p_id uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    deployed public.deployments := app.lock_deployment(p_id, NULL);
BEGIN
    RETURN (SELECT d.id
              FROM public.deployments d
             WHERE d.workflow_id = deployed.workflow_id AND d.environment = deployed.environment
               AND d.id <> p_id AND d.deployed_at IS NOT NULL AND d.status <> 'deployed'
               AND (deployed.deployed_at IS NULL OR d.deployed_at < deployed.deployed_at)
             ORDER BY d.deployed_at DESC, d.id DESC
             LIMIT 1);
END $$;

-- The oldest that waits, or whose holder has been silent for longer than its lease. No row where there
-- is none. Of several who ask at once, each gets another.
CREATE FUNCTION app.claim_deployment(p_workflow uuid, p_environment text, p_lease interval)
RETURNS TABLE (id uuid, workspace_id uuid, attempt integer)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    places   uuid[] := app.ws(20, 'deployments:write');
    deployed public.deployments;
BEGIN
    IF places = '{}' THEN
        RAISE EXCEPTION 'claiming takes the role of an editor'
              USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'deployments_write';
    END IF;
    SELECT * INTO deployed
      FROM public.deployments d
     WHERE d.workspace_id = ANY (places) AND d.status = 'deploying'
       AND (p_workflow IS NULL OR d.workflow_id = p_workflow)
       AND (p_environment IS NULL OR d.environment = p_environment)
       AND (d.claimed_at IS NULL
            OR greatest(d.claimed_at, d.last_health_check) < clock_timestamp() - d.lease)
     ORDER BY d.created_at, d.id
     LIMIT 1
       FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE public.deployments d
       SET claimed_at = clock_timestamp(), attempt = deployed.attempt + 1, lease = p_lease,
           runtime_key_id = app.key_id(), status_reason = 'A runtime took it.'
     WHERE d.id = deployed.id;
    RETURN QUERY SELECT deployed.id, deployed.workspace_id, deployed.attempt + 1;
END $$;

-- The tools of what is up in the same place, or was last, other than p_id. Until the end of the
-- transaction nobody else reports this one.
CREATE FUNCTION app.tools_before(p_id uuid, p_attempt integer) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    deployed public.deployments := app.lock_deployment(p_id, p_attempt);
BEGIN
    RETURN (SELECT d.tools
              FROM public.deployments d
             WHERE d.workflow_id = deployed.workflow_id AND d.environment = deployed.environment
               AND d.id <> p_id AND d.deployed_at IS NOT NULL
             ORDER BY d.status = 'deployed' DESC, d.deployed_at DESC
             LIMIT 1);
END $$;

-- It is up, in place of what was, or it failed. Reporting it up again renews what was reported.
CREATE FUNCTION app.report_deployment(
    p_id         uuid,
    p_attempt    integer,
    p_status     text,
    p_reason     text,
    p_url        text,
    p_health_url text,
    p_health     text,
    p_tools      jsonb,
    p_changes    jsonb
) RETURNS TABLE (workspace_id uuid, workflow_id uuid, replaced uuid)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    deployed public.deployments := app.lock_deployment(p_id, p_attempt);
    was_up   uuid;
BEGIN
    IF deployed.status NOT IN ('deploying', 'deployed') THEN
        RAISE EXCEPTION 'the deployment is %', deployed.status
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'deployments_final';
    END IF;
    IF p_status = 'deployed' THEN
        UPDATE public.deployments d
           SET status = 'stopped', status_reason = format('Version %s took its place.', deployed.workflow_version)
         WHERE d.workflow_id = deployed.workflow_id AND d.environment = deployed.environment
           AND d.status = 'deployed' AND d.id <> p_id
        RETURNING d.id INTO was_up;
    END IF;
    UPDATE public.deployments d
       SET status            = p_status,
           status_reason     = p_reason,
           deployed_at       = CASE WHEN p_status = 'deployed' THEN coalesce(d.deployed_at, clock_timestamp())
                                    ELSE d.deployed_at END,
           mcp_server_url    = coalesce(p_url, d.mcp_server_url),
           health_check_url  = coalesce(p_health_url, d.health_check_url),
           health_status     = coalesce(p_health, d.health_status),
           last_health_check = clock_timestamp(),
           tools             = coalesce(p_tools, d.tools),
           tool_changes      = coalesce(p_changes, d.tool_changes)
     WHERE d.id = p_id;
    RETURN QUERY SELECT deployed.workspace_id, deployed.workflow_id, was_up;
END $$;

-- Its runtime lives. Answers its status: what is stopped is to be taken down.
CREATE FUNCTION app.heartbeat_deployment(p_id uuid, p_attempt integer, p_health text)
RETURNS TABLE (status text, health_changed boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    deployed public.deployments := app.lock_deployment(p_id, p_attempt);
BEGIN
    IF deployed.status IN ('deploying', 'deployed') THEN
        UPDATE public.deployments d
           SET last_health_check = clock_timestamp(), health_status = coalesce(p_health, d.health_status)
         WHERE d.id = p_id;
    END IF;
    RETURN QUERY SELECT deployed.status::text, p_health IS DISTINCT FROM deployed.health_status;
END $$;

-- Its runtime hears of it at its next call. To stop it again is harmless.
CREATE FUNCTION app.stop_deployment(p_id uuid, p_reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    deployed public.deployments := app.lock_deployment(p_id, NULL);
BEGIN
    IF deployed.status = 'failed' THEN
        RAISE EXCEPTION 'the deployment has failed'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'deployments_final';
    END IF;
    UPDATE public.deployments d
       SET status = 'stopped', status_reason = p_reason
     WHERE d.id = p_id AND d.status <> 'stopped';
END $$;

GRANT EXECUTE ON FUNCTION
    app.deploy_workflow(uuid, integer, text, jsonb, text, text, uuid),
    app.derive_deployment(uuid, text, text, jsonb),
    app.deployment_before(uuid),
    app.claim_deployment(uuid, text, interval),
    app.tools_before(uuid, integer),
    app.report_deployment(uuid, integer, text, text, text, text, text, jsonb, jsonb),
    app.heartbeat_deployment(uuid, integer, text),
    app.stop_deployment(uuid, text)
TO application_user;
