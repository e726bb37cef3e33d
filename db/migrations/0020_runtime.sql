-- What runtimes report: runs that begin, say that they live, write their log and end; the queue that
-- hands them work; and the reaper, which ends what nobody has heard of for too long.
--
-- Whatever needs both locks the stream's row first and the execution's after it. SQLSTATEs are as in
-- 0014: P0002 unseen, 42501 seen but not allowed, 55000 in no state for that.

SET LOCAL ROLE mcp_owner;

-- The nodes that may say something, ready to be looked up: a definition can be very long.
ALTER TABLE workflow_versions
    ADD COLUMN node_ids jsonb NOT NULL
    GENERATED ALWAYS AS (jsonb_path_query_array(definition, '$.nodes[*].id')) STORED;

-- They are of the definition, which the audit log does not repeat.
DROP TRIGGER audit ON workflow_versions;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON workflow_versions
    FOR EACH ROW EXECUTE FUNCTION app.write_audit('workflow_version', 'definition', 'node_ids');

ALTER TABLE workflows
    ADD COLUMN timeout_seconds integer NOT NULL DEFAULT 3600,  -- of silence, before a run is given up
    ADD CONSTRAINT workflows_timeout_check CHECK (timeout_seconds BETWEEN 10 AND 2592000);

GRANT UPDATE (timeout_seconds) ON workflows TO application_user;

ALTER TABLE executions
    ADD COLUMN workflow_version    integer,  -- NULL where whoever reported it did not say
    ADD COLUMN cancel_requested_at timestamptz,
    ADD CONSTRAINT executions_workflow_version_fkey
        FOREIGN KEY (workflow_id, workflow_version) REFERENCES workflow_versions (workflow_id, version);

-- Beside the counter, because appending writes this row anyway. No index: its updates stay in place.
ALTER TABLE execution_streams
    ADD COLUMN heard_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- counts the claims of a queued run; what an earlier holder still says is refused
    ADD COLUMN attempt  integer     NOT NULL DEFAULT 1;

-- Runs that wait for a runtime or are in the hands of one; the end of a run takes its row away. No
-- foreign key to executions: a month of those must be free to be dropped.
CREATE TABLE execution_jobs (
    execution_id     uuid        PRIMARY KEY,
    workspace_id     uuid        NOT NULL,
    workflow_id      uuid        NOT NULL,
    workflow_version integer     NOT NULL,
    deployment_id    uuid,
    queued_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    claimed_at       timestamptz,
    attempts         integer     NOT NULL DEFAULT 0,
    -- how long its holder may be silent before another may claim it
    lease            interval    NOT NULL DEFAULT interval '1 minute',

    CONSTRAINT execution_jobs_lease_check    CHECK (lease BETWEEN interval '5 seconds' AND interval '1 day'),
    CONSTRAINT execution_jobs_attempts_check CHECK ((attempts = 0) = (claimed_at IS NULL)),
    CONSTRAINT execution_jobs_workflow_fkey
        FOREIGN KEY (workspace_id, workflow_id) REFERENCES workflows (workspace_id, id) ON DELETE CASCADE
);

CREATE INDEX idx_execution_jobs_waiting  ON execution_jobs (workspace_id, execution_id) WHERE claimed_at IS NULL;
CREATE INDEX idx_execution_jobs_claimed  ON execution_jobs (workspace_id, execution_id) WHERE claimed_at IS NOT NULL;
CREATE INDEX idx_execution_jobs_workflow ON execution_jobs (workflow_id);

ALTER TABLE execution_jobs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY definer ON execution_jobs TO app_definer USING (true) WITH CHECK (true);
CREATE POLICY execution_jobs_select ON execution_jobs FOR SELECT TO application_user
    USING (workspace_id = ANY ((SELECT app.ws(10, 'executions:read'))::uuid[]));

GRANT SELECT                         ON execution_jobs TO application_user;
GRANT SELECT, INSERT, UPDATE, DELETE ON execution_jobs TO app_definer;
GRANT SELECT, INSERT, UPDATE         ON executions     TO app_definer;
GRANT SELECT                         ON deployments    TO app_definer;

