-- Closing an account: where it stands, under its lock. Applied after ledger.sql; safe to apply again.
--
-- Who leaves must know a balance that nothing can move any more before it is settled with post_transfers in the
-- same transaction. The function reads and locks; it writes nothing.

GRANT CREATE ON SCHEMA public TO ledger;

-- Locks these accounts in id order, as post_transfers does, and answers where they stand.
CREATE OR REPLACE FUNCTION lock_accounts(p_tenant uuid, p_ids uuid[])
RETURNS TABLE (account_id uuid, balance_amount bigint, held_amount bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF NULLIF(current_setting('archipel.tenant', true), '') IS DISTINCT FROM p_tenant::text THEN
        RAISE EXCEPTION 'lock_accounts: this transaction works for another cooperative' USING ERRCODE = '42501';
    END IF;
    RETURN QUERY
        SELECT a.id, a.balance, a.held FROM accounts a
        WHERE a.tenant_id = p_tenant AND a.id = ANY (p_ids)
        ORDER BY a.id FOR NO KEY UPDATE;
END
$$;
ALTER FUNCTION lock_accounts(uuid, uuid[]) OWNER TO ledger;
REVOKE ALL ON FUNCTION lock_accounts(uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_accounts(uuid, uuid[]) TO app;

REVOKE CREATE ON SCHEMA public FROM ledger;
