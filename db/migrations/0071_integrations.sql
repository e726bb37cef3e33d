-- How an integration is tested: by a call of its service, or of an address that was entered together
-- with the credentials. Whoever could change the address alone could have them sent to himself.

SET LOCAL ROLE mcp_owner;

ALTER TABLE integrations
    ADD COLUMN test_method varchar(10) NOT NULL DEFAULT 'GET',
    ADD COLUMN test_url    varchar(2000),
    ADD CONSTRAINT integrations_test_method_check CHECK (test_method IN ('GET', 'HEAD', 'POST'));

GRANT SELECT (test_method, test_url), INSERT (test_method, test_url) ON integrations TO application_user;

-- Only together with credentials, by app.rotate_credentials.
REVOKE UPDATE (credentials, credentials_key_id, rotated_at) ON integrations FROM application_user;
GRANT UPDATE (service_type, test_method, test_url, rotated_at, status, test_result, last_tested_at)
   ON integrations TO app_definer;

SET LOCAL ROLE app_definer;

-- Of any status: one that is switched off is tested before it is switched on.
CREATE FUNCTION app.read_credentials_to_test(p_integration uuid)
RETURNS TABLE (workspace_id uuid, credentials bytea, credentials_key_id text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.workspace_id, i.credentials, i.credentials_key_id FROM public.integrations i WHERE i.id = p_integration
$$;

-- What the last test said was of the credentials before.
CREATE FUNCTION app.rotate_credentials(
    p_integration  uuid,
    p_credentials  bytea,
    p_key_id       text,
    p_service_type text,
    p_test_method  text,
    p_test_url     text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place uuid;
BEGIN
    SELECT i.workspace_id INTO place FROM public.integrations i WHERE i.id = p_integration FOR UPDATE;
    IF NOT FOUND OR place <> ALL (app.ws(30, NULL)) THEN
        IF place = ANY (app.ws(10, 'integrations:read')) THEN
            RAISE EXCEPTION 'changing an integration takes the role of an admin'
                  USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'integrations_write';
        END IF;
        RAISE EXCEPTION 'there is no such integration'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'integrations_visible';
    END IF;

    UPDATE public.integrations i
       SET credentials = p_credentials, credentials_key_id = p_key_id, rotated_at = clock_timestamp(),
           service_type = p_service_type, test_method = p_test_method, test_url = p_test_url,
           last_tested_at = NULL, test_result = NULL,
           status = CASE i.status WHEN 'error' THEN 'active' ELSE i.status END
     WHERE i.id = p_integration;
END $$;

GRANT EXECUTE ON FUNCTION app.read_credentials_to_test(uuid) TO mcp_worker;
GRANT EXECUTE ON FUNCTION app.rotate_credentials(uuid, bytea, text, text, text, text) TO application_user;
