-- API keys: the second kind of viewer, of one workspace and with scopes instead of a role.

SET LOCAL ROLE mcp_owner;

CREATE TABLE api_keys (
    id           uuid         PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid         NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name         varchar(255) NOT NULL,
    key_hash     bytea        NOT NULL,  -- SHA-256; the key itself is shown once and kept nowhere
    key_prefix   varchar(20)  NOT NULL,
    scopes       text[]       NOT NULL DEFAULT '{}',
    rate_limit   integer      NOT NULL DEFAULT 1000,  -- requests an hour
    status       varchar(50)  NOT NULL DEFAULT 'active',
    last_used_at timestamptz,
    expires_at   timestamptz,
    created_by   uuid         NOT NULL REFERENCES users (id),
    created_at   timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT api_keys_key_hash_key     UNIQUE (key_hash),
    CONSTRAINT api_keys_key_hash_check   CHECK (length(key_hash) = 32),
    CONSTRAINT api_keys_name_check       CHECK (btrim(name) <> ''),
    CONSTRAINT api_keys_scopes_check     CHECK (scopes <@ app.known_scopes()),
    CONSTRAINT api_keys_rate_limit_check CHECK (rate_limit > 0),
    CONSTRAINT api_keys_status_check     CHECK (status IN ('active', 'inactive', 'revoked'))
);

CREATE INDEX idx_api_keys_workspace_id ON api_keys (workspace_id, created_at DESC, id DESC);
CREATE INDEX idx_api_keys_status       ON api_keys (workspace_id, status);
CREATE INDEX idx_api_keys_created_by   ON api_keys (created_by);

-- Requests of a key by the hour. Unlogged: after a crash of the server an hour begins anew.
CREATE UNLOGGED TABLE api_key_usage (
    key_id       uuid        NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    window_start timestamptz NOT NULL,
    n            integer     NOT NULL,

    PRIMARY KEY (key_id, window_start)
) WITH (fillfactor = 50);

-- A revoked key stays revoked.
CREATE FUNCTION app.guard_api_key() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the API key is revoked'
          USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'api_keys_revoked';
END $$;

CREATE TRIGGER guard_api_key BEFORE UPDATE OF status ON api_keys
    FOR EACH ROW WHEN (OLD.status = 'revoked' AND NEW.status <> 'revoked') EXECUTE FUNCTION app.guard_api_key();
