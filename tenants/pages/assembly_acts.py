"""What is done on the page of an assembly: resolutions added and removed, signing, withdrawing."""

from typing import Any
from uuid import UUID

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from tenants.assemblies import AssemblyState, Resolution
from tenants.assembly_checks import known_rule
from tenants.assembly_records import add_resolution, remove_resolution, withdraw_assembly
from tenants.assembly_signatures import sign_assembly
from tenants.pages.assemblies import ResolutionForm, VersionForm, assembly_path, show_assembly
from tenants.platform.forms import Done
from tenants.platform.words import _
from tenants.visit import Visit


@post("/{cooperative:str}/assemblies/{assembly_id:uuid}/resolutions", include_in_schema=False)
async def resolve(visit: NamedDependency[Visit], assembly_id: FromPath[UUID]) -> Response[Any]:
    """Add a resolution to minutes that are not in force."""
    form = await visit.form(ResolutionForm)

    async def work() -> Done:
        sent = form.data
        resolution = Resolution(
            rule=sent.rule,
            value=known_rule(sent.rule).read(sent.value),
            votes_for=sent.votes_for,
            votes_against=sent.votes_against,
            votes_abstain=sent.votes_abstain,
            effective_on=sent.effective_on,
            majority=sent.majority,
        )
        await add_resolution(
            visit.db,
            actor=visit.actor,
            assembly_id=assembly_id,
            version=sent.version,
            resolution=resolution,
        )
        return Done(assembly_path(visit, assembly_id), _("Décision ajoutée."))

    return await visit.submit(form, work, otherwise=lambda: show_assembly(visit, assembly_id, form=form))


@post("/{cooperative:str}/assemblies/{assembly_id:uuid}/resolutions/remove", include_in_schema=False)
async def unresolve(visit: NamedDependency[Visit], assembly_id: FromPath[UUID]) -> Response[Any]:
    """Take a resolution out of minutes that are not in force."""
    form = await visit.form(VersionForm)

    async def work() -> Done:
        await remove_resolution(
            visit.db,
            actor=visit.actor,
            assembly_id=assembly_id,
            version=form.data.version,
            position=form.data.position,
        )
        return Done(assembly_path(visit, assembly_id), _("Décision retirée."))

    return await visit.submit(form, work, otherwise=lambda: show_assembly(visit, assembly_id))


@post("/{cooperative:str}/assemblies/{assembly_id:uuid}/sign", include_in_schema=False)
async def sign(visit: NamedDependency[Visit], assembly_id: FromPath[UUID]) -> Response[Any]:
    """Sign the version that the page showed."""
    form = await visit.form(VersionForm)

    async def work() -> Done:
        recorded = await sign_assembly(
            visit.db,
            actor=visit.actor,
            assembly_id=assembly_id,
            version=form.data.version,
            role=form.data.role,
        )
        if recorded.assembly.state is AssemblyState.IN_FORCE:
            return Done(assembly_path(visit, assembly_id), _("Signé. Les règles changent comme décidé."))
        return Done(assembly_path(visit, assembly_id), _("Signé. Il faut encore une autre personne."))

    return await visit.submit(form, work, otherwise=lambda: show_assembly(visit, assembly_id))


@post("/{cooperative:str}/assemblies/{assembly_id:uuid}/withdraw", include_in_schema=False)
async def withdraw(visit: NamedDependency[Visit], assembly_id: FromPath[UUID]) -> Response[Any]:
    """Withdraw minutes that are not in force."""
    form = await visit.form(VersionForm)

    async def work() -> Done:
        await withdraw_assembly(
            visit.db, actor=visit.actor, assembly_id=assembly_id, version=form.data.version
        )
        return Done(f"/{visit.slug}/assemblies", _("Compte rendu retiré : rien n'en prendra effet."))

    return await visit.submit(form, work, otherwise=lambda: show_assembly(visit, assembly_id))
