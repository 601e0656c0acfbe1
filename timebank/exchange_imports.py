"""Exchange imports: what members did for each other elsewhere, posted in its order, with the day it happened kept.

What TimeOverflow gives to or takes from the organisation moves against the opening account, which alone may be below
zero, so that the whole stays zero-sum. This file must never move an hour itself: ``post_history`` does, for what two
persons released.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.actors import Role
from tenants.import_kinds import Grounds, ImportKind, Preview, Tell, declare_import_kind
from tenants.imports import key_hash
from tenants.member_imports import lock_imports
from tenants.platform.ids import CooperativeId
from tenants.platform.words import N_
from timebank.exchange_files import OPENING, ExchangeRow
from timebank.exchange_judging import Line, judge_exchanges

EXCHANGES: Final = "exchanges"
# What is posted in one statement: small enough to say how far it is, large enough to cost little.
SLICE: Final = 10_000
# The cause of an imported transfer, by what it was.
HISTORY: Final = "history"
HISTORY_OPENING: Final = "history_opening"


async def look_at_exchanges(
    db: AsyncSession, *, tenant_id: CooperativeId, content: bytes, tell: Tell
) -> Preview:
    """What importing these exchanges would do. Writes nothing."""
    return (await judge_exchanges(db, tenant_id, content, tell)).preview()


async def carry_out_exchanges(db: AsyncSession, *, grounds: Grounds, content: bytes, tell: Tell) -> Preview:
    """Post what is new, all or nothing; the caller holds the import. Holds the cooperative's imports, then accounts."""
    await lock_imports(db, grounds.tenant_id)
    judged = await judge_exchanges(db, grounds.tenant_id, content, tell)
    preview = judged.preview()
    if preview.fault_count:
        return preview
    facts: dict[str, Any] = {
        "tenant": grounds.tenant_id,
        "import_id": grounds.import_id,
        "accounts": sorted({side for line in judged.new for side in (line.debit, line.credit)}),
        "source": judged.file.source,
    }
    # A membership that was written just now must be seen by the function.
    await db.flush()
    for first in range(0, len(judged.new), SLICE):
        await tell("write", first, len(judged.new))
        lines = judged.new[first : first + SLICE]
        await db.execute(_POST, facts | _columns(grounds.tenant_id, lines))
    await tell("write", len(judged.new), len(judged.new))
    return preview


def _columns(tenant_id: UUID, lines: Sequence[Line]) -> dict[str, Any]:
    return {
        "debit": [line.debit for line in lines],
        "credit": [line.credit for line in lines],
        "amount": [line.row.minutes for line in lines],
        "reason": [line.row.reason or None for line in lines],
        "cause": [_cause(line.row) for line in lines],
        "key_hash": [key_hash(tenant_id, line.row.key) for line in lines],
        "content_hash": [line.row.content for line in lines],
    }


def _cause(row: ExchangeRow) -> str:
    """What kind of move it was, and the day on which it happened, as far as the file says."""
    kind = HISTORY_OPENING if OPENING in {row.giver.kind, row.receiver.kind} else HISTORY
    return f"{kind}:{row.happened_on.isoformat()}" if row.happened_on else kind


_POST: Final = text("""
    SELECT post_history(
        :tenant, :import_id, CAST(:accounts AS uuid[]), CAST(:debit AS uuid[]), CAST(:credit AS uuid[]),
        CAST(:amount AS bigint[]), CAST(:reason AS text[]), CAST(:cause AS text[]),
        CAST(:key_hash AS bytea[]), CAST(:content_hash AS bytea[]), :source)
""")

declare_import_kind(
    ImportKind(
        name=EXCHANGES,
        title=N_("Échanges"),
        hint=N_(
            "Les heures déjà échangées, avec leur date. Une seconde personne confirme avant qu'elles bougent."
        ),
        sample_titles=(
            (N_("Date"), "day"),
            (N_("De"), "account"),
            (N_("À"), "account"),
            (N_("Durée"), "minutes"),
            (N_("Motif"), ""),
        ),
        roles=(Role.MANAGER, Role.TREASURER),
        two_persons=True,
        look=look_at_exchanges,
        carry_out=carry_out_exchanges,
    )
)
