-- The register, the audit trail and the rulebook in SQL: what holds even for a statement typed by hand
-- with the application's role. Applied after people.sql; safe to apply again. No function here is a definer.

-- 1. The two records are added to and read, never changed ------------------------------------------------

REVOKE UPDATE, DELETE, TRUNCATE ON audit_entries, register_lines FROM app, platform;
REVOKE DELETE, TRUNCATE ON register_heads FROM app, platform;
REVOKE UPDATE, TRUNCATE ON register_salts FROM app, platform;

-- 2. The register's chain --------------------------------------------------------------------------------

-- RFC 8785 for what the register may hold; tenants/register.py holds the same in Python, and a test compares.
CREATE OR REPLACE FUNCTION canonical_json(p_value jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, public
AS $$
BEGIN
    CASE jsonb_typeof(p_value)
        WHEN 'object' THEN
            RETURN '{' || COALESCE((
                SELECT string_agg(to_jsonb(key)::text || ':' || public.canonical_json(value), ',' ORDER BY key COLLATE "C")
                FROM jsonb_each(p_value)
            ), '') || '}';
        WHEN 'array' THEN
            RETURN '[' || COALESCE((
                SELECT string_agg(public.canonical_json(value), ',' ORDER BY position)
                FROM jsonb_array_elements(p_value) WITH ORDINALITY AS element (value, position)
            ), '') || ']';
        WHEN 'number' THEN
            IF p_value::text !~ '^-?[0-9]{1,16}$' OR abs(p_value::bigint) > 9007199254740991 THEN
                RAISE EXCEPTION 'the register holds integers of at most 53 bits, not %', p_value
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN p_value::text;
        ELSE
            RETURN p_value::text;
    END CASE;
END
$$;

-- The hash of one line, as the format says.
CREATE OR REPLACE FUNCTION register_hash(
    p_tenant uuid, p_seq bigint, p_at timestamptz, p_kind text, p_facts jsonb, p_previous bytea
) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, public
AS $$
    SELECT sha256(convert_to(public.canonical_json(jsonb_build_object(
        'format', 'archipel-register-1',
        'cooperative', p_tenant,
        'seq', p_seq,
        'at', to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'kind', p_kind,
        'facts', p_facts,
        'previous', encode(p_previous, 'hex')
    )), 'UTF8'))
$$;

-- A line that does not continue the chain is refused, whoever writes it.
CREATE OR REPLACE FUNCTION guard_register_line() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public
AS $$
DECLARE
    v_last record;
BEGIN
    SELECT seq, hash, at INTO v_last
    FROM public.register_lines WHERE tenant_id = NEW.tenant_id ORDER BY seq DESC LIMIT 1;
    IF NEW.seq <> COALESCE(v_last.seq, 0) + 1
       OR NEW.previous_hash <> COALESCE(v_last.hash, decode(repeat('00', 32), 'hex'))
       OR NEW.at < v_last.at
       OR NEW.at > clock_timestamp() + interval '1 second' THEN
        RAISE EXCEPTION 'line % does not continue the register of %', NEW.seq, NEW.tenant_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.hash <> public.register_hash(NEW.tenant_id, NEW.seq, NEW.at, NEW.kind, NEW.facts, NEW.previous_hash) THEN
        RAISE EXCEPTION 'line % of the register of % does not carry its own hash', NEW.seq, NEW.tenant_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER guard BEFORE INSERT ON register_lines
FOR EACH ROW EXECUTE FUNCTION guard_register_line();

-- The head may only move to the newest line.
CREATE OR REPLACE FUNCTION guard_register_head() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public
AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.seq IS NULL AND NEW.hash IS NULL THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.tenant_id = OLD.tenant_id AND NEW.seq = COALESCE(OLD.seq, 0) + 1
       AND (NEW.seq, NEW.hash) = (
           SELECT seq, hash FROM public.register_lines
           WHERE tenant_id = NEW.tenant_id ORDER BY seq DESC LIMIT 1
       ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the head of the register of % is its newest line', NEW.tenant_id
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE OR REPLACE TRIGGER guard BEFORE INSERT OR UPDATE ON register_heads
FOR EACH ROW EXECUTE FUNCTION guard_register_head();

-- Adds one line and holds the head until the transaction ends: always the caller's last lock.
CREATE OR REPLACE FUNCTION append_to_register(p_tenant uuid, p_kind text, p_facts jsonb)
RETURNS register_lines
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public
AS $$
DECLARE
    v_head public.register_heads;
    v_line public.register_lines;
BEGIN
    SELECT * INTO v_head FROM public.register_heads WHERE tenant_id = p_tenant FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO public.register_heads (tenant_id) VALUES (p_tenant) ON CONFLICT DO NOTHING;
        SELECT * INTO STRICT v_head FROM public.register_heads WHERE tenant_id = p_tenant FOR UPDATE;
    END IF;
    v_line.tenant_id := p_tenant;
    v_line.seq := COALESCE(v_head.seq, 0) + 1;
    v_line.kind := p_kind;
    v_line.facts := p_facts;
    v_line.previous_hash := COALESCE(v_head.hash, decode(repeat('00', 32), 'hex'));
    -- Read under the lock, and never before the line before: a clock that is set back stands still here.
    v_line.at := GREATEST(clock_timestamp(), (
        SELECT at FROM public.register_lines WHERE tenant_id = p_tenant AND seq = v_head.seq
    ));
    v_line.hash := public.register_hash(
        p_tenant, v_line.seq, v_line.at, p_kind, p_facts, v_line.previous_hash
    );
    INSERT INTO public.register_lines VALUES (v_line.*);
    UPDATE public.register_heads SET seq = v_line.seq, hash = v_line.hash WHERE tenant_id = p_tenant;
    RETURN v_line;
END
$$;

REVOKE ALL ON FUNCTION canonical_json(jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION register_hash(uuid, bigint, timestamptz, text, jsonb, bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION append_to_register(uuid, text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION guard_register_line() FROM PUBLIC;
REVOKE ALL ON FUNCTION guard_register_head() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION canonical_json(jsonb) TO app, platform;
GRANT EXECUTE ON FUNCTION register_hash(uuid, bigint, timestamptz, text, jsonb, bytea) TO app, platform;
GRANT EXECUTE ON FUNCTION append_to_register(uuid, text, jsonb) TO app, platform;

-- 3. The rulebook ----------------------------------------------------------------------------------------

-- The value of a rule at a moment; null when there is none, which whoever asks must refuse.
CREATE OR REPLACE FUNCTION rule_in_force(p_tenant uuid, p_rule text, p_at timestamptz) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, public
AS $$
    SELECT value FROM public.rule_versions
    WHERE tenant_id = p_tenant AND rule = p_rule AND in_force @> p_at
$$;
REVOKE ALL ON FUNCTION rule_in_force(uuid, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rule_in_force(uuid, text, timestamptz) TO app, platform, ledger;
GRANT SELECT ON rule_versions TO ledger;
REVOKE TRUNCATE ON rule_versions FROM app, platform;

-- What has been in force stays as it was: a version starts now or later, and only its end may move, ahead of now.
-- A version that has not begun may be taken back by the decision that wrote it, which names itself in the
-- transaction's setting archipel.rule_source.
CREATE OR REPLACE FUNCTION guard_rule_version() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF lower(NEW.in_force) >= now() THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'a version of % cannot begin in the past', NEW.rule
            USING ERRCODE = 'integrity_constraint_violation';
    ELSIF TG_OP = 'UPDATE' THEN
        IF (NEW.tenant_id, NEW.id, NEW.rule, NEW.value, NEW.source, NEW.register_seq, NEW.written_at)
               = (OLD.tenant_id, OLD.id, OLD.rule, OLD.value, OLD.source, OLD.register_seq, OLD.written_at)
           AND NEW.source_id IS NOT DISTINCT FROM OLD.source_id
           AND lower(NEW.in_force) = lower(OLD.in_force)
           AND COALESCE(upper(OLD.in_force), 'infinity') > now()
           AND COALESCE(upper(NEW.in_force), 'infinity') >= now() THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'a version of % does not change: only its end, for the one that follows', OLD.rule
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF lower(OLD.in_force) > now()
       AND OLD.source_id = NULLIF(current_setting('archipel.rule_source', true), '')::uuid THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'a version of % is taken back only before it begins, by the decision that wrote it', OLD.rule
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE OR REPLACE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON rule_versions
FOR EACH ROW EXECUTE FUNCTION guard_rule_version();
REVOKE ALL ON FUNCTION guard_rule_version() FROM PUBLIC;

-- At the end of a transaction the versions of a rule follow each other without a gap, and the last one is open.
CREATE OR REPLACE FUNCTION guard_rule_succession() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public
AS $$
DECLARE
    v_rule text := COALESCE(NEW.rule, OLD.rule);
    v_tenant uuid := COALESCE(NEW.tenant_id, OLD.tenant_id);
BEGIN
    IF EXISTS (
        SELECT FROM (
            SELECT upper(in_force) AS ends, lead(lower(in_force)) OVER (ORDER BY lower(in_force)) AS next_begins
            FROM public.rule_versions WHERE tenant_id = v_tenant AND rule = v_rule
        ) AS version
        WHERE ends IS DISTINCT FROM next_begins
    ) THEN
        RAISE EXCEPTION 'the versions of % leave a gap', v_rule USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
DROP TRIGGER IF EXISTS succession ON rule_versions;
CREATE CONSTRAINT TRIGGER succession AFTER INSERT OR UPDATE OR DELETE ON rule_versions
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard_rule_succession();
REVOKE ALL ON FUNCTION guard_rule_succession() FROM PUBLIC;

-- 4. Assemblies ------------------------------------------------------------------------------------------

-- Minutes that are in force or withdrawn never change; they come into force when two persons have signed the
-- version that they are, unchanged.
CREATE OR REPLACE FUNCTION guard_assembly() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public
AS $$
BEGIN
    IF OLD.state NOT IN ('draft', 'signed_once') THEN
        RAISE EXCEPTION 'the minutes of an assembly that is % do not change', OLD.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state = 'in_force' AND (
        (to_jsonb(NEW) - '{state,register_seq,in_force_at}'::text[])
            <> (to_jsonb(OLD) - '{state,register_seq,in_force_at}'::text[])
        OR (
            SELECT count(DISTINCT role) FROM public.assembly_signatures
            WHERE tenant_id = NEW.tenant_id AND assembly_id = NEW.id AND version = NEW.version
        ) < 2
    ) THEN
        RAISE EXCEPTION 'the minutes of an assembly come into force as two mandates signed them'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER guard BEFORE UPDATE ON assemblies
FOR EACH ROW EXECUTE FUNCTION guard_assembly();
REVOKE ALL ON FUNCTION guard_assembly() FROM PUBLIC;

CREATE OR REPLACE FUNCTION guard_assembly_belonging() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public
AS $$
DECLARE
    v_row record := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    IF TG_OP <> 'UPDATE' AND EXISTS (
        SELECT FROM public.assemblies
        WHERE tenant_id = v_row.tenant_id AND id = v_row.assembly_id AND state IN ('draft', 'signed_once')
    ) THEN
        RETURN v_row;
    END IF;
    RAISE EXCEPTION 'what was signed does not change' USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE OR REPLACE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON assembly_resolutions
FOR EACH ROW EXECUTE FUNCTION guard_assembly_belonging();
CREATE OR REPLACE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON assembly_signatures
FOR EACH ROW EXECUTE FUNCTION guard_assembly_belonging();
REVOKE ALL ON FUNCTION guard_assembly_belonging() FROM PUBLIC;

REVOKE DELETE, TRUNCATE ON assemblies FROM app, platform;
REVOKE UPDATE, TRUNCATE ON assembly_resolutions, assembly_signatures FROM app, platform;

-- 5. Notices ---------------------------------------------------------------------------------------------

-- arrive() counts a member's unread notices.
GRANT SELECT (tenant_id, membership_id, read_at) ON notices TO door;
REVOKE DELETE, TRUNCATE ON notices FROM app, platform;
