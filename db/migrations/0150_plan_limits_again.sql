-- A workflow that is restored counts again (0052 counts those that are not deleted). The number is so
-- high because the column is of a later file than the limits.

SET LOCAL ROLE mcp_owner;

CREATE TRIGGER guard_plan_again AFTER UPDATE OF deleted_at ON workflows
    FOR EACH ROW WHEN (OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL)
    EXECUTE FUNCTION app.guard_plan('workflows');
