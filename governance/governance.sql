-- Circles and colleges in SQL: what follows a cooperative, or its rules, in the same transaction. Applied after
-- rules.sql; safe to apply again. No function here is a definer.

-- 1. The root circle --------------------------------------------------------------------------------------

-- Opens the root circle of a cooperative, once: its id is the cooperative's own, its words are in its language.
CREATE OR REPLACE FUNCTION open_root_circle(p_tenant uuid, p_locale text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, public, pg_temp
AS $$
    INSERT INTO circles (tenant_id, id, name, purpose)
    VALUES (
        p_tenant, p_tenant,
        CASE p_locale WHEN 'en' THEN 'Circle of all' ELSE 'Cercle de tous' END,
        CASE p_locale
            WHEN 'en' THEN 'All the members. Decides whatever no other circle decides.'
            ELSE 'Tous les membres. Décide de tout ce qu’aucun autre cercle ne décide.'
        END
    ) ON CONFLICT (tenant_id, id) DO NOTHING
$$;

GRANT EXECUTE ON FUNCTION open_root_circle(uuid, text) TO app, platform;

CREATE OR REPLACE FUNCTION open_cooperative_circle() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    PERFORM open_root_circle(NEW.tenant_id, NEW.locale);
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER cooperatives_open_circle AFTER INSERT ON cooperatives
    FOR EACH ROW EXECUTE FUNCTION open_cooperative_circle();

-- 2. Colleges are those that their weights name -----------------------------------------------------------

-- A version of the rule on weights makes the colleges that it names and that are not there yet.
CREATE OR REPLACE FUNCTION open_named_colleges() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    INSERT INTO colleges (tenant_id, name)
    SELECT NEW.tenant_id, one ->> 'name' FROM jsonb_array_elements(NEW.value) AS one
    ON CONFLICT (tenant_id, name) DO NOTHING;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER rule_versions_open_colleges AFTER INSERT ON rule_versions
    FOR EACH ROW WHEN (NEW.rule = 'governance.college_weights') EXECUTE FUNCTION open_named_colleges();

-- 3. What was in force does not change --------------------------------------------------------------------

-- A college's name stands in the rulebook: it never changes.
CREATE OR REPLACE FUNCTION guard_college_name() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF NEW.name <> OLD.name OR NEW.id <> OLD.id THEN
        RAISE EXCEPTION 'a college keeps its name: the rulebook says it' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER guard BEFORE UPDATE ON colleges
    FOR EACH ROW EXECUTE FUNCTION guard_college_name();
REVOKE DELETE, TRUNCATE ON colleges, circles FROM app, platform;

-- A circle keeps its parent, and stays closed.
CREATE OR REPLACE FUNCTION guard_circle() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF NEW.parent_id IS DISTINCT FROM OLD.parent_id OR (OLD.closed_at IS NOT NULL AND NEW.closed_at IS DISTINCT FROM OLD.closed_at) THEN
        RAISE EXCEPTION 'a circle keeps its parent and stays closed' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER guard BEFORE UPDATE ON circles
    FOR EACH ROW EXECUTE FUNCTION guard_circle();
