"""Member imports: people of another tool become memberships that nobody has claimed yet.

An imported member can do nothing and is told nothing until they are invited and accept from their mailbox. Whether
anybody can sign in with an address is never looked at here: an import knows this cooperative's own members alone.
This file must never create a person, a sign-in or a mail.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, Date, LargeBinary, Text, any_, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.actors import Role
from tenants.import_kinds import (
    FAULTS_KEPT,
    SAMPLE_KEPT,
    Grounds,
    ImportKind,
    Preview,
    Remark,
    Tell,
    declare_import_kind,
    declare_remarks,
)
from tenants.imports import ImportedMember, key_hash
from tenants.member_files import OWN, TIMEOVERFLOW, MemberFile, MemberRow, read_members
from tenants.memberships import Membership, MembershipState
from tenants.platform.ids import CooperativeId
from tenants.platform.sheets import Fault, Sheet, declare_faults, read_sheet
from tenants.platform.words import N_

MEMBERS: Final = "members"

declare_faults(
    {
        "several_have_email": N_(
            "Plusieurs membres d'ici ont l'adresse « {text} » : rien ne dit lequel. Donnez une autre adresse."
        ),
    }
)
declare_remarks(
    {
        "claimed_by_mailbox": N_(
            "Les nouveaux membres ne peuvent rien faire et ne reçoivent rien avant d'être invités. Chacun rejoint "
            "la coopérative en acceptant depuis sa boîte aux lettres."
        ),
        "without_email": N_("Sans courriel, donc à inviter plus tard ou à joindre par lettre : {count}."),
        "not_taken": N_(
            "Le genre et la date de naissance ne sont pas repris : la coopérative n'en a pas l'usage."
        ),
        "day_first": N_("Une date comme 03/04/2024 est lue le jour d'abord : le 3 avril."),
    }
)


@dataclass(frozen=True, slots=True)
class _Judged:
    """The rows of a file by what they are here: new ones, and known ones with their membership."""

    file: MemberFile
    sheet: Sheet
    new: Sequence[MemberRow]
    present: Sequence[tuple[MemberRow, UUID]]
    unnoted: Sequence[tuple[MemberRow, UUID]]
    faults: Sequence[Fault]

    def preview(self) -> Preview:
        bare = sum(not row.email for row in self.new)
        remarks = [Remark("claimed_by_mailbox")] if self.new else []
        if bare:
            remarks.append(Remark("without_email", {"count": bare}))
        if self.file.source == TIMEOVERFLOW:
            remarks.append(Remark("not_taken"))
        return Preview(
            source=self.file.source,
            encoding=self.sheet.encoding,
            separator=self.sheet.separator,
            rows=len(self.sheet.records) - (self.file.source == OWN and bool(self.sheet.records)),
            new=len(self.new),
            present=len(self.present),
            fault_count=len(self.faults),
            faults=list(self.faults[:FAULTS_KEPT]),
            remarks=remarks,
            sample=[
                [row.name, row.email, row.phone, row.territory, row.since] for row in self.new[:SAMPLE_KEPT]
            ],
        )


async def look_at_members(
    db: AsyncSession, *, tenant_id: CooperativeId, content: bytes, tell: Tell
) -> Preview:
    """What importing these members would do. Writes nothing."""
    return (await _judge(db, tenant_id, content, tell)).preview()


async def carry_out_members(db: AsyncSession, *, grounds: Grounds, content: bytes, tell: Tell) -> Preview:
    """Write the new members, all or none; the caller holds the import. Holds the cooperative's imports."""
    await lock_imports(db, grounds.tenant_id)
    judged = await _judge(db, grounds.tenant_id, content, tell)
    preview = judged.preview()
    if preview.fault_count:
        return preview
    source = judged.file.source
    facts: dict[str, Any] = {"tenant_id": grounds.tenant_id, "import_id": grounds.import_id, "source": source}
    await tell("write", 0, len(judged.new))
    if judged.new:
        await db.execute(_WRITE, facts | _columns(grounds.tenant_id, judged.new))
    if judged.unnoted:
        rows = [row for row, _id in judged.unnoted]
        found = {"membership": [membership_id for _row, membership_id in judged.unnoted]}
        await db.execute(_NOTE, facts | _columns(grounds.tenant_id, rows) | found)
    await tell("write", len(judged.new), len(judged.new))
    return preview


def _columns(tenant_id: UUID, rows: Sequence[MemberRow]) -> dict[str, Any]:
    return {
        "key": [key_hash(tenant_id, row.key) for row in rows],
        "name": [row.name for row in rows],
        "email": [row.email for row in rows],
        "phone": [row.phone or None for row in rows],
        "territory": [row.territory or None for row in rows],
        "since": [row.since for row in rows],
    }


