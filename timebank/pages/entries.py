"""Entries by a third person: made by a delegate or from a paper, read by both sides, contested and decided."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from tenants.actors import Role
from tenants.delegations import delegation
from tenants.names import display_names
from tenants.naming import member_named
from tenants.pages.members import Name
from tenants.platform.forms import Done, Form
from tenants.platform.inputs import PROSE_PATTERN, MinutesInput
from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import _, duration, local
from tenants.visit import Visit
from timebank.contest_lists import Listed, contest_of, contests, place_of
from timebank.contests import (
    DECIDERS,
    WORDS_LENGTH,
    ContestOutcome,
    contest_entry,
    decide_contest,
)
from timebank.ledger.transfers import find_transfer
from timebank.pages.giving import Words
from timebank.third_party_entries import (
    contestable_until,
    enter_for_represented,
    enter_paper_exchange,
    month_used,
    third_party_entries,
    third_party_entry,
)

Telling = Annotated[str, msgspec.Meta(min_length=1, max_length=WORDS_LENGTH, pattern=PROSE_PATTERN)]


class EntryDraft(msgspec.Struct, frozen=True):
    """Who helped the person whom one represents, for how long and with what."""

    to: Name
    amount_minutes: MinutesInput
    reason: Words


class PaperDraft(msgspec.Struct, frozen=True):
    """An exchange that two members signed."""

    giver: Name
    to: Name
    happened_on: date
    amount_minutes: MinutesInput
    reason: Words


class Contesting(msgspec.Struct, frozen=True):
    """What is wrong with an entry."""

    words: Telling


class Deciding(msgspec.Struct, frozen=True):
    """What becomes of a contested entry, and why."""

    outcome: ContestOutcome
    decision: Telling


# --- Making ------------------------------------------------------------------------------------------


@get("/{cooperative:str}/delegations/{delegation_id:uuid}/enter", include_in_schema=False)
async def enter_form(visit: NamedDependency[Visit], delegation_id: FromPath[UUID]) -> Response[str]:
    """Say who helped the person whom the reader represents."""
    return await _enter_page(visit, delegation_id, visit.blank_form(EntryDraft))


@post("/{cooperative:str}/delegations/{delegation_id:uuid}/enter", include_in_schema=False)
async def enter(visit: NamedDependency[Visit], delegation_id: FromPath[UUID]) -> Response[Any]:
    """Enter the exchange."""
    form = await visit.form(EntryDraft)

    async def work() -> Done:
        draft = form.data
        to = await member_named(visit.db, reader=visit.actor, typed=draft.to, field="to")
        entry_id = await enter_for_represented(
            visit.db,
            actor=visit.actor,
            delegation_id=delegation_id,
            to=to.id,
            amount_minutes=draft.amount_minutes,
            reason=draft.reason,
        )
        said = _("Saisi : {time} à {name}.", time=duration(draft.amount_minutes), name=to.display_name)
        return Done(f"/{visit.slug}/entries/{entry_id}", said)

    return await visit.submit(form, work, otherwise=lambda: _enter_page(visit, delegation_id, form))


async def _enter_page(visit: Visit, delegation_id: UUID, form: Form[Any]) -> Response[str]:
    one = await delegation(visit.db, actor=visit.actor, delegation_id=delegation_id)
    one_s = visit.actor.tenant_id
    names = await display_names(visit.db, tenant_id=one_s, membership_ids={one.represented_id})
    used = await month_used(visit.db, tenant_id=one_s, delegation_id=one.id)
    return visit.page(
        "timebank/enter.html",
        form=form,
        one=one,
        name=names[one.represented_id],
        left=max(0, one.month_minutes_max - used),
    )


@get("/{cooperative:str}/entries/paper", include_in_schema=False)
async def paper_form(visit: NamedDependency[Visit]) -> Response[str]:
    """Enter an exchange that two members signed: a manager's."""
    visit.actor.must_hold(Role.MANAGER)
    return _paper_page(visit, visit.blank_form(PaperDraft))


@post("/{cooperative:str}/entries/paper", include_in_schema=False)
async def enter_paper(visit: NamedDependency[Visit]) -> Response[Any]:
    """Enter it."""
    form = await visit.form(PaperDraft)

    async def work() -> Done:
        draft, actor = form.data, visit.actor
        giver = await member_named(visit.db, reader=actor, typed=draft.giver, field="giver")
        to = await member_named(visit.db, reader=actor, typed=draft.to, field="to")
        entry_id = await enter_paper_exchange(
            visit.db,
            actor=actor,
            giver_id=giver.id,
            to=to.id,
            happened_on=draft.happened_on,
            amount_minutes=draft.amount_minutes,
            reason=draft.reason,
        )
        return Done(f"/{visit.slug}/entries/{entry_id}", _("Saisi. Les deux personnes sont prévenues."))

    return await visit.submit(form, work, otherwise=lambda: _paper_page(visit, form))


def _paper_page(visit: Visit, form: Form[Any]) -> Response[str]:
    return visit.page("timebank/paper.html", form=form)


# --- Reading -----------------------------------------------------------------------------------------


