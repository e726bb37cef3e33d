-- An execution whose runtime's clock is ahead (its id may be five minutes from now) can end before it
-- began, by this server's clock: then it took no time, rather than breaking a constraint.

SET LOCAL ROLE mcp_owner;

CREATE OR REPLACE FUNCTION app.guard_execution() RETURNS trigger
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
        -- started_at is generated after this trigger, so it is taken from the id
        NEW.completed_at := coalesce(NEW.completed_at, greatest(clock_timestamp(), app.uuid7_ts(NEW.id)));
        NEW.duration_ms  := coalesce(NEW.duration_ms,
            least(extract(epoch FROM NEW.completed_at - app.uuid7_ts(NEW.id)) * 1000, 2147483647)::integer);
    END IF;
    RETURN NEW;
END $$;
