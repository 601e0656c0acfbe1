"""Profiles: what members say of themselves, and who may read each field of it.

Each field has an audience that the member chooses. ``visible_profile`` is the one gate: pages, the API, downloads
and search show what it lets through, and nothing else of a profile. This file must never decide who works with
whom: the floor that knows declares it.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import date
from enum import IntEnum, StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, CheckConstraint, Text, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.actors import Actor, Role
from tenants.platform.words import N_

WEEK_MINUTES: Final = 7 * 24 * 60


class Audience(StrEnum):
    """Who may read a field."""

    ME = "me"
    PARTNERS = "partners"
    MEMBERS = "members"
    PUBLIC = "public"


class Standing(IntEnum):
    """What a reader is to the member who is shown, from the farthest to the nearest."""

    STRANGER = 0
    MEMBER = 1
    PARTNER = 2
    SELF = 3


class Reach(StrEnum):
    """How far somebody goes to work on site."""

    DEPARTMENT = "department"
    REGION = "region"
    COUNTRY = "country"


class Weekday(StrEnum):
    """A day on which somebody is free."""

    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


AUDIENCE_TITLES: Final[Mapping[Audience, str]] = {
    Audience.ME: N_("Moi seulement"),
    Audience.PARTNERS: N_("Les personnes avec qui je travaille"),
    Audience.MEMBERS: N_("Les membres"),
    Audience.PUBLIC: N_("Tout le monde, avec mon nom"),
}
REACH_TITLES: Final[Mapping[Reach, str]] = {
    Reach.DEPARTMENT: N_("Mon département"),
    Reach.REGION: N_("Ma région"),
    Reach.COUNTRY: N_("Toute la France"),
}
WEEKDAY_NAMES: Final[Mapping[Weekday, str]] = {
    Weekday.MONDAY: N_("lundi"),
    Weekday.TUESDAY: N_("mardi"),
    Weekday.WEDNESDAY: N_("mercredi"),
    Weekday.THURSDAY: N_("jeudi"),
    Weekday.FRIDAY: N_("vendredi"),
    Weekday.SATURDAY: N_("samedi"),
    Weekday.SUNDAY: N_("dimanche"),
}
LANGUAGE_NAMES: Final[Mapping[str, str]] = {
    "fr": N_("français"),
    "en": N_("anglais"),
    "es": N_("espagnol"),
    "de": N_("allemand"),
    "it": N_("italien"),
    "pt": N_("portugais"),
    "ar": N_("arabe"),
    "tr": N_("turc"),
    "uk": N_("ukrainien"),
    "pl": N_("polonais"),
    "ro": N_("roumain"),
    "zh": N_("chinois"),
    "br": N_("breton"),
    "oc": N_("occitan"),
    "co": N_("corse"),
    "eu": N_("basque"),
    "gcf": N_("créole"),
    "fsl": N_("langue des signes française"),
}

# Who may read each field as long as the member has not chosen.
FIELD_AUDIENCES: Final[Mapping[str, Audience]] = {
    "email": Audience.ME,
    "phone": Audience.ME,
    "territory": Audience.MEMBERS,
    "presentation": Audience.MEMBERS,
    "skills": Audience.MEMBERS,
    "availability": Audience.MEMBERS,
    "languages": Audience.MEMBERS,
}
# The state of a membership that has ended, spelled here because memberships stand on profiles.
LEFT: Final = "left"
# What may never be read by everybody: addresses are what robots come for.
NEVER_PUBLIC: Final = frozenset({"email", "phone"})
_NEEDED: Final[Mapping[Audience, Standing]] = {
    Audience.PUBLIC: Standing.STRANGER,
    Audience.MEMBERS: Standing.MEMBER,
    Audience.PARTNERS: Standing.PARTNER,
    Audience.ME: Standing.SELF,
}


def _in(column: str, values: Collection[str]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


def _array(values: Collection[str]) -> str:
    return f"ARRAY[{', '.join(repr(str(value)) for value in values)}]::text[]"


PROFILE_CHECKS: Final = (
    *(
        CheckConstraint(
            _in(
                f"{field}_audience",
                [one for one in Audience if one != Audience.PUBLIC or field not in NEVER_PUBLIC],
            ),
            name=f"{field}_audience",
        )
        for field in FIELD_AUDIENCES
    ),
    CheckConstraint(_in("reach", [*Reach]), name="reach"),
    CheckConstraint(f"free_days <@ {_array([*Weekday])}", name="free_days"),
    CheckConstraint(f"languages <@ {_array(LANGUAGE_NAMES)}", name="languages"),
    CheckConstraint(f"weekly_minutes BETWEEN 0 AND {WEEK_MINUTES}", name="weekly_minutes"),
    CheckConstraint("available_from <= available_until", name="available_dates_in_order"),
)


class ProfileColumns:
    """The columns of a membership that the member fills in for others to read, and their audiences."""

    languages: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    # How long a week they would give; null is not said, 0 is "not now".
    weekly_minutes: Mapped[int | None]
    free_days: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    # Days on the cooperative's calendar; both count.
    available_from: Mapped[date | None]
    available_until: Mapped[date | None]
    works_remotely: Mapped[bool] = mapped_column(server_default=text("true"))
    reach: Mapped[Reach] = mapped_column(server_default="region")
    # Whether the author of a mission may ask this member to bid.
    open_to_invitations: Mapped[bool] = mapped_column(server_default=text("true"))
    # Null where the member chose before each field had its own audience: then `shares_contact` speaks.
    email_audience: Mapped[Audience | None]
    phone_audience: Mapped[Audience | None]
    territory_audience: Mapped[Audience] = mapped_column(server_default="members")
    presentation_audience: Mapped[Audience] = mapped_column(server_default="members")
    skills_audience: Mapped[Audience] = mapped_column(server_default="members")
    availability_audience: Mapped[Audience] = mapped_column(server_default="members")
    languages_audience: Mapped[Audience] = mapped_column(server_default="members")


class Availability(msgspec.Struct, frozen=True, kw_only=True):
    """When and where somebody would work."""

    weekly_minutes: int | None = None
    free_days: list[Weekday] = []
    available_from: date | None = None
    available_until: date | None = None
    works_remotely: bool = True
    reach: Reach = Reach.REGION


class VisibleProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A profile as one reader may see it: what they may not see is null, as if it had not been said."""

    territory: str | None
    presentation: str | None
    contact_email: str | None
    contact_phone: str | None
    languages: list[str] | None
    availability: Availability | None

    @property
    def is_empty(self) -> bool:
        """Whether this reader sees nothing at all."""
        return not any(getattr(self, name) for name in self.__struct_fields__)


