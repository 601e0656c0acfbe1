"""Assemblies: their list, one of them, and the form that records or corrects its minutes."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from msgspec import Meta

from tenants.actors import Role
from tenants.assemblies import (
    MAJORITY_TITLES,
    MINUTES_LENGTH,
    MOST_MEMBERS,
    RECORDING_ROLES,
    SIGNING_ROLES,
    AssemblyState,
    Held,
    Majority,
    Recorded,
    assemblies,
    assembly,
)
from tenants.assembly_records import (
    as_held,
    correct_assembly,
    record_assembly,
)
from tenants.memberships import count_members
from tenants.names import display_names
from tenants.platform.forms import Done, Form
from tenants.platform.inputs import PROSE_PATTERN, Line
from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import N_, _
from tenants.roles import ROLE_TITLES
from tenants.rules import RULES
from tenants.visit import Visit

Count = Annotated[int, Meta(ge=0, le=MOST_MEMBERS)]
"""How many members, or votes."""
Minutes = Annotated[str, Meta(min_length=1, max_length=MINUTES_LENGTH, pattern=PROSE_PATTERN)]
"""The minutes of an assembly, Markdown."""

STATE_TITLES: Final = {
    AssemblyState.DRAFT: N_("À signer"),
    AssemblyState.SIGNED_ONCE: N_("Signé une fois"),
    AssemblyState.IN_FORCE: N_("En vigueur"),
    AssemblyState.WITHDRAWN: N_("Retiré"),
}
STATE_TONES: Final = {
    AssemblyState.DRAFT: "warn",
    AssemblyState.SIGNED_ONCE: "warn",
    AssemblyState.IN_FORCE: "good",
    AssemblyState.WITHDRAWN: "",
}


class HeldForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the minutes say of the assembly itself."""

    held_on: date
    place: Line
    minutes: Minutes
    members_count: Annotated[int, Meta(ge=1, le=MOST_MEMBERS)]
    present_count: Count
    represented_count: Count
    quorum_required_count: Count
    version: int = 0


class ResolutionForm(msgspec.Struct, frozen=True, kw_only=True):
    """One resolution; ``value`` is read as the rule's unit asks."""

    rule: Line
    value: Line
    votes_for: Count
    votes_against: Count
    votes_abstain: Count
    effective_on: date
    version: int
    majority: Majority = Majority.MORE_THAN_HALF


class VersionForm(msgspec.Struct, frozen=True, kw_only=True):
    """A click on one version of the minutes."""

    version: int
    position: int = 0
    role: Role | None = None


@get("/{cooperative:str}/assemblies", include_in_schema=False)
async def assemblies_page(visit: NamedDependency[Visit], after: FromQuery[str] = "") -> Response[str]:
    """List assemblies: those in force to anyone, drafts to those who sign."""
    cursor = decode_cursor(after, (UUID,))
    found = await assemblies(
        visit.db,
        tenant_id=visit.here.tenant_id,
        actor=visit.actor if visit.member else None,
        before=cursor[0] if cursor else None,
        limit=PAGE_LENGTH + 1,
    )
    shown = found[:PAGE_LENGTH]
    return visit.page(
        "tenants/assemblies.html",
        assemblies=shown,
        states=STATE_TITLES,
        tones=STATE_TONES,
        may_record=visit.holds(*RECORDING_ROLES),
        after=encode_cursor(shown[-1].id) if len(found) > PAGE_LENGTH else "",
    )


