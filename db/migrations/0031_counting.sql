-- Counting the executions of a workflow looks at the index alone: the workspace, which the policy asks
-- for, is in it.

SET LOCAL ROLE mcp_owner;

DROP INDEX idx_executions_workflow_id;
CREATE INDEX idx_executions_workflow_id ON executions (workflow_id, id DESC) INCLUDE (workspace_id);
