"""One's own data in one archive: a page to read, and each table as CSV and JSON, in one's language.

What is exported is what ``tenants.personal`` declares: one's own rows, without secrets; others appear by the names
that one could see. Made while it is downloaded, from a read-only transaction opened for that person, and kept
nowhere. This file must never take an id of whose data it is from anywhere but that transaction.
"""

import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from enum import Enum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.erasures import own_membership
from tenants.people import MyMembership, my_memberships
from tenants.personal import HOLDINGS, By, Holding
from tenants.platform.database import Base, work_for
from tenants.platform.ids import PersonId
from tenants.platform.templating import render
from tenants.platform.throttle import Limit
from tenants.platform.web import csv_bytes
from tenants.platform.words import _, current_locale, moment, short_day

EXPORTS: Final = Limit("export", attempts=20, seconds=3600)
SHOWN_ON_THE_PAGE: Final = 500


@dataclass(slots=True)
class Exported:
    """The rows of one declaration: raw for programs, said for people."""

    name: str
    title: str
    columns: Sequence[str]
    rows: list[dict[str, Any]]
    said: list[list[str]]
    more: int = 0


@dataclass(slots=True)
class Part:
    """A folder of the archive: the account, or one cooperative."""

    folder: str
    title: str
    tables: list[Exported] = field(default_factory=list)


async def my_data(db: AsyncSession, *, person_id: PersonId, membership_id: UUID | None = None) -> bytes:
    """The archive (zip) of one membership, or of all of them and the account itself. Raises NotFound."""
    parts = []
    if membership_id is None:
        await work_for(db, tenant=None, person=person_id)
        account = [one for one in HOLDINGS if not _is_tenanted(one)]
        parts.append(Part("account", _("Mon compte"), await _tables(db, account, {By.PERSON: person_id})))
        mine: Iterable[MyMembership] = await my_memberships(db)
    else:
        mine = [await own_membership(db, membership_id)]
    for own in mine:
        await work_for(db, tenant=own.tenant_id, person=person_id)
        me = {By.MEMBERSHIP: own.membership_id, By.PERSON: person_id}
        tenanted = [one for one in HOLDINGS if _is_tenanted(one)]
        parts.append(Part(own.slug, own.name, await _tables(db, tenanted, me, own.tenant_id)))
    await work_for(db, tenant=None, person=person_id)
    return _archive(parts)


def _is_tenanted(one: Holding) -> bool:
    return "tenant_id" in Base.metadata.tables[one.table].columns


async def _tables(
    db: AsyncSession, holdings: Sequence[Holding], me: Mapping[By, UUID], tenant: UUID | None = None
) -> list[Exported]:
    found: list[Exported] = []
    for one in holdings:
        if not one.exported:
            continue
        rows = await _rows(db, one, me[one.by], tenant)
        if rows:
            names = await _names(db, rows, tenant)
            found.append(_exported(one, rows, names, found))
    return found


async def _rows(db: AsyncSession, one: Holding, me: UUID, tenant: UUID | None) -> list[dict[str, Any]]:
    # The names are our own declarations.
    columns = ", ".join(f"t.{column}" for column in one.exported)
    scope = "t.tenant_id = :tenant AND" if tenant else ""
    query = f"SELECT {columns} FROM {one.source or one.table} t WHERE {scope} ({one.condition}) ORDER BY 1"  # noqa: S608
    facts = {"me": me} | ({"tenant": tenant} if tenant else {})
    table = Base.metadata.tables[one.table]
    types = {} if one.source else {column: table.columns[column].type for column in one.exported}
    result = await db.execute(text(query).bindparams(bindparam("me", type_=Uuid())).columns(**types), facts)
    return [dict(row) for row in result.mappings()]


_NAMES: Final = text("""
    SELECT id, display_name FROM memberships WHERE tenant_id = :tenant AND id = ANY (:ids)
    UNION ALL SELECT id, title FROM missions WHERE tenant_id = :tenant AND id = ANY (:ids)
    UNION ALL SELECT id, name FROM skills WHERE tenant_id = :tenant AND id = ANY (:ids)
""").bindparams(bindparam("ids", type_=ARRAY(Uuid())))


async def _names(
    db: AsyncSession, rows: Sequence[Mapping[str, Any]], tenant: UUID | None
) -> Mapping[UUID, str]:
    """What the ids in these rows are called: members, missions and skills, which one could see."""
    ids = {value for row in rows for name, value in row.items() if isinstance(value, UUID) and name != "id"}
    if not ids or tenant is None:
        return {}
    found = await db.execute(_NAMES, {"tenant": tenant, "ids": sorted(ids)})
    return {row[0]: row[1] for row in found}


def _exported(
    one: Holding, rows: list[dict[str, Any]], names: Mapping[UUID, str], before: Sequence[Exported]
) -> Exported:
    same = sum(other.name.split(".")[0] == one.table for other in before)
    told = [
        {
            column: names.get(value, value) if isinstance(value, UUID) else value
            for column, value in row.items()
        }
        for row in rows
    ]
    return Exported(
        name=f"{one.table}.{same + 1}" if same else one.table,
        title=_(one.title),
        columns=[_(title) for title in one.exported.values()],
        rows=told,
        said=[[_say(value, one.words.get(column)) for column, value in row.items()] for row in told],
    )


def _say(value: object, words: Mapping[Any, str] | None) -> str:
    """One value for a reader."""
    said = ""
    match value:
        case None:
            pass
        case str() if words and value in words:
            said = _(words[value])
        case bool():
            said = _("oui") if value else _("non")
        case datetime():
            said = moment(value)
        case date():
            said = short_day(value)
        case time():
            said = value.isoformat("minutes")
        case Range():
            said = " – ".join(short_day(end) for end in (value.lower, value.upper) if end)
        case list() | tuple():
            said = ", ".join(_say(item, None) for item in value)
        case dict():
            said = ", ".join(f"{name} : {_say(item, None)}" for name, item in value.items())
        case _:
            said = str(value)
    return said


def _plain(value: object) -> object:
    """One value for a program."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case time():
            return value.isoformat("minutes")
        case Range():
            return [_plain(value.lower), _plain(value.upper)]
        case Enum():
            return value.value
        case UUID():
            return str(value)
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value


def _archive(parts: Sequence[Part]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in parts:
            for table in part.tables:
                path = f"{part.folder}/{table.name}"
                plain = [{name: _plain(value) for name, value in row.items()} for row in table.rows]
                archive.writestr(f"{path}.json", json.dumps(plain, ensure_ascii=False, indent=1))
                archive.writestr(f"{path}.csv", csv_bytes(table.columns, table.said))
                table.more = max(0, len(table.said) - SHOWN_ON_THE_PAGE)
                table.said = table.said[:SHOWN_ON_THE_PAGE]
        page = render("tenants/archive.html", parts=parts, locale=current_locale(), made_at=datetime.now(UTC))
        archive.writestr("index.html", page)
    return out.getvalue()
