-- Webhooks: a workspace is told of what happens in it. A delivery is written in the transaction of
-- what it tells of, for each webhook that wants it, so neither is there without the other; whoever
-- sends it does so after the commit, at least once (docs/adr/0015).

SET LOCAL ROLE mcp_owner;

-- 'ping' is sent when somebody asks for it, and is in no list.
CREATE FUNCTION app.known_events() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT ARRAY[
        'workflow.created',    'workflow.updated',    'workflow.deleted',
        'deployment.created',  'deployment.updated',  'deployment.deleted',
        'integration.created', 'integration.updated', 'integration.deleted',
        'member.created',      'member.updated',      'member.deleted',
        'api_key.created',     'api_key.updated',     'api_key.deleted',
        'execution.ended'
    ]
$$;

GRANT EXECUTE ON FUNCTION app.known_events() TO application_user, app_definer;

CREATE TABLE webhooks (
    id                uuid          PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id      uuid          NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    description       varchar(255)  NOT NULL DEFAULT '',
    url               varchar(2000) NOT NULL,
    events            text[]        NOT NULL,
    status            varchar(50)   NOT NULL DEFAULT 'active',
    failing_since     timestamptz,  -- the first failure after the last success
    last_delivered_at timestamptz,  -- to the minute
    rotated_at        timestamptz   NOT NULL DEFAULT now(),
    created_by        uuid          NOT NULL REFERENCES users (id),
    created_at        timestamptz   NOT NULL DEFAULT now(),
    updated_at        timestamptz   NOT NULL DEFAULT now(),

    -- what a delivery refers to: a webhook of its own workspace
    CONSTRAINT webhooks_workspace_key UNIQUE (workspace_id, id),
    CONSTRAINT webhooks_status_check  CHECK (status IN ('active', 'inactive', 'failed')),
    CONSTRAINT webhooks_events_check  CHECK (events <> '{}' AND events <@ app.known_events())
);

CREATE INDEX idx_webhooks_workspace_id ON webhooks (workspace_id, created_at DESC, id DESC);
CREATE INDEX idx_webhooks_created_by   ON webhooks (created_by, created_at DESC, id DESC);

-- Sealed, as credentials are. The one that has no end signs; one before it signs beside it for as long
-- as its time of grace lasts.
CREATE TABLE secret.webhook_secrets (
    id            uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id  uuid        NOT NULL,
    webhook_id    uuid        NOT NULL,
    secret        bytea       NOT NULL,
    secret_key_id varchar(32) NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at    timestamptz,

    CONSTRAINT webhook_secrets_webhook_fkey
        FOREIGN KEY (workspace_id, webhook_id) REFERENCES webhooks (workspace_id, id) ON DELETE CASCADE
);

CREATE INDEX        idx_webhook_secrets_webhook_id    ON secret.webhook_secrets (webhook_id, workspace_id);
CREATE INDEX        idx_webhook_secrets_secret_key_id ON secret.webhook_secrets (secret_key_id, id);
CREATE UNIQUE INDEX webhook_secrets_one_current       ON secret.webhook_secrets (webhook_id) WHERE expires_at IS NULL;

CREATE TABLE webhook_deliveries (
    id              uuid         PRIMARY KEY DEFAULT app.uuid7(),
    workspace_id    uuid         NOT NULL,
    webhook_id      uuid         NOT NULL,
    event           varchar(100) NOT NULL,
    payload         jsonb        NOT NULL,
    status          varchar(50)  NOT NULL DEFAULT 'pending',
    attempts        integer      NOT NULL DEFAULT 0,
    next_attempt_at timestamptz  DEFAULT clock_timestamp(),  -- NULL once it is over
    claimed_until   timestamptz,                             -- while it is being sent
    last_attempt_at timestamptz,
    response_status integer,
    error           varchar(50),
    duration_ms     integer,
    delivered_at    timestamptz,
    created_at      timestamptz  NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT webhook_deliveries_status_check CHECK (status IN ('pending', 'delivered', 'failed')),
    CONSTRAINT webhook_deliveries_due_check    CHECK ((status = 'pending') = (next_attempt_at IS NOT NULL)),
    CONSTRAINT webhook_deliveries_webhook_fkey
        FOREIGN KEY (workspace_id, webhook_id) REFERENCES webhooks (workspace_id, id) ON DELETE CASCADE
);

