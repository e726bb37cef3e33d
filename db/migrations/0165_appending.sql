-- Appending costs what it writes: nothing that the lock on the stream proves is proven again for each
-- line, and known ids are looked for only where there are some. docs/adr/0023

SET LOCAL ROLE mcp_owner;

-- A line has its execution because it has its stream: both functions below write under the lock on the
-- stream's row, which has a foreign key to the execution. The check of one foreign key for every line
-- was a fifth of appending.
ALTER TABLE execution_logs DROP CONSTRAINT execution_logs_execution_id_fkey;

SET LOCAL ROLE app_definer;

-- Deleting a stream waits for whoever appends to it, so no line is committed after this has looked.
CREATE FUNCTION app.delete_lines() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM public.execution_logs l WHERE l.execution_id = OLD.execution_id;
    RETURN NULL;
END $$;

GRANT EXECUTE ON FUNCTION app.delete_lines() TO mcp_owner;

-- What report_lines was in 0020: for lines of which some are known already, for a stream that takes
-- none, and to say why somebody may not write to it. Only report_lines calls it.
CREATE FUNCTION app.report_new_lines(p_execution uuid, p_rows jsonb, p_nodes text[], p_attempt integer)
RETURNS TABLE (first_seq bigint, last_seq bigint, inserted integer, unknown_nodes text[], cancel_requested boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_sort = off  -- see below
SET plan_cache_mode = 'force_generic_plan'
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

-- p_rows: an array of {id?, node_id?, level?, message, metadata?, timestamp?}. Lines whose id is known
-- already are dropped; the rest get the next numbers in the order given. p_nodes: the nodes that they
-- name; those that the executed version does not have are answered in unknown_nodes, and their lines
-- are kept as nobody's. Answers the numbers given too (first_seq > last_seq when none), how many
-- lines were new, and whether somebody wants the execution to stop.
--
-- The lock on the stream's row makes the order of commits the order of seq, so a reader who has seen
-- seq n has seen everything before it.
CREATE OR REPLACE FUNCTION app.report_lines(p_execution uuid, p_rows jsonb, p_nodes text[], p_attempt integer)
RETURNS TABLE (first_seq bigint, last_seq bigint, inserted integer, unknown_nodes text[], cancel_requested boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    n        integer := jsonb_array_length(p_rows);
    -- of the ids of lines that were sent without: in order, so that they stand side by side in the index
    prefix   text    := left(app.uuid7()::text, 28);
    place    uuid;
    before   bigint;
    strange  text[]  := '{}';
    stopping boolean;
    known    jsonb;
BEGIN
    BEGIN
        UPDATE public.execution_streams s
           SET last_seq = s.last_seq + n, heard_at = clock_timestamp()
         WHERE s.execution_id = p_execution AND s.workspace_id = ANY (app.ws(20, 'logs:write'))
           AND NOT s.closed AND (s.attempt = p_attempt) IS NOT FALSE
        RETURNING s.workspace_id, s.last_seq - n INTO place, before;

        IF FOUND THEN
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
                   before + number,
                   coalesce(sent ->> 'id', prefix || lpad(number::text, 8, '0'))::uuid,
                   place,
                   CASE WHEN sent ->> 'node_id' <> ALL (strange) THEN sent ->> 'node_id' END,
                   coalesce(sent ->> 'level', 'info'),
                   sent ->> 'message',
                   nullif(sent -> 'metadata', 'null'),
                   coalesce((sent ->> 'timestamp')::timestamptz, clock_timestamp())
              FROM jsonb_array_elements(p_rows) WITH ORDINALITY AS e (sent, number);
            RETURN QUERY SELECT before + 1, before + n, n, strange, stopping;
            RETURN;
        END IF;
    EXCEPTION WHEN unique_violation THEN
        NULL;  -- an id is known already, and nothing of the above was done
    END;
    RETURN QUERY SELECT * FROM app.report_new_lines(p_execution, p_rows, p_nodes, p_attempt);
END $$;

SET LOCAL ROLE mcp_owner;

CREATE TRIGGER delete_lines AFTER DELETE ON execution_streams
    FOR EACH ROW EXECUTE FUNCTION app.delete_lines();
