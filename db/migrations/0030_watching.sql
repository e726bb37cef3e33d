-- What those who watch are told: how a run ended, which executions changed, whose rights changed.

SET LOCAL ROLE mcp_owner;

-- How the run ended, beside the number of its last line: one row says both, at one moment.
ALTER TABLE execution_streams ADD COLUMN ended varchar(50);

GRANT SELECT (id, status) ON executions TO app_definer;

SET LOCAL ROLE app_definer;

CREATE FUNCTION app.end_stream() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT e.status INTO NEW.ended FROM public.executions e WHERE e.id = NEW.execution_id;
    RETURN NEW;
END $$;

GRANT EXECUTE ON FUNCTION app.end_stream() TO mcp_owner;

UPDATE public.execution_streams s
   SET ended = e.status
  FROM public.executions e
 WHERE e.id = s.execution_id AND s.closed;

SET LOCAL ROLE mcp_owner;

CREATE TRIGGER end_stream BEFORE INSERT OR UPDATE OF closed ON execution_streams
    FOR EACH ROW WHEN (NEW.closed) EXECUTE FUNCTION app.end_stream();

-- The transaction that changed a row last. What is at or after the oldest transaction of an earlier
-- snapshot is all that this snapshot can have missed, so a reader who asks from there on misses
-- nothing, whatever the order of commits, and no writer waits for another.
ALTER TABLE executions ADD COLUMN changed xid8 NOT NULL DEFAULT pg_current_xact_id();

CREATE INDEX idx_executions_changed ON executions (workspace_id, changed, id);

CREATE FUNCTION app.mark_changed() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.changed := pg_current_xact_id();
    RETURN NEW;
END $$;

CREATE TRIGGER mark_changed BEFORE UPDATE ON executions
    FOR EACH ROW EXECUTE FUNCTION app.mark_changed();

-- Whose rights changed is told to every process, in whatever way they were changed. A hint only:
-- rights are asked again every second or two anyway.
CREATE FUNCTION app.hint_rights() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_notify('hints', '!' || (to_jsonb(OLD) ->> TG_ARGV[0]));
    RETURN NULL;
END $$;

CREATE TRIGGER hint_rights AFTER UPDATE OR DELETE ON workspace_users
    FOR EACH ROW EXECUTE FUNCTION app.hint_rights('user_id');
CREATE TRIGGER hint_rights AFTER UPDATE OF status, scopes, expires_at OR DELETE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION app.hint_rights('id');
