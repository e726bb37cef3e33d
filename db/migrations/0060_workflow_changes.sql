-- What people do to workflows: change, put away, delete and give back. A deleted workflow is seen by
-- nobody and stays for a while, so that an admin can restore it; what it ran stays as history.
--
-- SQLSTATEs and CONSTRAINT names as in 0014.

SET LOCAL ROLE mcp_owner;

ALTER TABLE workflows ADD COLUMN deleted_at timestamptz;

CREATE INDEX idx_workflows_deleted ON workflows (workspace_id, deleted_at DESC, id DESC) WHERE deleted_at IS NOT NULL;

DROP POLICY workflows_select ON workflows;
CREATE POLICY workflows_select ON workflows FOR SELECT TO application_user
    USING (deleted_at IS NULL AND workspace_id = ANY ((SELECT app.ws(10, 'workflows:read'))::uuid[]));

-- For good it goes by maintenance alone.
DROP POLICY workflows_delete ON workflows;
REVOKE DELETE ON workflows FROM application_user;
GRANT  DELETE ON workflows TO app_definer;

SET LOCAL ROLE app_definer;

-- The workflow, locked, if the viewer may change it; p_refusal is the rule that is broken otherwise.
CREATE FUNCTION app.lock_workflow(p_id uuid, p_rank integer, p_scope text, p_refusal text)
RETURNS public.workflows
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow public.workflows;
BEGIN
    SELECT * INTO flow
      FROM public.workflows w
     WHERE w.id = p_id AND w.deleted_at IS NULL AND w.workspace_id = ANY (app.ws(p_rank, p_scope))
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        IF EXISTS (SELECT FROM public.workflows w
                    WHERE w.id = p_id AND w.deleted_at IS NULL
                      AND w.workspace_id = ANY (app.ws(10, 'workflows:read'))) THEN
            RAISE EXCEPTION 'the viewer sees the workflow, but may not do this to it'
                  USING ERRCODE = 'insufficient_privilege', CONSTRAINT = p_refusal;
        END IF;
        RAISE EXCEPTION 'there is no such workflow'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'workflows_visible';
    END IF;
    RETURN flow;
END $$;