async def lock_imports(db: AsyncSession, tenant_id: UUID) -> None:
    """One import at a time writes in a cooperative, so that two of one file cannot both find it new."""
    await db.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"imports {tenant_id}"}
    )


async def _judge(db: AsyncSession, tenant_id: CooperativeId, content: bytes, tell: Tell) -> _Judged:
    await tell("read", 0, 1)
    sheet = await asyncio.to_thread(read_sheet, content)
    file = await asyncio.to_thread(read_members, sheet)
    await tell("check", 0, len(file.rows))
    known = await known_keys(db, tenant_id, file.source, [row.key for row in file.rows])
    by_email = await _by_email(db, tenant_id, [row.email for row in file.rows if row.email])
    new, present, unnoted, faults = [], [], [], list(file.faults)
    for row in file.rows:
        here = by_email.get(row.email, ()) if row.email else ()
        if (found := known.get(row.key)) is not None:
            present.append((row, found))
        elif len(here) == 1:
            present.append((row, here[0]))
            unnoted.append((row, here[0]))
        elif here:
            faults.append(Fault(row.line, 0, "", "several_have_email", {"text": row.email}))
        else:
            new.append(row)
    await tell("check", len(file.rows), len(file.rows))
    return _Judged(file, sheet, new, present, unnoted, sorted(faults, key=lambda fault: fault.line))


async def known_keys(
    db: AsyncSession, tenant_id: CooperativeId, source: str, keys: Sequence[str]
) -> dict[str, UUID]:
    """Which of these keys an earlier import has brought, and as which membership."""
    hashes = {key_hash(tenant_id, key): key for key in keys}
    query = select(ImportedMember.key_hash, ImportedMember.membership_id).where(
        ImportedMember.tenant_id == tenant_id,
        ImportedMember.source == source,
        ImportedMember.key_hash == _any("hashes", LargeBinary()),
    )
    rows = await db.execute(query, {"hashes": list(hashes)})
    return {hashes[row.key_hash]: row.membership_id for row in rows}


async def _by_email(
    db: AsyncSession, tenant_id: CooperativeId, emails: Sequence[str]
) -> dict[str, tuple[UUID, ...]]:
    """The memberships of this cooperative at these addresses, of those who have not left.

    A member's address here was confirmed from its mailbox: nobody gets another's rows by typing theirs.
    """
    query = select(Membership.contact_email, Membership.id).where(
        Membership.tenant_id == tenant_id,
        Membership.state != MembershipState.LEFT,
        Membership.contact_email == _any("emails", Text()),
    )
    found: dict[str, tuple[UUID, ...]] = {}
    for email, membership_id in await db.execute(query, {"emails": sorted(set(emails))}):
        found[email] = (*found.get(email, ()), membership_id)
    return found


def _any(name: str, kind: Any) -> Any:
    """``= ANY(:name)``: one array, where IN would be a parameter for each."""
    return any_(bindparam(name, type_=ARRAY(kind)))


# The sorting of names and the rest are the table's own triggers; ids are made here because both tables need them.
_WRITE: Final = text("""
    WITH line AS MATERIALIZED (
        SELECT uuidv7() AS id, x.* FROM unnest(
            CAST(:key AS bytea[]), CAST(:name AS text[]), CAST(:email AS text[]), CAST(:phone AS text[]),
            CAST(:territory AS text[]), CAST(:since AS date[])
        ) AS x (key, name, email, phone, territory, since)
    ), made AS (
        INSERT INTO memberships (tenant_id, id, display_name, contact_email, contact_phone, territory)
        SELECT :tenant_id, id, name, email, phone, territory FROM line
    )
    INSERT INTO imported_members (tenant_id, source, key_hash, membership_id, import_id, since)
    SELECT :tenant_id, :source, key, id, :import_id, since FROM line
""").bindparams(bindparam("since", type_=ARRAY(Date())))
_NOTE: Final = text("""
    INSERT INTO imported_members (tenant_id, source, key_hash, membership_id, import_id, since)
    SELECT :tenant_id, :source, x.key, x.membership, :import_id, x.since
    FROM unnest(CAST(:key AS bytea[]), CAST(:membership AS uuid[]), CAST(:since AS date[]))
        AS x (key, membership, since)
""").bindparams(bindparam("since", type_=ARRAY(Date())))

declare_import_kind(
    ImportKind(
        name=MEMBERS,
        title=N_("Membres"),
        hint=N_("Noms et contacts. Personne n'est inscrit ni prévenu avant que vous ne l'invitiez."),
        sample_titles=(
            (N_("Nom"), ""),
            (N_("Courriel"), ""),
            (N_("Téléphone"), ""),
            (N_("Territoire"), ""),
            (N_("Membre depuis"), "day"),
        ),
        roles=(Role.MANAGER,),
        two_persons=False,
        look=look_at_members,
        carry_out=carry_out_members,
    )
)
