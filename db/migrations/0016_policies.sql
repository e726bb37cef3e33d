-- Who may see and change which rows. ENABLE and FORCE on every table, and one form of policy:
--
--     workspace_id = ANY ((SELECT app.ws(rank, scope))::uuid[])
--
-- The sub-select is evaluated once a statement. Ranks: owner 40, admin 30, editor 20, viewer 10; the
-- scope opens it to API keys that hold it, and to members whose `permissions` add it; NULL to neither.

SET LOCAL ROLE mcp_owner;

DO $$
DECLARE
    t regclass;
BEGIN
    FOREACH t IN ARRAY ARRAY[
        'users', 'workspaces', 'workspace_users', 'workspace_invitations', 'workflows', 'workflow_versions',
        'workflow_statistics_shards', 'integrations', 'deployments', 'executions', 'execution_streams',
        'execution_logs', 'api_keys', 'api_key_usage', 'audit_logs', 'refresh_tokens'
    ]::regclass[] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY definer ON %s TO app_definer USING (true) WITH CHECK (true)', t);
    END LOOP;
END $$;

-- users: oneself, and those one shares a visible workspace with --------------------------------------

CREATE POLICY users_select ON users FOR SELECT TO application_user
    USING (id = (SELECT app.uid()) OR EXISTS (SELECT FROM workspace_users m WHERE m.user_id = users.id));
CREATE POLICY users_update ON users FOR UPDATE TO application_user
    USING      (id = (SELECT app.uid()))
    WITH CHECK (id = (SELECT app.uid()));

-- workspaces ------------------------------------------------------------------------------------------

CREATE POLICY workspaces_select ON workspaces FOR SELECT TO application_user
    USING      (id = ANY ((SELECT app.ws(10, 'workspace:read'))::uuid[]));
CREATE POLICY workspaces_update ON workspaces FOR UPDATE TO application_user
    USING      (id = ANY ((SELECT app.ws(30, NULL))::uuid[]))
    WITH CHECK (id = ANY ((SELECT app.ws(30, NULL))::uuid[]));
CREATE POLICY workspaces_delete ON workspaces FOR DELETE TO application_user
    USING      (id = ANY ((SELECT app.ws(40, NULL))::uuid[]));

-- workspace_users: nobody becomes owner by an update, and the owner's row stays -----------------------

CREATE POLICY workspace_users_select ON workspace_users FOR SELECT TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(10, 'workspace:read'))::uuid[]));
CREATE POLICY workspace_users_update ON workspace_users FOR UPDATE TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]) AND role <> 'owner')
    WITH CHECK (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]) AND role <> 'owner');
CREATE POLICY workspace_users_delete ON workspace_users FOR DELETE TO application_user
    USING      (role <> 'owner'
                AND (user_id = (SELECT app.uid()) OR workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[])));

-- workspace_invitations -------------------------------------------------------------------------------

CREATE POLICY workspace_invitations_select ON workspace_invitations FOR SELECT TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]));
CREATE POLICY workspace_invitations_insert ON workspace_invitations FOR INSERT TO application_user
    WITH CHECK (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]));
CREATE POLICY workspace_invitations_update ON workspace_invitations FOR UPDATE TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]))
    WITH CHECK (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]));

-- workflows: created and saved by functions, which write the version along ---------------------------

CREATE POLICY workflows_select ON workflows FOR SELECT TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(10, 'workflows:read'))::uuid[]));
CREATE POLICY workflows_update ON workflows FOR UPDATE TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(20, 'workflows:write'))::uuid[]))
    WITH CHECK (workspace_id = ANY ((SELECT app.ws(20, 'workflows:write'))::uuid[]));
CREATE POLICY workflows_delete ON workflows FOR DELETE TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]));

