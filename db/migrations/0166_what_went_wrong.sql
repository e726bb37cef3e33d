-- The lines of a log that say what went wrong, in their order. That of (execution_id, level, seq) cost an
-- eighth of appending and was read by nobody: it does not give lines of several levels in the order of
-- seq, so a page of them was read off the primary key, line by line. docs/adr/0023

SET LOCAL ROLE mcp_owner;

DROP INDEX idx_execution_logs_level;
CREATE INDEX idx_execution_logs_level ON execution_logs (execution_id, seq) WHERE level IN ('warn', 'error');
