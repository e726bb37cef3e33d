-- How many workspaces one person owns, whatever their plans: each has a plan of its own, so without a
-- bound nothing would be limited. Held as plans are (0052): after the row, one at a time; what the
-- operator does at psql is counted and not refused.
--
-- Those that were deleted and can still be restored have a bound of their own, which only making and
-- deleting without end reaches.

SET LOCAL ROLE app_definer;

CREATE FUNCTION app.guard_owner() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    allowed      CONSTANT bigint := 100;
    with_deleted CONSTANT bigint := 1000;
    living       bigint;
    every        bigint;
BEGIN
    IF app.viewer() IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('workspaces of ' || NEW.owner_id, 0));
    SELECT count(*) FILTER (WHERE w.deleted_at IS NULL), count(*)
      INTO living, every
      FROM public.workspaces w
     WHERE w.owner_id = NEW.owner_id;
    IF living > allowed THEN
        RAISE EXCEPTION 'one person owns at most % workspaces', allowed
              USING ERRCODE = 'configuration_limit_exceeded', CONSTRAINT = 'workspaces_most',
                    DETAIL = jsonb_build_object('used', living - 1, 'allowed', allowed);
    ELSIF every > with_deleted AND TG_OP = 'INSERT' THEN
        RAISE EXCEPTION 'one person owns at most % workspaces, with those that are deleted', with_deleted
              USING ERRCODE = 'configuration_limit_exceeded', CONSTRAINT = 'workspaces_deleted_most',
                    DETAIL = jsonb_build_object('used', every - 1, 'allowed', with_deleted);
    END IF;
    RETURN NULL;
END $$;

GRANT EXECUTE ON FUNCTION app.guard_owner() TO mcp_owner;

SET LOCAL ROLE mcp_owner;

CREATE TRIGGER guard_owner AFTER INSERT ON workspaces
    FOR EACH ROW EXECUTE FUNCTION app.guard_owner();

-- Taken over, or restored.
CREATE TRIGGER guard_owner_again AFTER UPDATE OF owner_id, deleted_at ON workspaces
    FOR EACH ROW WHEN (NEW.deleted_at IS NULL AND (OLD.owner_id <> NEW.owner_id OR OLD.deleted_at IS NOT NULL))
    EXECUTE FUNCTION app.guard_owner();