SET LOCAL ROLE app_definer;

-- An execution has a stream from its first moment; its end closes it, and takes it off the queue.
CREATE OR REPLACE FUNCTION app.follow_execution() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.execution_streams (execution_id, workspace_id, closed)
        VALUES (NEW.id, NEW.workspace_id, NEW.status <> 'running');
    ELSE
        UPDATE public.execution_streams SET closed = true WHERE execution_id = NEW.id;
        DELETE FROM public.execution_jobs WHERE execution_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

-- The stream of an execution that the viewer may write to, locked. p_attempt, where it is known, must
-- be that of the last claim.
CREATE FUNCTION app.lock_stream(p_execution uuid, p_scope text, p_attempt integer) RETURNS public.execution_streams
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stream public.execution_streams;
BEGIN
    SELECT * INTO stream
      FROM public.execution_streams s
     WHERE s.execution_id = p_execution AND s.workspace_id = ANY (app.ws(20, p_scope))
       FOR UPDATE;
    IF NOT FOUND THEN
        IF EXISTS (SELECT FROM public.execution_streams s
                    WHERE s.execution_id = p_execution AND s.workspace_id = ANY (app.ws(10, 'executions:read'))) THEN
            RAISE EXCEPTION 'writing to an execution takes the role of an editor'
                  USING ERRCODE = 'insufficient_privilege',
                        CONSTRAINT = CASE p_scope WHEN 'logs:write' THEN 'execution_logs_write'
                                                  ELSE 'executions_write' END;
        END IF;
        RAISE EXCEPTION 'there is no such execution'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'executions_visible';
    END IF;
    IF p_attempt <> stream.attempt THEN
        RAISE EXCEPTION 'attempt % was given up; it is attempt % now', p_attempt, stream.attempt
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'execution_jobs_attempt';
    END IF;
    RETURN stream;
END $$;