def audience_of(shown: Any, field: str) -> Audience:
    """Who may read this field of this membership."""
    chosen: Audience | None = getattr(shown, f"{field}_audience")
    if chosen is None:
        return Audience.MEMBERS if shown.shares_contact else FIELD_AUDIENCES[field]
    return Audience(chosen)


def may_see(shown: Any, field: str, standing: Standing) -> bool:
    """Whether a reader of this standing may read this field: the rule of the gate. Who has left can choose no more."""
    if shown.state == LEFT:
        return standing is Standing.SELF
    return standing >= _NEEDED[audience_of(shown, field)]


def seen_sql(field: str, standing: str) -> str:
    """``may_see`` as SQL about a membership ``m``, ``standing`` being SQL too: for a search, which must not find more."""
    unchosen = f"CASE WHEN m.shares_contact THEN 'members' ELSE '{FIELD_AUDIENCES[field]}' END"
    needed = " ".join(f"WHEN '{audience}' THEN {least:d}" for audience, least in _NEEDED.items())
    here = f"CASE WHEN m.state = '{LEFT}' THEN {Standing.SELF:d} ELSE 0 END"
    return f"({standing} >= greatest({here}, CASE coalesce(m.{field}_audience, {unchosen}) {needed} END))"


def visible_profile(shown: Any, standing: Standing, *, manages: bool = False) -> VisibleProfile:
    """Return the profile of a membership as a reader of this standing sees it: the gate.

    A manager reads the e-mail and the telephone of every member, and nothing else besides what members read.
    """

    def seen(field: str, value: Any) -> Any:
        return value if value and may_see(shown, field, standing) else None

    contact = Standing.SELF if manages else standing
    return VisibleProfile(
        territory=seen("territory", shown.territory),
        presentation=seen("presentation", shown.presentation),
        contact_email=shown.contact_email if may_see(shown, "email", contact) else None,
        contact_phone=shown.contact_phone if may_see(shown, "phone", contact) else None,
        languages=seen("languages", list(shown.languages)),
        availability=seen("availability", _availability(shown)),
    )


def _availability(shown: Any) -> Availability | None:
    said = (shown.weekly_minutes, shown.available_from, shown.available_until)
    if not shown.free_days and all(one is None for one in said):
        return None
    return Availability(
        weekly_minutes=shown.weekly_minutes,
        free_days=[day for day in Weekday if day in shown.free_days],
        available_from=shown.available_from,
        available_until=shown.available_until,
        works_remotely=shown.works_remotely,
        reach=Reach(shown.reach),
    )


# --- Who works with whom ---------------------------------------------------------------------------------

PartnersAmong = Callable[[AsyncSession, UUID, UUID, Sequence[UUID]], Awaitable[set[UUID]]]
"""Of these members of a tenant, those with whom one member works or has worked: (db, tenant, member, others)."""

_partners: list[PartnersAmong] = []


def declare_partners(among: PartnersAmong) -> None:
    """Let a floor above say who works with whom."""
    if among not in _partners:
        _partners.append(among)


async def standings(db: AsyncSession, *, actor: Actor, shown: Sequence[Any]) -> dict[UUID, Standing]:
    """Return what the actor is to each of these members; at most one statement, and none where nobody asks it."""
    found = {one.id: Standing.MEMBER for one in shown}
    choosy = [
        one.id
        for one in shown
        if any(audience_of(one, field) == Audience.PARTNERS for field in FIELD_AUDIENCES)
    ]
    if choosy:
        for among in _partners:
            for partner in await among(db, actor.tenant_id, actor.member, choosy):
                found[partner] = Standing.PARTNER
    if actor.member in found:
        found[actor.member] = Standing.SELF
    return found


async def visible_profiles(
    db: AsyncSession, *, actor: Actor, shown: Sequence[Any]
) -> dict[UUID, VisibleProfile]:
    """Return the profiles of these members as the actor sees them, by membership."""
    nearness = await standings(db, actor=actor, shown=shown)
    manages = actor.holds(Role.MANAGER)
    return {one.id: visible_profile(one, nearness[one.id], manages=manages) for one in shown}
