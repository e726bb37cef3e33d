-- Integrations: a workspace's connections to outside services.

SET LOCAL ROLE mcp_owner;

CREATE TABLE integrations (
    id                 uuid         PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id       uuid         NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    service_name       varchar(100) NOT NULL,
    service_type       varchar(50)  NOT NULL,
    -- tells several accounts of one service apart; '' where there is only one
    account_name       varchar(255) NOT NULL DEFAULT '',
    -- AES-256-GCM, sealed by the API with the workspace and the integration as associated data: the
    -- key never reaches this server, and a row moved to another workspace does not open
    credentials        bytea        NOT NULL,
    credentials_key_id varchar(32)  NOT NULL,
    scopes             text[]       NOT NULL DEFAULT '{}',
    status             varchar(50)  NOT NULL DEFAULT 'active',
    last_tested_at     timestamptz,
    test_result        jsonb,
    created_by         uuid         NOT NULL REFERENCES users (id),
    created_at         timestamptz  NOT NULL DEFAULT now(),
    updated_at         timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT integrations_workspace_id_service_name_key UNIQUE (workspace_id, service_name, account_name),
    CONSTRAINT integrations_status_check                  CHECK (status IN ('active', 'inactive', 'error'))
);

CREATE INDEX idx_integrations_workspace_id ON integrations (workspace_id, created_at DESC, id DESC);
CREATE INDEX idx_integrations_status       ON integrations (workspace_id, status);
CREATE INDEX idx_integrations_created_by   ON integrations (created_by);

CREATE TRIGGER touch_updated_at BEFORE UPDATE ON integrations
    FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
