-- Contests: what the database itself holds. Applied after ledger.sql; safe to apply again.

REVOKE UPDATE, DELETE ON contests FROM app, platform;
GRANT UPDATE (hold_id, decided_at, decided_by, outcome, decision, reversal_id) ON contests TO app;

CREATE OR REPLACE FUNCTION check_contest() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_entry third_party_entries;
BEGIN
    SELECT e.* INTO v_entry FROM third_party_entries e WHERE e.tenant_id = NEW.tenant_id AND e.id = NEW.entry_id;
    IF TG_OP = 'INSERT' THEN
        IF NEW.contested_by NOT IN (v_entry.giver_id, v_entry.receiver_id)
           OR NEW.entered_by IN (v_entry.giver_id, v_entry.receiver_id, v_entry.entered_by) THEN
            RAISE EXCEPTION 'A side of an entry contests it, and a third who did not make it brings in their slip.'
                USING ERRCODE = '42501';
        END IF;
    ELSIF OLD.decided_at IS NOT NULL THEN
        RAISE EXCEPTION 'A contest is decided once.' USING ERRCODE = '55000';
    END IF;
    IF NEW.decided_by IS NOT NULL AND (
        NEW.decided_by IN (v_entry.giver_id, v_entry.receiver_id, v_entry.entered_by)
        OR NOT EXISTS (
            SELECT FROM mandates m
            WHERE m.tenant_id = NEW.tenant_id AND m.membership_id = NEW.decided_by AND m.ended_at IS NULL
              AND m.term @> now() AND m.role IN ('mediator', 'treasurer')
        )
    ) THEN
        RAISE EXCEPTION 'A mediator or treasurer decides who took no part.' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION check_contest() FROM PUBLIC;
CREATE OR REPLACE TRIGGER contests_are_decided_by_others BEFORE INSERT OR UPDATE ON contests
    FOR EACH ROW EXECUTE FUNCTION check_contest();
