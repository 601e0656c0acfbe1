-- Isolation: what every table of every floor obeys. Applied after each migration; safe to apply again.
--
-- A table with a tenant_id column is a cooperative's: row-level security is enabled and forced, and one
-- policy lets a transaction see the rows of the cooperative that it was opened for, and of no other.

GRANT USAGE ON SCHEMA public TO app, platform, analyst, door, ledger;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

DO $$
DECLARE
    subject record;
BEGIN
    FOR subject IN
        SELECT c.oid, c.relname, EXISTS (
                   SELECT FROM pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
               ) AS tenanted
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
          AND c.relname <> 'alembic_version'
        ORDER BY c.relname
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', subject.relname);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', subject.relname);
        EXECUTE format('REVOKE ALL ON %I FROM PUBLIC, app, platform, analyst, door, ledger', subject.relname);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO app, platform', subject.relname);
        EXECUTE format('DROP POLICY IF EXISTS tenant ON %I', subject.relname);
        IF subject.tenanted THEN
            EXECUTE format($policy$
                CREATE POLICY tenant ON %I
                USING (tenant_id = NULLIF(current_setting('archipel.tenant', true), '')::uuid)
                WITH CHECK (tenant_id = NULLIF(current_setting('archipel.tenant', true), '')::uuid)
            $policy$, subject.relname);
        END IF;
    END LOOP;
END
$$;

-- Functions are private until a floor's own file grants them.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
