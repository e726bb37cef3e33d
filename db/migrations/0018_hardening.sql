-- What an intruder who can run SQL as one of the logins would reach for, and none of them needs.

DO $$
DECLARE
    f regprocedure;
BEGIN
    -- TEMP among it: a temporary table could stand in front of a real one.
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO mcp_api, mcp_auth, mcp_worker, mcp_stream, mcp_maintenance',
                   current_database());

    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE NOTICE 'not a superuser: built-in functions stay open to PUBLIC, bound values may reach the log';
        RETURN;
    END IF;

    -- Killing one's siblings, large objects, messages into the WAL, SQL from strings.
    FOR f IN
        SELECT oid::regprocedure
          FROM pg_proc
         WHERE pronamespace = 'pg_catalog'::regnamespace
           AND proname IN ('pg_terminate_backend', 'pg_cancel_backend', 'pg_export_snapshot',
                           'lo_create', 'lo_creat', 'lo_from_bytea', 'lo_put', 'lowrite', 'lo_open',
                           'pg_logical_emit_message', 'ts_stat',
                           'query_to_xml', 'query_to_xmlschema', 'query_to_xml_and_xmlschema',
                           'cursor_to_xml', 'table_to_xml', 'schema_to_xml', 'database_to_xml')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;

    -- Bound values are people's data, and sometimes a secret on its way to be stored.
    EXECUTE format('ALTER ROLE mcp_api  IN DATABASE %I SET log_parameter_max_length = 0', current_database());
    EXECUTE format('ALTER ROLE mcp_auth IN DATABASE %I SET log_parameter_max_length = 0', current_database());
END $$;
