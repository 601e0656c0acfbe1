"""Imports told as the worker lives them: brought, looked at, released, carried out. This file must never write a row by itself."""

from collections.abc import Sequence

# What can be imported is declared by these.
import timebank.exchange_imports  # noqa: F401
from tenants.events import ImportPrepared, ImportReleased
from tenants.import_jobs import carry_out_released, look_into
from tenants.imports import Import, one_import, prepare_import, release_import
from tenants.platform.database import Database
from tests.factories import Member

TIMEOVERFLOW_MEMBERS = (
    "1,2015-03-01,Anne,Le,Goff,1,1980-01-01,0600000001,,anne@{slug}.example\n"
    "2,2016-05-17,Bob,Martin,,2,1975-07-14,,0600000002,bob@{slug}.example\n"
    "3,2018-11-30,Chloé,Ñúñez,,1,,,,\n"
)
TIMEOVERFLOW_TRANSFERS = (
    "0,organization,1,member,18000,2015-03-02,Solde de départ,\n"
    "1,member,2,member,5400,2016-06-01 10:20:00 UTC,Jardin,12\n"
    "2,member,3,member,3600,2019-01-01,Cours,\n"
)


async def brought(database: Database, member: Member, kind: str, content: str | bytes) -> Import:
    """Bring a file and have it looked at."""
    data = content.encode() if isinstance(content, str) else content
    async with database.begin(tenant=member.tenant_id) as db:
        one = await prepare_import(
            db,
            actor=member.actor,
            kind=kind,
            file_name="fichier.csv",
            content=data.replace(b"{slug}", member.slug.encode()),
        )
    async with database.begin(tenant=member.tenant_id) as db:
        await look_into(db, ImportPrepared(tenant_id=member.tenant_id, import_id=one.id))
    return await read(database, member, one)


async def released(database: Database, member: Member, one: Import) -> Import:
    """Release it, and have it carried out."""
    async with database.begin(tenant=member.tenant_id) as db:
        await release_import(db, actor=member.actor, import_id=one.id)
    async with database.begin(tenant=member.tenant_id) as db:
        await carry_out_released(db, ImportReleased(tenant_id=member.tenant_id, import_id=one.id))
    return await read(database, member, one)


async def read(database: Database, member: Member, one: Import) -> Import:
    """The import as it stands."""
    async with database.begin(tenant=member.tenant_id) as db:
        return await one_import(db, actor=member.actor, import_id=one.id)


def places(one: Import) -> Sequence[tuple[int, int, str]]:
    """Where what is wrong."""
    assert one.shown
    return [(fault.line, fault.column, fault.code) for fault in one.shown.faults]
