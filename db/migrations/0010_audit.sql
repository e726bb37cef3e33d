-- The audit log: who changed what, when and from where; written by triggers in the transaction of
-- the change, so that neither is there without the other.
--
-- It has no foreign keys: the log outlives its subjects.

SET LOCAL ROLE mcp_owner;

CREATE TABLE audit_logs (
    id            uuid         NOT NULL DEFAULT app.uuid7(),
    workspace_id  uuid,
    user_id       uuid,
    api_key_id    uuid,
    action        varchar(100) NOT NULL,
    resource_type varchar(100) NOT NULL,
    resource_id   uuid,
    details       jsonb,
    ip_address    inet,
    user_agent    text,
    "timestamp"   timestamptz  NOT NULL GENERATED ALWAYS AS (app.uuid7_ts(id)) STORED,

    PRIMARY KEY (id),
    CONSTRAINT audit_logs_id_check CHECK (app.uuid_version(id) = 7)
) PARTITION BY RANGE (id);

CREATE INDEX idx_audit_logs_workspace_id ON audit_logs (workspace_id, id DESC);
CREATE INDEX idx_audit_logs_user_id      ON audit_logs (user_id, id DESC);
CREATE INDEX idx_audit_logs_api_key_id   ON audit_logs (api_key_id, id DESC) WHERE api_key_id IS NOT NULL;
CREATE INDEX idx_audit_logs_action       ON audit_logs (workspace_id, action, id DESC);
CREATE INDEX idx_audit_logs_resource     ON audit_logs (resource_id, id DESC);

-- Append-only, for the tables' owner too: what it may not do, no login may.
CREATE FUNCTION app.refuse_audit_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only'
          USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'audit_logs_append_only';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION app.refuse_audit_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_audit_change();

SELECT ops.ensure_partitions();

SET LOCAL ROLE app_definer;

-- The address that the API says it was called from; whatever else stands there is no address.
CREATE FUNCTION app.client_ip() RETURNS inet
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    told text := current_setting('app.client_ip', true);
BEGIN
    IF coalesce(told, '') = '' THEN
        RETURN NULL;
    END IF;
    RETURN told::inet;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END $$;

-- Arguments: the noun; the columns withheld (secrets, and what is too big for a log), of which only
-- the names are logged; the columns that say nothing, whose change alone is no event.
CREATE FUNCTION app.write_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    noun     text   := TG_ARGV[0];
    withheld text[] := string_to_array(TG_ARGV[1], ' ');
    unheeded text[] := string_to_array(TG_ARGV[2], ' ') || 'updated_at'::text;
    before   jsonb  := '{}';
    after    jsonb  := '{}';
    row_now  jsonb;
    changed  text[];
    details  jsonb;
BEGIN
    IF TG_OP <> 'INSERT' THEN before := to_jsonb(OLD); END IF;
    IF TG_OP <> 'DELETE' THEN after  := to_jsonb(NEW); END IF;
    row_now := CASE TG_OP WHEN 'DELETE' THEN before ELSE after END;

    changed := ARRAY(SELECT k
                       FROM jsonb_object_keys(row_now) k
                      WHERE before -> k IS DISTINCT FROM after -> k
                        AND k <> ALL (unheeded)
                      ORDER BY k);
    IF TG_OP = 'UPDATE' AND cardinality(changed) = 0 THEN
        RETURN NULL;
    END IF;

    details := jsonb_strip_nulls(jsonb_build_object(
        'old', (SELECT jsonb_object_agg(k, before -> k) FROM unnest(changed) k
                 WHERE before ? k AND k <> ALL (withheld)),
        'new', (SELECT jsonb_object_agg(k, after -> k) FROM unnest(changed) k
                 WHERE after ? k AND k <> ALL (withheld)),
        'withheld', (SELECT jsonb_agg(k) FROM unnest(changed) k WHERE k = ANY (withheld))));

    INSERT INTO public.audit_logs
           (workspace_id, user_id, api_key_id, action, resource_type, resource_id, details, ip_address, user_agent)
    VALUES ((row_now ->> CASE noun WHEN 'workspace' THEN 'id' ELSE 'workspace_id' END)::uuid,
            app.uid(),
            app.key_id(),
            noun || CASE TG_OP WHEN 'INSERT' THEN '.create' WHEN 'UPDATE' THEN '.update' ELSE '.delete' END,
            noun,
            (row_now ->> 'id')::uuid,
            details,
            app.client_ip(),
            left(nullif(current_setting('app.user_agent', true), ''), 512));
    RETURN NULL;
END $$;

GRANT EXECUTE ON FUNCTION app.write_audit() TO mcp_owner;

SET LOCAL ROLE mcp_owner;

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON workspaces
    FOR EACH ROW EXECUTE FUNCTION app.write_audit('workspace', 'settings', 'owner_role');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON workspace_users
    FOR EACH ROW EXECUTE FUNCTION app.write_audit('member', '', '');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON workspace_invitations
    FOR EACH ROW EXECUTE FUNCTION app.write_audit('invitation', 'token_hash', '');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON workflows
    FOR EACH ROW EXECUTE FUNCTION app.write_audit('workflow', 'definition', '');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON workflow_versions
    FOR EACH ROW EXECUTE FUNCTION app.write_audit('workflow_version', 'definition', '');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON integrations
    FOR EACH ROW EXECUTE FUNCTION app.write_audit('integration', 'credentials test_result', 'last_tested_at');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON deployments
    FOR EACH ROW EXECUTE FUNCTION app.write_audit('deployment', 'config', 'last_health_check');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION app.write_audit('api_key', 'key_hash', 'last_used_at');
