"""Imported exchanges: by what each is known when its file comes again, and which transfer it became.

Only ``post_history`` writes here. This file must never hold what a line said, but its hash.
"""

from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKeyConstraint,
    LargeBinary,
    UniqueConstraint,
    any_,
    bindparam,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.imports import key_hash
from tenants.platform.database import Base
from tenants.platform.ids import CooperativeId, TransferId
from timebank.exchange_files import ExchangeFile


class ImportedExchange(Base):
    """By what a line of an imported file is known when it comes again, what it became, and when it happened."""

    __tablename__ = "imported_exchanges"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "transfer_id"], ["transfers.tenant_id", "transfers.id"]),
        ForeignKeyConstraint(["tenant_id", "import_id"], ["imports.tenant_id", "imports.id"]),
        UniqueConstraint("tenant_id", "transfer_id"),
        CheckConstraint(
            "octet_length(key_hash) = 32 AND octet_length(content_hash) = 32", name="hashes_are_sha256"
        ),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    key_hash: Mapped[bytes] = mapped_column(primary_key=True)
    content_hash: Mapped[bytes]
    transfer_id: Mapped[TransferId]
    import_id: Mapped[UUID]


async def imported_before(db: AsyncSession, tenant_id: UUID, file: ExchangeFile) -> dict[str, bytes]:
    """Which of the file's lines an earlier import has posted, and what they said then."""
    hashes = {key_hash(tenant_id, row.key): row.key for row in file.rows}
    query = select(ImportedExchange.key_hash, ImportedExchange.content_hash).where(
        ImportedExchange.tenant_id == tenant_id,
        ImportedExchange.source == file.source,
        ImportedExchange.key_hash == any_(bindparam("hashes", type_=ARRAY(LargeBinary()))),
    )
    rows = await db.execute(query, {"hashes": list(hashes)})
    return {hashes[row.key_hash]: row.content_hash for row in rows}
