-- Deliveries of webhooks that wait, for whoever operates the platform: of all workspaces together. What
-- a webhook that was switched off or given up has left waits for nothing.

SET LOCAL ROLE app_definer;

CREATE FUNCTION app.deliveries_waiting(OUT due bigint, OUT later bigint)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) FILTER (WHERE d.next_attempt_at <= now()),
           count(*) FILTER (WHERE d.next_attempt_at > now())
      FROM public.webhook_deliveries d
      JOIN public.webhooks w ON w.id = d.webhook_id AND w.status = 'active'
      JOIN public.workspaces s ON s.id = w.workspace_id AND s.deleted_at IS NULL
     WHERE d.next_attempt_at IS NOT NULL
$$;

GRANT EXECUTE ON FUNCTION app.deliveries_waiting() TO application_user;
