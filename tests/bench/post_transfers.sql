-- One transfer by the ledger's function, called directly. Run by pgbench as role app.
\set payer random(1, :members)
\set key random(1, 9000000000000000000)
\if :hot
\set payee 0
\else
\set payee 1 + (:payer + random(0, :members - 2)) % :members
\endif
SELECT * FROM post_transfers(
    :tenant::uuid, '{post}', NULL, NULL, ARRAY[('00000000-0000-7000-8000-' || (100000000000 + :payer))::uuid],
    ARRAY[('00000000-0000-7000-8000-' || (100000000000 + :payer))::uuid],
    ARRAY[('00000000-0000-7000-8000-' || (100000000000 + :payee))::uuid],
    '{1}', NULL, '{"Aide pour un dossier"}', NULL, NULL,
    ARRAY[('00000000-0000-7000-9000-' || (100000000000 + :payer))::uuid], ARRAY[:endpoint::text],
    ARRAY['bench-' || :key], ARRAY[sha256(('bench-' || :key)::bytea)]
);
