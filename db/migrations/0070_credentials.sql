-- Credentials are read back by mcp_worker alone, sealed as they are: to execute workflows, to mask
-- them in logs, and to seal them anew when the key was changed.

SET LOCAL ROLE mcp_owner;

ALTER TABLE integrations ADD COLUMN rotated_at timestamptz NOT NULL DEFAULT now();

UPDATE integrations SET rotated_at = created_at;

-- To seal anew, or to try whether they still work, is no change of the integration.
DROP TRIGGER touch_updated_at ON integrations;
CREATE TRIGGER touch_updated_at
    BEFORE UPDATE OF service_name, service_type, account_name, scopes, status, rotated_at ON integrations
    FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();

CREATE INDEX idx_integrations_credentials_key_id ON integrations (credentials_key_id, id);

GRANT SELECT (rotated_at), UPDATE (rotated_at) ON integrations TO application_user;
GRANT UPDATE (credentials, credentials_key_id) ON integrations TO app_definer;

SET LOCAL ROLE app_definer;

CREATE FUNCTION app.read_workspace_credentials(p_workspace uuid)
RETURNS TABLE (integration_id uuid, credentials bytea, credentials_key_id text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.id, i.credentials, i.credentials_key_id
      FROM public.integrations i
     WHERE i.workspace_id = p_workspace
$$;

-- In the order of their ids, behind p_after.
CREATE FUNCTION app.read_credentials_under_other_keys(p_key_id text, p_after uuid, p_most integer)
RETURNS TABLE (integration_id uuid, workspace_id uuid, credentials bytea, credentials_key_id text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.id, i.workspace_id, i.credentials, i.credentials_key_id
      FROM public.integrations i
     WHERE i.credentials_key_id <> p_key_id AND i.id > p_after
     ORDER BY i.id
     LIMIT p_most
$$;

CREATE FUNCTION app.count_credentials_under_other_keys(p_key_id text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) FROM public.integrations i WHERE i.credentials_key_id <> p_key_id
$$;

-- Answers 1, or 0 where they are no longer those that were read.
CREATE FUNCTION app.rewrap_credentials(p_integration uuid, p_old bytea, p_new bytea, p_key_id text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n integer;
BEGIN
    UPDATE public.integrations i
       SET credentials = p_new, credentials_key_id = p_key_id
     WHERE i.id = p_integration AND i.credentials = p_old;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

GRANT EXECUTE ON FUNCTION
    app.read_workspace_credentials(uuid),
    app.read_credentials_under_other_keys(text, uuid, integer),
    app.count_credentials_under_other_keys(text),
    app.rewrap_credentials(uuid, bytea, bytea, text)
TO mcp_worker;

RESET ROLE;

DO $$
DECLARE
    login text;
BEGIN
    FOREACH login IN ARRAY ARRAY['mcp_api', 'mcp_auth', 'mcp_worker'] LOOP
        EXECUTE format('ALTER ROLE %I IN DATABASE %I SET log_parameter_max_length_on_error = 0',
                       login, current_database());
    END LOOP;
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('ALTER ROLE mcp_worker IN DATABASE %I SET log_parameter_max_length = 0', current_database());
    END IF;
END $$;
