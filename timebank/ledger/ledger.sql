-- The ledger's one door. Applied after each migration; safe to apply again.
--
-- Hours (minutes) and euros (cents) move only through post_transfers, which runs as the role ledger: that
-- role may add transfers and never change one, stays under row-level security, and cannot log in. The
-- role app reads. Append-only, zero-sum, floors and holds are thereby facts of the database.
--
-- Locks, in this order, so that no two calls can wait for each other in a circle: idempotency keys by
-- hash, then accounts by id. A caller takes its own rows' locks before, and calls once per transaction.

-- Privileges ------------------------------------------------------------------------------------------

REVOKE INSERT, UPDATE, DELETE ON accounts, transfers, holds FROM app, platform;
REVOKE UPDATE, DELETE ON proofs, proof_differences FROM app, platform;

GRANT SELECT, INSERT ON accounts, transfers, holds TO ledger;
GRANT UPDATE (balance, held, version, closed_at) ON accounts TO ledger;
GRANT UPDATE (state, ended_at, transfer_id) ON holds TO ledger;
GRANT SELECT ON memberships, mandates, rule_versions, api_tokens, cooperatives, delegations, contests TO ledger;
-- What somebody enters for others is written down by the door itself, with the transfer that it is.
REVOKE INSERT, UPDATE, DELETE ON third_party_entries FROM app, platform;
GRANT SELECT, INSERT ON third_party_entries TO ledger;

CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'A posted transfer never changes: correct it with a reversal.' USING ERRCODE = '55000';
END
$$;

CREATE OR REPLACE TRIGGER transfers_never_change BEFORE UPDATE OR DELETE ON transfers
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER transfers_never_vanish BEFORE TRUNCATE ON transfers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Both sides of every transfer, as an account's statement shows them.

CREATE OR REPLACE VIEW entries WITH (security_invoker = true) AS
    SELECT tenant_id, debit_account AS account_id, debit_version AS version, -amount AS amount,
           debit_balance AS balance, credit_account AS counterparty_id, id AS transfer_id, posted_at,
           actor, reverses, reason, cause
    FROM transfers
    UNION ALL
    SELECT tenant_id, credit_account, credit_version, amount,
           credit_balance, debit_account, id, posted_at,
           actor, reverses, reason, cause
    FROM transfers;
GRANT SELECT ON entries TO app;

-- Opening and closing accounts ------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION system_account_id(p_tenant uuid, p_kind text, p_unit text) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN md5(p_tenant::text || ':' || p_kind || ':' || p_unit)::uuid;

