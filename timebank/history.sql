-- History: the ledger's second entrance, for exchanges of the past that two persons released. Applied after
-- ledger.sql; safe to apply again.
--
-- The moment of posting stays the truth of the ledger; the cause says the day on which it happened.
--
-- Like the first it runs as the role ledger, adds transfers and never changes one, and locks accounts in id order.
-- It posts a slice of a released import in one statement, in the order given, so that balances and versions run as
-- if each had been posted alone. Today's limits are not asked: what happened, happened. It is no way round them: the
-- import must have been released by somebody else than who prepared it, both with a mandate at that moment, or have
-- come from the operator's own command; and no row is ever posted twice.

REVOKE INSERT, UPDATE, DELETE ON imported_exchanges FROM app, platform;
GRANT SELECT, INSERT ON imported_exchanges TO ledger;
GRANT SELECT (tenant_id, id, kind, state, prepared_by, released_by, released_at) ON imports TO ledger;

-- p_accounts: every account that the whole import touches; each call locks them all, so that several slices in one
-- transaction cannot wait in a circle with anybody. Returns how many were posted.
CREATE OR REPLACE FUNCTION post_history(
    p_tenant uuid, p_import uuid, p_accounts uuid[], p_debit uuid[], p_credit uuid[], p_amount bigint[],
    p_reason text[], p_cause text[], p_key_hash bytea[], p_content_hash bytea[], p_source text
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    n CONSTANT int := coalesce(cardinality(p_debit), 0);
    v_now timestamptz;
    v_by uuid;
    v_posted bigint;
BEGIN
    IF NULLIF(current_setting('archipel.tenant', true), '') IS DISTINCT FROM p_tenant::text THEN
        RAISE EXCEPTION 'post_history: this transaction works for another cooperative' USING ERRCODE = '42501';
    END IF;
    IF cardinality(p_credit) <> n OR cardinality(p_amount) <> n OR cardinality(p_reason) <> n
       OR cardinality(p_cause) <> n OR cardinality(p_key_hash) <> n
       OR cardinality(p_content_hash) <> n THEN
        RAISE EXCEPTION 'post_history: arrays of one length' USING ERRCODE = '22023';
    END IF;

    SELECT i.released_by INTO v_by
    FROM imports i
    WHERE i.tenant_id = p_tenant AND i.id = p_import AND i.kind = 'exchanges' AND i.state = 'released'
      AND (
        i.prepared_by IS NULL AND i.released_by IS NULL
        OR i.prepared_by <> i.released_by AND (
            SELECT count(DISTINCT m.membership_id) FROM mandates m
            WHERE m.tenant_id = p_tenant AND m.membership_id IN (i.prepared_by, i.released_by)
              AND m.role IN ('manager', 'treasurer') AND m.term @> i.released_at
              AND (m.ended_at IS NULL OR m.ended_at > i.released_at)
        ) = 2
      );
    IF NOT FOUND THEN
        RAISE EXCEPTION 'post_history: nothing that two persons released' USING ERRCODE = '42501';
    END IF;

    -- Who is not here yet has an account for what they did, and nobody can give to it before they come.
    INSERT INTO accounts (tenant_id, id, membership_id, unit, kind, closed_at)
    SELECT m.tenant_id, m.id, m.id, 'minutes', 'member', clock_timestamp()
    FROM memberships m
    WHERE m.tenant_id = p_tenant AND m.id = ANY (p_accounts) AND m.state = 'invited'
    ORDER BY m.id
    ON CONFLICT (tenant_id, id) DO NOTHING;
    PERFORM open_system_account(p_tenant, 'opening', 'minutes')
    WHERE system_account_id(p_tenant, 'opening', 'minutes') = ANY (p_accounts);

    PERFORM FROM accounts a
    WHERE a.tenant_id = p_tenant AND a.id = ANY (p_accounts)
    ORDER BY a.id FOR NO KEY UPDATE;
    IF EXISTS (
        SELECT FROM unnest(p_debit || p_credit) AS side (id)
        LEFT JOIN accounts a ON a.tenant_id = p_tenant AND a.id = side.id AND a.id = ANY (p_accounts)
        WHERE (a.unit = 'minutes' AND a.kind IN ('member', 'pot', 'opening')) IS NOT TRUE
    ) THEN
        RAISE EXCEPTION 'post_history: history moves hours of members, the pot and the opening account'
            USING ERRCODE = '22023';
    END IF;
    v_now := clock_timestamp();

    WITH line AS MATERIALIZED (
        SELECT x.*, uuidv7() AS id
        FROM unnest(p_debit, p_credit, p_amount, p_reason, p_cause, p_key_hash, p_content_hash)
            WITH ORDINALITY AS x (debit, credit, amount, reason, cause, key_hash, content_hash, i)
    ), side AS (
        SELECT i, debit AS account, -amount AS delta FROM line
        UNION ALL
        SELECT i, credit, amount FROM line
    ), run AS MATERIALIZED (
        SELECT s.i, s.account, a.version + row_number() OVER w AS version, a.balance + sum(s.delta) OVER w AS balance
        FROM side s
        JOIN accounts a ON a.tenant_id = p_tenant AND a.id = s.account
        WINDOW w AS (PARTITION BY s.account ORDER BY s.i ROWS UNBOUNDED PRECEDING)
    ), moved AS (
        INSERT INTO transfers (
            tenant_id, id, debit_account, credit_account, amount, debit_version, credit_version,
            debit_balance, credit_balance, posted_at, actor, reason, cause)
        SELECT p_tenant, l.id, l.debit, l.credit, l.amount, d.version, c.version, d.balance, c.balance,
               v_now, v_by, l.reason, l.cause
        FROM line l
        JOIN run d ON d.i = l.i AND d.account = l.debit
        JOIN run c ON c.i = l.i AND c.account = l.credit
        ORDER BY l.i
        RETURNING 1
    ), remembered AS (
        INSERT INTO imported_exchanges (
            tenant_id, source, key_hash, content_hash, transfer_id, import_id)
        SELECT p_tenant, p_source, l.key_hash, l.content_hash, l.id, p_import
        FROM line l
    ), closing AS (
        SELECT DISTINCT ON (account) account, version, balance FROM run ORDER BY account, version DESC
    ), kept AS (
        UPDATE accounts a SET balance = k.balance, version = k.version
        FROM closing k
        WHERE a.tenant_id = p_tenant AND a.id = k.account
    )
    SELECT count(*) INTO v_posted FROM moved;
    IF v_posted <> n THEN
        RAISE EXCEPTION 'post_history: % of % posted', v_posted, n USING ERRCODE = '22023';
    END IF;
    RETURN v_posted;
END
$$;

GRANT CREATE ON SCHEMA public TO ledger;
DO $$
DECLARE
    subject regprocedure := 'post_history(uuid, uuid, uuid[], uuid[], uuid[], bigint[], text[], text[], bytea[], bytea[], text)'::regprocedure;
BEGIN
    EXECUTE format('ALTER FUNCTION %s OWNER TO ledger', subject);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', subject);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO app', subject);
END
$$;
REVOKE CREATE ON SCHEMA public FROM ledger;
