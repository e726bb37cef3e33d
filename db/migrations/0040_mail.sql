-- Mail that waits to be sent. It is posted in the transaction of what it tells of, and taken away when
-- a mail server has accepted it: nothing is lost, and a crash in between sends it a second time.
--
-- The whole message is sealed by the API: it holds links that open accounts.

SET LOCAL ROLE mcp_owner;

CREATE TABLE secret.mail_outbox (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    message    bytea       NOT NULL,
    attempts   integer     NOT NULL DEFAULT 0,
    due_at     timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX idx_mail_outbox_due_at ON secret.mail_outbox (due_at);

ALTER TABLE secret.mail_outbox ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY definer ON secret.mail_outbox TO app_definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON secret.mail_outbox TO app_definer;

SET LOCAL ROLE app_definer;

CREATE FUNCTION app.post_mail(p_message bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO secret.mail_outbox (message) VALUES (p_message)
$$;

-- Messages to send now. Whoever takes them has p_lease to say what became of each.
CREATE FUNCTION app.take_mail(p_most integer, p_lease interval)
RETURNS TABLE (id uuid, message bytea, attempts integer)
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE secret.mail_outbox m
       SET attempts = m.attempts + 1, due_at = now() + p_lease
     WHERE m.id IN (SELECT d.id
                      FROM secret.mail_outbox d
                     WHERE d.due_at <= now()
                     ORDER BY d.due_at
                     LIMIT p_most
                       FOR UPDATE SKIP LOCKED)
    RETURNING m.id, m.message, m.attempts
$$;

-- It was sent, or is given up.
CREATE FUNCTION app.forget_mail(p_id uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM secret.mail_outbox WHERE id = p_id
$$;

CREATE FUNCTION app.postpone_mail(p_id uuid, p_delay interval) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE secret.mail_outbox SET due_at = now() + p_delay WHERE id = p_id
$$;

GRANT EXECUTE ON FUNCTION app.post_mail(bytea) TO application_user, mcp_auth;
GRANT EXECUTE ON FUNCTION
    app.take_mail(integer, interval),
    app.forget_mail(uuid),
    app.postpone_mail(uuid, interval)
TO mcp_auth;
