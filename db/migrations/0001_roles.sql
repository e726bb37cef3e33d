-- Roles, schemas and what each may touch by default.
--
-- Nobody who serves requests owns anything: mcp_owner owns the tables, app_definer the functions
-- that look across tenants, and both are roles without a login. Policies follow role membership, so
-- app_definer (whose policies let everything pass) is never granted to mcp_owner: FORCE ROW LEVEL
-- SECURITY would be hollow.
--
-- Roles belong to the whole server: several databases migrate side by side and share them, so each
-- is made only where it is missing, and settings hang on the role in this database.

DO $$
BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'the database must be encoded in UTF8, not %', current_setting('server_encoding');
    END IF;
END $$;

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY[
        'mcp_owner        NOLOGIN',   -- owns schemas, tables, plain functions
        'app_definer      NOLOGIN',   -- owns the SECURITY DEFINER functions
        'application_user NOLOGIN',   -- holds the grants and policies of the API
        'mcp_api          LOGIN',     -- the GraphQL processes
        'mcp_auth         LOGIN',     -- sign-in: a handful of functions and no table
        'mcp_worker       LOGIN',     -- executes workflows, may ask for credentials
        'mcp_stream       LOGIN',     -- reads logs for the fan-out
        'mcp_maintenance  LOGIN'      -- makes and drops partitions
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = split_part(wanted, ' ', 1)) THEN
            BEGIN
                EXECUTE 'CREATE ROLE ' || wanted;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database's migration was a moment faster
            END;
        END IF;
    END LOOP;
END $$;

DO $$
DECLARE
    wanted text[];
    pairs  text[] := ARRAY[['application_user', 'mcp_api'], ['application_user', 'mcp_worker']];
BEGIN
    -- Whoever migrates without being superuser acts as both owners; a superuser may anyway.
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        pairs := pairs || ARRAY[['mcp_owner', current_user::text], ['app_definer', current_user::text]];
    END IF;

    FOREACH wanted SLICE 1 IN ARRAY pairs LOOP
        IF NOT pg_has_role(wanted[2], wanted[1], 'USAGE') THEN
            BEGIN
                EXECUTE format('GRANT %I TO %I', wanted[1], wanted[2]);
            EXCEPTION WHEN unique_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
END $$;

DO $$
DECLARE
    api_setting text;
BEGIN
    FOREACH api_setting IN ARRAY ARRAY[
        'statement_timeout = ''10s''',
        'lock_timeout = ''3s''',
        'idle_in_transaction_session_timeout = ''15s''',
        'jit = off'  -- compiling costs more than it saves on statements of milliseconds
    ] LOOP
        EXECUTE format('ALTER ROLE mcp_api IN DATABASE %I SET %s', current_database(), api_setting);
    END LOOP;

    EXECUTE format('GRANT CREATE ON DATABASE %I TO mcp_owner', current_database());
END $$;

DO $$
BEGIN
    IF to_regnamespace('ops') IS NULL THEN  -- the runner made it for its table of migrations
        CREATE SCHEMA ops;
    END IF;
END $$;

CREATE SCHEMA app;     -- functions that the API calls; ops holds those for who operates it
CREATE SCHEMA secret;  -- what no login may read

ALTER SCHEMA public OWNER TO mcp_owner;
ALTER SCHEMA app    OWNER TO mcp_owner;
ALTER SCHEMA ops    OWNER TO mcp_owner;
ALTER SCHEMA secret OWNER TO mcp_owner;

SET LOCAL ROLE mcp_owner;

REVOKE ALL    ON SCHEMA public      FROM PUBLIC;
GRANT  USAGE  ON SCHEMA public, app TO application_user, app_definer;
GRANT  USAGE  ON SCHEMA public, app TO mcp_stream;
GRANT  USAGE  ON SCHEMA app         TO mcp_auth;
GRANT  USAGE  ON SCHEMA public, app TO mcp_maintenance;
GRANT  USAGE  ON SCHEMA ops         TO mcp_maintenance, application_user;
GRANT  USAGE  ON SCHEMA secret      TO app_definer;
GRANT  CREATE ON SCHEMA app         TO app_definer;

-- A new function is open to everybody unless this says otherwise.
ALTER DEFAULT PRIVILEGES FOR ROLE mcp_owner   REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
SET LOCAL ROLE app_definer;
ALTER DEFAULT PRIVILEGES FOR ROLE app_definer REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
