-- Deployments: one version of a workflow, running as an MCP server.

SET LOCAL ROLE mcp_owner;

CREATE TABLE deployments (
    id                 uuid         PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id       uuid         NOT NULL,
    workflow_id        uuid         NOT NULL,
    environment        varchar(50)  NOT NULL DEFAULT 'production',
    mcp_server_url     varchar(500),  -- unknown until the runtime reports where it listens
    status             varchar(50)  NOT NULL DEFAULT 'deploying',
    config             jsonb        NOT NULL DEFAULT '{}',
    deployed_at        timestamptz,
    health_check_url   varchar(500),
    last_health_check  timestamptz,
    health_status      varchar(50),
    workflow_version   integer      NOT NULL,
    deployment_version varchar(50),
    created_by         uuid         NOT NULL REFERENCES users (id),
    created_at         timestamptz  NOT NULL DEFAULT now(),
    updated_at         timestamptz  NOT NULL DEFAULT now(),

    -- what an execution refers to: a deployment of its own workflow
    CONSTRAINT deployments_workflow_key      UNIQUE (workflow_id, id),
    CONSTRAINT deployments_status_check      CHECK (status IN ('deploying', 'deployed', 'failed', 'stopped')),
    CONSTRAINT deployments_environment_check CHECK (environment IN ('development', 'staging', 'production')),
    CONSTRAINT deployments_url_check         CHECK (status <> 'deployed' OR mcp_server_url IS NOT NULL),
    CONSTRAINT deployments_workflow_fkey
        FOREIGN KEY (workspace_id, workflow_id) REFERENCES workflows (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT deployments_workflow_version_fkey
        FOREIGN KEY (workflow_id, workflow_version) REFERENCES workflow_versions (workflow_id, version)
);

CREATE INDEX idx_deployments_workflow_id      ON deployments (workflow_id, created_at DESC, id DESC);
CREATE INDEX idx_deployments_workflow_version ON deployments (workflow_id, workflow_version, created_at DESC, id DESC);
CREATE INDEX idx_deployments_created_at       ON deployments (workspace_id, created_at DESC, id DESC);
CREATE INDEX idx_deployments_status           ON deployments (workspace_id, status, created_at DESC, id DESC);
CREATE INDEX idx_deployments_environment      ON deployments (workspace_id, environment, created_at DESC, id DESC);
CREATE INDEX idx_deployments_created_by       ON deployments (created_by);

CREATE TRIGGER touch_updated_at BEFORE UPDATE ON deployments
    FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
