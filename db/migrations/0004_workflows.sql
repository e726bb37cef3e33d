-- Workflows and every version that was ever saved of them.
--
-- workspace_id stands on every table that a workspace owns: the policies read it there, and the
-- foreign keys carry it along, so that a child cannot belong to another tenant than its parent.

SET LOCAL ROLE mcp_owner;

CREATE TABLE workflows (
    id           uuid         PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid         NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name         varchar(255) NOT NULL,
    description  text,
    tags         text[]       NOT NULL DEFAULT '{}',
    definition   jsonb        NOT NULL,
    status       varchar(50)  NOT NULL DEFAULT 'draft',
    version      integer      NOT NULL DEFAULT 1,
    created_by   uuid         NOT NULL REFERENCES users (id),
    created_at   timestamptz  NOT NULL DEFAULT now(),
    updated_at   timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT workflows_workspace_key    UNIQUE (workspace_id, id),
    CONSTRAINT workflows_name_check       CHECK (btrim(name) <> ''),
    CONSTRAINT workflows_status_check     CHECK (status IN ('draft', 'active', 'inactive', 'archived')),
    CONSTRAINT workflows_version_check    CHECK (version > 0),
    CONSTRAINT workflows_definition_check CHECK (jsonb_typeof(definition) = 'object')
);

CREATE INDEX idx_workflows_workspace_status_updated ON workflows (workspace_id, status, updated_at DESC, id DESC);
CREATE INDEX idx_workflows_workspace_updated        ON workflows (workspace_id, updated_at DESC, id DESC);
CREATE INDEX idx_workflows_workspace_created        ON workflows (workspace_id, created_at DESC, id DESC);
CREATE INDEX idx_workflows_workspace_name           ON workflows (workspace_id, name, id);
CREATE INDEX idx_workflows_created_by               ON workflows (created_by);
CREATE INDEX idx_workflows_definition_nodes         ON workflows USING gin ((definition -> 'nodes') jsonb_path_ops);

CREATE TABLE workflow_versions (
    id           uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid        NOT NULL,
    workflow_id  uuid        NOT NULL,
    version      integer     NOT NULL,
    definition   jsonb       NOT NULL,
    changelog    text,
    created_by   uuid        NOT NULL REFERENCES users (id),
    created_at   timestamptz NOT NULL DEFAULT now(),

    -- also the index for "newest version first": it is read backwards
    CONSTRAINT workflow_versions_workflow_id_version_key UNIQUE (workflow_id, version),
    CONSTRAINT workflow_versions_version_check           CHECK (version > 0),
    CONSTRAINT workflow_versions_workflow_fkey
        FOREIGN KEY (workspace_id, workflow_id) REFERENCES workflows (workspace_id, id) ON DELETE CASCADE
);

CREATE INDEX idx_workflow_versions_workspace_id ON workflow_versions (workspace_id, workflow_id);
CREATE INDEX idx_workflow_versions_created_by   ON workflow_versions (created_by);

-- A workflow's current version is always there to be deployed. Deferred: both rows come together.
ALTER TABLE workflows
    ADD CONSTRAINT workflows_current_version_exists
    FOREIGN KEY (id, version) REFERENCES workflow_versions (workflow_id, version)
    DEFERRABLE INITIALLY DEFERRED;

CREATE TRIGGER touch_updated_at BEFORE UPDATE ON workflows
    FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
