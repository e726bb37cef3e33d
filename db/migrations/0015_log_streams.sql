-- Appending to the log of an execution: every line once, in one order, however often it is sent.

SET LOCAL ROLE app_definer;

-- An execution has a stream from its first moment, and its end closes it.
CREATE FUNCTION app.follow_execution() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.execution_streams (execution_id, workspace_id, closed)
        VALUES (NEW.id, NEW.workspace_id, NEW.status <> 'running');
    ELSE
        UPDATE public.execution_streams SET closed = true WHERE execution_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

GRANT EXECUTE ON FUNCTION app.follow_execution() TO mcp_owner;

-- p_rows: an array of {id?, node_id?, level?, message, metadata?, timestamp?}. Lines whose id is known
-- already are dropped; the rest get the next numbers in the order given. Answers the numbers given
-- (first_seq > last_seq when none) and how many lines were new.
--
-- The lock on the stream's row makes the order of commits the order of seq, so a reader who has seen
-- seq n has seen everything before it.
CREATE FUNCTION app.append_logs(p_execution uuid, p_rows jsonb)
RETURNS TABLE (first_seq bigint, last_seq bigint, inserted integer)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    stream public.execution_streams;
    n      integer;
BEGIN
    SELECT * INTO stream
      FROM public.execution_streams s
     WHERE s.execution_id = p_execution AND s.workspace_id = ANY (app.ws(20, 'logs:write'))
       FOR UPDATE;
    IF NOT FOUND THEN
        IF EXISTS (SELECT FROM public.execution_streams s
                    WHERE s.execution_id = p_execution AND s.workspace_id = ANY (app.ws(10, 'executions:read'))) THEN
            RAISE EXCEPTION 'appending logs takes the role of an editor'
                  USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'execution_logs_write';
        END IF;
        RAISE EXCEPTION 'there is no such execution'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'executions_visible';
    END IF;

    INSERT INTO public.execution_logs
           (execution_id, seq, id, workspace_id, node_id, level, message, metadata, "timestamp")
    SELECT p_execution,
           stream.last_seq + row_number() OVER (ORDER BY line.place),
           line.id,
           stream.workspace_id,
           line.node_id,
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
      -- The LIMIT keeps this a probe of the unique index for each line; NOT EXISTS was planned as an
      -- anti-join over the whole log, and appending slowed down as the log grew.
      LEFT JOIN LATERAL (SELECT true AS known
                           FROM public.execution_logs l
                          WHERE l.execution_id = p_execution AND l.id = line.id
                          LIMIT 1) k ON true
     WHERE k.known IS NULL;
    GET DIAGNOSTICS n = ROW_COUNT;

    IF n > 0 THEN
        IF stream.closed THEN
            RAISE EXCEPTION 'the execution has ended, its log is closed'
                  USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'execution_streams_open';
        END IF;
        UPDATE public.execution_streams s SET last_seq = stream.last_seq + n WHERE s.execution_id = p_execution;
    END IF;
    RETURN QUERY SELECT stream.last_seq + 1, stream.last_seq + n, n;
END $$;

GRANT EXECUTE ON FUNCTION app.append_logs(uuid, jsonb) TO application_user;

SET LOCAL ROLE mcp_owner;

CREATE TRIGGER follow_execution_begin AFTER INSERT ON executions
    FOR EACH ROW EXECUTE FUNCTION app.follow_execution();
CREATE TRIGGER follow_execution AFTER UPDATE OF status ON executions
    FOR EACH ROW WHEN (OLD.status = 'running' AND NEW.status <> 'running')
    EXECUTE FUNCTION app.follow_execution();
