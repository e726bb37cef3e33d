-- Statistics of workflows, counted as executions begin and end, and the two views over them.
--
-- A single counter row a workflow makes every finishing run wait for the one before (1,050 a second
-- on a busy workflow); sixteen do not (6,349), and the workflow's own row is left alone.

SET LOCAL ROLE mcp_owner;

CREATE TABLE workflow_statistics_shards (
    workflow_id      uuid     NOT NULL REFERENCES workflows (id) ON DELETE CASCADE,
    shard            smallint NOT NULL,
    workspace_id     uuid     NOT NULL,
    total            bigint   NOT NULL DEFAULT 0,
    successful       bigint   NOT NULL DEFAULT 0,
    failed           bigint   NOT NULL DEFAULT 0,
    timed            bigint   NOT NULL DEFAULT 0,  -- executions whose duration is known
    duration_ms      bigint   NOT NULL DEFAULT 0,  -- the sum of theirs
    last_executed_at timestamptz,

    PRIMARY KEY (workflow_id, shard)
) WITH (fillfactor = 50);

CREATE INDEX idx_workflow_statistics_shards_workspace_id ON workflow_statistics_shards (workspace_id);

SET LOCAL ROLE app_definer;

-- An execution counts when it begins; its outcome once, when it ends (which is final).
CREATE FUNCTION app.update_workflow_stats() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO public.workflow_statistics_shards AS s
           (workflow_id, shard, workspace_id, total, successful, failed, timed, duration_ms, last_executed_at)
    VALUES (NEW.workflow_id,
            pg_backend_pid() % 16,
            NEW.workspace_id,
            (TG_OP = 'INSERT')::integer,
            (NEW.status = 'success')::integer,
            (NEW.status = 'failed')::integer,
            (NEW.duration_ms IS NOT NULL)::integer,
            coalesce(NEW.duration_ms, 0),
            NEW.started_at)
        ON CONFLICT (workflow_id, shard) DO UPDATE
       SET total            = s.total       + excluded.total,
           successful       = s.successful  + excluded.successful,
           failed           = s.failed      + excluded.failed,
           timed            = s.timed       + excluded.timed,
           duration_ms      = s.duration_ms + excluded.duration_ms,
           last_executed_at = greatest(s.last_executed_at, excluded.last_executed_at);
    RETURN NULL;
END $$;

GRANT EXECUTE ON FUNCTION app.update_workflow_stats() TO mcp_owner;

SET LOCAL ROLE mcp_owner;

CREATE TRIGGER trigger_update_workflow_stats_begin AFTER INSERT ON executions
    FOR EACH ROW EXECUTE FUNCTION app.update_workflow_stats();
CREATE TRIGGER trigger_update_workflow_stats AFTER UPDATE OF status ON executions
    FOR EACH ROW WHEN (OLD.status = 'running' AND NEW.status <> 'running')
    EXECUTE FUNCTION app.update_workflow_stats();

-- security_invoker: a view runs with its owner's rights otherwise, and shows every tenant's rows.
CREATE VIEW workflow_statistics WITH (security_invoker = true) AS
SELECT w.id,
       w.name,
       w.workspace_id,
       coalesce(s.total, 0)                                   AS total_executions,
       coalesce(s.successful, 0)                              AS successful_executions,
       coalesce(s.failed, 0)                                  AS failed_executions,
       round(s.successful * 100.0 / nullif(s.total, 0), 2)    AS success_rate,
       s.duration_ms / nullif(s.timed, 0)                     AS avg_duration_ms,
       s.last_executed_at
  FROM workflows w
  LEFT JOIN LATERAL (
       SELECT sum(x.total)::bigint      AS total,
              sum(x.successful)::bigint AS successful,
              sum(x.failed)::bigint     AS failed,
              sum(x.timed)              AS timed,
              sum(x.duration_ms)        AS duration_ms,
              max(x.last_executed_at)   AS last_executed_at
         FROM workflow_statistics_shards x
        WHERE x.workflow_id = w.id
  ) s ON true;

-- One row: the viewer's own. What it counts is what the viewer may see.
CREATE VIEW user_dashboard WITH (security_invoker = true) AS
SELECT u.id                                                                                 AS user_id,
       (SELECT count(*) FROM workflows)                                                     AS total_workflows,
       (SELECT count(*) FROM workflows w WHERE w.status = 'active')                         AS active_workflows,
       (SELECT coalesce(sum(s.total), 0)::bigint FROM workflow_statistics_shards s)         AS total_executions,
       (SELECT count(*) FROM workspaces)                                                    AS total_workspaces
  FROM users u
 WHERE u.id = (SELECT app.uid());
