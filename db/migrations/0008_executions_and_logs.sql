-- Executions, the lines they log, and the counter that numbers the lines.

SET LOCAL ROLE mcp_owner;

CREATE TABLE executions (
    id              uuid         NOT NULL DEFAULT app.uuid7(),
    workspace_id    uuid         NOT NULL,
    workflow_id     uuid         NOT NULL,
    deployment_id   uuid,
    status          varchar(50)  NOT NULL DEFAULT 'running',
    trigger_type    varchar(100) NOT NULL,
    trigger_data    jsonb,
    input_data      jsonb,
    output_data     jsonb,
    error_message   text,
    error_stack     text,
    duration_ms     integer,
    memory_usage_mb integer,
    -- part of the id, so that both always order the same way: newest first is id DESC
    started_at      timestamptz  NOT NULL GENERATED ALWAYS AS (app.uuid7_ts(id)) STORED,
    completed_at    timestamptz,

    PRIMARY KEY (id),
    CONSTRAINT executions_id_check       CHECK (app.uuid_version(id) = 7),
    CONSTRAINT executions_status_check   CHECK (status IN ('running', 'success', 'failed', 'cancelled', 'timeout')),
    CONSTRAINT executions_duration_check CHECK (completed_at IS NULL OR completed_at >= started_at),
    CONSTRAINT executions_metrics_check  CHECK (duration_ms >= 0 AND memory_usage_mb >= 0),
    CONSTRAINT executions_terminal_check CHECK (
        (status = 'running') = (completed_at IS NULL) AND (status <> 'running' OR duration_ms IS NULL)
    ),
    CONSTRAINT executions_workflow_fkey
        FOREIGN KEY (workspace_id, workflow_id) REFERENCES workflows (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT executions_deployment_fkey
        FOREIGN KEY (workflow_id, deployment_id) REFERENCES deployments (workflow_id, id)
) PARTITION BY RANGE (id);

CREATE INDEX idx_executions_workflow_id   ON executions (workflow_id, id DESC);
CREATE INDEX idx_executions_workspace_id  ON executions (workspace_id, id DESC);
CREATE INDEX idx_executions_deployment_id ON executions (deployment_id, id DESC);
CREATE INDEX idx_executions_status        ON executions (workspace_id, status, id DESC);
CREATE INDEX idx_executions_trigger_type  ON executions (workspace_id, trigger_type, id DESC);
CREATE INDEX idx_executions_running       ON executions (workflow_id, id DESC) WHERE status = 'running';

-- One narrow row an execution: appending locks it, and so the order of commits is the order of seq.
CREATE TABLE execution_streams (
    execution_id uuid    NOT NULL REFERENCES executions (id) ON DELETE CASCADE,
    workspace_id uuid    NOT NULL,
    last_seq     bigint  NOT NULL DEFAULT 0,
    closed       boolean NOT NULL DEFAULT false,

    PRIMARY KEY (execution_id)
) PARTITION BY RANGE (execution_id);

CREATE TABLE execution_logs (
    execution_id uuid        NOT NULL REFERENCES executions (id) ON DELETE CASCADE,
    seq          bigint      NOT NULL,
    -- given by whoever appends, so that a retry is recognised
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),
    workspace_id uuid        NOT NULL,
    node_id      varchar(255),
    level        varchar(20) NOT NULL DEFAULT 'info',
    message      text        NOT NULL,
    metadata     jsonb,
    "timestamp"  timestamptz NOT NULL DEFAULT clock_timestamp(),

    PRIMARY KEY (execution_id, seq),
    CONSTRAINT execution_logs_execution_id_id_key UNIQUE (execution_id, id),
    CONSTRAINT execution_logs_seq_check           CHECK (seq > 0),
    CONSTRAINT execution_logs_level_check         CHECK (level IN ('debug', 'info', 'warn', 'error')),
    CONSTRAINT execution_logs_message_check       CHECK (octet_length(message) <= 65536)
) PARTITION BY RANGE (execution_id);

CREATE INDEX idx_execution_logs_level     ON execution_logs (execution_id, level, seq);
-- lines arrive in the order of time, where a block range costs next to nothing on ingest
CREATE INDEX idx_execution_logs_timestamp ON execution_logs USING brin ("timestamp");

-- What a run reports about its end is completed here, and an end is final.
CREATE FUNCTION app.guard_execution() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.status <> 'running' THEN
            RAISE EXCEPTION 'the execution has ended: %', OLD.status
                  USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'executions_final';
        END IF;
        IF (NEW.id, NEW.workspace_id, NEW.workflow_id, NEW.deployment_id)
           IS DISTINCT FROM (OLD.id, OLD.workspace_id, OLD.workflow_id, OLD.deployment_id) THEN
            RAISE EXCEPTION 'an execution stays where it began'
                  USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'executions_immutable';
        END IF;
    END IF;

    IF NEW.status <> 'running' THEN
        NEW.completed_at := coalesce(NEW.completed_at, clock_timestamp());
        -- started_at is generated after this trigger, so it is taken from the id
        NEW.duration_ms  := coalesce(NEW.duration_ms,
            least(extract(epoch FROM NEW.completed_at - app.uuid7_ts(NEW.id)) * 1000, 2147483647)::integer);
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard_execution BEFORE INSERT OR UPDATE ON executions
    FOR EACH ROW EXECUTE FUNCTION app.guard_execution();

SELECT ops.ensure_partitions();
