"""Delegations: who may act for whom, proposed by a manager, approved by two others, ended by anyone concerned."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from tenants.delegating import approve_delegation, end_delegation, propose_delegation
from tenants.delegations import (
    ACT_TITLES,
    APPROVERS,
    Act,
    Delegation,
    delegation,
    delegations,
)
from tenants.names import display_names
from tenants.naming import member_named
from tenants.pages.members import Name
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import _
from tenants.visit import Visit

Maximum = Annotated[int, msgspec.Meta(ge=0, le=60_000, extra={"entry": "minutes"})]


class NewDelegation(msgspec.Struct, frozen=True):
    """Who acts for whom, for what, until when, and how much."""

    represented: Name
    delegate: Name
    until: date
    acts: list[Act]
    since: date | None = None
    entry_minutes_max: Maximum = 0
    month_minutes_max: Maximum = 0


@get("/{cooperative:str}/delegations", include_in_schema=False)
async def delegations_page(visit: NamedDependency[Visit], after: FromQuery[str] = "") -> Response[str]:
    """List the reader's delegations, on either side; all of them for those who approve."""
    form = visit.blank_form(NewDelegation)
    form.lists["acts"] = [act.value for act in Act]
    return await _list(visit, form, after)


async def _list(visit: Visit, form: Form[Any], after: str = "") -> Response[str]:
    cursor = decode_cursor(after, (UUID,))
    found = await delegations(
        visit.db, actor=visit.actor, before=cursor[0] if cursor else None, limit=PAGE_LENGTH + 1
    )
    shown = found[:PAGE_LENGTH]
    return visit.page(
        "tenants/delegations.html",
        form=form,
        delegations=shown,
        state=state_of,
        act_titles=ACT_TITLES,
        acts=[(act.value, _(title)) for act, title in ACT_TITLES.items()],
        after=encode_cursor(shown[-1][0].id) if len(found) > len(shown) else "",
    )


def state_of(one: Delegation) -> tuple[str, str]:
    """Where a delegation stands, in a word and its tone."""
    if one.ended_at is not None:
        return _("terminée"), ""
    if one.second_approver is not None:
        return _("en vigueur"), "good"
    return (_("attend un accord") if one.first_approver else _("attend deux accords")), "warn"


@get("/{cooperative:str}/delegations.csv", include_in_schema=False)
async def delegations_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the delegations that the reader may see."""
    found = await delegations(visit.db, actor=visit.actor, limit=None)
    header = [
        *(_("Pour"), _("Par"), _("À partir du"), _("Jusqu'au"), _("Peut")),
        *(_("Minutes par saisie"), _("Minutes par mois"), _("État"), _("Identifiant")),
    ]
    rows = [
        (
            represented,
            delegate,
            one.term.lower.date().isoformat() if one.term.lower else "",
            one.last_moment.date().isoformat(),
            ", ".join(_(ACT_TITLES[Act(act)]) for act in one.acts),
            one.entry_minutes_max,
            one.month_minutes_max,
            state_of(one)[0],
            str(one.id),
        )
        for one, represented, delegate in found
    ]
    return csv_response(f"{visit.slug}-delegations.csv", header, rows)


@post("/{cooperative:str}/delegations", include_in_schema=False)
async def propose(visit: NamedDependency[Visit]) -> Response[Any]:
    """Propose a delegation: a manager's act."""
    form = await visit.form(NewDelegation)

    async def work() -> Done:
        draft = form.data
        actor = visit.actor
        represented = await member_named(visit.db, reader=actor, typed=draft.represented, field="represented")
        delegate = await member_named(visit.db, reader=actor, typed=draft.delegate, field="delegate")
        made = await propose_delegation(
            visit.db,
            actor=actor,
            represented_id=represented.id,
            delegate_id=delegate.id,
            acts=draft.acts,
            until=draft.until,
            since=draft.since,
            entry_minutes_max=draft.entry_minutes_max,
            month_minutes_max=draft.month_minutes_max,
        )
        return Done(
            f"/{visit.slug}/delegations/{made.id}",
            _("Proposée. Deux personnes mandatées doivent maintenant donner leur accord."),
        )

    return await visit.submit(form, work, otherwise=lambda: _list(visit, form))


@get("/{cooperative:str}/delegations/{delegation_id:uuid}", include_in_schema=False)
async def delegation_page(visit: NamedDependency[Visit], delegation_id: FromPath[UUID]) -> Response[str]:
    """One delegation, for its two sides and those who approve."""
    return await _show(visit, delegation_id, visit.blank_form(Nothing))


async def _show(visit: Visit, delegation_id: UUID, form: Form[Any]) -> Response[str]:
    actor = visit.actor
    one = await delegation(visit.db, actor=actor, delegation_id=delegation_id)
    people = {one.represented_id, one.delegate_id, one.proposed_by, one.first_approver, one.second_approver}
    names = await display_names(
        visit.db, tenant_id=actor.tenant_id, membership_ids={who for who in people if who}
    )
    party = actor.member in {one.represented_id, one.delegate_id}
    waits = one.ended_at is None and one.second_approver is None
    return visit.page(
        "tenants/delegation.html",
        form=form,
        one=one,
        names=names,
        state=state_of(one),
        act_titles=ACT_TITLES,
        may_approve=waits and not party and one.first_approver != actor.member and actor.holds(*APPROVERS),
        is_delegate=actor.member == one.delegate_id,
        is_live=one.ended_at is None and one.second_approver is not None,
    )


Verb = Callable[..., Awaitable[Delegation]]


async def _press(visit: Visit, delegation_id: UUID, verb: Verb, said: str) -> Response[Any]:
    form = await visit.form(Nothing)

    async def work() -> Done:
        await verb(visit.db, actor=visit.actor, delegation_id=delegation_id)
        return Done(f"/{visit.slug}/delegations/{delegation_id}", said)

    return await visit.submit(form, work, otherwise=lambda: _show(visit, delegation_id, form))


@post("/{cooperative:str}/delegations/{delegation_id:uuid}/approve", include_in_schema=False)
async def approve(visit: NamedDependency[Visit], delegation_id: FromPath[UUID]) -> Response[Any]:
    """Agree, as one of two."""
    return await _press(visit, delegation_id, approve_delegation, _("Votre accord est donné."))


@post("/{cooperative:str}/delegations/{delegation_id:uuid}/end", include_in_schema=False)
async def end(visit: NamedDependency[Visit], delegation_id: FromPath[UUID]) -> Response[Any]:
    """End it now."""
    return await _press(visit, delegation_id, end_delegation, _("Cette délégation a pris fin."))


PAGES: Final = (delegations_page, delegations_csv, propose, delegation_page, approve, end)
