"""Letters as they are printed: one page a person, for a window envelope; and the slip that comes back.

What a letter says of an entry is said here, for the ground floor knows nothing of hours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy import select

from tenants.actors import Actor
from tenants.facts import revived
from tenants.names import display_names
from tenants.notices import KINDS
from tenants.paper_letters import LetterToPrint, letters_to_print
from tenants.platform.forms import Done, Form
from tenants.platform.words import _
from tenants.tellings import Telling
from tenants.visit import Visit
from timebank.contests import contest_from_slip
from timebank.ledger.accounts import Account
from timebank.ledger.transfers import Transfer
from timebank.pages.entries import Telling as Words
from timebank.third_party_entries import CONTESTABLE_FOR, TOLD, ThirdPartyEntry


class Slip(msgspec.Struct, frozen=True):
    """Which line of a letter is contested, and in what words."""

    entry_id: UUID
    words: Words


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that a letter says; ``entry_id`` if it is an entry, which can be contested."""

    at: datetime
    said: str
    minutes: int | None = None
    reason: str = ""
    entry_id: UUID | None = None

    @property
    def reference(self) -> str:
        """What to tick or to say on the telephone."""
        return self.entry_id.hex[-8:].upper() if self.entry_id else ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One letter, ready to print."""

    to_print: LetterToPrint
    lines: Sequence[Line]
    balance: int


@get("/{cooperative:str}/letters/print", include_in_schema=False)
async def print_page(visit: NamedDependency[Visit]) -> Response[str]:
    """Every letter that was not posted yet, one page each."""
    sheets = await _sheets(visit, await letters_to_print(visit.db, actor=visit.actor))
    return visit.page("timebank/letters_print.html", sheets=sheets, days=CONTESTABLE_FOR.days)


@get("/{cooperative:str}/letters/{letter_id:uuid}", include_in_schema=False)
async def letter_page(visit: NamedDependency[Visit], letter_id: FromPath[UUID]) -> Response[str]:
    """One letter, and the form for its slip."""
    return await _show(visit, letter_id, visit.blank_form(Slip))


async def _show(visit: Visit, letter_id: UUID, form: Form[Any]) -> Response[str]:
    found = await letters_to_print(visit.db, actor=visit.actor, letter_id=letter_id)
    [sheet] = await _sheets(visit, found)
    return visit.page(
        "timebank/letter.html",
        form=form,
        sheet=sheet,
        days=CONTESTABLE_FOR.days,
        choices=[
            (str(line.entry_id), f"{line.reference} · {line.said}") for line in sheet.lines if line.entry_id
        ],
    )


@post("/{cooperative:str}/letters/{letter_id:uuid}/contest", include_in_schema=False)
async def slip_came_back(visit: NamedDependency[Visit], letter_id: FromPath[UUID]) -> Response[Any]:
    """Contest for the person whose slip came back, or who telephoned."""
    form = await visit.form(Slip)

    async def work() -> Done:
        [one] = await letters_to_print(visit.db, actor=visit.actor, letter_id=letter_id)
        await contest_from_slip(
            visit.db,
            actor=visit.actor,
            entry_id=form.data.entry_id,
            contested_by=one.addressee.id,
            words=form.data.words,
        )
        said = _("C'est contesté : les heures sont retenues jusqu'à la décision.")
        return Done(f"/{visit.slug}/letters/{letter_id}", said)

    return await visit.submit(form, work, otherwise=lambda: _show(visit, letter_id, form))


async def _sheets(visit: Visit, found: Sequence[LetterToPrint]) -> Sequence[Sheet]:
    """What each letter says, in three queries whatever their number."""
    actor = visit.actor
    subjects = [one.subject_id for letter in found for one in letter.tellings if one.kind == TOLD]
    entries = {
        entry.id: (entry, reason)
        for entry, reason in await visit.db.execute(
            select(ThirdPartyEntry, Transfer.reason)
            .join(
                Transfer,
                (Transfer.tenant_id == ThirdPartyEntry.tenant_id) & (Transfer.id == ThirdPartyEntry.id),
            )
            .where(ThirdPartyEntry.tenant_id == actor.tenant_id, ThirdPartyEntry.id.in_(subjects))
        )
    }
    names = await display_names(
        visit.db,
        tenant_id=actor.tenant_id,
        membership_ids={
            who for entry, _reason in entries.values() for who in (*entry.parties, entry.entered_by)
        },
    )
    balances = await _balances(visit, actor, [one.addressee.id for one in found])
    return [
        Sheet(
            one,
            [_line(telling, one.addressee.id, entries, names) for telling in one.tellings],
            balances.get(one.addressee.id, 0),
        )
        for one in found
    ]


async def _balances(visit: Visit, actor: Actor, members: Sequence[UUID]) -> dict[UUID, int]:
    query = select(Account.id, Account.balance).where(
        Account.tenant_id == actor.tenant_id, Account.id.in_(members)
    )
    return {row.id: row.balance for row in await visit.db.execute(query)}


def _line(
    telling: Telling,
    addressee: UUID,
    entries: Mapping[Any, tuple[ThirdPartyEntry, str | None]],
    names: Mapping[UUID, str],
) -> Line:
    found = entries.get(telling.subject_id) if telling.kind == TOLD else None
    if found is None:
        return Line(telling.created_at, _(KINDS[telling.kind].sentence, **revived(telling.facts)))
    entry, reason = found
    gave = entry.giver_id == addressee
    other = names[entry.receiver_id if gave else entry.giver_id]
    sentence = (
        _("{name} vous a aidé, saisi par {by}.") if gave else _("Vous avez aidé {name}, saisi par {by}.")
    )
    return Line(
        entry.entered_at,
        sentence.format(name=other, by=names[entry.entered_by]),
        -entry.minutes if gave else entry.minutes,
        reason or "",
        entry.id,
    )


PAGES: Final = [print_page, letter_page, slip_came_back]