CREATE FUNCTION app.check_base(p_flow public.workflows, p_base integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_flow.version IS DISTINCT FROM p_base THEN
        RAISE EXCEPTION 'the workflow is at version %, not %', p_flow.version, p_base
              USING ERRCODE = 'serialization_failure', CONSTRAINT = 'workflows_version_current',
                    DETAIL = p_flow.version::text;
    END IF;
END $$;

-- Answers the new version. Of several who save over the same p_base, one succeeds; the others are
-- told the current version in DETAIL.
CREATE OR REPLACE FUNCTION app.save_workflow(p_id uuid, p_base integer, p_definition jsonb, p_changelog text)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow public.workflows := app.lock_workflow(p_id, 20, 'workflows:write', 'workflows_write');
BEGIN
    PERFORM app.check_base(flow, p_base);
    IF flow.status = 'archived' THEN
        RAISE EXCEPTION 'the workflow is archived'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'workflows_archived';
    END IF;
    UPDATE public.workflows SET definition = p_definition, version = p_base + 1 WHERE id = p_id;
    INSERT INTO public.workflow_versions (workspace_id, workflow_id, version, definition, changelog, created_by)
    VALUES (flow.workspace_id, p_id, p_base + 1, p_definition, p_changelog, app.author());
    RETURN p_base + 1;
END $$;

-- p_changes has those of name, description, tags and timeout_seconds that change; p_definition is NULL
-- where it stays. A definition that is the current one makes no version. Answers the version.
CREATE FUNCTION app.update_workflow(
    p_id         uuid,
    p_base       integer,
    p_changes    jsonb,
    p_definition jsonb,
    p_changelog  text
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow public.workflows := app.lock_workflow(p_id, 20, 'workflows:write', 'workflows_write');
BEGIN
    IF p_base IS NOT NULL THEN
        PERFORM app.check_base(flow, p_base);
    END IF;
    IF p_changes <> '{}' THEN
        UPDATE public.workflows w
           SET name            = coalesce(p_changes ->> 'name', w.name),
               description     = CASE WHEN p_changes ? 'description' THEN p_changes ->> 'description'
                                      ELSE w.description END,
               tags            = CASE WHEN p_changes ? 'tags'
                                      THEN ARRAY(SELECT jsonb_array_elements_text(p_changes -> 'tags'))
                                      ELSE w.tags END,
               timeout_seconds = coalesce((p_changes ->> 'timeout_seconds')::integer, w.timeout_seconds)
         WHERE w.id = p_id;
    END IF;
    IF p_definition IS NULL OR p_definition = flow.definition THEN
        RETURN flow.version;
    END IF;
    RETURN app.save_workflow(p_id, p_base, p_definition, p_changelog);
END $$;

-- The definition that it had in p_version, saved anew over p_base. Answers the version.
CREATE FUNCTION app.restore_version(p_id uuid, p_base integer, p_version integer, p_changelog text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow    public.workflows := app.lock_workflow(p_id, 20, 'workflows:write', 'workflows_write');
    earlier jsonb := (SELECT v.definition FROM public.workflow_versions v
                       WHERE v.workflow_id = p_id AND v.version = p_version);
BEGIN
    IF earlier IS NULL THEN
        RAISE EXCEPTION 'the workflow has no version %', p_version
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'workflow_versions_visible';
    END IF;
    RETURN app.update_workflow(p_id, coalesce(p_base, flow.version), '{}', earlier, p_changelog);
END $$;

-- A new draft beside it, of one version.
CREATE FUNCTION app.duplicate_workflow(p_id uuid, p_version integer, p_name text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow    public.workflows := app.lock_workflow(p_id, 20, 'workflows:write', 'workflows_write');
    chosen  integer          := coalesce(p_version, flow.version);
    model   jsonb := (SELECT v.definition FROM public.workflow_versions v
                       WHERE v.workflow_id = p_id AND v.version = chosen);
    created uuid;
BEGIN
    IF model IS NULL THEN
        RAISE EXCEPTION 'the workflow has no version %', chosen
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'workflow_versions_visible';
    END IF;
    created := app.create_workflow(flow.workspace_id, coalesce(p_name, left('Copy of ' || flow.name, 255)),
                                   flow.description, flow.tags, model,
                                   format('Copied from version %s of %s', chosen, flow.name));
    UPDATE public.workflows SET timeout_seconds = flow.timeout_seconds WHERE id = created;
    RETURN created;
END $$;

CREATE FUNCTION app.set_workflow_status(p_id uuid, p_status text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM app.lock_workflow(p_id, 20, 'workflows:write', 'workflows_write');
    UPDATE public.workflows SET status = p_status WHERE id = p_id AND status <> p_status;
END $$;

CREATE FUNCTION app.tag_workflow(p_id uuid, p_add text[], p_remove text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow   public.workflows := app.lock_workflow(p_id, 20, 'workflows:write', 'workflows_write');
    wanted text[] := ARRAY(SELECT tag
                             FROM unnest(flow.tags || p_add) WITH ORDINALITY t (tag, place)
                            WHERE tag <> ALL (p_remove)
                            GROUP BY tag
                            ORDER BY min(place));
BEGIN
    IF cardinality(wanted) > 50 THEN
        RAISE EXCEPTION 'the workflow would have % tags', cardinality(wanted)
              USING ERRCODE = 'check_violation', CONSTRAINT = 'workflows_tags';
    END IF;
    UPDATE public.workflows SET tags = wanted WHERE id = p_id AND tags <> wanted;
END $$;

CREATE FUNCTION app.is_deployed(p_workflow uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM public.deployments d
                    WHERE d.workflow_id = p_workflow AND d.status IN ('deploying', 'deployed'));
END $$;

-- It is out of sight from now on. Runs that wait end, those that run are asked to stop.
CREATE FUNCTION app.delete_workflow(p_id uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow public.workflows := app.lock_workflow(p_id, 30, NULL, 'workflows_delete');
    run  uuid;
BEGIN
    IF app.is_deployed(p_id) THEN
        RAISE EXCEPTION 'the workflow is deployed'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'workflows_deployed';
    END IF;
    FOR run IN
        SELECT s.execution_id
          FROM public.executions e
          JOIN public.execution_streams s ON s.execution_id = e.id
         WHERE e.workflow_id = p_id AND e.status = 'running' AND NOT s.closed
         ORDER BY s.execution_id
           FOR UPDATE OF s
    LOOP
        UPDATE public.executions e
           SET cancel_requested_at = coalesce(e.cancel_requested_at, clock_timestamp()),
               status = CASE WHEN EXISTS (SELECT FROM public.execution_jobs j
                                           WHERE j.execution_id = run AND j.claimed_at IS NULL)
                             THEN 'cancelled' ELSE e.status END
         WHERE e.id = run AND e.status = 'running';
    END LOOP;
    UPDATE public.workflows SET deleted_at = clock_timestamp() WHERE id = p_id;
    RETURN flow.workspace_id;
END $$;

-- As it was before, except for the runs that were stopped. One that is not deleted stays as it is.
CREATE FUNCTION app.restore_workflow(p_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE public.workflows w
       SET deleted_at = NULL
     WHERE w.id = p_id AND w.deleted_at IS NOT NULL AND w.workspace_id = ANY (app.ws(30, NULL));
    IF NOT FOUND THEN
        PERFORM app.lock_workflow(p_id, 30, NULL, 'workflows_delete');
    END IF;
END $$;

-- What an admin may restore; the last 500.
CREATE FUNCTION app.deleted_workflows(p_workspace uuid)
RETURNS TABLE (id uuid, workspace_id uuid, name varchar, description text, version integer, created_by uuid,
               created_at timestamptz, deleted_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT w.id, w.workspace_id, w.name, w.description, w.version, w.created_by, w.created_at, w.deleted_at
      FROM public.workflows w
     WHERE w.workspace_id = p_workspace AND w.deleted_at IS NOT NULL AND p_workspace = ANY (app.ws(30, NULL))
     ORDER BY w.deleted_at DESC
     LIMIT 500;
END $$;

-- For good, with all that they ever ran: what was deleted longer ago than p_grace, p_most at a time.
CREATE FUNCTION app.purge_workflows(p_grace interval, p_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM public.workflows w
     WHERE w.id IN (SELECT d.id
                      FROM public.workflows d
                     WHERE d.deleted_at < clock_timestamp() - p_grace
                     ORDER BY d.deleted_at
                     LIMIT p_most
                       FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;

-- As in 0020, but that a deleted workflow runs no more.
CREATE OR REPLACE FUNCTION app.start_execution(
    p_id           uuid,
    p_workflow     uuid,
    p_deployment   uuid,
    p_version      integer,
    p_trigger_type text,
    p_trigger_data jsonb,
    p_input        jsonb,
    p_queued       boolean
) RETURNS TABLE (execution_id uuid, workspace_id uuid)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    run      uuid := coalesce(p_id, app.uuid7());
    flow     record;
    deployed record;
    chosen   integer := p_version;
BEGIN
    SELECT w.workspace_id, w.version, w.status INTO flow
      FROM public.workflows w
     WHERE w.id = p_workflow AND w.deleted_at IS NULL;
    IF NOT FOUND OR flow.workspace_id <> ALL (app.ws(20, 'executions:write')) THEN
        IF flow.workspace_id = ANY (app.ws(10, 'workflows:read')) THEN
            RAISE EXCEPTION 'executing a workflow takes the role of an editor'
                  USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'executions_write';
        END IF;
        RAISE EXCEPTION 'there is no such workflow'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'workflows_visible';
    END IF;

    IF p_deployment IS NOT NULL THEN
        SELECT d.workflow_version, d.status
          INTO deployed
          FROM public.deployments d
         WHERE d.id = p_deployment AND d.workflow_id = p_workflow;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the workflow has no such deployment'
                  USING ERRCODE = 'no_data_found', CONSTRAINT = 'deployments_of_workflow';
        END IF;
        chosen := coalesce(p_version, deployed.workflow_version);
        IF chosen <> deployed.workflow_version THEN
            RAISE EXCEPTION 'the deployment runs version %, not %', deployed.workflow_version, chosen
                  USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'deployments_version';
        END IF;
        IF p_queued AND deployed.status IN ('failed', 'stopped') THEN
            RAISE EXCEPTION 'the deployment is down: %', deployed.status
                  USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'deployments_running';
        END IF;
    END IF;
    IF p_queued AND flow.status = 'archived' THEN
        RAISE EXCEPTION 'the workflow is archived'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'workflows_archived';
    END IF;

    chosen := coalesce(chosen, flow.version);
    IF NOT EXISTS (SELECT FROM public.workflow_versions v WHERE v.workflow_id = p_workflow AND v.version = chosen) THEN
        RAISE EXCEPTION 'the workflow has no version %', chosen
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'workflow_versions_visible';
    END IF;

    INSERT INTO public.executions
           (id, workspace_id, workflow_id, deployment_id, workflow_version, trigger_type, trigger_data, input_data)
    VALUES (run, flow.workspace_id, p_workflow, p_deployment, chosen, p_trigger_type, p_trigger_data, p_input)
        ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN
        IF NOT EXISTS (SELECT FROM public.executions e WHERE e.id = run AND e.workflow_id = p_workflow) THEN
            RAISE EXCEPTION 'another execution has this id'
                  USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'executions_id_free';
        END IF;
    ELSIF p_queued THEN
        INSERT INTO public.execution_jobs (execution_id, workspace_id, workflow_id, workflow_version, deployment_id)
        VALUES (run, flow.workspace_id, p_workflow, chosen, p_deployment);
    END IF;
    RETURN QUERY SELECT run, flow.workspace_id;
END $$;

-- A workflow that is deployed is active, and what was in use is no draft any more.
CREATE FUNCTION app.guard_workflow_status() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.status = 'active' AND NEW.status = 'draft' THEN
        RAISE EXCEPTION 'an active workflow does not become a draft'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'workflows_status';
    END IF;
    IF NEW.status <> 'active' AND app.is_deployed(NEW.id) THEN
        RAISE EXCEPTION 'the workflow is deployed'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'workflows_deployed';
    END IF;
    RETURN NEW;
END $$;

GRANT EXECUTE ON FUNCTION app.guard_workflow_status() TO mcp_owner;

GRANT EXECUTE ON FUNCTION
    app.update_workflow(uuid, integer, jsonb, jsonb, text),
    app.restore_version(uuid, integer, integer, text),
    app.duplicate_workflow(uuid, integer, text),
    app.set_workflow_status(uuid, text),
    app.tag_workflow(uuid, text[], text[]),
    app.delete_workflow(uuid),
    app.restore_workflow(uuid),
    app.deleted_workflows(uuid)
TO application_user;

GRANT EXECUTE ON FUNCTION app.purge_workflows(interval, integer) TO mcp_maintenance;

SET LOCAL ROLE mcp_owner;

CREATE TRIGGER guard_workflow_status BEFORE UPDATE OF status ON workflows
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION app.guard_workflow_status();
