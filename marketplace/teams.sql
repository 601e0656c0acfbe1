-- What agreements promise is what the ledger holds, and what they came to is what it moved. Applied after each
-- migration; safe to apply again.
--
-- Checked when a transaction commits, whoever wrote: an active agreement has exactly its minutes held, from its payer
-- to its provider; one that has ended holds nothing; and what was posted under it, to one member or shared among a
-- team, adds up to the minute.

CREATE OR REPLACE FUNCTION agreement_adds_up() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    a agreements; h holds; v_id uuid; v_members int; v_posted bigint; v_extra bigint; v_moved bigint;
BEGIN
    v_id := to_jsonb(NEW) ->> CASE TG_TABLE_NAME WHEN 'agreements' THEN 'id' ELSE 'agreement_id' END;
    SELECT * INTO a FROM agreements WHERE tenant_id = NEW.tenant_id AND id = v_id;
    SELECT * INTO h FROM holds WHERE tenant_id = a.tenant_id AND id = a.hold_id;
    SELECT count(*) INTO v_members FROM agreement_parts p
    WHERE p.tenant_id = a.tenant_id AND p.agreement_id = a.id AND p.shares > 0;
    IF a.is_team <> (v_members > 1) THEN
        RAISE EXCEPTION 'The agreement % and its team disagree.', a.id USING ERRCODE = '23514';
    END IF;
    IF a.state = 'active' THEN
        IF (h.state = 'held' AND h.amount = a.agreed_minutes AND h.debit_account = a.payer_id
            AND h.credit_account = a.provider_id) IS NOT TRUE THEN
            RAISE EXCEPTION 'The agreement % is not what is held for it.', a.id USING ERRCODE = '23514';
        END IF;
        RETURN NULL;
    END IF;
    IF h.state = 'held' OR EXISTS (
        SELECT FROM amendments m WHERE m.tenant_id = a.tenant_id AND m.agreement_id = a.id AND m.state = 'pending'
    ) THEN
        RAISE EXCEPTION 'The agreement % has ended with something open.', a.id USING ERRCODE = '23514';
    END IF;
    IF a.state = 'done' THEN
        SELECT d.posted_minutes, d.extra_minutes INTO v_posted, v_extra FROM deliveries d
        WHERE d.tenant_id = a.tenant_id AND d.agreement_id = a.id;
        IF a.is_team THEN
            SELECT coalesce(sum(t.amount), 0) INTO v_moved
            FROM agreement_parts p
            JOIN transfers t ON t.tenant_id = p.tenant_id AND t.id = p.transfer_id
                AND t.debit_account = a.payer_id AND t.credit_account = p.member_id AND t.amount = p.posted_minutes
            WHERE p.tenant_id = a.tenant_id AND p.agreement_id = a.id;
        ELSE
            SELECT v_extra + coalesce(max(t.amount), 0) INTO v_moved FROM transfers t
            WHERE t.tenant_id = a.tenant_id AND t.id = h.transfer_id;
        END IF;
        IF v_moved <> v_posted OR v_posted IS NULL THEN
            RAISE EXCEPTION 'The agreement % is not what was moved under it.', a.id USING ERRCODE = '23514';
        END IF;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION agreement_adds_up() FROM PUBLIC;

DROP TRIGGER IF EXISTS agreements_add_up ON agreements;
CREATE CONSTRAINT TRIGGER agreements_add_up
    AFTER INSERT OR UPDATE OF state, hold_id, agreed_minutes, is_team, payer_id, provider_id ON agreements
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION agreement_adds_up();
DROP TRIGGER IF EXISTS agreement_parts_add_up ON agreement_parts;
CREATE CONSTRAINT TRIGGER agreement_parts_add_up AFTER INSERT OR UPDATE ON agreement_parts
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION agreement_adds_up();

-- What somebody accepted or refused stays for the record.
REVOKE DELETE ON bid_parts, agreement_parts, amendments, amendment_parts FROM app;
