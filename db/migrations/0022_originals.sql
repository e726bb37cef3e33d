-- What was masked, as it was: kept only where whoever reported it asked for that, sealed by the API,
-- and handed out only by a function that needs a scope of its own and writes the audit log.

SET LOCAL ROLE mcp_owner;

CREATE OR REPLACE FUNCTION app.known_scopes() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT ARRAY[
        'workspace:read',
        'workflows:read',    'workflows:write',
        'integrations:read',
        'deployments:read',  'deployments:write',
        'executions:read',   'executions:write', 'executions:raw',
        'logs:read',         'logs:write',
        'audit:read'
    ]
$$;

CREATE TABLE execution_originals (
    execution_id uuid        NOT NULL REFERENCES executions (id) ON DELETE CASCADE,
    part         varchar(20) NOT NULL,
    -- of a line of the log; else of nothing
    line_id      uuid        NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    workspace_id uuid        NOT NULL,
    -- AES-256-GCM, with the execution and the line as associated data
    sealed       bytea       NOT NULL,
    key_id       varchar(32) NOT NULL,

    PRIMARY KEY (execution_id, part, line_id),
    CONSTRAINT execution_originals_part_check CHECK (
        part IN ('trigger_data', 'input_data', 'output_data', 'error_message', 'error_stack', 'line')
    )
) PARTITION BY RANGE (execution_id);

ALTER TABLE execution_originals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY definer ON execution_originals TO app_definer USING (true) WITH CHECK (true);

SELECT ops.ensure_partitions();

GRANT SELECT, INSERT ON execution_originals TO app_definer;

SET LOCAL ROLE app_definer;

-- Beside what is reported, in its transaction. What is kept already stays as it is.
CREATE FUNCTION app.keep_originals(
    p_execution uuid,
    p_parts     text[],
    p_lines     uuid[],
    p_sealed    bytea[],
    p_key_ids   text[]
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n integer;
BEGIN
    INSERT INTO public.execution_originals (execution_id, workspace_id, part, line_id, sealed, key_id)
    SELECT s.execution_id, s.workspace_id, given.part, given.line_id, given.sealed, given.key_id
      FROM public.execution_streams s
     CROSS JOIN unnest(p_parts, p_lines, p_sealed, p_key_ids) AS given (part, line_id, sealed, key_id)
     WHERE s.execution_id = p_execution
       AND (s.workspace_id = ANY (app.ws(20, 'executions:write'))
            OR given.part = 'line' AND s.workspace_id = ANY (app.ws(20, 'logs:write')))
        ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

-- The originals of the execution, and of those of its lines that are named by their numbers. Who saw
-- them is in the audit log, also where there was nothing to see.
CREATE FUNCTION app.reveal_execution(p_execution uuid, p_seqs bigint[])
RETURNS TABLE (part text, line_id uuid, seq bigint, sealed bytea, key_id text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    place uuid := (SELECT s.workspace_id FROM public.execution_streams s WHERE s.execution_id = p_execution);
BEGIN
    IF place IS NULL OR place <> ALL (app.ws(40, 'executions:raw')) THEN
        IF place = ANY (app.ws(10, 'executions:read')) THEN
            RAISE EXCEPTION 'revealing what was masked takes the owner, or the scope executions:raw'
                  USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'executions_raw';
        END IF;
        RAISE EXCEPTION 'there is no such execution'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'executions_visible';
    END IF;

    INSERT INTO public.audit_logs
           (workspace_id, user_id, api_key_id, action, resource_type, resource_id, details, ip_address, user_agent)
    VALUES (place, app.uid(), app.key_id(), 'execution.reveal', 'execution', p_execution,
            jsonb_build_object('lines', p_seqs), app.client_ip(),
            left(nullif(current_setting('app.user_agent', true), ''), 512));

    RETURN QUERY
    SELECT o.part::text, o.line_id, l.seq, o.sealed, o.key_id::text
      FROM public.execution_originals o
      LEFT JOIN public.execution_logs l ON l.execution_id = o.execution_id AND l.id = o.line_id
     WHERE o.execution_id = p_execution
       AND (o.part <> 'line' OR l.seq = ANY (p_seqs))
     ORDER BY l.seq NULLS FIRST, o.part;
END $$;

GRANT EXECUTE ON FUNCTION
    app.keep_originals(uuid, text[], uuid[], bytea[], text[]),
    app.reveal_execution(uuid, bigint[])
TO application_user;
