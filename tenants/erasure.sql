-- Erasing in SQL: the policy of a person's own request, and who is due. Applied after people.sql; safe to apply again.

GRANT CREATE ON SCHEMA public TO door;

DROP POLICY IF EXISTS person ON person_erasures;
CREATE POLICY person ON person_erasures
USING (person_id = NULLIF(current_setting('archipel.person', true), '')::uuid)
WITH CHECK (person_id = NULLIF(current_setting('archipel.person', true), '')::uuid);
REVOKE ALL ON person_erasures FROM platform;
GRANT SELECT, UPDATE (tried_at) ON person_erasures TO door;

-- A person may delete themself (policy person), once no membership bears their id; and their notices with them.
GRANT DELETE ON people, notices TO app;

-- The sweep sees when a token was over, never whose it was; and lets old notices go.
GRANT SELECT (tenant_id, id, expires_at, revoked_at), DELETE ON api_tokens TO platform;
GRANT DELETE ON notices TO platform;

-- The persons whose waiting time is over, at most once an hour each: ids alone, for the job that forgets them.
CREATE OR REPLACE FUNCTION take_due_persons(p_most integer) RETURNS SETOF uuid
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
    UPDATE person_erasures SET tried_at = now()
    WHERE person_id IN (
        SELECT e.person_id FROM person_erasures e
        WHERE e.due_at <= now() AND (e.tried_at IS NULL OR e.tried_at < now() - interval '1 hour')
        ORDER BY e.due_at LIMIT p_most FOR UPDATE SKIP LOCKED
    )
    RETURNING person_id
$$;
ALTER FUNCTION take_due_persons(integer) OWNER TO door;
REVOKE ALL ON FUNCTION take_due_persons(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_due_persons(integer) TO app;

REVOKE CREATE ON SCHEMA public FROM door;
