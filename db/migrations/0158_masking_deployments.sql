-- What is said of a deployment is masked as what is said of an execution: whose secrets it may have.

SET LOCAL ROLE app_definer;

-- The workspace of an execution, of a workflow or of a deployment, whoever asks. NULL where there is no
-- such thing.
CREATE OR REPLACE FUNCTION app.workspace_of(p_id uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((SELECT s.workspace_id FROM public.execution_streams s WHERE s.execution_id = p_id),
                    (SELECT w.workspace_id FROM public.workflows w WHERE w.id = p_id),
                    (SELECT d.workspace_id FROM public.deployments d WHERE d.id = p_id))
$$;
