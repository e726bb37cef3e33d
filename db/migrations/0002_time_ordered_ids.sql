-- UUIDv7: an id that begins with its moment, in milliseconds.
--
-- Executions, their logs and the audit log are partitioned by such ids, so that the id alone is the
-- primary key, a look-up by id touches one partition, and "newest first" is "id DESC". PostgreSQL
-- has uuidv7() from 18 on; these work on 15 as well.

SET LOCAL ROLE mcp_owner;

CREATE FUNCTION app.uuid7(ts timestamptz DEFAULT clock_timestamp()) RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
AS $$
    -- a random UUIDv4 whose first 48 bits become the milliseconds and whose version 4 becomes 7
    SELECT encode(
               set_bit(
                   set_bit(
                       overlay(
                           uuid_send(gen_random_uuid())
                           PLACING substring(int8send(floor(extract(epoch FROM ts) * 1000)::bigint) FROM 3)
                           FROM 1 FOR 6),
                       52, 1),
                   53, 1),
               'hex')::uuid
$$;

CREATE FUNCTION app.uuid7_floor(ts timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    -- the smallest id of that millisecond: a time window becomes a range of ids;
    -- 48 bits of milliseconds begin in 1970 and end in 10889, and infinity is beyond either end
    SELECT (lpad(to_hex(least(greatest(floor(extract(epoch FROM ts) * 1000), 0), 281474976710655)::bigint),
                 12, '0') || repeat('0', 20))::uuid
$$;

CREATE FUNCTION app.uuid7_ts(id uuid) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT to_timestamp(('x0000' || substr(translate(id::text, '-', ''), 1, 12))::bit(64)::bigint / 1000.0)
$$;

CREATE FUNCTION app.uuid_version(id uuid) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT get_byte(uuid_send(id), 6) >> 4
$$;

CREATE FUNCTION app.touch_updated_at() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;

GRANT EXECUTE ON FUNCTION
    app.uuid7(timestamptz),
    app.uuid7_floor(timestamptz),
    app.uuid7_ts(uuid),
    app.uuid_version(uuid)
TO application_user, app_definer, mcp_stream;
