-- What an integration or a type of node is used by. A node uses an integration that its config names
-- under "integration": by its id, by its service, or by service and account ("slack/acme").

SET LOCAL ROLE mcp_owner;

-- What to look for among the nodes of a definition, an array of patterns; NULL where there is no such
-- integration. With the viewer's own rights: what they may not see is not looked for.
CREATE FUNCTION app.nodes_using(p_workspace uuid, p_kind text, p_value text) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names text[] := '{}';
BEGIN
    IF p_kind = 'node_type' THEN
        RETURN jsonb_build_array(jsonb_build_array(jsonb_build_object('type', p_value)));
    END IF;
    IF p_kind = 'service' THEN
        names := ARRAY(SELECT unnest(ARRAY[i.id::text, i.service_name || '/' || i.account_name])
                         FROM public.integrations i
                        WHERE i.workspace_id = p_workspace AND i.service_name = p_value) || p_value;
    ELSE
        SELECT ARRAY[i.id::text, i.service_name, i.service_name || '/' || i.account_name]
          INTO names
          FROM public.integrations i
         WHERE i.workspace_id = p_workspace AND i.id::text = p_value;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    RETURN (SELECT jsonb_agg(jsonb_build_array(jsonb_build_object('config', jsonb_build_object('integration', n))))
              FROM unnest(names) n);
END $$;

GRANT EXECUTE ON FUNCTION app.nodes_using(uuid, text, text) TO application_user;

SET LOCAL ROLE app_definer;

-- The index on nodes cannot be read beneath a policy: @> is not leakproof. So these check themselves
-- what the viewer may see. At most 500.
CREATE FUNCTION app.workflows_using(p_workspace uuid, p_nodes jsonb) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_workspace <> ALL (app.ws(10, 'workflows:read')) THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT DISTINCT w.id
                   FROM jsonb_array_elements(p_nodes) node
                   JOIN public.workflows w ON w.definition -> 'nodes' @> node
                  WHERE w.workspace_id = p_workspace AND w.deleted_at IS NULL
                  LIMIT 500);
END $$;

-- Those that are up or coming up, by the version that they run.
CREATE FUNCTION app.deployments_using(p_workspace uuid, p_nodes jsonb) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_workspace <> ALL (app.ws(10, 'deployments:read')) THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT d.id
                   FROM public.deployments d
                   JOIN public.workflow_versions v
                     ON v.workflow_id = d.workflow_id AND v.version = d.workflow_version
                  WHERE d.workspace_id = p_workspace AND d.status IN ('deploying', 'deployed')
                    AND EXISTS (SELECT FROM jsonb_array_elements(p_nodes) node
                                 WHERE v.definition -> 'nodes' @> node)
                  LIMIT 500);
END $$;

GRANT EXECUTE ON FUNCTION
    app.workflows_using(uuid, jsonb),
    app.deployments_using(uuid, jsonb)
TO application_user;
