"""What a file of past exchanges would do here: whom it names, what is here already, and where the accounts would end.

It reads the database and writes nothing. This file must never decide by today's limits: it says what they would have
said.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, and_, any_, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.import_kinds import FAULTS_KEPT, SAMPLE_KEPT, Preview, Remark, Tell, declare_remarks
from tenants.member_files import OWN, TIMEOVERFLOW
from tenants.member_imports import known_keys
from tenants.memberships import Membership, MembershipState
from tenants.platform.ids import CooperativeId
from tenants.platform.sheets import Fault, Sheet, declare_faults, read_sheet, shorten
from tenants.platform.words import N_
from tenants.rulebook import rules_in_force
from timebank.exchange_files import OPENING, POT, ExchangeFile, ExchangeRow, Side, read_exchanges
from timebank.imported_exchanges import imported_before
from timebank.ledger.accounts import Account, AccountKind, Unit, pot_of, system_account_id
from timebank.rules import CREDIT_LIMIT_LOW

declare_faults(
    {
        "unknown_member": N_(
            "Personne ici n'est connu sous « {text} ». Importez d'abord les membres, ou donnez leur numéro, leur "
            "courriel ou leur identifiant."
        ),
        "member_left": N_(
            "« {text} » a quitté la coopérative et son compte est clos. Retirez cette ligne, ou remplacez ce membre "
            "par « ouverture »."
        ),
        "changed": N_(
            "Cet échange a déjà été repris avec d'autres valeurs. Ce qui est écrit ne change pas : rétablissez la "
            "ligne, et corrigez par une contre-écriture."
        ),
        "pot_below_zero": N_(
            "La caisse solidaire finirait sous zéro, où elle ne descend jamais. Remplacez "
            "« caisse » par « ouverture » dans les lignes les plus anciennes."
        ),
    }
)
declare_remarks(
    {
        "limits_not_asked": N_(
            "Les limites d'aujourd'hui ne refusent pas le passé : ce qui a eu lieu est repris tel quel."
        ),
        "beyond_limit": N_(
            "Comptes qui se trouveront sous le découvert de {limit_minutes} : {count}. Ils pourront recevoir, et "
            "donner de nouveau une fois remontés. Le plus bas : {name}, {balance_minutes}."
        ),
        "opening": N_(
            "Le compte d'ouverture, d'où viennent les soldes de départ, finira à {balance_minutes}. Avec lui, la "
            "somme de tous les comptes reste nulle."
        ),
        "rounded": N_("Durées arrondies à la minute : {count}."),
        "undated": N_(
            "Ce fichier ne dit pas quand les échanges ont eu lieu : ils seront repris sans date, dans son ordre."
        ),
        "two_persons": N_(
            "Des heures vont bouger : une seconde personne, à la gestion ou à la trésorerie, confirme cet import."
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Line:
    """A new row with the accounts that it names."""

    row: ExchangeRow
    debit: UUID
    credit: UUID


@dataclass(frozen=True, slots=True)
class Judged:
    """What of a file is new, what is here, and what the accounts would come to."""

    file: ExchangeFile
    sheet: Sheet
    new: Sequence[Line]
    present: int
    faults: Sequence[Fault]
    names: Mapping[UUID, str]
    remarks: Sequence[Remark]

    def preview(self) -> Preview:
        """What is shown before anybody says yes."""
        return Preview(
            source=self.file.source,
            encoding=self.sheet.encoding,
            separator=self.sheet.separator,
            rows=len(self.sheet.records) - (self.file.source == OWN and bool(self.sheet.records)),
            new=len(self.new),
            present=self.present,
            fault_count=len(self.faults),
            faults=list(self.faults[:FAULTS_KEPT]),
            remarks=list(self.remarks) if self.new else [],
            sample=[
                [
                    line.row.happened_on,
                    self.names.get(line.debit, f":{line.row.giver.kind}"),
                    self.names.get(line.credit, f":{line.row.receiver.kind}"),
                    line.row.minutes,
                    line.row.reason,
                ]
                for line in self.new[:SAMPLE_KEPT]
            ],
        )


async def judge_exchanges(db: AsyncSession, tenant_id: CooperativeId, content: bytes, tell: Tell) -> Judged:
    """Read a file of exchanges and judge every line of it. Writes nothing."""
    await tell("read", 0, 1)
    sheet = await asyncio.to_thread(read_sheet, content)
    file = await asyncio.to_thread(read_exchanges, sheet)
    await tell("check", 0, len(file.rows))
    before = await imported_before(db, tenant_id, file)
    fresh, faults = [], list(file.faults)
    for row in file.rows:
        content_hash = before.get(row.key)
        if content_hash is None:
            fresh.append(row)
        elif content_hash != row.content:
            faults.append(Fault(row.line, 0, "", "changed"))
    people = await _people(db, tenant_id, file.source, fresh)
    system = {
        OPENING: system_account_id(tenant_id, AccountKind.OPENING, Unit.MINUTES),
        POT: pot_of(tenant_id),
    }
    lines = []
    for row in fresh:
        sides = [_account(row, side, people, system, faults) for side in (row.giver, row.receiver)]
        if sides[0] == sides[1] and sides[0] is not None:
            faults.append(Fault(row.line, 0, "", "same_account"))
        elif sides[0] and sides[1]:
            lines.append(Line(row, sides[0], sides[1]))
    await tell("check", len(file.rows), len(file.rows))
    names = {one.id: one.name for one in people.values()}
    remarks = await _consequences(db, tenant_id, file, lines, names, faults)
    faults.sort(key=lambda fault: fault.line)
    return Judged(file, sheet, lines, len(file.rows) - len(fresh), faults, names, remarks)


@dataclass(frozen=True, slots=True)
class _Person:
    """A membership that a file names."""

    id: UUID
    name: str
    state: MembershipState


def _account(
    row: ExchangeRow,
    side: Side,
    people: Mapping[str, _Person],
    system: Mapping[str, UUID],
    faults: list[Fault],
) -> UUID | None:
    """The account of one side, or None with a fault noted."""
    if side.kind in system:
        return system[side.kind]
    found = people.get(side.name)
    if found is None:
        faults.append(Fault(row.line, 0, "", "unknown_member", {"text": shorten(side.name)}))
    elif found.state is MembershipState.LEFT:
        faults.append(Fault(row.line, 0, "", "member_left", {"text": shorten(side.name)}))
    else:
        return found.id
    return None


async def _people(
    db: AsyncSession, tenant_id: CooperativeId, source: str, rows: Sequence[ExchangeRow]
) -> dict[str, _Person]:
    """Whom the rows name: by the number of an imported file, by identifier, or by an address confirmed here."""
    named = sorted({side.name for row in rows for side in (row.giver, row.receiver) if side.kind == "member"})
    found: dict[str, UUID] = {}
    for other in (TIMEOVERFLOW, OWN) if source == OWN else (OWN, TIMEOVERFLOW):
        # The file's own source comes last, and counts.
        found |= await known_keys(db, tenant_id, other, named)
    rest = [name for name in named if name not in found]
    ids = {name: known for name in rest if (known := _read_id(name))}
    query = select(Membership.id, Membership.display_name, Membership.state, Membership.contact_email).where(
        Membership.tenant_id == tenant_id,
        or_(
            Membership.id == any_(bindparam("ids", type_=ARRAY(Uuid()))),
            and_(
                Membership.contact_email == any_(bindparam("emails", type_=ARRAY(Text()))),
                Membership.state != MembershipState.LEFT,
            ),
        ),
    )
    emails = [name for name in rest if "@" in name]
    rows_found = (await db.execute(query, {"ids": [*found.values(), *ids.values()], "emails": emails})).all()
    by_id = {row.id: _Person(row.id, row.display_name, row.state) for row in rows_found}
    at = Counter(row.contact_email for row in rows_found)
    by_email = {row.contact_email: by_id[row.id] for row in rows_found if at[row.contact_email] == 1}
    return (
        {name: by_email[name] for name in emails if name in by_email}
        | {name: by_id[known] for name, known in ids.items() if known in by_id}
        | {name: by_id[known] for name, known in found.items()}
    )


def _read_id(name: str) -> UUID | None:
    try:
        return UUID(name) if len(name) == 36 else None
    except ValueError:
        return None


async def _consequences(
    db: AsyncSession,
    tenant_id: CooperativeId,
    file: ExchangeFile,
    lines: Sequence[Line],
    names: Mapping[UUID, str],
    faults: list[Fault],
) -> list[Remark]:
    """Where the accounts would end, in remarks; a pot below zero is a fault."""
    after = Counter[UUID]()
    for line in lines:
        after[line.debit] -= line.row.minutes
        after[line.credit] += line.row.minutes
    query = select(Account.id, Account.balance, Account.held).where(
        Account.tenant_id == tenant_id, Account.id == any_(bindparam("ids", type_=ARRAY(Uuid())))
    )
    held: Counter[UUID] = Counter()
    for account_id, balance, promised in await db.execute(query, {"ids": list(after)}):
        after[account_id] += balance
        held[account_id] = promised
    pot = pot_of(tenant_id)
    if after[pot] - held[pot] < 0:
        last = max(line.row.line for line in lines if line.debit == pot)
        faults.append(Fault(last, 0, "", "pot_below_zero"))
    remarks = [Remark("two_persons"), Remark("limits_not_asked")]
    if low := (await rules_in_force(db, tenant_id=tenant_id)).get(CREDIT_LIMIT_LOW.name):
        below = sorted((after[one], name) for one, name in names.items() if after[one] < -low.value)
        if below:
            facts = {"limit_minutes": low.value, "count": len(below)}
            worst = {"name": below[0][1], "balance_minutes": below[0][0]}
            remarks.append(Remark("beyond_limit", facts | worst))
    opening = system_account_id(tenant_id, AccountKind.OPENING, Unit.MINUTES)
    if opening in after:
        remarks.append(Remark("opening", {"balance_minutes": after[opening]}))
    if rounded := sum(line.row.rounded for line in lines):
        remarks.append(Remark("rounded", {"count": rounded}))
    remarks.append(Remark("day_first" if file.dated else "undated"))
    return remarks
