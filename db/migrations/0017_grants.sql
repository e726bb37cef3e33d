-- Which columns each login may touch. Secrets (password_hash, token_hash, key_hash, credentials) are
-- in no SELECT: they are written and never read. What a row is and whose it is, is in no UPDATE.

SET LOCAL ROLE mcp_owner;

GRANT SELECT (id, email, name, avatar_url, oauth_provider, email_verified, mfa_enabled, timezone, locale,
              last_login_at, created_at, updated_at),
      UPDATE (name, avatar_url, timezone, locale)
   ON users TO application_user;

GRANT SELECT (id, name, description, slug, owner_id, plan_type, plan_limits, settings, created_at, updated_at),
      UPDATE (name, description, slug, settings),
      DELETE
   ON workspaces TO application_user;

GRANT SELECT,
      UPDATE (role, permissions),
      DELETE
   ON workspace_users TO application_user;

GRANT SELECT (id, workspace_id, email, role, invited_by, created_at, expires_at, accepted_at, revoked_at),
      INSERT (id, workspace_id, email, role, token_hash, invited_by, expires_at),
      UPDATE (revoked_at)
   ON workspace_invitations TO application_user;

GRANT SELECT,
      UPDATE (name, description, tags, status),
      DELETE
   ON workflows TO application_user;

GRANT SELECT ON workflow_versions, workflow_statistics_shards TO application_user;

GRANT SELECT (id, workspace_id, service_name, service_type, account_name, credentials_key_id, scopes, status,
              last_tested_at, test_result, created_by, created_at, updated_at),
      INSERT (id, workspace_id, service_name, service_type, account_name, credentials, credentials_key_id, scopes,
              status, created_by),
      UPDATE (service_type, account_name, credentials, credentials_key_id, scopes, status, last_tested_at,
              test_result),
      DELETE
   ON integrations TO application_user;

GRANT SELECT,
      INSERT (id, workspace_id, workflow_id, environment, mcp_server_url, status, config, health_check_url,
              workflow_version, deployment_version, created_by),
      UPDATE (mcp_server_url, status, config, deployed_at, health_check_url, last_health_check, health_status,
              deployment_version)
   ON deployments TO application_user;

GRANT SELECT,
      INSERT (id, workspace_id, workflow_id, deployment_id, status, trigger_type, trigger_data, input_data,
              output_data, error_message, error_stack, duration_ms, memory_usage_mb, completed_at),
      UPDATE (status, output_data, error_message, error_stack, duration_ms, memory_usage_mb, completed_at)
   ON executions TO application_user;

GRANT SELECT ON execution_streams, execution_logs TO application_user, mcp_stream;

GRANT SELECT (id, workspace_id, name, key_prefix, scopes, rate_limit, status, last_used_at, expires_at, created_by,
              created_at),
      INSERT (id, workspace_id, name, key_hash, key_prefix, scopes, rate_limit, expires_at, created_by),
      UPDATE (name, scopes, rate_limit, status, expires_at)
   ON api_keys TO application_user;

GRANT SELECT ON audit_logs, workflow_statistics, user_dashboard TO application_user;

-- What the definer's functions do, and no more.
GRANT SELECT, INSERT, UPDATE         ON users                      TO app_definer;
GRANT SELECT, INSERT, UPDATE         ON workspaces                 TO app_definer;
GRANT SELECT, INSERT, UPDATE         ON workspace_users            TO app_definer;
GRANT SELECT, UPDATE                 ON workspace_invitations      TO app_definer;
GRANT SELECT, INSERT, UPDATE         ON workflows                  TO app_definer;
GRANT SELECT, INSERT                 ON workflow_versions          TO app_definer;
GRANT SELECT, INSERT, UPDATE         ON workflow_statistics_shards TO app_definer;
GRANT SELECT                         ON integrations               TO app_definer;
GRANT SELECT, INSERT, UPDATE         ON execution_streams          TO app_definer;
GRANT SELECT, INSERT                 ON execution_logs             TO app_definer;
GRANT SELECT, UPDATE (last_used_at)  ON api_keys                   TO app_definer;
GRANT SELECT, INSERT, UPDATE, DELETE ON api_key_usage              TO app_definer;
GRANT SELECT, INSERT, UPDATE, DELETE ON refresh_tokens             TO app_definer;
GRANT INSERT                         ON audit_logs                 TO app_definer;