-- p_rows: an array of {id?, node_id?, level?, message, metadata?, timestamp?}. Lines whose id is known
-- already are dropped; the rest get the next numbers in the order given. p_nodes: the nodes that they
-- name; those that the executed version does not have are answered in unknown_nodes, and their lines
-- are kept as nobody's. Answers the numbers given too (first_seq > last_seq when none), how many
-- lines were new, and whether somebody wants the execution to stop.
--
-- The lock on the stream's row makes the order of commits the order of seq, so a reader who has seen
-- seq n has seen everything before it.
CREATE FUNCTION app.report_lines(p_execution uuid, p_rows jsonb, p_nodes text[], p_attempt integer)
RETURNS TABLE (first_seq bigint, last_seq bigint, inserted integer, unknown_nodes text[], cancel_requested boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_sort = off                        -- see below
SET plan_cache_mode = 'force_generic_plan'   -- else the check of a line's execution is planned for every line
AS $$
#variable_conflict use_column
DECLARE
    stream   public.execution_streams := app.lock_stream(p_execution, 'logs:write', p_attempt);
    strange  text[] := '{}';
    stopping boolean;
    known    jsonb;
    n        integer;
BEGIN
    SELECT e.cancel_requested_at IS NOT NULL, v.node_ids
      INTO stopping, known
      FROM public.executions e
      LEFT JOIN public.workflow_versions v
        ON v.workflow_id = e.workflow_id AND v.version = e.workflow_version AND p_nodes <> '{}'
     WHERE e.id = p_execution;
    IF known IS NOT NULL THEN
        strange := ARRAY(SELECT node FROM unnest(p_nodes) node WHERE NOT known ? node);
    END IF;

    INSERT INTO public.execution_logs
           (execution_id, seq, id, workspace_id, node_id, level, message, metadata, "timestamp")
    SELECT p_execution,
           stream.last_seq + row_number() OVER (ORDER BY line.place),
           line.id,
           stream.workspace_id,
           CASE WHEN line.node_id <> ALL (strange) THEN line.node_id END,
           coalesce(line.level, 'info'),
           line.message,
           line.metadata,
           coalesce(line.at, clock_timestamp())
      FROM (SELECT DISTINCT ON (id) *
              FROM (SELECT place,
                           coalesce((sent ->> 'id')::uuid, gen_random_uuid()) AS id,
                           sent ->> 'node_id'                                 AS node_id,
                           sent ->> 'level'                                   AS level,
                           sent ->> 'message'                                 AS message,
                           nullif(sent -> 'metadata', 'null')                 AS metadata,
                           (sent ->> 'timestamp')::timestamptz                AS at
                      FROM jsonb_array_elements(p_rows) WITH ORDINALITY AS e (sent, place)) each_line
             ORDER BY id, place) line
      -- A probe of the unique index for each line. The order, with sorting turned off, leaves no other
      -- plan: one made while a month's tables are empty is kept as they grow, and read the whole log.
      LEFT JOIN LATERAL (SELECT l.id
                           FROM public.execution_logs l
                          WHERE l.execution_id = p_execution AND l.id >= line.id
                          ORDER BY l.id
                          LIMIT 1) next ON true
     WHERE next.id IS DISTINCT FROM line.id;
    GET DIAGNOSTICS n = ROW_COUNT;

    IF stream.closed THEN
        IF n > 0 THEN
            RAISE EXCEPTION 'the execution has ended, its log is closed'
                  USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'execution_streams_open';
        END IF;
    ELSE
        UPDATE public.execution_streams s
           SET last_seq = stream.last_seq + n, heard_at = clock_timestamp()
         WHERE s.execution_id = p_execution;
    END IF;
    RETURN QUERY SELECT stream.last_seq + 1, stream.last_seq + n, n, strange, stopping;
END $$;

-- The same without a look at the nodes, for whoever knows what they send.
CREATE OR REPLACE FUNCTION app.append_logs(p_execution uuid, p_rows jsonb)
RETURNS TABLE (first_seq bigint, last_seq bigint, inserted integer)
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.first_seq, r.last_seq, r.inserted FROM app.report_lines(p_execution, p_rows, '{}', NULL) r
$$;

-- A run begins, or waits in the queue where p_queued. With an id that is known already nothing
-- happens: whoever asks again gets the same execution.
CREATE FUNCTION app.start_execution(
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
    SELECT w.workspace_id, w.version, w.status INTO flow FROM public.workflows w WHERE w.id = p_workflow;
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

-- The oldest run that waits, or whose holder has been silent for longer than its lease. No row where
-- there is none. Of several who ask at once, each gets another.
CREATE FUNCTION app.claim_execution(p_deployment uuid, p_lease interval)
RETURNS TABLE (execution_id uuid, workspace_id uuid, attempt integer)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    places   uuid[] := app.ws(20, 'executions:write');
    deployed public.deployments;
    job      public.execution_jobs;
BEGIN
    IF p_deployment IS NOT NULL THEN
        SELECT * INTO deployed FROM public.deployments d WHERE d.id = p_deployment;
        IF NOT FOUND OR deployed.workspace_id <> ALL (places || app.ws(10, 'deployments:read')) THEN
            RAISE EXCEPTION 'there is no such deployment'
                  USING ERRCODE = 'no_data_found', CONSTRAINT = 'deployments_visible';
        END IF;
        places := ARRAY(SELECT unnest(places) INTERSECT SELECT deployed.workspace_id);
    END IF;
    IF places = '{}' THEN
        RAISE EXCEPTION 'claiming takes the role of an editor'
              USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'executions_write';
    END IF;

    -- Both rows are locked, so that both are read anew after waiting for nobody: a lease that was
    -- renewed, or a run that was cancelled, a moment ago is seen to be.
    SELECT j.* INTO job
      FROM public.execution_jobs j
      JOIN public.execution_streams s ON s.execution_id = j.execution_id
     WHERE j.workspace_id = ANY (places) AND j.claimed_at IS NULL AND NOT s.closed
       AND (p_deployment IS NULL OR j.deployment_id = p_deployment
            OR j.deployment_id IS NULL AND j.workflow_id = deployed.workflow_id
               AND j.workflow_version = deployed.workflow_version)
     ORDER BY j.execution_id
     LIMIT 1
       FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        SELECT j.* INTO job
          FROM public.execution_jobs j
          JOIN public.execution_streams s ON s.execution_id = j.execution_id
         WHERE j.workspace_id = ANY (places) AND j.claimed_at IS NOT NULL AND NOT s.closed
           AND s.heard_at < clock_timestamp() - j.lease
           AND (p_deployment IS NULL OR j.deployment_id = p_deployment
                OR j.deployment_id IS NULL AND j.workflow_id = deployed.workflow_id
                   AND j.workflow_version = deployed.workflow_version)
         ORDER BY j.execution_id
         LIMIT 1
           FOR UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;

    UPDATE public.execution_jobs j
       SET claimed_at = clock_timestamp(), attempts = job.attempts + 1, lease = p_lease
     WHERE j.execution_id = job.execution_id;
    UPDATE public.execution_streams s
       SET heard_at = clock_timestamp(), attempt = job.attempts + 1
     WHERE s.execution_id = job.execution_id;
    RETURN QUERY SELECT job.execution_id, job.workspace_id, job.attempts + 1;
END $$;

-- It lives. Answers whether somebody wants it to stop.
CREATE FUNCTION app.heartbeat_execution(p_execution uuid, p_attempt integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stream public.execution_streams := app.lock_stream(p_execution, 'executions:write', p_attempt);
BEGIN
    IF stream.closed THEN
        RAISE EXCEPTION 'the execution has ended'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'executions_final';
    END IF;
    UPDATE public.execution_streams s SET heard_at = clock_timestamp() WHERE s.execution_id = p_execution;
    RETURN (SELECT e.cancel_requested_at IS NOT NULL FROM public.executions e WHERE e.id = p_execution);
END $$;

-- An end is final; to report the same end again is harmless.
CREATE FUNCTION app.finish_execution(
    p_execution uuid,
    p_status    text,
    p_output    jsonb,
    p_message   text,
    p_stack     text,
    p_duration  integer,
    p_memory    integer,
    p_attempt   integer
) RETURNS TABLE (workspace_id uuid, last_seq bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    stream public.execution_streams := app.lock_stream(p_execution, 'executions:write', p_attempt);
BEGIN
    IF NOT stream.closed THEN
        UPDATE public.executions e
           SET status = p_status, output_data = p_output, error_message = p_message, error_stack = p_stack,
               duration_ms = p_duration, memory_usage_mb = p_memory
         WHERE e.id = p_execution;
    ELSIF NOT EXISTS (
        SELECT FROM public.executions e
         WHERE e.id = p_execution
           AND (e.status, e.output_data, e.error_message, e.error_stack, e.memory_usage_mb)
               IS NOT DISTINCT FROM (p_status, p_output, p_message, p_stack, p_memory)
           AND e.duration_ms = coalesce(p_duration, e.duration_ms)
    ) THEN
        RAISE EXCEPTION 'the execution has ended otherwise'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'executions_final';
    END IF;
    RETURN QUERY SELECT stream.workspace_id, stream.last_seq;
END $$;

-- A run that waits ends at once; the runtime of any other is told at its next call.
CREATE FUNCTION app.cancel_execution(p_execution uuid)
RETURNS TABLE (workspace_id uuid, last_seq bigint, ended boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    stream public.execution_streams := app.lock_stream(p_execution, 'executions:write', NULL);
    ends   boolean := stream.closed;
BEGIN
    IF NOT stream.closed THEN
        ends := EXISTS (SELECT FROM public.execution_jobs j
                         WHERE j.execution_id = p_execution AND j.claimed_at IS NULL);
        UPDATE public.executions e
           SET cancel_requested_at = coalesce(e.cancel_requested_at, clock_timestamp()),
               status              = CASE WHEN ends THEN 'cancelled' ELSE e.status END
         WHERE e.id = p_execution;
    ELSIF NOT EXISTS (SELECT FROM public.executions e WHERE e.id = p_execution AND e.status = 'cancelled') THEN
        RAISE EXCEPTION 'the execution has ended'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'executions_final';
    END IF;
    RETURN QUERY SELECT stream.workspace_id, stream.last_seq, ends;
END $$;

-- A new run in the queue, with the input of one that has ended: of the same version, or the latest.
-- It goes to the same deployment, unless that is down or runs another version.
CREATE FUNCTION app.retry_execution(p_execution uuid, p_latest boolean, p_id uuid)
RETURNS TABLE (execution_id uuid, workspace_id uuid)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    stream  public.execution_streams := app.lock_stream(p_execution, 'executions:write', NULL);
    earlier record;
BEGIN
    IF NOT stream.closed THEN
        RAISE EXCEPTION 'the execution has not ended'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'executions_ended';
    END IF;
    SELECT e.workflow_id,
           e.input_data,
           CASE WHEN p_latest THEN w.version
                ELSE coalesce(e.workflow_version, d.workflow_version, w.version) END   AS version,
           CASE WHEN d.status NOT IN ('failed', 'stopped') THEN d.id END               AS deployment_id,
           d.workflow_version                                                          AS deployed_version
      INTO earlier
      FROM public.executions e
      JOIN public.workflows w ON w.id = e.workflow_id
      LEFT JOIN public.deployments d ON d.id = e.deployment_id
     WHERE e.id = p_execution;
    RETURN QUERY
    SELECT *
      FROM app.start_execution(
               p_id,
               earlier.workflow_id,
               CASE WHEN earlier.deployed_version = earlier.version THEN earlier.deployment_id END,
               earlier.version,
               'retry',
               jsonb_build_object('retryOf', p_execution),
               earlier.input_data,
               true);
END $$;

-- Ends what was silent for longer than its workflow allows, and what was asked to stop and has been
-- silent for a minute; p_most at a time. One who asks while another is at it gets no row.
CREATE FUNCTION app.reap_executions(p_most integer DEFAULT 500)
RETURNS TABLE (execution_id uuid, workspace_id uuid, last_seq bigint, status text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    silent record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('app.reap_executions')) THEN
        RETURN;
    END IF;
    FOR silent IN
        SELECT e.id, s.workspace_id, s.last_seq, e.cancel_requested_at IS NOT NULL AS stopping,
               floor(extract(epoch FROM clock_timestamp() - s.heard_at))::bigint AS seconds
          FROM public.executions e
          JOIN public.workflows w ON w.id = e.workflow_id
          JOIN public.execution_streams s ON s.execution_id = e.id
         WHERE e.status = 'running' AND NOT s.closed
           AND s.heard_at < clock_timestamp() - CASE WHEN e.cancel_requested_at IS NULL
                                                     THEN make_interval(secs => w.timeout_seconds)
                                                     ELSE least(make_interval(secs => w.timeout_seconds),
                                                                interval '1 minute') END
         LIMIT p_most
           FOR UPDATE OF s SKIP LOCKED
    LOOP
        execution_id := silent.id;
        workspace_id := silent.workspace_id;
        last_seq     := silent.last_seq;
        status       := CASE WHEN silent.stopping THEN 'cancelled' ELSE 'timeout' END;
        UPDATE public.executions e
           SET status        = CASE WHEN silent.stopping THEN 'cancelled' ELSE 'timeout' END,
               error_message = format('Nothing was heard of it for %s seconds.', silent.seconds)
         WHERE e.id = silent.id AND e.status = 'running';
        RETURN NEXT;
    END LOOP;
END $$;

GRANT EXECUTE ON FUNCTION
    app.report_lines(uuid, jsonb, text[], integer),
    app.start_execution(uuid, uuid, uuid, integer, text, jsonb, jsonb, boolean),
    app.claim_execution(uuid, interval),
    app.heartbeat_execution(uuid, integer),
    app.finish_execution(uuid, text, jsonb, text, text, integer, integer, integer),
    app.cancel_execution(uuid),
    app.retry_execution(uuid, boolean, uuid)
TO application_user;

GRANT EXECUTE ON FUNCTION app.reap_executions(integer) TO mcp_maintenance;
