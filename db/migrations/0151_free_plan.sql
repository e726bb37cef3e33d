-- The free plan takes a person's workflows from elsewhere whole: some sixty are brought by those who
-- come from another product, and thirty were not enough.

SET LOCAL ROLE mcp_owner;

CREATE OR REPLACE FUNCTION app.plan_defaults(p_plan text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE p_plan
        WHEN 'enterprise' THEN
            '{"members": null, "workflows": null, "deployments": null, "executions": null}'::jsonb
        WHEN 'pro' THEN
            '{"members": 50, "workflows": 250, "deployments": 100, "executions": 1000000}'
        ELSE
            '{"members": 10, "workflows": 100, "deployments": 20, "executions": 50000}'
    END
$$;
