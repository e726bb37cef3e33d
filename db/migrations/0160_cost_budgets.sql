-- What the requests of a viewer may cost in an hour, taken by each process in parts (docs/adr/0021).

SET LOCAL ROLE mcp_owner;

-- `viewer` is a digest: of a user, a key or an address. Unlogged: after a crash of the server an hour
-- begins anew.
CREATE UNLOGGED TABLE secret.cost_budgets (
    window_start timestamptz NOT NULL,
    viewer       bytea       NOT NULL,
    taken        bigint      NOT NULL,

    PRIMARY KEY (window_start, viewer),
    CONSTRAINT cost_budgets_viewer_check CHECK (length(viewer) = 32),
    CONSTRAINT cost_budgets_taken_check  CHECK (taken >= 0)
) WITH (fillfactor = 50);

ALTER TABLE secret.cost_budgets ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY definer ON secret.cost_budgets TO app_definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON secret.cost_budgets TO app_definer;

SET LOCAL ROLE app_definer;

-- Takes a part of what nobody has taken of the hour: a twentieth, but p_least at least; nothing where
-- that is not left. Parts get smaller as the budget does, so that little lies unused at its end.
-- `seconds` is the time until the hour's end: the clocks of processes need not agree with ours.
CREATE FUNCTION app.take_cost(p_viewer bytea, p_least bigint, p_budget bigint)
RETURNS TABLE (part bigint, untaken bigint, resets_at timestamptz, seconds double precision)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hour timestamptz := date_trunc('hour', clock_timestamp());
BEGIN
    INSERT INTO secret.cost_budgets (window_start, viewer, taken)
    VALUES (hour, p_viewer, 0)
        ON CONFLICT DO NOTHING;
    SELECT greatest(p_budget - b.taken, 0) INTO untaken
      FROM secret.cost_budgets b
     WHERE b.window_start = hour AND b.viewer = p_viewer
       FOR UPDATE;

    part := CASE WHEN p_least <= untaken THEN greatest(p_least, untaken / 20) ELSE 0 END;
    untaken := untaken - part;
    IF part > 0 THEN
        UPDATE secret.cost_budgets b
           SET taken = b.taken + part
         WHERE b.window_start = hour AND b.viewer = p_viewer;
    END IF;
    resets_at := hour + interval '1 hour';
    seconds := extract(epoch FROM resets_at - clock_timestamp());
    RETURN NEXT;
END $$;

-- What a process leaves of the parts that it took. Hours that are over need it no more.
CREATE FUNCTION app.give_back_cost(p_viewers bytea[], p_resets_at timestamptz[], p_parts bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hour timestamptz := date_trunc('hour', clock_timestamp());
BEGIN
    PERFORM FROM secret.cost_budgets b
     WHERE b.window_start = hour AND b.viewer = ANY (p_viewers)
     ORDER BY b.viewer
       FOR UPDATE;
    UPDATE secret.cost_budgets b
       SET taken = greatest(b.taken - g.part, 0)
      FROM unnest(p_viewers, p_resets_at, p_parts) AS g (viewer, resets_at, part)
     WHERE b.window_start = hour AND b.viewer = g.viewer AND g.resets_at = hour + interval '1 hour';
END $$;

-- For maintenance, in place of that of 0042: budgets of hours that are over, too.
CREATE OR REPLACE FUNCTION app.forget_expired() RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH tokens AS (
        DELETE FROM public.refresh_tokens WHERE expires_at < now() - interval '30 days' RETURNING 1
    ), ended AS (
        DELETE FROM public.sessions WHERE expires_at < now() - interval '30 days' RETURNING 1
    ), once AS (
        DELETE FROM secret.one_time_tokens WHERE expires_at < now() RETURNING 1
    ), allowances AS (
        DELETE FROM secret.allowances WHERE spent_until < now() - interval '1 day' RETURNING 1
    ), hours AS (
        DELETE FROM public.api_key_usage WHERE window_start < now() - interval '1 day' RETURNING 1
    ), budgets AS (
        DELETE FROM secret.cost_budgets WHERE window_start < now() - interval '2 hours' RETURNING 1
    )
    SELECT (SELECT count(*) FROM tokens) + (SELECT count(*) FROM ended) + (SELECT count(*) FROM once)
         + (SELECT count(*) FROM allowances) + (SELECT count(*) FROM hours) + (SELECT count(*) FROM budgets)
$$;

GRANT EXECUTE ON FUNCTION
    app.take_cost(bytea, bigint, bigint),
    app.give_back_cost(bytea[], timestamptz[], bigint[])
TO mcp_auth;
