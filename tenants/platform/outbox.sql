-- The outbox and the idempotency keys in SQL: what the ledger's functions and the health page use.
-- Applied right after platform.sql; safe to apply again. Nothing here may use NOTIFY.

-- The head of the queue is swept often, or the relay would wade through rows that are long handled.
ALTER TABLE outbox SET (
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.1,
    autovacuum_vacuum_cost_delay = 1
);

GRANT INSERT ON outbox TO ledger;
GRANT SELECT (id, tenant_id) ON outbox TO ledger;
GRANT SELECT (due_at, emitted_at) ON outbox TO door;
GRANT SELECT, INSERT ON idempotency_keys TO ledger;

-- Writes an event in the caller's transaction, with the caller's rights and under the caller's policy.
CREATE OR REPLACE FUNCTION emit_event(p_tenant uuid, p_kind text, p_facts jsonb) RETURNS void
LANGUAGE sql VOLATILE SECURITY INVOKER
AS $$
    INSERT INTO public.outbox (tenant_id, kind, facts)
    VALUES (p_tenant, p_kind, jsonb_build_object('tenant_id', p_tenant) || p_facts)
$$;
REVOKE ALL ON FUNCTION emit_event(uuid, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION emit_event(uuid, text, jsonb) TO app, platform, ledger;

-- The number that two requests with the same key both lock, so that the second waits for the first.
CREATE OR REPLACE FUNCTION idempotency_lock(p_tenant uuid, p_person uuid, p_endpoint text, p_key text)
RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN hashtextextended(p_tenant::text || p_person::text || p_endpoint || p_key, 0);
REVOKE ALL ON FUNCTION idempotency_lock(uuid, uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION idempotency_lock(uuid, uuid, text, text) TO app, ledger;

-- How much is waiting, over all cooperatives, for the health page: a count (up to 10,000) and the age
-- of the oldest event. It shows nothing of what the events say.
CREATE OR REPLACE FUNCTION outbox_backlog(OUT backlog bigint, OUT oldest_seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public
AS $$
    SELECT count(*), COALESCE(EXTRACT(EPOCH FROM now() - min(waiting.emitted_at)), 0)::double precision
    FROM (
        SELECT emitted_at FROM public.outbox WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 10000
    ) AS waiting
$$;
-- An owner must be allowed to create where its function lives, at that moment only.
GRANT CREATE ON SCHEMA public TO door;
ALTER FUNCTION outbox_backlog() OWNER TO door;
REVOKE CREATE ON SCHEMA public FROM door;
REVOKE ALL ON FUNCTION outbox_backlog() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION outbox_backlog() TO app, platform;
