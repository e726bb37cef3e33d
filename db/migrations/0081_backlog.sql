-- What waits, for whoever operates the platform: numbers only, of all workspaces together.

SET LOCAL ROLE app_definer;

CREATE FUNCTION app.backlog(
    OUT jobs_waiting bigint, OUT jobs_claimed bigint, OUT oldest_job_seconds double precision, OUT mail_waiting bigint
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) FILTER (WHERE claimed_at IS NULL),
           count(*) FILTER (WHERE claimed_at IS NOT NULL),
           coalesce(extract(epoch FROM clock_timestamp() - min(queued_at) FILTER (WHERE claimed_at IS NULL)), 0),
           (SELECT count(*) FROM secret.mail_outbox)
      FROM public.execution_jobs
$$;

GRANT EXECUTE ON FUNCTION app.backlog() TO application_user;
