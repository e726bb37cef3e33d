-- Masking an integration's secrets in what runtimes report: whose they are, and that they changed.

SET LOCAL ROLE app_definer;

-- The workspace of an execution or of a workflow, whoever asks. NULL where there is no such thing.
CREATE FUNCTION app.workspace_of(p_id uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((SELECT s.workspace_id FROM public.execution_streams s WHERE s.execution_id = p_id),
                    (SELECT w.workspace_id FROM public.workflows w WHERE w.id = p_id))
$$;

GRANT EXECUTE ON FUNCTION app.workspace_of(uuid) TO mcp_worker;

SET LOCAL ROLE mcp_owner;

-- Told to every process at once, in whatever way they were changed. A hint only: the secrets of a
-- workspace in use are read again every second anyway.
CREATE FUNCTION app.hint_credentials() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_notify('hints', '*' || coalesce(NEW.workspace_id, OLD.workspace_id));
    RETURN NULL;
END $$;

CREATE TRIGGER hint_credentials AFTER INSERT OR UPDATE OF credentials OR DELETE ON integrations
    FOR EACH ROW EXECUTE FUNCTION app.hint_credentials();
