-- People, the workspaces they share, and who is a member of which.

SET LOCAL ROLE mcp_owner;

-- What an API key may be allowed, and what `permissions` may add to a member's role.
CREATE FUNCTION app.known_scopes() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT ARRAY[
        'workspace:read',
        'workflows:read',    'workflows:write',
        'integrations:read',
        'deployments:read',  'deployments:write',
        'executions:read',   'executions:write',
        'logs:read',         'logs:write',
        'audit:read'
    ]
$$;

GRANT EXECUTE ON FUNCTION app.known_scopes() TO application_user, app_definer;

CREATE TABLE users (
    id             uuid         PRIMARY KEY DEFAULT gen_random_uuid(),
    email          varchar(255) NOT NULL,
    password_hash  varchar(255),
    name           varchar(255) NOT NULL,
    avatar_url     varchar(500),
    oauth_provider varchar(50),
    oauth_id       varchar(255),
    email_verified boolean      NOT NULL DEFAULT false,
    mfa_enabled    boolean      NOT NULL DEFAULT false,
    timezone       varchar(50)  NOT NULL DEFAULT 'UTC',
    locale         varchar(10)  NOT NULL DEFAULT 'en',
    last_login_at  timestamptz,
    created_at     timestamptz  NOT NULL DEFAULT now(),
    updated_at     timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT users_email_check CHECK (email = btrim(email) AND position('@' IN email) > 1),
    CONSTRAINT users_oauth_check CHECK ((oauth_provider IS NULL) = (oauth_id IS NULL))
);

-- One person, one address, however it is spelt.
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE UNIQUE INDEX users_oauth_key ON users (oauth_provider, oauth_id) WHERE oauth_id IS NOT NULL;

CREATE TABLE workspaces (
    id          uuid         PRIMARY KEY DEFAULT gen_random_uuid(),
    name        varchar(255) NOT NULL,
    description text,
    slug        varchar(100) NOT NULL,
    owner_id    uuid         NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
    -- the constant half of the foreign key workspaces_owner_is_member, below
    owner_role  varchar(50)  NOT NULL GENERATED ALWAYS AS ('owner'::varchar(50)) STORED,
    plan_type   varchar(50)  NOT NULL DEFAULT 'free',
    plan_limits jsonb        NOT NULL DEFAULT '{}',
    settings    jsonb        NOT NULL DEFAULT '{}',
    created_at  timestamptz  NOT NULL DEFAULT now(),
    updated_at  timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT workspaces_slug_key   UNIQUE (slug),
    CONSTRAINT workspaces_slug_check CHECK (slug ~ '^[a-z0-9][a-z0-9-]*$'),
    CONSTRAINT workspaces_name_check CHECK (btrim(name) <> '')
);

CREATE INDEX idx_workspaces_owner_id ON workspaces (owner_id);

CREATE TABLE workspace_users (
    workspace_id uuid        NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id      uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),
    role         varchar(50) NOT NULL DEFAULT 'viewer',
    permissions  jsonb       NOT NULL DEFAULT '[]',
    invited_by   uuid        REFERENCES users (id) ON DELETE SET NULL,
    invited_at   timestamptz,
    joined_at    timestamptz NOT NULL DEFAULT now(),

    PRIMARY KEY (workspace_id, user_id),
    CONSTRAINT workspace_users_id_key            UNIQUE (id),
    CONSTRAINT workspace_users_role_check        CHECK (role IN ('owner', 'admin', 'editor', 'viewer')),
    CONSTRAINT workspace_users_permissions_check CHECK (
        jsonb_typeof(permissions) = 'array' AND permissions <@ to_jsonb(app.known_scopes())
    ),
    -- what workspaces_owner_is_member refers to
    CONSTRAINT workspace_users_role_key          UNIQUE (workspace_id, user_id, role)
);

CREATE UNIQUE INDEX workspace_users_one_owner ON workspace_users (workspace_id) WHERE role = 'owner';

-- app.ws() asks this index at every statement: who is a member where, and as what.
CREATE INDEX idx_workspace_users_user_id    ON workspace_users (user_id) INCLUDE (workspace_id, role, permissions);
CREATE INDEX idx_workspace_users_role       ON workspace_users (workspace_id, role);
CREATE INDEX idx_workspace_users_invited_by ON workspace_users (invited_by);

-- One owner a workspace, and the owner is a member. Deferred, because the workspace and its first
-- membership refer to each other and are written in one transaction.
ALTER TABLE workspaces
    ADD CONSTRAINT workspaces_owner_is_member
    FOREIGN KEY (id, owner_id, owner_role) REFERENCES workspace_users (workspace_id, user_id, role)
    DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE workspace_invitations (
    id           uuid         PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid         NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    email        varchar(255) NOT NULL,
    role         varchar(50)  NOT NULL DEFAULT 'viewer',
    token_hash   bytea        NOT NULL,
    invited_by   uuid         REFERENCES users (id) ON DELETE SET NULL,
    created_at   timestamptz  NOT NULL DEFAULT now(),
    expires_at   timestamptz  NOT NULL DEFAULT now() + interval '7 days',
    accepted_at  timestamptz,
    revoked_at   timestamptz,

    CONSTRAINT workspace_invitations_token_hash_key   UNIQUE (token_hash),
    CONSTRAINT workspace_invitations_token_hash_check CHECK (length(token_hash) = 32),
    CONSTRAINT workspace_invitations_role_check       CHECK (role IN ('admin', 'editor', 'viewer')),
    CONSTRAINT workspace_invitations_email_check      CHECK (email = btrim(email) AND position('@' IN email) > 1)
);

CREATE UNIQUE INDEX workspace_invitations_one_open
    ON workspace_invitations (workspace_id, lower(email))
    WHERE accepted_at IS NULL AND revoked_at IS NULL;

CREATE INDEX idx_workspace_invitations_workspace_id ON workspace_invitations (workspace_id, created_at DESC, id DESC);
CREATE INDEX idx_workspace_invitations_invited_by   ON workspace_invitations (invited_by);

CREATE TRIGGER touch_updated_at BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON workspaces
    FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();