CREATE INDEX idx_webhook_deliveries_webhook_id   ON webhook_deliveries (webhook_id, created_at DESC, id DESC);
CREATE INDEX idx_webhook_deliveries_status       ON webhook_deliveries (webhook_id, status, created_at DESC, id DESC);
CREATE INDEX idx_webhook_deliveries_workspace_id ON webhook_deliveries (workspace_id, created_at DESC, id DESC);
CREATE INDEX idx_webhook_deliveries_created_at   ON webhook_deliveries (created_at);
CREATE INDEX idx_webhook_deliveries_due          ON webhook_deliveries (webhook_id, next_attempt_at)
    WHERE next_attempt_at IS NOT NULL;
CREATE INDEX idx_webhook_deliveries_claimed      ON webhook_deliveries (webhook_id)
    WHERE claimed_until IS NOT NULL;

-- What deliveries go through is no change of the webhook.
CREATE TRIGGER touch_updated_at
    BEFORE UPDATE OF description, url, events, status, rotated_at, updated_at ON webhooks
    FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();

-- As in 0070, and nobody sets the moment itself.
DROP TRIGGER touch_updated_at ON integrations;
CREATE TRIGGER touch_updated_at
    BEFORE UPDATE OF service_name, service_type, account_name, scopes, status, rotated_at, updated_at ON integrations
    FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at();

-- An address of a webhook often is a secret itself.
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON webhooks
    FOR EACH ROW EXECUTE FUNCTION app.write_audit('webhook', 'url', 'failing_since last_delivered_at');

-- Rights: for admins, and no key ----------------------------------------------------------------------

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['public.webhooks', 'public.webhook_deliveries', 'secret.webhook_secrets'] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY definer ON %s TO app_definer USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO app_definer', t);
    END LOOP;
END $$;

CREATE POLICY webhooks_select ON webhooks FOR SELECT TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]));
CREATE POLICY webhooks_update ON webhooks FOR UPDATE TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]))
    WITH CHECK (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]));
CREATE POLICY webhooks_delete ON webhooks FOR DELETE TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]));
CREATE POLICY webhook_deliveries_select ON webhook_deliveries FOR SELECT TO application_user
    USING      (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[]));

GRANT SELECT, UPDATE (description, url, events, status, failing_since), DELETE ON webhooks TO application_user;
GRANT SELECT ON webhook_deliveries TO application_user;

SET LOCAL ROLE app_definer;

-- What people do ---------------------------------------------------------------------------------------