-- Opens the cooperative's own account of a kind, once; answers its id either way.
CREATE OR REPLACE FUNCTION open_system_account(p_tenant uuid, p_kind text, p_unit text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_id uuid := system_account_id(p_tenant, p_kind, p_unit);
BEGIN
    IF p_kind = 'member' THEN
        RAISE EXCEPTION 'A member''s account opens with the membership.' USING ERRCODE = '22023';
    END IF;
    INSERT INTO accounts (tenant_id, id, unit, kind, fixed_floor)
    VALUES (p_tenant, v_id, p_unit, p_kind, CASE WHEN p_kind IN ('clearing', 'external', 'opening') THEN NULL ELSE 0 END)
    ON CONFLICT (tenant_id, id) DO NOTHING;
    RETURN v_id;
END
$$;

-- The triggers run for roles that may stand outside the cooperative (the operator founds it), so they
-- name the tenant themselves and put the transaction's own back.

CREATE OR REPLACE FUNCTION open_cooperative_accounts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_before text := current_setting('archipel.tenant', true);
BEGIN
    PERFORM set_config('archipel.tenant', NEW.tenant_id::text, true);
    PERFORM open_system_account(NEW.tenant_id, 'pot', 'minutes');
    PERFORM set_config('archipel.tenant', coalesce(v_before, ''), true);
    RETURN NULL;
END
$$;

-- An active membership has an open hours account of the same id; an ended or suspended one is closed.
CREATE OR REPLACE FUNCTION follow_membership() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_before text := current_setting('archipel.tenant', true);
BEGIN
    PERFORM set_config('archipel.tenant', NEW.tenant_id::text, true);
    IF NEW.state = 'active' THEN
        INSERT INTO accounts (tenant_id, id, membership_id, unit, kind)
        VALUES (NEW.tenant_id, NEW.id, NEW.id, 'minutes', 'member')
        ON CONFLICT (tenant_id, id) DO UPDATE SET closed_at = NULL WHERE accounts.closed_at IS NOT NULL;
    ELSE
        UPDATE accounts SET closed_at = clock_timestamp()
        WHERE tenant_id = NEW.tenant_id AND membership_id = NEW.id AND closed_at IS NULL;
    END IF;
    PERFORM set_config('archipel.tenant', coalesce(v_before, ''), true);
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER cooperatives_open_accounts AFTER INSERT ON cooperatives
    FOR EACH ROW EXECUTE FUNCTION open_cooperative_accounts();
CREATE OR REPLACE TRIGGER memberships_open_account AFTER INSERT ON memberships
    FOR EACH ROW WHEN (NEW.state = 'active') EXECUTE FUNCTION follow_membership();
CREATE OR REPLACE TRIGGER memberships_follow_account AFTER UPDATE OF state ON memberships
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION follow_membership();

-- Entries for others ------------------------------------------------------------------------------------

-- Whether p_actor may enter p_amount minutes from p_giver to p_receiver, being neither: as the delegate of the one
-- who gives (cause 'exchange'), or as a manager from a paper that both signed (cause 'paper:<day>'). Called by the
-- door, under the lock of both accounts, so that the maxima of a month hold against entries made at the same
-- moment. VOLATILE, or it would look at the month as it was before that lock was got.
DROP FUNCTION IF EXISTS judge_entry(uuid, uuid, boolean, uuid, uuid, bigint, text, timestamptz);
CREATE FUNCTION judge_entry(
    p_tenant uuid, p_actor uuid, p_manager boolean, p_giver uuid, p_receiver uuid, p_amount bigint, p_cause text,
    p_now timestamptz, OUT kind text, OUT delegation uuid, OUT happened_on date, OUT refusal text, OUT facts jsonb
)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_zone text;
    v_acting delegations;
    v_used bigint;
    v_days int;
BEGIN
    IF (p_actor <> p_giver AND p_actor <> p_receiver AND p_giver <> p_receiver) IS NOT TRUE
       OR p_cause IS NULL OR NOT (p_cause = 'exchange' OR p_cause LIKE 'paper:%') THEN
        RETURN;
    END IF;
    SELECT c.time_zone INTO v_zone FROM cooperatives c WHERE c.tenant_id = p_tenant;
    -- The live delegation of the one who gives; and nobody acts for both sides, nor for one on another's paper.
    SELECT d.* INTO v_acting FROM delegations d
    WHERE d.tenant_id = p_tenant AND d.represented_id = p_giver AND d.delegate_id = p_actor
      AND d.second_approver IS NOT NULL AND d.ended_at IS NULL AND d.term @> p_now AND 'hours' = ANY (d.acts);
    IF EXISTS (
        SELECT FROM delegations d
        WHERE d.tenant_id = p_tenant AND d.delegate_id = p_actor AND d.second_approver IS NOT NULL
          AND d.ended_at IS NULL AND d.term @> p_now
          AND (d.represented_id = p_receiver OR d.represented_id = p_giver AND p_cause <> 'exchange')
    ) THEN
        refusal := 'delegate_on_both_sides';
        RETURN;
    END IF;
    IF p_cause = 'exchange' THEN
        IF v_acting.id IS NULL OR NOT EXISTS (
            SELECT FROM memberships m WHERE m.tenant_id = p_tenant AND m.id = p_actor AND m.state = 'active'
        ) THEN
            RETURN;
        END IF;
        IF p_amount > v_acting.entry_minutes_max THEN
            refusal := 'over_delegation_entry';
            facts := jsonb_build_object('limit_minutes', v_acting.entry_minutes_max, 'asked_minutes', p_amount);
            RETURN;
        END IF;
        -- All that this delegate has entered for this person in the calendar month, by whichever delegation.
        SELECT coalesce(sum(e.minutes), 0) INTO v_used FROM third_party_entries e
        WHERE e.tenant_id = p_tenant AND e.giver_id = p_giver AND e.entered_by = p_actor AND e.kind = 'delegate'
          AND e.entered_at >= date_trunc('month', p_now, v_zone);
        IF v_used + p_amount > v_acting.month_minutes_max THEN
            refusal := 'over_delegation_month';
            facts := jsonb_build_object(
                'limit_minutes', v_acting.month_minutes_max, 'asked_minutes', p_amount,
                'left_minutes', greatest(0, v_acting.month_minutes_max - v_used));
            RETURN;
        END IF;
        kind := 'delegate';
        delegation := v_acting.id;
    ELSIF p_manager THEN
        happened_on := substr(p_cause, 7)::date;
        SELECT x.value::int INTO v_days FROM rule_versions x
        WHERE x.tenant_id = p_tenant AND x.in_force @> p_now AND x.rule = 'timebank.paper_days_max';
        IF v_days IS NULL THEN
            refusal := 'no_rule_in_force';
            facts := jsonb_build_object('rule', 'timebank.paper_days_max');
        ELSIF happened_on > (p_now AT TIME ZONE v_zone)::date THEN
            refusal := 'paper_in_the_future';
        ELSIF happened_on < (p_now AT TIME ZONE v_zone)::date - v_days THEN
            refusal := 'paper_too_old';
            facts := jsonb_build_object('days', v_days);
        ELSE
            kind := 'paper';
        END IF;
    END IF;
END
$$;

-- Whether p_actor may correct a transfer (as treasurer, or as mediator) or hold what is contested. Who made an entry
-- for others decides nothing about it, nor who brought in the slip that contests it; a mediator corrects only
-- what is contested. What is contested is held on the word of who contests, in that very amount, once.
CREATE OR REPLACE FUNCTION may_settle_entry(
    p_tenant uuid, p_operation text, p_actor uuid, p_treasurer boolean, p_transfer uuid, p_cause text,
    p_from uuid, p_to uuid, p_amount bigint
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_entered_by uuid;
    v_contest contests;
BEGIN
    IF p_operation = 'hold' THEN
        RETURN p_cause LIKE 'contest:%' AND EXISTS (
            SELECT FROM contests c
            JOIN third_party_entries e ON e.tenant_id = c.tenant_id AND e.id = c.entry_id
            WHERE c.tenant_id = p_tenant AND c.entry_id = substr(p_cause, 9)::uuid AND c.decided_at IS NULL
              AND p_actor IN (c.contested_by, c.entered_by)
              AND e.receiver_id = p_from AND e.giver_id = p_to AND e.minutes = p_amount
        ) AND NOT EXISTS (
            SELECT FROM holds h WHERE h.tenant_id = p_tenant AND h.debit_account = p_from AND h.cause = p_cause
        );
    END IF;
    SELECT e.entered_by INTO v_entered_by FROM third_party_entries e
    WHERE e.tenant_id = p_tenant AND e.id = p_transfer;
    IF v_entered_by IS NULL THEN
        RETURN p_treasurer;
    END IF;
    SELECT c.* INTO v_contest FROM contests c WHERE c.tenant_id = p_tenant AND c.entry_id = p_transfer;
    RETURN v_entered_by <> p_actor AND v_contest.entered_by IS DISTINCT FROM p_actor
       AND (p_treasurer OR v_contest.entry_id IS NOT NULL AND v_contest.decided_at IS NULL);
END
$$;
REVOKE ALL ON FUNCTION judge_entry(uuid, uuid, boolean, uuid, uuid, bigint, text, timestamptz),
    may_settle_entry(uuid, text, uuid, boolean, uuid, text, uuid, uuid, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION judge_entry(uuid, uuid, boolean, uuid, uuid, bigint, text, timestamptz),
    may_settle_entry(uuid, text, uuid, boolean, uuid, text, uuid, uuid, bigint) TO ledger;

-- The door --------------------------------------------------------------------------------------------
--
-- One element per position of the arrays, answered in order. An array in which every element would be
-- NULL may be NULL itself. By operation:
--   post     p_debit gives p_amount to p_credit
--   hold     p_amount of p_debit is promised to p_credit; p_expires_at may bound it
--   capture  of the hold p_about, p_amount is posted and the rest given back
--   share    of the hold p_about, p_amount is posted to p_credit, who is a member; once the shares of one call
--            are posted, what they leave of the hold is given back
--   release  the hold p_about is given back          expire   the same, once its time is over
--   reverse  the transfer p_about is posted back, whole, once
-- p_id names the new transfer or hold (made here when NULL). Elements that share a p_group number stand
-- together and fall together. p_actor is the acting membership; NULL is the system, which may capture,
-- release, expire, and debit what is not a member's. Outcome 'refused' carries a stable code, and facts
-- in answer. Only a call that no honest caller makes raises an exception.
CREATE OR REPLACE FUNCTION post_transfers(
    p_tenant uuid, p_operation text[], p_id uuid[], p_group int[], p_actor uuid[], p_debit uuid[],
    p_credit uuid[], p_amount bigint[], p_about uuid[], p_reason text[], p_cause text[],
    p_expires_at timestamptz[], p_person uuid[], p_endpoint text[], p_key text[], p_request_hash bytea[]
) RETURNS TABLE (outcome text, refusal text, transfer_id uuid, answer jsonb)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
-- Planned once per connection: planning again for each call would cost more than the call.
SET plan_cache_mode = force_generic_plan
-- That plan may be made while a table is still empty, and must not become a scan of all its later rows.
SET enable_seqscan = off
AS $$
DECLARE
    -- Each expression costs about a microsecond per call, whatever it does: those that a lone transfer need
    -- not reach stand behind a condition, and what begins as NULL is not given a value.
    n CONSTANT int := coalesce(cardinality(p_operation), 0);
    v_now timestamptz;
    -- The accounts that are locked, and where they stand after the elements judged so far.
    a_id uuid[]; a_member uuid[]; a_kind text[]; a_unit text[]; a_open boolean[];
    a_balance bigint[]; a_held bigint[]; a_version bigint[]; a_floor bigint[];
    -- The holds named or placed by this call: h_old of them stood before, h_count stand now.
    h_id uuid[]; h_debit uuid[]; h_credit uuid[]; h_amount bigint[]; h_state text[]; h_expires timestamptz[];
    h_reason text[]; h_cause text[]; h_transfer uuid[]; h_actor uuid[]; h_old int; h_count int; h_touched boolean;
    -- What the shares posted so far have left of them.
    h_left bigint[];
    -- The transfers to be reversed.
    r_id uuid[]; r_debit uuid[]; r_credit uuid[]; r_amount bigint[]; r_done boolean[];
    -- The elements that move something, and by element what each side is left with. What an element says by
    -- naming a hold or a transfer is filled in in its own parameters.
    t_count int := 0; t_element int[];
    t_debit_version bigint[]; t_credit_version bigint[]; t_debit_balance bigint[]; t_credit_balance bigint[];
    -- The outcomes, and the answers kept from earlier calls.
    o_outcome text[]; o_refusal text[]; o_id uuid[]; o_answer jsonb[]; o_keep boolean[];
    k_lock bigint[]; k_hash bytea[]; k_answer jsonb[]; k_status int[];
    -- The group being judged, and the state to return to if it falls.
    v_group int; v_first int; v_fallen text;
    s_balance bigint[]; s_held bigint[]; s_version bigint[]; s_state text[]; s_done boolean[]; s_left bigint[];
    s_transfers int; s_holds int;
    -- The element being judged.
    v_ids uuid[]; v_more uuid[]; v_op text; v_actor uuid; v_amount bigint; v_id uuid;
    v_floor bigint; v_refusal text; v_facts jsonb; v_unit text; v_may boolean;
    v_low bigint; v_high bigint; v_rules_read boolean; v_mandates text[]; v_mandates_read boolean;
    d int; c int; h int; r int; p int; v_void text;
    -- The one element that is entered for others: by a delegate or from a paper.
    x_kind text; x_delegation uuid; x_on date;
BEGIN
    IF n > 1 THEN
        IF cardinality(p_id) <> n OR cardinality(p_group) <> n OR cardinality(p_actor) <> n
           OR cardinality(p_debit) <> n OR cardinality(p_credit) <> n OR cardinality(p_amount) <> n
           OR cardinality(p_about) <> n OR cardinality(p_reason) <> n OR cardinality(p_cause) <> n
           OR cardinality(p_expires_at) <> n OR cardinality(p_person) <> n OR cardinality(p_endpoint) <> n
           OR cardinality(p_key) <> n OR cardinality(p_request_hash) <> n THEN
            RAISE EXCEPTION 'post_transfers: arrays of one length' USING ERRCODE = '22023';
        END IF;
    ELSIF n = 0 THEN
        RETURN;
    END IF;
    IF p_tenant IS NULL THEN
        RAISE EXCEPTION 'post_transfers: for one tenant' USING ERRCODE = '22023';
    END IF;
    -- A transaction that works for one cooperative is not turned to another by its ledger.
    IF NULLIF(current_setting('archipel.tenant', true), '') <> p_tenant::text THEN
        RAISE EXCEPTION 'post_transfers: this transaction works for another cooperative' USING ERRCODE = '42501';
    END IF;
    -- Assigned rather than performed: an expression is cheaper than a query.
    v_void := set_config('archipel.tenant', p_tenant::text, true);

    -- 1. Idempotency keys: one caller at a time for each, then a fresh look at what was answered.
    IF p_key IS NOT NULL THEN
        FOR i IN 1..n LOOP
            k_lock[i] := idempotency_lock(p_tenant, p_person[i], p_endpoint[i], p_key[i]);
            IF p_key[i] IS NOT NULL AND (k_lock[i] IS NULL OR p_request_hash[i] IS NULL) THEN
                RAISE EXCEPTION 'post_transfers: a key needs a person, an endpoint and a request hash'
                    USING ERRCODE = '22023';
            END IF;
        END LOOP;
        IF n = 1 THEN
            v_void := pg_advisory_xact_lock(k_lock[1]);
            SELECT ARRAY[x.request_hash], ARRAY[x.answer], ARRAY[x.status] INTO k_hash, k_answer, k_status
            FROM idempotency_keys x
            WHERE x.tenant_id = p_tenant AND x.person_id = p_person[1]
              AND x.endpoint = p_endpoint[1] AND x.key = p_key[1];
        ELSE
            PERFORM pg_advisory_xact_lock(s.lock)
            FROM (SELECT DISTINCT l AS lock FROM unnest(k_lock) l WHERE l IS NOT NULL ORDER BY 1) s;
            -- OFFSET 0 keeps this a look-up per key in the primary key's index, whatever the planner believes.
            SELECT array_agg(k.request_hash), array_agg(k.answer), array_agg(k.status)
            INTO k_hash, k_answer, k_status
            FROM generate_series(1, n) s (i)
            LEFT JOIN LATERAL (
                SELECT * FROM idempotency_keys x
                WHERE x.tenant_id = p_tenant AND x.person_id = p_person[s.i]
                  AND x.endpoint = p_endpoint[s.i] AND x.key = p_key[s.i]
                OFFSET 0
            ) k ON true;
        END IF;
    END IF;

    -- 2. Every account that is touched, locked in id order. Holds and transfers are read first only to
    -- learn their accounts, which never change; they are read again under those accounts' locks.
    v_ids := coalesce(p_debit, '{}') || p_credit;
    IF p_about IS NOT NULL THEN
        SELECT array_agg(x.debit_account) || array_agg(x.credit_account) INTO v_more
        FROM holds x WHERE x.tenant_id = p_tenant AND x.id = ANY (p_about);
        v_ids := v_ids || v_more;
        IF 'reverse' = ANY (p_operation) THEN
            SELECT array_agg(x.debit_account) || array_agg(x.credit_account) INTO v_more
            FROM transfers x WHERE x.tenant_id = p_tenant AND x.id = ANY (p_about);
            v_ids := v_ids || v_more;
        END IF;
    END IF;
    SELECT array_agg(x.id), array_agg(x.membership_id), array_agg(x.kind), array_agg(x.unit),
           array_agg(x.closed_at IS NULL), array_agg(x.balance), array_agg(x.held), array_agg(x.version),
           array_agg(x.fixed_floor)
    INTO a_id, a_member, a_kind, a_unit, a_open, a_balance, a_held, a_version, a_floor
    FROM (
        SELECT * FROM accounts a WHERE a.tenant_id = p_tenant AND a.id = ANY (v_ids)
        ORDER BY a.id FOR NO KEY UPDATE
    ) x;
    IF p_about IS NOT NULL THEN
        SELECT array_agg(x.id), array_agg(x.debit_account), array_agg(x.credit_account), array_agg(x.amount),
               array_agg(x.state), array_agg(x.expires_at), array_agg(x.reason), array_agg(x.cause),
               array_agg(x.transfer_id), count(*)
        INTO h_id, h_debit, h_credit, h_amount, h_state, h_expires, h_reason, h_cause, h_transfer, h_old
        FROM holds x WHERE x.tenant_id = p_tenant AND x.id = ANY (p_about);
        h_count := h_old;
        IF 'reverse' = ANY (p_operation) THEN
            SELECT array_agg(x.id), array_agg(x.debit_account), array_agg(x.credit_account), array_agg(x.amount),
                   array_agg(EXISTS (SELECT FROM transfers y WHERE y.tenant_id = p_tenant AND y.reverses = x.id))
            INTO r_id, r_debit, r_credit, r_amount, r_done
            FROM transfers x WHERE x.tenant_id = p_tenant AND x.id = ANY (p_about);
        END IF;
    END IF;
    v_now := clock_timestamp();

    -- 3. Each element is judged on what those before it have left.
    FOR i IN 1..n LOOP
        v_op := p_operation[i];
        IF p_group IS NOT NULL THEN
            IF p_group[i] IS NULL OR v_group IS DISTINCT FROM p_group[i] THEN
                v_group := p_group[i];
                v_first := i;
                v_fallen := NULL;
                IF v_group IS NOT NULL THEN
                    s_balance := a_balance; s_held := a_held; s_version := a_version;
                    s_state := h_state; s_done := r_done; s_left := h_left; s_transfers := t_count; s_holds := h_count;
                END IF;
            ELSIF (p_key[i] IS NULL) <> (p_key[v_first] IS NULL) THEN
                RAISE EXCEPTION 'post_transfers: in a group all elements have a key, or none'
                    USING ERRCODE = '22023';
            END IF;
        END IF;

        <<judge>>
        BEGIN
            IF p_key[i] IS NOT NULL THEN
                IF k_hash[i] IS NOT NULL THEN
                    IF k_hash[i] <> p_request_hash[i] THEN
                        v_refusal := 'idempotency_key_reused';
                    ELSIF k_status[i] >= 400 THEN
                        v_refusal := k_answer[i] ->> 'code';
                        v_facts := k_answer[i];
                    ELSE
                        o_outcome[i] := 'replayed';
                        o_id[i] := (k_answer[i] ->> 'id')::uuid;
                        o_answer[i] := k_answer[i];
                    END IF;
                    EXIT judge;
                END IF;
                IF i > 1 THEN
                    p := array_position(k_lock, k_lock[i]);
                    WHILE p < i
                          AND (p_key[p] <> p_key[i] OR p_person[p] <> p_person[i] OR p_endpoint[p] <> p_endpoint[i])
                    LOOP
                        p := array_position(k_lock, k_lock[i], p + 1);
                    END LOOP;
                    IF p < i THEN
                        IF p_request_hash[p] <> p_request_hash[i] THEN
                            v_refusal := 'idempotency_key_reused';
                        ELSIF o_outcome[p] = 'refused' THEN
                            v_refusal := o_refusal[p];
                            v_facts := o_answer[p];
                        ELSE
                            o_outcome[i] := 'replayed';
                            o_id[i] := o_id[p];
                            o_answer[i] := o_answer[p];
                        END IF;
                        EXIT judge;
                    END IF;
                END IF;
                o_keep[i] := true;
            END IF;
            IF v_fallen IS NOT NULL THEN
                v_refusal := 'linked_refused';
                v_facts := jsonb_build_object('because', v_fallen);
                EXIT judge;
            END IF;

            IF v_op IN ('post', 'hold') THEN
                NULL;
            ELSIF v_op IN ('capture', 'share', 'release', 'expire') THEN
                h := array_position(h_id, p_about[i]);
                IF h IS NULL OR h > h_count THEN
                    v_refusal := 'unknown_hold';
                    EXIT judge;
                END IF;
                p_debit[i] := h_debit[h];
                IF v_op <> 'share' THEN
                    p_credit[i] := h_credit[h];
                END IF;
                IF v_op IN ('capture', 'share') THEN
                    p_reason[i] := coalesce(p_reason[i], h_reason[h]);
                    p_cause[i] := coalesce(p_cause[i], h_cause[h]);
                ELSE
                    p_amount[i] := h_amount[h];
                END IF;
            ELSIF v_op = 'reverse' THEN
                r := array_position(r_id, p_about[i]);
                IF r IS NULL THEN
                    v_refusal := 'unknown_transfer';
                    EXIT judge;
                END IF;
                p_debit[i] := r_credit[r];
                p_credit[i] := r_debit[r];
                p_amount[i] := r_amount[r];
            ELSE
                RAISE EXCEPTION 'post_transfers: no operation is called %', v_op USING ERRCODE = '22023';
            END IF;
            v_actor := p_actor[i];
            v_amount := p_amount[i];
            d := array_position(a_id, p_debit[i]);
            c := array_position(a_id, p_credit[i]);
            v_unit := a_unit[d];
            IF (v_amount BETWEEN 1 AND 1000000000000 AND d <> c AND v_unit = a_unit[c]) IS NOT TRUE THEN
                v_refusal := CASE
                    WHEN (v_amount BETWEEN 1 AND 1000000000000) IS NOT TRUE THEN 'amount_out_of_range'
                    WHEN p_debit[i] = p_credit[i] THEN 'same_account'
                    WHEN d IS NULL OR c IS NULL THEN 'unknown_account'
                    ELSE 'unit_mismatch'
                END;
                -- What cannot be read is not kept under its key.
                o_keep[i] := o_keep[i] AND v_refusal NOT IN ('amount_out_of_range', 'same_account');
                EXIT judge;
            END IF;

            -- Who may: the account's own member; for the cooperative's accounts the mandate that keeps them;
            -- for a dispute the mediator and for a correction the treasurer, never in their own cause. A hold
            -- is given back by the side that would have received, since to the other it is a promise. A delegate and
            -- who enters a signed paper may post a transfer between two others, alone in its call: judge_entry says when.
            v_may := CASE
                WHEN v_op = 'share' AND a_kind[c] <> 'member' THEN false
                WHEN v_actor IS NULL THEN v_op IN ('capture', 'share', 'release', 'expire') OR a_kind[d] <> 'member'
                    -- A manager ends a membership: all that the account has goes to the pot, and nowhere else.
                    OR v_op = 'post' AND a_kind[c] = 'pot' AND p_cause[i] LIKE 'leaving:%' AND v_amount = a_balance[d]
                WHEN v_op = 'expire' THEN false
                WHEN v_op = 'release' THEN a_member[c] = v_actor
                -- A member's hours go to members, to the pot and to funds, and to none of the inner accounts.
                ELSE a_member[d] = v_actor AND (v_unit <> 'minutes' OR a_kind[c] IN ('member', 'pot', 'fund'))
            END;
            IF v_may IS NOT TRUE AND v_actor IS NOT NULL AND v_op <> 'expire' THEN
                IF v_mandates_read IS NULL THEN
                    SELECT array_agg(m.membership_id::text || ':' || m.role) INTO v_mandates
                    FROM mandates m
                    JOIN memberships s ON s.tenant_id = m.tenant_id AND s.id = m.membership_id
                    WHERE m.tenant_id = p_tenant AND m.membership_id = ANY (p_actor)
                      AND m.term @> v_now AND m.ended_at IS NULL AND s.state = 'active';
                    v_mandates_read := true;
                END IF;
                -- From here p is the account that must consent, and the other one must not be the actor's.
                p := CASE v_op WHEN 'release' THEN c ELSE d END;
                -- Nobody's mandate moves hours to themself, not even out of the pot that they keep.
                v_may := CASE
                    WHEN a_member[c + d - p] = v_actor THEN false
                    WHEN a_kind[p] IN ('pot', 'fund') AND v_actor::text || ':steward' = ANY (v_mandates) THEN true
                    WHEN a_kind[p] NOT IN ('member', 'pot', 'fund')
                         AND v_actor::text || ':treasurer' = ANY (v_mandates) THEN true
                    WHEN v_op = 'share' AND a_kind[c] <> 'member' THEN false
                    WHEN v_op = 'release' AND h_cause[h] LIKE 'contest:%'
                         AND v_actor::text || ':treasurer' = ANY (v_mandates) THEN true
                    WHEN v_op IN ('capture', 'share', 'release') THEN v_actor::text || ':mediator' = ANY (v_mandates)
                    WHEN v_op = 'reverse' THEN ARRAY[v_actor::text || ':treasurer', v_actor::text || ':mediator'] && v_mandates
                    ELSE false
                END;
                -- What was entered for others, and contested.
                IF a_kind[p] = 'member' AND (v_op = 'reverse' AND v_may OR v_op = 'hold' AND v_may IS NOT TRUE) THEN
                    v_may := may_settle_entry(
                        p_tenant, v_op, v_actor, v_actor::text || ':treasurer' = ANY (v_mandates), p_about[i],
                        p_cause[i], a_member[d], a_member[c], v_amount);
                ELSIF v_op = 'post' AND v_may IS NOT TRUE AND n = 1 AND v_unit = 'minutes' THEN
                    SELECT e.* INTO x_kind, x_delegation, x_on, v_refusal, v_facts
                    FROM judge_entry(
                        p_tenant, v_actor, v_actor::text || ':manager' = ANY (v_mandates), a_member[d], a_member[c],
                        v_amount, p_cause[i], v_now) e;
                    IF v_refusal IS NOT NULL THEN
                        EXIT judge;
                    END IF;
                    v_may := x_kind IS NOT NULL;
                END IF;
            END IF;
            IF v_may IS NOT TRUE THEN
                v_refusal := 'not_allowed_to_debit';
                EXIT judge;
            END IF;

            IF v_op IN ('post', 'hold') THEN
                -- What was agreed while both were open is still paid, and what was wrong is still corrected.
                IF NOT (a_open[d] AND a_open[c]) THEN
                    v_refusal := 'account_closed';
                    EXIT judge;
                END IF;
            ELSIF v_op = 'reverse' THEN
                IF r_done[r] THEN
                    v_refusal := 'already_reversed';
                    EXIT judge;
                END IF;
            ELSE
                IF h_state[h] <> 'held' AND (v_op <> 'share' OR h_left[h] IS NULL)
                   OR v_op = 'expire' AND (h_expires[h] > v_now OR h_expires[h] IS NULL) THEN
                    v_refusal := CASE WHEN h_state[h] = 'held' THEN 'hold_not_expired' ELSE 'hold_ended' END;
                    v_facts := jsonb_build_object('state', h_state[h]);
                    EXIT judge;
                END IF;
                IF v_amount > coalesce(h_left[h], h_amount[h]) THEN
                    v_refusal := 'more_than_held';
                    v_facts := jsonb_build_object('held_' || v_unit, coalesce(h_left[h], h_amount[h]), 'asked_' || v_unit, v_amount);
                    EXIT judge;
                END IF;
            END IF;

            -- How low the giving account may go, and how high the receiving one.
            IF v_op IN ('post', 'hold', 'reverse') THEN
                v_floor := a_floor[d];
                IF v_unit = 'minutes' AND (a_kind[d] = 'member' OR a_kind[c] = 'member' AND v_op = 'post') THEN
                    IF v_rules_read IS NULL THEN
                        SELECT max(x.value::bigint) FILTER (WHERE x.rule = 'timebank.credit_limit_low'),
                               max(x.value::bigint) FILTER (WHERE x.rule = 'timebank.credit_limit_high')
                        INTO v_low, v_high
                        FROM rule_versions x
                        WHERE x.tenant_id = p_tenant AND x.in_force @> v_now
                          AND x.rule IN ('timebank.credit_limit_low', 'timebank.credit_limit_high');
                        v_rules_read := true;
                    END IF;
                    IF a_kind[d] = 'member' THEN
                        v_floor := -v_low;
                    END IF;
                    IF a_kind[d] = 'member' AND v_low IS NULL
                       OR a_kind[c] = 'member' AND v_op = 'post' AND v_high IS NULL THEN
                        v_refusal := 'no_rule_in_force';
                        v_facts := jsonb_build_object('rule', CASE
                            WHEN a_kind[d] = 'member' AND v_low IS NULL THEN 'timebank.credit_limit_low'
                            ELSE 'timebank.credit_limit_high' END);
                        EXIT judge;
                    END IF;
                END IF;
                -- What a group gave back it may hold again, however low the account stood before.
                IF v_op = 'hold' AND v_group IS NOT NULL THEN
                    v_floor := least(v_floor, s_balance[d] - s_held[d]);
                END IF;
                IF a_balance[d] - a_held[d] - v_amount < v_floor THEN
                    v_refusal := CASE v_unit WHEN 'minutes' THEN 'not_enough_hours' ELSE 'not_enough_euros' END;
                    v_facts := jsonb_build_object(
                        'available_' || v_unit, a_balance[d] - a_held[d], 'limit_' || v_unit, -v_floor,
                        'asked_' || v_unit, v_amount,
                        'left_' || v_unit, greatest(0, a_balance[d] - a_held[d] - v_floor),
                        'short_' || v_unit, v_floor - (a_balance[d] - a_held[d] - v_amount));
                    EXIT judge;
                END IF;
                IF v_op = 'post' AND v_unit = 'minutes' AND a_kind[c] = 'member' AND a_balance[c] + v_amount > v_high THEN
                    v_refusal := 'over_the_ceiling';
                    v_facts := jsonb_build_object('limit_' || v_unit, v_high, 'asked_' || v_unit, v_amount);
                    EXIT judge;
                END IF;
            END IF;
            IF abs(a_balance[d] - v_amount) > 1000000000000000000
               OR abs(a_balance[c] + v_amount) > 1000000000000000000 THEN
                v_refusal := 'amount_out_of_range';
                o_keep[i] := false;
                EXIT judge;
            END IF;

            -- Granted: from here nothing is refused.
            v_id := coalesce(p_id[i], uuidv7());
            IF v_op <> 'post' THEN
                IF v_op = 'hold' THEN
                    h_count := coalesce(h_count, 0) + 1;
                    h_id[h_count] := v_id;
                    h_debit[h_count] := p_debit[i];
                    h_credit[h_count] := p_credit[i];
                    h_amount[h_count] := v_amount;
                    h_state[h_count] := 'held';
                    h_expires[h_count] := p_expires_at[i];
                    h_reason[h_count] := p_reason[i];
                    h_cause[h_count] := p_cause[i];
                    h_actor[h_count] := v_actor;
                    h_transfer[h_count] := NULL;
                    a_held[d] := a_held[d] + v_amount;
                ELSIF v_op = 'reverse' THEN
                    r_done[r] := true;
                ELSIF v_op = 'share' THEN
                    a_held[d] := a_held[d] - v_amount;
                    h_touched := true;
                    IF h_state[h] = 'held' THEN
                        h_state[h] := 'captured';
                        h_transfer[h] := v_id;
                        h_left[h] := h_amount[h];
                    END IF;
                    h_left[h] := h_left[h] - v_amount;
                ELSE
                    a_held[d] := a_held[d] - h_amount[h];
                    h_touched := true;
                    h_state[h] := CASE v_op
                        WHEN 'capture' THEN 'captured' WHEN 'release' THEN 'released' ELSE 'expired' END;
                    IF v_op = 'capture' THEN
                        h_transfer[h] := v_id;
                    ELSE
                        v_id := h_id[h];
                    END IF;
                END IF;
            END IF;
            IF v_op IN ('post', 'capture', 'share', 'reverse') THEN
                a_balance[d] := a_balance[d] - v_amount;
                a_balance[c] := a_balance[c] + v_amount;
                a_version[d] := a_version[d] + 1;
                a_version[c] := a_version[c] + 1;
                t_count := t_count + 1;
                t_element[t_count] := i;
                t_debit_version[i] := a_version[d];
                t_credit_version[i] := a_version[c];
                t_debit_balance[i] := a_balance[d];
                t_credit_balance[i] := a_balance[c];
            END IF;
            o_outcome[i] := 'posted';
            o_id[i] := v_id;
            o_answer[i] := jsonb_build_object(
                'id', v_id, 'at', v_now, 'amount_' || v_unit, v_amount,
                'balance_' || v_unit, a_balance[d], 'available_' || v_unit, a_balance[d] - a_held[d]);
        END judge;

        IF v_refusal IS NOT NULL THEN
            o_outcome[i] := 'refused';
            o_refusal[i] := v_refusal;
            o_answer[i] := jsonb_build_object('code', v_refusal) || coalesce(v_facts, '{}');
            IF v_group IS NOT NULL AND v_fallen IS NULL THEN
                v_fallen := v_refusal;
                a_balance := s_balance; a_held := s_held; a_version := s_version;
                h_state := s_state; r_done := s_done; h_left := s_left; t_count := s_transfers; h_count := s_holds;
                FOR j IN v_first..i - 1 LOOP
                    IF o_outcome[j] = 'posted' THEN
                        o_outcome[j] := 'refused';
                        o_refusal[j] := 'linked_refused';
                        o_id[j] := NULL;
                        o_answer[j] := jsonb_build_object('code', 'linked_refused', 'because', v_fallen);
                    END IF;
                END LOOP;
            END IF;
            v_refusal := NULL;
            v_facts := NULL;
        END IF;
    END LOOP;
    -- What was shared out of a hold ends it: the rest goes back.
    IF h_left IS NOT NULL THEN
        FOR h IN 1..h_count LOOP
            IF h_left[h] > 0 THEN
                d := array_position(a_id, h_debit[h]);
                a_held[d] := a_held[d] - h_left[h];
            END IF;
        END LOOP;
    END IF;

    -- 4. What was granted is written, each table once, in one statement where it can be. The arrays may be
    -- longer than the counts where a group fell. The event is what emit_event would write; it bears the id
    -- of its first transfer, which saves making another.
    IF t_count > 0 OR o_keep IS NOT NULL OR h_count IS NOT NULL THEN
        WITH moved AS (
            INSERT INTO transfers (
                tenant_id, id, debit_account, credit_account, amount, debit_version, credit_version,
                debit_balance, credit_balance, posted_at, actor, reverses, reason, cause)
            SELECT p_tenant, o_id[e], p_debit[e], p_credit[e], p_amount[e], t_debit_version[e], t_credit_version[e],
                   t_debit_balance[e], t_credit_balance[e], v_now, p_actor[e],
                   CASE p_operation[e] WHEN 'reverse' THEN p_about[e] END, p_reason[e], p_cause[e]
            FROM unnest(t_element[1:t_count]) e
        ), told AS (
            INSERT INTO outbox (tenant_id, id, kind, facts)
            SELECT p_tenant, o_id[t_element[1]], 'TransfersPosted',
                   jsonb_build_object('tenant_id', p_tenant, 'transfers', jsonb_agg(o_id[e]))
            FROM unnest(t_element[1:t_count]) e HAVING count(*) > 0
        ), kept AS (
            INSERT INTO idempotency_keys (tenant_id, person_id, endpoint, key, request_hash, status, answer)
            SELECT p_tenant, p_person[i], p_endpoint[i], p_key[i], p_request_hash[i],
                   CASE o_outcome[i] WHEN 'refused' THEN 409 ELSE 201 END, o_answer[i]
            FROM generate_series(1, n) i
            WHERE o_keep[i]
        )
        UPDATE accounts x
        SET balance = a_balance[array_position(a_id, x.id)], held = a_held[array_position(a_id, x.id)],
            version = a_version[array_position(a_id, x.id)]
        WHERE x.tenant_id = p_tenant AND x.id = ANY (a_id)
          AND (x.version <> a_version[array_position(a_id, x.id)] OR x.held <> a_held[array_position(a_id, x.id)]);
    END IF;
    IF h_count > coalesce(h_old, 0) THEN
        INSERT INTO holds (
            tenant_id, id, debit_account, credit_account, amount, placed_at, expires_at, ended_at,
            transfer_id, actor, state, reason, cause)
        SELECT p_tenant, h_id[i], h_debit[i], h_credit[i], h_amount[i], v_now, h_expires[i],
               CASE WHEN h_state[i] <> 'held' THEN v_now END,
               CASE WHEN h_state[i] = 'captured' THEN h_transfer[i] END, h_actor[i], h_state[i], h_reason[i], h_cause[i]
        FROM generate_series(coalesce(h_old, 0) + 1, h_count) i;
    END IF;
    IF h_touched THEN
        UPDATE holds x
        SET state = h_state[array_position(h_id, x.id)], ended_at = v_now,
            transfer_id = CASE WHEN h_state[array_position(h_id, x.id)] = 'captured'
                               THEN h_transfer[array_position(h_id, x.id)] END
        WHERE x.tenant_id = p_tenant AND x.id = ANY (h_id) AND x.state = 'held'
          AND h_state[array_position(h_id, x.id)] <> 'held';
    END IF;
    IF x_kind IS NOT NULL AND t_count = 1 THEN
        INSERT INTO third_party_entries (
            tenant_id, id, kind, delegation_id, entered_by, giver_id, receiver_id, minutes, happened_on, entered_at)
        VALUES (p_tenant, o_id[1], x_kind, x_delegation, p_actor[1], p_debit[1], p_credit[1], p_amount[1], x_on, v_now);
    END IF;
    -- 5. The outcomes, in order.
    FOR i IN 1..n LOOP
        outcome := o_outcome[i];
        refusal := o_refusal[i];
        transfer_id := o_id[i];
        answer := o_answer[i];
        RETURN NEXT;
    END LOOP;
END
$$;

-- The same door for a program that shows a bearer token: the token, its member and the transfer in one
-- round trip. Each token gives from its own member's hours account, and needs the scope hours:write.
CREATE OR REPLACE FUNCTION post_bearer_transfers(
    p_tenant uuid, p_token_hash bytea[], p_credit uuid[], p_amount bigint[], p_reason text[],
    p_endpoint text, p_key text[], p_request_hash bytea[]
) RETURNS TABLE (outcome text, refusal text, transfer_id uuid, answer jsonb)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
-- That plan may be made while a table is still empty, and must not become a scan of all its later rows.
SET enable_seqscan = off
AS $$
DECLARE
    n CONSTANT int := coalesce(cardinality(p_token_hash), 0);
    v_member uuid[]; v_person uuid[]; v_key text[]; v_refusal text[];
BEGIN
    IF NULLIF(current_setting('archipel.tenant', true), '') <> p_tenant::text THEN
        RAISE EXCEPTION 'post_bearer_transfers: this transaction works for another cooperative'
            USING ERRCODE = '42501';
    END IF;
    PERFORM set_config('archipel.tenant', p_tenant::text, true);
    SELECT array_agg(CASE WHEN t.may THEN t.membership_id END), array_agg(CASE WHEN t.may THEN t.person_id END),
           array_agg(CASE WHEN t.may THEN p_key[s.i] END),
           array_agg(CASE WHEN t.membership_id IS NULL THEN 'unknown_token'
                          WHEN NOT t.may THEN 'scope_missing' END)
    INTO v_member, v_person, v_key, v_refusal
    FROM generate_series(1, n) s (i)
    LEFT JOIN LATERAL (
        SELECT k.membership_id, m.person_id, 'hours:write' = ANY (k.scopes) AS may
        FROM api_tokens k
        JOIN memberships m ON m.tenant_id = k.tenant_id AND m.id = k.membership_id
        WHERE k.tenant_id = p_tenant AND k.token_hash = p_token_hash[s.i]
          AND k.revoked_at IS NULL AND k.expires_at > now() AND m.state = 'active'
        OFFSET 0
    ) t ON true;
    -- An element without a good token has no account to give from: the core refuses it, and why is said here.
    RETURN QUERY
    SELECT r.outcome, coalesce(v_refusal[r.i], r.refusal), r.transfer_id,
           CASE WHEN v_refusal[r.i] IS NULL THEN r.answer ELSE jsonb_build_object('code', v_refusal[r.i]) END
    FROM post_transfers(
        p_tenant, array_fill('post'::text, ARRAY[n]), NULL, NULL, v_member, v_member, p_credit, p_amount,
        NULL, p_reason, array_fill('exchange'::text, ARRAY[n]), NULL,
        v_person, array_fill(p_endpoint, ARRAY[n]), v_key, p_request_hash
    ) WITH ORDINALITY r (outcome, refusal, transfer_id, answer, i);
END
$$;

GRANT CREATE ON SCHEMA public TO ledger;

-- Ownership: every function that writes runs as the role ledger, which cannot log in and stays under the
-- policies; nobody runs one who was not granted it.
DO $$
DECLARE
    subject regprocedure;
BEGIN
    FOREACH subject IN ARRAY ARRAY[
        'open_system_account(uuid, text, text)', 'open_cooperative_accounts()', 'follow_membership()',
        'post_transfers(uuid, text[], uuid[], int[], uuid[], uuid[], uuid[], bigint[], uuid[], text[], text[],'
        ' timestamptz[], uuid[], text[], text[], bytea[])',
        'post_bearer_transfers(uuid, bytea[], uuid[], bigint[], text[], text, text[], bytea[])'
    ]::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO ledger', subject);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', subject);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO app', subject);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION system_account_id(uuid, text, text), refuse_change() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION system_account_id(uuid, text, text) TO app, ledger;
REVOKE ALL ON FUNCTION open_cooperative_accounts(), follow_membership() FROM app;

REVOKE CREATE ON SCHEMA public FROM ledger;
