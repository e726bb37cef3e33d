-- Monthly partitions of every table that is partitioned by a UUIDv7.
--
-- The bounds are the smallest ids of the first moments of two months, in UTC; the names are as
-- ordered (executions_y2026m11). Which tables these are is read from the catalogue, so that a name
-- from outside can only ever choose among them.

SET LOCAL ROLE mcp_owner;

CREATE FUNCTION ops.partitioned_tables() RETURNS SETOF name
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.relname
      FROM pg_partitioned_table p
      JOIN pg_class     c ON c.oid = p.partrelid
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]
     WHERE c.relnamespace = 'public'::regnamespace
       AND p.partstrat = 'r' AND p.partnatts = 1
       AND a.atttypid = 'uuid'::regtype
     ORDER BY c.relname
$$;

-- True when the partition was made, false when it was there already.
CREATE FUNCTION public.create_monthly_partition(table_name text, start_date date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'  -- a writer's open transaction makes it give up, for the caller to try again
AS $$
DECLARE
    month     date := date_trunc('month', start_date);
    partition name := format('%s_y%sm%s', table_name, to_char(month, 'YYYY'), to_char(month, 'MM'));
    storage   text := '';
BEGIN
    IF table_name IS NULL OR table_name NOT IN (SELECT ops.partitioned_tables()) THEN
        RAISE EXCEPTION 'table % is not partitioned by month', coalesce(quote_literal(table_name), 'NULL')
              USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF month IS NULL OR month NOT BETWEEN DATE '2000-01-01' AND DATE '2999-12-01' THEN
        RAISE EXCEPTION 'no month to make a partition for: %', coalesce(start_date::text, 'NULL')
              USING ERRCODE = 'invalid_parameter_value';
    END IF;

    PERFORM pg_advisory_xact_lock(hashtext('ops.partitions'));
    IF to_regclass(format('public.%I', partition)) IS NOT NULL THEN
        RETURN false;
    END IF;

    IF table_name = 'execution_streams' THEN
        storage := 'WITH (fillfactor = 50)';  -- room for the updates of a narrow, hot row
    END IF;

    -- LIKE and ATTACH, because CREATE TABLE … PARTITION OF would wait for every open reader.
    EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS '
                   'INCLUDING GENERATED INCLUDING STORAGE) %s', partition, table_name, storage);
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', partition);
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                   table_name, partition,
                   app.uuid7_floor(month::timestamp AT TIME ZONE 'UTC'),
                   app.uuid7_floor((month + interval '1 month')::timestamp AT TIME ZONE 'UTC'));
    RETURN true;
END $$;

-- Makes what is missing from the month of p_from on; answers how many it made. As called without
-- arguments: last month (for a run reported late), this month and four ahead.
CREATE FUNCTION ops.ensure_partitions(
    p_from   date    DEFAULT (date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month')::date,
    p_months integer DEFAULT 6
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made integer;
BEGIN
    IF p_months NOT BETWEEN 1 AND 120 THEN
        RAISE EXCEPTION 'p_months is %, not between 1 and 120', p_months
              USING ERRCODE = 'invalid_parameter_value';
    END IF;

    SELECT count(*) FILTER (WHERE public.create_monthly_partition(t, (p_from + make_interval(months => m))::date))
      INTO made
      FROM ops.partitioned_tables() t
     CROSS JOIN generate_series(0, p_months - 1) m;
    RETURN made;
END $$;

-- The number of whole months after this one that every table has partitions for, without a hole.
-- Four is healthy; below one, writing stops at the end of the month.
CREATE FUNCTION ops.months_ahead() RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(min(m) - 1, 0)
      FROM generate_series(0, 120) m
     CROSS JOIN ops.partitioned_tables() t
     WHERE to_regclass(format('public.%I', t || to_char(
               date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => m),
               '"_y"YYYY"m"MM'))) IS NULL
$$;

-- Drops the months that are older than what is to be kept; answers their names.
CREATE FUNCTION ops.drop_expired(keep_logs interval, keep_executions interval, keep_audit interval) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    old     record;
    dropped text[] := '{}';
BEGIN
    IF keep_logs IS NULL OR keep_executions IS NULL OR keep_audit IS NULL
       OR least(keep_logs, keep_executions, keep_audit) < interval '1 month' THEN
        RAISE EXCEPTION 'at least one month is kept of everything' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF keep_executions < keep_logs THEN
        RAISE EXCEPTION 'executions must outlive their logs' USING ERRCODE = 'invalid_parameter_value';
    END IF;

    PERFORM pg_advisory_xact_lock(hashtext('ops.partitions'));
    FOR old IN
        WITH months AS (
            SELECT p.relname AS parent,
                   c.relname AS child,
                   to_date(substring(c.relname FROM '_y(\d{4}m\d{2})$'), 'YYYY"m"MM') AS month
              FROM pg_inherits i
              JOIN pg_class c ON c.oid = i.inhrelid
              JOIN pg_class p ON p.oid = i.inhparent
             WHERE p.relnamespace = 'public'::regnamespace
               AND p.relkind = 'p'
               AND p.relname IN (SELECT ops.partitioned_tables())
               AND c.relname ~ '_y\d{4}m\d{2}$'
        )
        SELECT m.parent, m.child
          FROM months m
         WHERE m.month + interval '1 month' <= (now() AT TIME ZONE 'UTC') - CASE m.parent
                   WHEN 'execution_logs' THEN keep_logs
                   WHEN 'audit_logs'     THEN keep_audit
                   ELSE keep_executions
               END
         -- what refers to an execution goes before it
         ORDER BY m.parent = 'executions', m.child
    LOOP
        EXECUTE format('ALTER TABLE public.%I DETACH PARTITION public.%I', old.parent, old.child);
        EXECUTE format('DROP TABLE public.%I', old.child);
        dropped := dropped || old.child::text;
    END LOOP;
    RETURN dropped;
END $$;

GRANT EXECUTE ON FUNCTION
    public.create_monthly_partition(text, date),
    ops.ensure_partitions(date, integer),
    ops.drop_expired(interval, interval, interval),
    ops.months_ahead()
TO mcp_maintenance;

GRANT EXECUTE ON FUNCTION ops.months_ahead() TO application_user;  -- for the health check
