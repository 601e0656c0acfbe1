-- Delegations and letters: what the database itself holds. Applied after rules.sql; safe to apply again.

-- What was agreed never changes: a delegation is approved once by each of two, warned of, and ended.
REVOKE UPDATE, DELETE ON delegations FROM app, platform;
REVOKE INSERT ON delegations FROM platform;
GRANT UPDATE (first_approver, first_approved_at, second_approver, second_approved_at, ending_noticed_at,
              ended_at, ended_reason) ON delegations TO app;

-- A letter says each thing once: what it says is never taken out of it again, and no letter vanishes.
REVOKE UPDATE, DELETE ON tellings, paper_letters FROM app, platform;
GRANT UPDATE (letter_id) ON tellings TO app;
GRANT UPDATE (printed_at, printed_by, sent_at, sent_by) ON paper_letters TO app;

CREATE OR REPLACE FUNCTION begin_unapproved() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'A delegation begins without approvals.' USING ERRCODE = '42501';
END
$$;
REVOKE ALL ON FUNCTION begin_unapproved() FROM PUBLIC;
CREATE OR REPLACE TRIGGER delegations_begin_unapproved BEFORE INSERT ON delegations
    FOR EACH ROW WHEN (NEW.first_approver IS NOT NULL OR NEW.second_approver IS NOT NULL)
    EXECUTE FUNCTION begin_unapproved();

CREATE OR REPLACE FUNCTION check_delegation() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_approver uuid := coalesce(
        CASE WHEN OLD.second_approver IS DISTINCT FROM NEW.second_approver THEN NEW.second_approver END,
        CASE WHEN OLD.first_approver IS DISTINCT FROM NEW.first_approver THEN NEW.first_approver END);
BEGIN
    IF OLD.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'A delegation that has ended stays so.' USING ERRCODE = '55000';
    END IF;
    IF OLD.first_approver IS NOT NULL AND NEW.first_approver IS DISTINCT FROM OLD.first_approver
       OR OLD.second_approver IS NOT NULL AND NEW.second_approver IS DISTINCT FROM OLD.second_approver
       OR OLD.first_approver IS NULL AND NEW.second_approver IS NOT NULL THEN
        RAISE EXCEPTION 'An approval is given once, one after the other, and never taken over.' USING ERRCODE = '55000';
    END IF;
    IF v_approver IS NOT NULL AND NOT EXISTS (
        SELECT FROM mandates m
        WHERE m.tenant_id = NEW.tenant_id AND m.membership_id = v_approver AND m.ended_at IS NULL
          AND m.term @> now() AND m.role IN ('manager', 'treasurer', 'mediator', 'steward')
    ) THEN
        RAISE EXCEPTION 'Only the holder of a mandate approves a delegation.' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION check_delegation() FROM PUBLIC;
CREATE OR REPLACE TRIGGER delegations_are_approved_by_others BEFORE UPDATE ON delegations
    FOR EACH ROW EXECUTE FUNCTION check_delegation();

CREATE OR REPLACE FUNCTION keep_telling() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF OLD.letter_id IS NOT NULL AND NEW.letter_id IS DISTINCT FROM OLD.letter_id THEN
        RAISE EXCEPTION 'A thing is told in one letter.' USING ERRCODE = '55000';
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION keep_telling() FROM PUBLIC;
CREATE OR REPLACE TRIGGER tellings_stay_in_their_letter BEFORE UPDATE ON tellings
    FOR EACH ROW EXECUTE FUNCTION keep_telling();