CREATE FUNCTION app.create_webhook(
    p_id          uuid,
    p_workspace   uuid,
    p_description text,
    p_url         text,
    p_events      text[],
    p_secret      bytea,
    p_key_id      text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_workspace IS NULL OR p_workspace <> ALL (app.ws(30, NULL)) THEN
        IF p_workspace = ANY (app.ws(10, 'workspace:read')) THEN
            RAISE EXCEPTION 'making a webhook takes the role of an admin'
                  USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'webhooks_write';
        END IF;
        RAISE EXCEPTION 'there is no such workspace'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'workspaces_visible';
    END IF;

    -- Each multiplies what is written for every event.
    PERFORM FROM public.workspaces w WHERE w.id = p_workspace FOR NO KEY UPDATE;
    IF (SELECT count(*) >= 20 FROM public.webhooks w WHERE w.workspace_id = p_workspace) THEN
        RAISE EXCEPTION 'a workspace has at most 20 webhooks'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'webhooks_most';
    END IF;

    INSERT INTO public.webhooks (id, workspace_id, description, url, events, created_by)
    VALUES (p_id, p_workspace, p_description, p_url, p_events, app.author());
    INSERT INTO secret.webhook_secrets (workspace_id, webhook_id, secret, secret_key_id)
    VALUES (p_workspace, p_id, p_secret, p_key_id);
END $$;

-- A webhook that the viewer may change, locked.
CREATE FUNCTION app.lock_webhook(p_webhook uuid) RETURNS public.webhooks
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hook public.webhooks;
BEGIN
    SELECT * INTO hook
      FROM public.webhooks w
     WHERE w.id = p_webhook AND w.workspace_id = ANY (app.ws(30, NULL))
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such webhook'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'webhooks_visible';
    END IF;
    RETURN hook;
END $$;

-- The secret before signs beside the new one for p_grace; of those before that, none.
CREATE FUNCTION app.rotate_webhook_secret(p_webhook uuid, p_secret bytea, p_key_id text, p_grace interval)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hook public.webhooks := app.lock_webhook(p_webhook);
BEGIN
    DELETE FROM secret.webhook_secrets s
     WHERE s.webhook_id = hook.id AND (s.expires_at IS NOT NULL OR p_grace = interval '0');
    UPDATE secret.webhook_secrets s SET expires_at = clock_timestamp() + p_grace WHERE s.webhook_id = hook.id;
    INSERT INTO secret.webhook_secrets (workspace_id, webhook_id, secret, secret_key_id)
    VALUES (hook.workspace_id, hook.id, p_secret, p_key_id);
    UPDATE public.webhooks w SET rotated_at = clock_timestamp() WHERE w.id = hook.id;
END $$;

CREATE FUNCTION app.ping_webhook(p_webhook uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hook public.webhooks := app.lock_webhook(p_webhook);
    made uuid;
BEGIN
    IF hook.status <> 'active' THEN
        RAISE EXCEPTION 'the webhook is %', hook.status
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'webhooks_active';
    END IF;
    INSERT INTO public.webhook_deliveries (workspace_id, webhook_id, event, payload)
    VALUES (hook.workspace_id, hook.id, 'ping',
            app.event_payload(hook.workspace_id, 'ping', NULL, jsonb_build_object('webhookId', hook.id)))
    RETURNING id INTO made;
    RETURN made;
END $$;

-- The same delivery once more, at once and with all its attempts before it.
CREATE FUNCTION app.redeliver_webhook(p_delivery uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    delivery public.webhook_deliveries;
    hook     public.webhooks;
BEGIN
    SELECT * INTO delivery
      FROM public.webhook_deliveries d
     WHERE d.id = p_delivery AND d.workspace_id = ANY (app.ws(30, NULL))
       FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such delivery'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'webhook_deliveries_visible';
    END IF;
    SELECT * INTO hook FROM public.webhooks w WHERE w.id = delivery.webhook_id;
    IF hook.status <> 'active' THEN
        RAISE EXCEPTION 'the webhook is %', hook.status
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'webhooks_active';
    END IF;
    IF delivery.claimed_until > clock_timestamp() THEN
        RAISE EXCEPTION 'the delivery is under way'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'webhook_deliveries_idle';
    END IF;

    UPDATE public.webhook_deliveries d
       SET status = 'pending', attempts = 0, next_attempt_at = clock_timestamp(), claimed_until = NULL,
           delivered_at = NULL
     WHERE d.id = p_delivery;
END $$;

-- What happens -----------------------------------------------------------------------------------------

-- workflow_id is workflowId to those who are told.
CREATE FUNCTION app.camel(p_column text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT lower(left(p_column, 1)) || substr(replace(initcap(replace(p_column, '_', ' ')), ' ', ''), 2)
$$;

CREATE FUNCTION app.event_payload(p_workspace uuid, p_event text, p_changed text[], p_data jsonb) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
               'type', p_event,
               'timestamp', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
               'workspaceId', p_workspace,
               'actor', nullif(jsonb_strip_nulls(jsonb_build_object('userId', app.uid(), 'apiKeyId', app.key_id())),
                               '{}'),
               'changed', to_jsonb(p_changed)))
           || jsonb_build_object('data', p_data)
$$;

-- Arguments: the noun, and the columns that are told: whatever else a row has, stays here. An update of
-- none of those is no event. A noun that has deleted_at is deleted by it, and not once more later.
CREATE FUNCTION app.announce() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place   uuid;
    told    text[] := string_to_array(TG_ARGV[1], ' ');
    before  jsonb  := '{}';
    after   jsonb  := '{}';
    changed text[];
    event   text;
BEGIN
    place := CASE TG_OP WHEN 'DELETE' THEN OLD.workspace_id ELSE NEW.workspace_id END;
    IF NOT EXISTS (SELECT FROM public.webhooks w WHERE w.workspace_id = place AND w.status = 'active') THEN
        RETURN NULL;  -- as with nearly all
    END IF;

    IF TG_OP <> 'INSERT' THEN before := to_jsonb(OLD); END IF;
    IF TG_OP <> 'DELETE' THEN after  := to_jsonb(NEW); END IF;
    IF before ->> 'deleted_at' IS NOT NULL AND (TG_OP = 'DELETE' OR after ->> 'deleted_at' IS NOT NULL) THEN
        RETURN NULL;
    END IF;

    IF TG_ARGV[0] = 'execution' THEN
        event := 'execution.ended';
    ELSIF TG_OP = 'INSERT' THEN
        event := TG_ARGV[0] || '.created';
    ELSIF TG_OP = 'DELETE' OR after ->> 'deleted_at' IS NOT NULL THEN
        event := TG_ARGV[0] || '.deleted';
    ELSE
        event   := TG_ARGV[0] || '.updated';
        changed := ARRAY(SELECT app.camel(k) FROM unnest(told || 'deleted_at'::text) k
                          WHERE before -> k IS DISTINCT FROM after -> k);
        IF changed = '{}' THEN
            RETURN NULL;
        END IF;
    END IF;

    INSERT INTO public.webhook_deliveries (workspace_id, webhook_id, event, payload)
    SELECT place, w.id, event,
           app.event_payload(place, event, changed,
                             (SELECT jsonb_object_agg(app.camel(k), v)
                                FROM jsonb_each(CASE TG_OP WHEN 'DELETE' THEN before ELSE after END) e (k, v)
                               WHERE k = ANY (told)))
      FROM public.webhooks w
     WHERE w.workspace_id = place AND w.status = 'active' AND event = ANY (w.events);
    RETURN NULL;
END $$;

GRANT EXECUTE ON FUNCTION app.announce() TO mcp_owner;

SET LOCAL ROLE mcp_owner;

CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON workflows
    FOR EACH ROW EXECUTE FUNCTION app.announce('workflow', 'id name description tags status version');
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON deployments
    FOR EACH ROW EXECUTE FUNCTION app.announce('deployment',
        'id workflow_id workflow_version environment status mcp_server_url deployment_version');
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON integrations
    FOR EACH ROW EXECUTE FUNCTION app.announce('integration',
        'id service_name service_type account_name scopes status rotated_at');
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON workspace_users
    FOR EACH ROW EXECUTE FUNCTION app.announce('member', 'id user_id role permissions');
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION app.announce('api_key',
        'id name key_prefix scopes rate_limit status expires_at');
CREATE TRIGGER announce_start AFTER INSERT ON executions
    FOR EACH ROW WHEN (NEW.status <> 'running') EXECUTE FUNCTION app.announce('execution',
        'id workflow_id workflow_version deployment_id status trigger_type started_at completed_at duration_ms');
CREATE TRIGGER announce_end AFTER UPDATE OF status ON executions
    FOR EACH ROW WHEN (OLD.status = 'running' AND NEW.status <> 'running') EXECUTE FUNCTION app.announce('execution',
        'id workflow_id workflow_version deployment_id status trigger_type started_at completed_at duration_ms');

-- Sending ----------------------------------------------------------------------------------------------

SET LOCAL ROLE app_definer;

-- Deliveries to send now, p_most in all. Of each webhook p_each are under way at once, and one of a
-- webhook that fails: a slow endpoint holds up no other. Whoever takes them has p_lease to say what
-- became of each.
--
-- The webhooks for which anything waits are found by hopping over the index from one to the next, so
-- that a hundred thousand that wait for one cost no more than one.
CREATE FUNCTION app.claim_deliveries(p_most integer, p_each integer, p_lease interval)
RETURNS TABLE (id uuid, workspace_id uuid, webhook_id uuid, url text, payload text, attempt integer)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('app.claim_deliveries'));
    RETURN QUERY
    WITH RECURSIVE waiting (webhook_id) AS (
        (SELECT d.webhook_id
           FROM public.webhook_deliveries d
          WHERE d.next_attempt_at IS NOT NULL
          ORDER BY d.webhook_id
          LIMIT 1)
        UNION ALL
        SELECT (SELECT d.webhook_id
                  FROM public.webhook_deliveries d
                 WHERE d.next_attempt_at IS NOT NULL AND d.webhook_id > w.webhook_id
                 ORDER BY d.webhook_id
                 LIMIT 1)
          FROM waiting w
         WHERE w.webhook_id IS NOT NULL
    ), free AS (
        SELECT w.id, w.url, CASE WHEN w.failing_since IS NULL THEN p_each ELSE 1 END - busy.n AS places
          FROM waiting
          JOIN public.webhooks w ON w.id = waiting.webhook_id AND w.status = 'active'
          JOIN public.workspaces s ON s.id = w.workspace_id AND s.deleted_at IS NULL
         CROSS JOIN LATERAL (SELECT count(*)::integer AS n
                               FROM public.webhook_deliveries d
                              WHERE d.webhook_id = w.id AND d.claimed_until > moment) busy
    ), due AS (
        SELECT first.id, free.url
          FROM free
         CROSS JOIN LATERAL (SELECT d.id, d.next_attempt_at
                               FROM public.webhook_deliveries d
                              WHERE d.webhook_id = free.id AND d.next_attempt_at <= moment
                                AND (d.claimed_until IS NULL OR d.claimed_until <= moment)
                              ORDER BY d.next_attempt_at
                              LIMIT greatest(free.places, 0)) first
         ORDER BY first.next_attempt_at
         LIMIT p_most
    )
    UPDATE public.webhook_deliveries d
       SET attempts = d.attempts + 1, claimed_until = moment + p_lease, last_attempt_at = moment
      FROM due
     WHERE d.id = due.id
    RETURNING d.id, d.workspace_id, d.webhook_id, due.url::text, d.payload::text, d.attempts;
END $$;

-- The secrets that sign now, the newest first.
CREATE FUNCTION app.read_webhook_secrets(p_webhook uuid)
RETURNS TABLE (secret bytea, secret_key_id text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.secret, s.secret_key_id
      FROM secret.webhook_secrets s
     WHERE s.webhook_id = p_webhook AND (s.expires_at IS NULL OR s.expires_at > clock_timestamp())
     ORDER BY s.expires_at DESC NULLS FIRST
$$;

-- p_delay NULL: it is over. p_gone: its endpoint wants no more. The webhook is given up when a delivery
-- was, and nothing has arrived for p_patience. Answers whether it was.
CREATE FUNCTION app.finish_delivery(
    p_id       uuid,
    p_attempt  integer,
    p_ok       boolean,
    p_response integer,
    p_error    text,
    p_duration integer,
    p_delay    interval,
    p_gone     boolean,
    p_patience interval
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment  timestamptz := clock_timestamp();
    over    boolean     := p_ok OR p_delay IS NULL;
    hook_id uuid;
BEGIN
    UPDATE public.webhook_deliveries d
       SET status          = CASE WHEN p_ok THEN 'delivered' WHEN over THEN 'failed' ELSE 'pending' END,
           next_attempt_at = CASE WHEN NOT over THEN moment + p_delay END,
           claimed_until   = NULL,
           response_status = p_response,
           error           = p_error,
           duration_ms     = p_duration,
           delivered_at    = CASE WHEN p_ok THEN moment END
     WHERE d.id = p_id AND d.attempts = p_attempt AND d.status = 'pending'
    RETURNING d.webhook_id INTO hook_id;
    IF NOT FOUND THEN
        RETURN false;  -- it was removed, or its time to be sent ran out and another sends it
    END IF;

    IF p_ok THEN
        UPDATE public.webhooks w
           SET failing_since = NULL, last_delivered_at = moment
         WHERE w.id = hook_id
           AND (w.failing_since IS NOT NULL OR w.last_delivered_at IS NULL
                OR w.last_delivered_at < moment - interval '1 minute');
        RETURN false;
    END IF;

    UPDATE public.webhooks w SET failing_since = moment WHERE w.id = hook_id AND w.failing_since IS NULL;
    UPDATE public.webhooks w
       SET status = 'failed'
     WHERE w.id = hook_id AND w.status = 'active'
       AND (p_gone OR over AND w.failing_since < moment - p_patience);
    RETURN FOUND;
END $$;

CREATE FUNCTION app.read_webhook_secrets_under_other_keys(p_key_id text, p_after uuid, p_most integer)
RETURNS TABLE (id uuid, workspace_id uuid, webhook_id uuid, secret bytea, secret_key_id text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.id, s.workspace_id, s.webhook_id, s.secret, s.secret_key_id
      FROM secret.webhook_secrets s
     WHERE s.secret_key_id <> p_key_id AND s.id > p_after
     ORDER BY s.id
     LIMIT p_most
$$;

CREATE FUNCTION app.count_webhook_secrets_under_other_keys(p_key_id text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) FROM secret.webhook_secrets s WHERE s.secret_key_id <> p_key_id
$$;

CREATE FUNCTION app.rewrap_webhook_secret(p_id uuid, p_old bytea, p_new bytea, p_key_id text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n integer;
BEGIN
    UPDATE secret.webhook_secrets s SET secret = p_new, secret_key_id = p_key_id WHERE s.id = p_id AND s.secret = p_old;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

-- Deliveries, and secrets that no longer sign, whose time is over. How many deliveries there were.
CREATE FUNCTION app.forget_deliveries(p_older interval, p_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n integer;
BEGIN
    DELETE FROM secret.webhook_secrets s WHERE s.expires_at < clock_timestamp();
    DELETE FROM public.webhook_deliveries d
     WHERE d.id IN (SELECT e.id
                      FROM public.webhook_deliveries e
                     WHERE e.created_at < clock_timestamp() - p_older
                     ORDER BY e.created_at
                     LIMIT p_most
                       FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

GRANT EXECUTE ON FUNCTION
    app.create_webhook(uuid, uuid, text, text, text[], bytea, text),
    app.rotate_webhook_secret(uuid, bytea, text, interval),
    app.ping_webhook(uuid),
    app.redeliver_webhook(uuid)
TO application_user;

GRANT EXECUTE ON FUNCTION
    app.claim_deliveries(integer, integer, interval),
    app.read_webhook_secrets(uuid),
    app.finish_delivery(uuid, integer, boolean, integer, text, integer, interval, boolean, interval),
    app.read_webhook_secrets_under_other_keys(text, uuid, integer),
    app.count_webhook_secrets_under_other_keys(text),
    app.rewrap_webhook_secret(uuid, bytea, bytea, text)
TO mcp_worker;

GRANT EXECUTE ON FUNCTION app.forget_deliveries(interval, integer) TO mcp_maintenance;
