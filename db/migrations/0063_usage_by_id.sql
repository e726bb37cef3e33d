-- The id of an integration may stand anywhere in a node's config. Where it stands under "integration"
-- the index finds it; for the rest the definitions of the workspace are looked through. A pattern of
-- nodes_using that is a text is such an id.

SET LOCAL ROLE mcp_owner;

CREATE OR REPLACE FUNCTION app.nodes_using(p_workspace uuid, p_kind text, p_value text) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids   text[];
    names text[];
BEGIN
    IF p_kind = 'node_type' THEN
        RETURN jsonb_build_array(jsonb_build_array(jsonb_build_object('type', p_value)));
    END IF;
    SELECT coalesce(array_agg(i.id::text), '{}'),
           coalesce(array_agg(i.service_name || '/' || i.account_name), '{}')
           || CASE WHEN p_kind = 'service' THEN ARRAY[p_value] ELSE array_agg(i.service_name::text) END
      INTO ids, names
      FROM public.integrations i
     WHERE i.workspace_id = p_workspace
       AND CASE WHEN p_kind = 'service' THEN i.service_name = p_value ELSE i.id::text = p_value END;
    IF p_kind = 'integration' AND ids = '{}' THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT jsonb_agg(jsonb_build_array(jsonb_build_object('config', jsonb_build_object('integration', n))))
              FROM unnest(names) n)
           || to_jsonb(ids);
END $$;

SET LOCAL ROLE app_definer;

CREATE OR REPLACE FUNCTION app.workflows_using(p_workspace uuid, p_nodes jsonb) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_workspace <> ALL (app.ws(10, 'workflows:read')) THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(
        SELECT w.id
          FROM jsonb_array_elements(p_nodes) node
          JOIN public.workflows w ON w.definition -> 'nodes' @> node
         WHERE jsonb_typeof(node) = 'array' AND w.workspace_id = p_workspace AND w.deleted_at IS NULL
         UNION
        SELECT w.id
          FROM jsonb_array_elements(p_nodes) node
          JOIN public.workflows w
            ON jsonb_path_exists(w.definition, '$.nodes[*].config.** ? (@ == $id)', jsonb_build_object('id', node))
         WHERE jsonb_typeof(node) = 'string' AND w.workspace_id = p_workspace AND w.deleted_at IS NULL
         LIMIT 500);
END $$;

CREATE OR REPLACE FUNCTION app.deployments_using(p_workspace uuid, p_nodes jsonb) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_workspace <> ALL (app.ws(10, 'deployments:read')) THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(
        SELECT d.id
          FROM public.deployments d
          JOIN public.workflow_versions v
            ON v.workflow_id = d.workflow_id AND v.version = d.workflow_version
         WHERE d.workspace_id = p_workspace AND d.status IN ('deploying', 'deployed')
           AND EXISTS (SELECT FROM jsonb_array_elements(p_nodes) node
                        WHERE CASE jsonb_typeof(node)
                              WHEN 'array' THEN v.definition -> 'nodes' @> node
                              ELSE jsonb_path_exists(v.definition, '$.nodes[*].config.** ? (@ == $id)',
                                                     jsonb_build_object('id', node)) END)
         LIMIT 500);
END $$;