@get("/{cooperative:str}/assemblies.csv", include_in_schema=False)
async def assemblies_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the same list; the place is for members."""
    member = visit.member is not None
    found = await assemblies(
        visit.db, tenant_id=visit.here.tenant_id, actor=visit.actor if member else None, limit=None
    )
    header = [_("Tenue le"), _("Lieu"), _("Présents ou représentés"), _("État"), _("Identifiant")]
    rows = [
        (
            one.held_on.isoformat(),
            one.place if member else "",
            one.votes_count,
            _(STATE_TITLES[one.state]),
            str(one.id),
        )
        for one in found
    ]
    return csv_response(f"{visit.slug}-assemblees.csv", header, rows)


@get("/{cooperative:str}/assemblies/new", include_in_schema=False)
async def new_assembly(visit: NamedDependency[Visit]) -> Response[str]:
    """Show the form to record an assembly."""
    visit.actor.must_hold(*RECORDING_ROLES)
    count = await count_members(visit.db, tenant_id=visit.here.tenant_id)
    form = visit.blank_form(HeldForm, members_count=str(count), represented_count="0")
    return visit.page("tenants/assembly_form.html", form=form, recorded=None)


@post("/{cooperative:str}/assemblies", include_in_schema=False)
async def record(visit: NamedDependency[Visit]) -> Response[Any]:
    """Record an assembly; its resolutions follow on its own page."""
    form = await visit.form(HeldForm)

    async def work() -> Done:
        recorded = await record_assembly(visit.db, actor=visit.actor, held=_held(form.data))
        notice = _("Compte rendu enregistré. Ajoutez maintenant ce que l'assemblée a décidé.")
        return Done(assembly_path(visit, recorded.assembly.id), notice)

    return await visit.submit(
        form, work, otherwise=lambda: visit.page("tenants/assembly_form.html", form=form, recorded=None)
    )


@get("/{cooperative:str}/assemblies/{assembly_id:uuid}", include_in_schema=False)
async def assembly_page(visit: NamedDependency[Visit], assembly_id: FromPath[UUID]) -> Response[str]:
    """Show an assembly: what it decided to anyone, its minutes and signatories to members."""
    return await show_assembly(visit, assembly_id)


@get("/{cooperative:str}/assemblies/{assembly_id:uuid}/edit", include_in_schema=False)
async def edit_assembly(visit: NamedDependency[Visit], assembly_id: FromPath[UUID]) -> Response[Any]:
    """Show the form to correct minutes that are not in force; those that are lead back to themselves."""
    visit.actor.must_hold(*RECORDING_ROLES)
    recorded = await _find(visit, assembly_id)
    if not _is_open(recorded):
        return visit.see_other(assembly_path(visit, assembly_id))
    values = {name: str(value) for name, value in asdict(as_held(recorded.assembly)).items()}
    form = visit.blank_form(HeldForm, version=str(recorded.assembly.version), **values)
    return visit.page("tenants/assembly_form.html", form=form, recorded=recorded)


@post("/{cooperative:str}/assemblies/{assembly_id:uuid}/edit", include_in_schema=False)
async def correct(visit: NamedDependency[Visit], assembly_id: FromPath[UUID]) -> Response[Any]:
    """Correct minutes; whoever had signed signs again."""
    form = await visit.form(HeldForm)

    async def work() -> Done:
        await correct_assembly(
            visit.db,
            actor=visit.actor,
            assembly_id=assembly_id,
            version=form.data.version,
            held=_held(form.data),
        )
        return Done(
            assembly_path(visit, assembly_id), _("Compte rendu corrigé : il est à signer de nouveau.")
        )

    async def again() -> Response[Any]:
        recorded = await _find(visit, assembly_id)
        return visit.page("tenants/assembly_form.html", form=form, recorded=recorded)

    return await visit.submit(form, work, otherwise=again)


# --- Showing -----------------------------------------------------------------------------------------


async def _find(visit: Visit, assembly_id: UUID) -> Recorded:
    actor = visit.actor if visit.member else None
    return await assembly(visit.db, tenant_id=visit.here.tenant_id, actor=actor, assembly_id=assembly_id)


async def show_assembly(
    visit: Visit,
    assembly_id: UUID,
    *,
    form: Form[ResolutionForm] | None = None,
) -> Response[str]:
    """Show an assembly, perhaps with a resolution being typed."""
    recorded = await _find(visit, assembly_id)
    found = recorded.assembly
    signed = {signature.membership_id for signature in recorded.signatures}
    names = {}
    if visit.member:
        names = await display_names(
            visit.db, tenant_id=found.tenant_id, membership_ids={found.recorded_by, *signed}
        )
    used = {signature.role for signature in recorded.signatures}
    open_to_change = _is_open(recorded)
    may_sign = visit.member is not None and visit.member.id not in signed and bool(recorded.resolutions)
    return visit.page(
        "tenants/assembly.html",
        recorded=recorded,
        assembly=found,
        names=names,
        rules=RULES,
        roles=ROLE_TITLES,
        majorities=MAJORITY_TITLES,
        state=STATE_TITLES[found.state],
        tone=STATE_TONES[found.state],
        may_change=open_to_change and visit.holds(*RECORDING_ROLES),
        mandates=[
            role
            for role in SIGNING_ROLES
            if open_to_change and may_sign and visit.holds(role) and role not in used
        ],
        form=form
        or visit.blank_form(ResolutionForm, votes_abstain="0", majority=Majority.MORE_THAN_HALF.value),
    )


def _is_open(recorded: Recorded) -> bool:
    return recorded.assembly.state in (AssemblyState.DRAFT, AssemblyState.SIGNED_ONCE)


def _held(sent: HeldForm) -> Held:
    facts = msgspec.structs.asdict(sent)
    del facts["version"]
    return Held(**facts)


def assembly_path(visit: Visit, assembly_id: UUID) -> str:
    """Where an assembly is shown."""
    return f"/{visit.slug}/assemblies/{assembly_id}"
