"""Who comes, and where: what the SQL function ``arrive`` finds in one look, in the words of a page.

This file must never read the database, nor decide what somebody may do.
"""

from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Request

from tenants.platform.ids import CooperativeId, MembershipId, PersonId
from tenants.platform.words import LOCALES

LANG: Final = "lang"
"""What the address of a public page says of its language, for search engines; a signed-in reader has chosen one."""


class Cooperative(msgspec.Struct, frozen=True, kw_only=True):
    """The cooperative that is visited, as every page needs it."""

    tenant_id: CooperativeId
    slug: str
    name: str
    legal_profile: str
    territory: str
    locale: str
    time_zone: str
    accent: str


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """The signed-in person."""

    id: PersonId
    email: str
    locale: str | None
    sign_in_id: UUID | None


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """The signed-in person's active membership of the cooperative that is visited."""

    id: MembershipId
    name: str


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What ``arrive`` found: all empty for a stranger at a page that names no cooperative."""

    tenant_id: UUID | None = None
    slug: str | None = None
    name: str | None = None
    legal_profile: str | None = None
    territory: str | None = None
    coop_locale: str | None = None
    time_zone: str | None = None
    accent: str | None = None
    person_id: UUID | None = None
    sign_in_id: UUID | None = None
    sign_in_stale: bool | None = None
    person_locale: str | None = None
    email: str | None = None
    membership_id: UUID | None = None
    display_name: str | None = None
    membership_state: str | None = None
    roles: list[str] | None = None
    withheld: list[str] | None = None
    token_id: UUID | None = None
    scopes: list[str] | None = None
    unread_notices: int | None = None

    def cooperative(self) -> Cooperative | None:
        """The cooperative that is visited, if the address named one."""
        if self.tenant_id is None:
            return None
        return Cooperative(
            tenant_id=CooperativeId(self.tenant_id),
            slug=self.slug or "",
            name=self.name or "",
            legal_profile=self.legal_profile or "",
            territory=self.territory or "",
            locale=self.coop_locale or "fr",
            time_zone=self.time_zone or "Europe/Paris",
            accent=self.accent or "ocean",
        )

    def person(self) -> Person | None:
        """Who is signed in, or whose token it is."""
        if self.person_id is None or self.email is None:
            return None
        return Person(
            id=PersonId(self.person_id),
            email=self.email,
            locale=self.person_locale,
            sign_in_id=self.sign_in_id,
        )

    def member(self) -> Member | None:
        """Their membership here, while it is active."""
        if self.membership_id is None or self.membership_state != "active":
            return None
        return Member(id=MembershipId(self.membership_id), name=self.display_name or "")

    def suspended(self) -> Member | None:
        """Their membership here, while it is suspended: it lets them leave, and nothing else."""
        if self.membership_id is None or self.membership_state != "suspended":
            return None
        return Member(id=MembershipId(self.membership_id), name=self.display_name or "")


def preferred_locale(request: Request[Any, Any, Any]) -> str | None:
    """The first language of ``Accept-Language`` that we speak."""
    if (chosen := request.cookies.get("archipel_locale")) in {"fr", "en"}:
        return chosen
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.split(";")[0].strip()[:2].lower()
        if tag in {"fr", "en"}:
            return tag
    return None


def locale_of(request: Request[Any, Any, Any], person: Person | None, cooperative: Cooperative | None) -> str:
    """The person's language, else that of the address, else the browser's, else the cooperative's, else French."""
    if person and person.locale:
        return person.locale
    if request.query_params.get(LANG) in LOCALES:
        return str(request.query_params[LANG])
    return preferred_locale(request) or (cooperative.locale if cooperative else "fr")


def public_path(request: Request[Any, Any, Any], lang: str | None) -> str:
    """The path of a public page as it was asked for, or in ``lang``; of its query, what tells pages apart alone."""
    asked = request.query_params
    query = {"after": asked["after"]} if "after" in asked else {}
    lang = asked.get(LANG, "") if lang is None else lang
    if lang in LOCALES:
        query[LANG] = lang
    return request.scope["path"] + (f"?{urlencode(query)}" if query else "")
