-- Second factors in SQL: the policies of what belongs to one person, and the search that happens between the
-- first factor and the second. Applied after people.sql; safe to apply again.

GRANT CREATE ON SCHEMA public TO door;

DO $$
DECLARE
    subject text;
BEGIN
    FOREACH subject IN ARRAY ARRAY['second_factors', 'recovery_codes', 'half_sign_ins'] LOOP
        EXECUTE format('DROP POLICY IF EXISTS person ON %I', subject);
        EXECUTE format($policy$
            CREATE POLICY person ON %I
            USING (person_id = NULLIF(current_setting('archipel.person', true), '')::uuid)
            WITH CHECK (person_id = NULLIF(current_setting('archipel.person', true), '')::uuid)
        $policy$, subject);
        EXECUTE format('REVOKE ALL ON %I FROM platform', subject);
    END LOOP;
END
$$;
-- The sweep sees when a half sign-in was over, never whose it was.
GRANT SELECT (id, expires_at), DELETE ON half_sign_ins TO platform;
GRANT SELECT ON half_sign_ins, rule_versions TO door;
-- Whether somebody has a second factor, never its secret.
GRANT SELECT (person_id, confirmed_at) ON second_factors TO door;

-- Who has shown a first factor in this browser, if a code may still be shown. Whoever holds the token is that browser.
CREATE OR REPLACE FUNCTION find_half_sign_in(
    p_token_hash bytea, OUT id uuid, OUT person_id uuid, OUT method text
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT h.id, h.person_id, h.method::text
    FROM half_sign_ins h
    WHERE h.token_hash = p_token_hash AND h.consumed_at IS NULL AND h.expires_at > now()
$$;
ALTER FUNCTION find_half_sign_in(bytea) OWNER TO door;
REVOKE ALL ON FUNCTION find_half_sign_in(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_half_sign_in(bytea) TO app;

REVOKE CREATE ON SCHEMA public FROM door;