@get("/{cooperative:str}/entries", include_in_schema=False)
async def entries_page(
    visit: NamedDependency[Visit], after: FromQuery[str] = "", contested: FromQuery[str] = ""
) -> Response[str]:
    """List the entries that concern the reader; all of them, and what is contested, for those who decide."""
    actor = visit.actor
    cursor = decode_cursor(after, (UUID,))
    before = cursor[0] if cursor else None
    found = await third_party_entries(visit.db, actor=actor, before=before, limit=PAGE_LENGTH + 1)
    shown = found[:PAGE_LENGTH]
    people = {who for entry, _reason in shown for who in (*entry.parties, entry.entered_by)}
    disputed = await _undecided(visit, contested) if actor.holds(*DECIDERS) else []
    waiting = disputed[:PAGE_LENGTH]
    return visit.page(
        "timebank/entries.html",
        entries=shown,
        names=await display_names(visit.db, tenant_id=actor.tenant_id, membership_ids=people),
        undecided=waiting,
        contested=encode_cursor(*place_of(waiting[-1][0])) if len(disputed) > len(waiting) else "",
        after=encode_cursor(shown[-1][0].id) if len(found) > len(shown) else "",
    )


async def _undecided(visit: Visit, after: str) -> Sequence[Listed]:
    cursor = decode_cursor(after, (int, UUID))
    return await contests(
        visit.db,
        actor=visit.actor,
        undecided=True,
        after=(cursor[0], cursor[1]) if cursor else None,
        limit=PAGE_LENGTH + 1,
    )


@get("/{cooperative:str}/entries.csv", include_in_schema=False)
async def entries_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the entries that concern the reader."""
    found = await third_party_entries(visit.db, actor=visit.actor, limit=None)
    people = {who for entry, _reason in found for who in (*entry.parties, entry.entered_by)}
    names = await display_names(visit.db, tenant_id=visit.actor.tenant_id, membership_ids=people)
    header = [
        _("Saisi le"),
        _("A donné"),
        _("A reçu"),
        _("Saisi par"),
        _("Motif"),
        _("Minutes"),
        _("Identifiant"),
    ]
    rows = [
        (
            local(entry.entered_at).isoformat(timespec="seconds"),
            *(names[who] for who in (*entry.parties, entry.entered_by)),
            reason,
            entry.minutes,
            str(entry.id),
        )
        for entry, reason in found
    ]
    return csv_response(f"{visit.slug}-saisies.csv", header, rows)


@get("/{cooperative:str}/entries/{entry_id:uuid}", include_in_schema=False)
async def entry_page(visit: NamedDependency[Visit], entry_id: FromPath[UUID]) -> Response[str]:
    """One entry, with what is contested about it."""
    return await _show(visit, entry_id, visit.blank_form(Contesting))


async def _show(visit: Visit, entry_id: UUID, form: Form[Any]) -> Response[str]:
    actor = visit.actor
    entry = await third_party_entry(visit.db, actor=actor, entry_id=entry_id)
    contest = await contest_of(visit.db, entry)
    transfer = await find_transfer(visit.db, tenant_id=actor.tenant_id, transfer_id=entry.id)
    people = {*entry.parties, entry.entered_by}
    if contest is not None:
        people |= {who for who in (contest.contested_by, contest.entered_by, contest.decided_by) if who}
    party = actor.member in entry.parties
    until = await contestable_until(visit.db, entry, actor.member) if party and contest is None else None
    open_contest = contest is not None and contest.decided_at is None
    apart = actor.member not in {*entry.parties, entry.entered_by, contest and contest.entered_by}
    return visit.page(
        "timebank/entry.html",
        form=form,
        contesting=form if form.kind is Contesting else visit.blank_form(Contesting),
        deciding=form if form.kind is Deciding else visit.blank_form(Deciding),
        entry=entry,
        reason=transfer.reason,
        contest=contest,
        names=await display_names(visit.db, tenant_id=actor.tenant_id, membership_ids=people),
        may_contest=party and contest is None and (until is None or until > datetime.now(UTC)),
        until=until,
        may_decide=open_contest and apart and actor.holds(*DECIDERS),
        outcomes=[
            (
                ContestOutcome.ANNULLED,
                _("Annuler la saisie"),
                _("Les heures reviennent par une contre-écriture."),
            ),
            (ContestOutcome.UPHELD, _("Maintenir la saisie"), _("Les heures retenues redeviennent libres.")),
        ],
    )


# --- Contesting and deciding ---------------------------------------------------------------------------


@post("/{cooperative:str}/entries/{entry_id:uuid}/contest", include_in_schema=False)
async def contest(visit: NamedDependency[Visit], entry_id: FromPath[UUID]) -> Response[Any]:
    """Say that an entry on one's own account is wrong."""
    form = await visit.form(Contesting)

    async def work() -> Done:
        await contest_entry(visit.db, actor=visit.actor, entry_id=entry_id, words=form.data.words)
        said = _("C'est contesté : les heures sont retenues jusqu'à la décision.")
        return Done(f"/{visit.slug}/entries/{entry_id}", said)

    return await visit.submit(form, work, otherwise=lambda: _show(visit, entry_id, form))


@post("/{cooperative:str}/entries/{entry_id:uuid}/decide", include_in_schema=False)
async def decide(visit: NamedDependency[Visit], entry_id: FromPath[UUID]) -> Response[Any]:
    """Decide about a contested entry."""
    form = await visit.form(Deciding)

    async def work() -> Done:
        await decide_contest(visit.db, actor=visit.actor, entry_id=entry_id, **form.fields())
        return Done(f"/{visit.slug}/entries/{entry_id}", _("La décision est appliquée."))

    return await visit.submit(form, work, otherwise=lambda: _show(visit, entry_id, form))


PAGES: Final = [
    enter_form,
    enter,
    paper_form,
    enter_paper,
    entries_page,
    entries_csv,
    entry_page,
    contest,
    decide,
]
