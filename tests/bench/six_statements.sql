-- The simplest honest alternative to the function: six statements in a transaction, from a client that may
-- write the tables. It reads no second rule, checks no actor, writes no event and cannot batch.
\set payer random(1, :members)
\set payee 1 + (:payer + random(0, :members - 2)) % :members
\set key random(1, 9000000000000000000)
BEGIN;
SELECT max(balance - held) FILTER (WHERE id = ('00000000-0000-7000-8000-' || (100000000000 + :payer))::uuid) AS available
FROM (
    SELECT id, balance, held FROM accounts
    WHERE tenant_id = :tenant::uuid AND closed_at IS NULL AND id IN (
        ('00000000-0000-7000-8000-' || (100000000000 + :payer))::uuid,
        ('00000000-0000-7000-8000-' || (100000000000 + :payee))::uuid)
    ORDER BY id FOR NO KEY UPDATE
) both_accounts
\gset
SELECT rule_in_force(:tenant::uuid, 'timebank.credit_limit_low', now())::bigint AS credit_limit
\gset
\if :available + :credit_limit >= 1
UPDATE accounts SET balance = balance - 1, version = version + 1
WHERE tenant_id = :tenant::uuid AND id = ('00000000-0000-7000-8000-' || (100000000000 + :payer))::uuid
RETURNING balance AS debit_balance, version AS debit_version
\gset
UPDATE accounts SET balance = balance + 1, version = version + 1
WHERE tenant_id = :tenant::uuid AND id = ('00000000-0000-7000-8000-' || (100000000000 + :payee))::uuid
RETURNING balance AS credit_balance, version AS credit_version
\gset
INSERT INTO transfers (
    tenant_id, id, debit_account, credit_account, amount, debit_version, credit_version, debit_balance,
    credit_balance, posted_at, actor, reason)
VALUES (
    :tenant::uuid, uuidv7(), ('00000000-0000-7000-8000-' || (100000000000 + :payer))::uuid,
    ('00000000-0000-7000-8000-' || (100000000000 + :payee))::uuid, 1, :debit_version, :credit_version, :debit_balance,
    :credit_balance, now(), ('00000000-0000-7000-8000-' || (100000000000 + :payer))::uuid, 'Aide pour un dossier');
INSERT INTO idempotency_keys (tenant_id, person_id, endpoint, key, request_hash, status, answer)
VALUES (
    :tenant::uuid, ('00000000-0000-7000-9000-' || (100000000000 + :payer))::uuid, :endpoint::text, 'bench-' || :key,
    sha256(('bench-' || :key)::bytea), 201, jsonb_build_object('amount_minutes', 1, 'balance_minutes', :debit_balance::bigint));
\endif
END;
