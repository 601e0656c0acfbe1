-- Proposals: what holds even for a statement typed by hand with the application's role. Applied after governance.sql;
-- safe to apply again. No function here is a definer.

-- What is decided or withdrawn is over: only its effect may still be noted. Nothing goes back to an earlier state.
CREATE OR REPLACE FUNCTION guard_proposal() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public
AS $$
BEGIN
    IF (NEW.kind, NEW.author_id) <> (OLD.kind, OLD.author_id)
       OR (NEW.rule, NEW.membership_id, NEW.role, NEW.mandate_id)
          IS DISTINCT FROM (OLD.rule, OLD.membership_id, OLD.role, OLD.mandate_id) THEN
        RAISE EXCEPTION 'what a proposal is about does not change' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.version < OLD.version OR NEW.round < OLD.round THEN
        RAISE EXCEPTION 'a proposal goes forward only' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.state = NEW.state AND OLD.state IN ('draft', 'discussed')
       OR (OLD.state, NEW.state) IN (
           ('draft', 'discussed'), ('draft', 'withdrawn'), ('discussed', 'withdrawn'),
           ('discussed', 'decided'), ('discussed', 'in_force'), ('discussed', 'rejected')
       ) THEN
        RETURN NEW;
    END IF;
    -- Decided: the effect is noted, or why it has not come; nothing else.
    IF OLD.state = 'decided' AND NEW.state IN ('decided', 'in_force')
       AND to_jsonb(NEW) - '{state,effect_refused,takes_effect_at}'::text[]
         = to_jsonb(OLD) - '{state,effect_refused,takes_effect_at}'::text[] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a proposal that is % does not become %', OLD.state, NEW.state
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE OR REPLACE TRIGGER guard BEFORE UPDATE ON proposals
FOR EACH ROW EXECUTE FUNCTION guard_proposal();
REVOKE ALL ON FUNCTION guard_proposal() FROM PUBLIC;

-- A version that members could read is never rewritten.
CREATE OR REPLACE FUNCTION guard_proposal_version() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM public.proposals
        WHERE tenant_id = OLD.tenant_id AND id = OLD.proposal_id AND state = 'draft'
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a version that was discussed does not change' USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE OR REPLACE TRIGGER guard BEFORE UPDATE ON proposal_versions
FOR EACH ROW EXECUTE FUNCTION guard_proposal_version();
REVOKE ALL ON FUNCTION guard_proposal_version() FROM PUBLIC;

-- An objection that ended stays as it ended.
CREATE OR REPLACE FUNCTION guard_objection() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public
AS $$
BEGIN
    IF OLD.state = 'open' OR to_jsonb(NEW) - '{harm,role_harmed,reasons,ended_reason}'::text[]
                           = to_jsonb(OLD) - '{harm,role_harmed,reasons,ended_reason}'::text[] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an objection that is % stays so', OLD.state USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE OR REPLACE TRIGGER guard BEFORE UPDATE ON objections
FOR EACH ROW EXECUTE FUNCTION guard_objection();
REVOKE ALL ON FUNCTION guard_objection() FROM PUBLIC;

REVOKE DELETE, TRUNCATE ON proposals, proposal_versions, objections FROM app, platform;
