"""The proof: every balance recomputed from its entries, and every difference written down.

One statement, hence one snapshot, compares what accounts say with what transfers and holds add up to. What
does not agree is kept and told to the treasurer. This file must never repair anything.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.actors import Actor, Role
from tenants.platform.database import Base
from tenants.platform.errors import NotFound
from tenants.platform.ids import CooperativeId
from tenants.platform.outbox import emit
from timebank.events import LedgerDiffered


class Proof(Base):
    """One proof of one cooperative's ledger: how much was recomputed, and how many places differ."""

    __tablename__ = "proofs"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["cooperatives.tenant_id"]),
        CheckConstraint("accounts >= 0 AND transfers >= 0 AND differences >= 0", name="counts"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    proved_at: Mapped[datetime] = mapped_column(server_default=func.now())
    accounts: Mapped[int] = mapped_column(BigInteger)
    transfers: Mapped[int] = mapped_column(BigInteger)
    differences: Mapped[int] = mapped_column(BigInteger)


class ProofDifference(Base):
    """One place where the ledger does not agree with itself.

    ``what`` is one of balance, version, running_balance, entries, held, floor, sum, unit; ``expected`` is what the
    entries (or holds) add up to and ``found`` what the account says. ``account_id`` is null for a whole unit.
    """

    __tablename__ = "proof_differences"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "proof_id"], ["proofs.tenant_id", "proofs.id"]),
        CheckConstraint(
            "what IN ('balance', 'version', 'running_balance', 'entries', 'held', 'floor', 'sum', 'unit')",
            name="what",
        ),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    proof_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[UUID | None]
    what: Mapped[str]
    expected: Mapped[int | None] = mapped_column(BigInteger)
    found: Mapped[int | None] = mapped_column(BigInteger)


# Entries of one account, in the order of their versions, must number 1, 2, 3 ... and each must leave the balance
# that the one before left, plus its amount. The account must then show the last of both. Every transfer has
# two sides by its shape; that both are accounts of one unit, and that each unit adds up to nothing, is shown.
_DIFFERENCES: Final = text("""
    WITH sides AS (
        SELECT account_id, version, amount, balance,
               lag(version, 1, 0::bigint) OVER account AS version_before,
               lag(balance, 1, 0::bigint) OVER account AS balance_before
        FROM entries WHERE tenant_id = :tenant
        WINDOW account AS (PARTITION BY account_id ORDER BY version)
    ), added AS (
        SELECT account_id, sum(amount)::bigint AS balance, count(*) AS entries, max(version) AS version,
               count(*) FILTER (WHERE version <> version_before + 1) AS gaps,
               count(*) FILTER (WHERE balance <> balance_before + amount) AS breaks
        FROM sides GROUP BY account_id
    ), promised AS (
        SELECT debit_account AS account_id, sum(amount)::bigint AS held
        FROM holds WHERE tenant_id = :tenant AND state = 'held' GROUP BY debit_account
    ), compared AS (
        SELECT a.id, a.unit, a.balance, a.held, a.version, a.fixed_floor,
               coalesce(s.balance, 0) AS added, coalesce(s.entries, 0) AS entries, coalesce(s.version, 0) AS last,
               coalesce(s.gaps, 0) AS gaps, coalesce(s.breaks, 0) AS breaks, coalesce(p.held, 0) AS promised
        FROM accounts a
        LEFT JOIN added s ON s.account_id = a.id
        LEFT JOIN promised p ON p.account_id = a.id
        WHERE a.tenant_id = :tenant
    ), found AS (
        SELECT id AS account_id, 'balance' AS what, added AS expected, balance AS found
        FROM compared WHERE added <> balance
        UNION ALL
        SELECT id, 'version', last, version FROM compared WHERE last <> version
        UNION ALL
        SELECT id, 'entries', 0, gaps FROM compared WHERE gaps > 0
        UNION ALL
        SELECT id, 'running_balance', 0, breaks FROM compared WHERE breaks > 0
        UNION ALL
        SELECT id, 'held', promised, held FROM compared WHERE promised <> held
        UNION ALL
        SELECT id, 'floor', fixed_floor, balance - held FROM compared WHERE balance - held < fixed_floor
        UNION ALL
        SELECT NULL, 'sum', 0, sum(balance)::bigint FROM compared GROUP BY unit HAVING sum(balance) <> 0
        UNION ALL
        SELECT coalesce(d.id, c.id), 'unit', 0, count(*)
        FROM transfers t
        LEFT JOIN accounts d ON d.tenant_id = t.tenant_id AND d.id = t.debit_account
        LEFT JOIN accounts c ON c.tenant_id = t.tenant_id AND c.id = t.credit_account
        WHERE t.tenant_id = :tenant AND d.unit IS DISTINCT FROM c.unit GROUP BY 1
    )
    SELECT (SELECT count(*) FROM compared) AS accounts, (SELECT sum(entries)::bigint FROM compared) / 2 AS transfers,
           found.account_id, found.what, found.expected, found.found
    FROM (SELECT) AS always LEFT JOIN found ON true
    ORDER BY found.what, found.account_id
""")


async def prove_ledger(db: AsyncSession, *, actor: Actor) -> Proof:
    """Recompute the cooperative's whole ledger and keep what was found; emit LedgerDiffered if anything differs.

    For the clock, ``archipel proof`` and the treasurer. Reads every transfer: half a second for 100,000.
    """
    if not actor.is_system:
        actor.must_hold(Role.TREASURER)
    rows = (await db.execute(_DIFFERENCES, {"tenant": actor.tenant_id})).all()
    differing = [row for row in rows if row.what is not None]
    values = {
        "tenant_id": actor.tenant_id,
        "accounts": rows[0].accounts,
        "transfers": rows[0].transfers or 0,
        "differences": len(differing),
    }
    proof = (await db.scalars(insert(Proof).values(values).returning(Proof))).one()
    if differing:
        await db.execute(
            insert(ProofDifference),
            [
                {
                    "tenant_id": actor.tenant_id,
                    "proof_id": proof.id,
                    "position": position,
                    "account_id": row.account_id,
                    "what": row.what,
                    "expected": row.expected,
                    "found": row.found,
                }
                for position, row in enumerate(differing, start=1)
            ],
        )
        event = LedgerDiffered(tenant_id=actor.tenant_id, proof_id=proof.id, differences=len(differing))
        await emit(db, event)
    return proof


async def proofs(db: AsyncSession, *, actor: Actor, limit: int | None = 30) -> Sequence[Proof]:
    """The last proofs, newest first, for the treasurer and the managers."""
    actor.must_hold(Role.TREASURER, Role.MANAGER)
    query = select(Proof).where(Proof.tenant_id == actor.tenant_id).order_by(Proof.id.desc()).limit(limit)
    return (await db.scalars(query)).all()


async def proof_differences(db: AsyncSession, *, actor: Actor, proof_id: UUID) -> Sequence[ProofDifference]:
    """What a proof found to differ, for the treasurer and the managers. Raises NotFound."""
    if not actor.is_system:
        actor.must_hold(Role.TREASURER, Role.MANAGER)
    if await db.get(Proof, (actor.tenant_id, proof_id)) is None:
        raise NotFound
    query = select(ProofDifference).where(
        ProofDifference.tenant_id == actor.tenant_id, ProofDifference.proof_id == proof_id
    )
    return (await db.scalars(query.order_by(ProofDifference.position))).all()