CREATE POLICY workflow_versions_select ON workflow_versions FOR SELECT TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(10, 'workflows:read'))::uuid[]));
CREATE POLICY workflow_statistics_shards_select ON workflow_statistics_shards FOR SELECT TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(10, 'workflows:read'))::uuid[]));

-- integrations ----------------------------------------------------------------------------------------

CREATE POLICY integrations_select ON integrations FOR SELECT TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(10, 'integrations:read'))::uuid[]));
CREATE POLICY integrations_insert ON integrations FOR INSERT TO application_user
    WITH CHECK (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]));
CREATE POLICY integrations_update ON integrations FOR UPDATE TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]))
    WITH CHECK (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]));
CREATE POLICY integrations_delete ON integrations FOR DELETE TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]));

-- deployments -----------------------------------------------------------------------------------------

CREATE POLICY deployments_select ON deployments FOR SELECT TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(10, 'deployments:read'))::uuid[]));
CREATE POLICY deployments_insert ON deployments FOR INSERT TO application_user
    WITH CHECK (workspace_id = ANY ((SELECT app.ws(20, 'deployments:write'))::uuid[]));
CREATE POLICY deployments_update ON deployments FOR UPDATE TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(20, 'deployments:write'))::uuid[]))
    WITH CHECK (workspace_id = ANY ((SELECT app.ws(20, 'deployments:write'))::uuid[]));

-- executions and their logs: lines are appended by a function -----------------------------------------

CREATE POLICY executions_select ON executions FOR SELECT TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(10, 'executions:read'))::uuid[]));
CREATE POLICY executions_insert ON executions FOR INSERT TO application_user
    WITH CHECK (workspace_id = ANY ((SELECT app.ws(20, 'executions:write'))::uuid[]));
CREATE POLICY executions_update ON executions FOR UPDATE TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(20, 'executions:write'))::uuid[]))
    WITH CHECK (workspace_id = ANY ((SELECT app.ws(20, 'executions:write'))::uuid[]));

CREATE POLICY execution_streams_select ON execution_streams FOR SELECT TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(10, 'logs:read'))::uuid[]));
CREATE POLICY execution_logs_select ON execution_logs FOR SELECT TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(10, 'logs:read'))::uuid[]));

-- The reader behind live logs reads for all subscribers at once, whom it checks one by one as
-- application_user: two tables, and nothing to change.
CREATE POLICY execution_streams_fan_out ON execution_streams FOR SELECT TO mcp_stream USING (true);
CREATE POLICY execution_logs_fan_out    ON execution_logs    FOR SELECT TO mcp_stream USING (true);

-- api_keys and the audit log --------------------------------------------------------------------------

CREATE POLICY api_keys_select ON api_keys FOR SELECT TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[])
                OR (id = (SELECT app.key_id())  -- a key that is good may read its own name
                    AND status = 'active' AND (expires_at IS NULL OR expires_at > now())));
CREATE POLICY api_keys_insert ON api_keys FOR INSERT TO application_user
    WITH CHECK (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]));
CREATE POLICY api_keys_update ON api_keys FOR UPDATE TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]))
    WITH CHECK (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]));

CREATE POLICY audit_logs_select ON audit_logs FOR SELECT TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(30, 'audit:read'))::uuid[]));

-- Nobody signs with another's name --------------------------------------------------------------------

CREATE POLICY integrations_author ON integrations AS RESTRICTIVE FOR INSERT TO application_user
    WITH CHECK (created_by = (SELECT app.author()));
CREATE POLICY deployments_author ON deployments AS RESTRICTIVE FOR INSERT TO application_user
    WITH CHECK (created_by = (SELECT app.author()));
CREATE POLICY api_keys_author ON api_keys AS RESTRICTIVE FOR INSERT TO application_user
    WITH CHECK (created_by = (SELECT app.author()));
CREATE POLICY workspace_invitations_author ON workspace_invitations AS RESTRICTIVE FOR INSERT TO application_user
    WITH CHECK (invited_by = (SELECT app.author()));
