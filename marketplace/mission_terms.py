"""What an author says of a mission, and what is refused of it.

The same Struct is the body of the API, the fields of the form and the argument of the verbs. This file must
never touch the database.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec

from marketplace.ownership import Ownership
from tenants.platform.errors import Invalid, Refusal
from tenants.platform.inputs import LINE_PATTERN, MinutesInput, Prose
from tenants.platform.territories import TERRITORIES
from tenants.platform.words import N_, _

TITLE_LENGTH: Final = 120
DESCRIPTION_LENGTH: Final = 10_000
LARGEST_MINUTES: Final = 60_000
TAGS_AT_MOST: Final = 8
TAG_LENGTH: Final = 40
DAYS_OPEN: Final = 60
DAYS_OPEN_AT_MOST: Final = 366
DAYS_WANTED_AT_MOST: Final = 2 * 366


class MissionKind(StrEnum):
    """Whether the author asks for help or offers it."""

    REQUEST = "request"
    OFFER = "offer"


class MissionPlace(StrEnum):
    """Where the work is done."""

    REMOTE = "remote"
    ON_SITE = "on_site"
    EITHER = "either"


class MissionVisibility(StrEnum):
    """Who may read it: the members, the cooperatives of the ecosystem, or everyone (without names)."""

    COOPERATIVE = "cooperative"
    ECOSYSTEM = "ecosystem"
    PUBLIC = "public"


KIND_TITLES: Final = {
    MissionKind.REQUEST: N_("Une demande"),
    MissionKind.OFFER: N_("Une offre"),
}
KIND_EXPLANATIONS: Final = {
    MissionKind.REQUEST: N_("Vous cherchez quelqu'un ; vous donnerez les heures."),
    MissionKind.OFFER: N_("Vous proposez votre aide ; vous recevrez les heures."),
}
PLACE_TITLES: Final = {
    MissionPlace.EITHER: N_("À distance ou sur place"),
    MissionPlace.REMOTE: N_("À distance"),
    MissionPlace.ON_SITE: N_("Sur place"),
}
VISIBILITY_TITLES: Final = {
    MissionVisibility.COOPERATIVE: N_("Les membres de la coopérative"),
    MissionVisibility.PUBLIC: N_("Tout le monde"),
}
VISIBILITY_EXPLANATIONS: Final = {
    MissionVisibility.COOPERATIVE: N_("Il faut être membre pour la lire."),
    MissionVisibility.PUBLIC: N_("Lisible sans compte, sans aucun nom ; seuls les membres répondent."),
}


class MissionTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What an author says of a mission: the body of the API and the fields of the form."""

    kind: MissionKind
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=TITLE_LENGTH, pattern=LINE_PATTERN)]
    description: Prose
    estimated_minutes: MinutesInput
    skills: Annotated[list[UUID], msgspec.Meta(max_length=12)] = []
    tags: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=400, pattern=LINE_PATTERN)]],
        msgspec.Meta(max_length=TAGS_AT_MOST),
    ] = []
    territory: Annotated[str, msgspec.Meta(max_length=3)] | None = None
    place: MissionPlace = MissionPlace.EITHER
    wanted_by: date | None = None
    expires_on: date | None = None
    visibility: MissionVisibility = MissionVisibility.COOPERATIVE
    ownership: Ownership = Ownership.PAYER


class PastDate(Refusal):
    """A date lies in the past."""

    status = 422
    code = "past_date"
    message = N_("Cette date est passée : choisissez aujourd'hui ou un jour à venir.")


class FarDate(Refusal):
    """A date lies further ahead than a mission can."""

    status = 422
    code = "far_date"
    message = N_("Cette date est trop lointaine : choisissez au plus tard le {latest}.")


class UnknownTerritory(Refusal):
    """The territory is not a French département."""

    status = 422
    code = "unknown_territory"
    message = N_("Choisissez un département de la liste.")
    default_field = "territory"


class NoEcosystem(Refusal):
    """The cooperative belongs to no ecosystem, so nothing can be shown to one."""

    status = 422
    code = "no_ecosystem"
    message = N_("Votre coopérative ne fait partie d'aucun écosystème : choisissez une autre visibilité.")
    default_field = "visibility"


class TooManyTags(Refusal):
    """More free tags, or longer ones, than a mission can carry."""

    status = 422
    code = "too_many_tags"
    message = N_("Au plus {tags_at_most} étiquettes de {tag_length} caractères.")
    default_field = "tags"


def tags_of(typed: Sequence[str]) -> list[str]:
    """Read free tags as people type them: separated by commas, spaces squeezed, each once."""
    tags: dict[str, str] = {}
    for piece in typed:
        for raw in piece.split(","):
            tag = " ".join(raw.split()).lstrip("#").strip()
            if tag:
                tags.setdefault(tag.casefold(), tag)
    if len(tags) > TAGS_AT_MOST or any(len(tag) > TAG_LENGTH for tag in tags.values()):
        raise TooManyTags(tags_at_most=TAGS_AT_MOST, tag_length=TAG_LENGTH)
    return list(tags.values())


def checked(terms: MissionTerms, *, day: date, territory: str) -> dict[str, object]:
    """Return the columns that these terms make, on this ``day``, in a cooperative of this ``territory``.

    Raises Invalid, PastDate, FarDate, UnknownTerritory, NoEcosystem or TooManyTags.
    """
    title, description = " ".join(terms.title.split()), terms.description.strip()
    if blank := {name for name, text in {"title": title, "description": description}.items() if not text}:
        raise Invalid(dict.fromkeys(sorted(blank), _("Ce champ est nécessaire.")))
    where = terms.territory or territory
    if where not in TERRITORIES:
        raise UnknownTerritory
    if terms.visibility is MissionVisibility.ECOSYSTEM:
        raise NoEcosystem
    if terms.wanted_by is not None:
        _must_lie("wanted_by", terms.wanted_by, day, day + timedelta(days=DAYS_WANTED_AT_MOST))
    latest = day + timedelta(days=DAYS_OPEN_AT_MOST)
    if terms.expires_on is not None:
        _must_lie("expires_on", terms.expires_on, day, latest)
    expires_on = terms.expires_on or min(terms.wanted_by or day + timedelta(days=DAYS_OPEN), latest)
    return {
        "kind": terms.kind,
        "title": title,
        "description": description,
        "tags": tags_of(terms.tags),
        "territory": where,
        "place": terms.place,
        "estimated_minutes": terms.estimated_minutes,
        "wanted_by": terms.wanted_by,
        "expires_on": expires_on,
        "visibility": terms.visibility,
        "ownership": terms.ownership,
    }


def _must_lie(field: str, chosen: date, first: date, latest: date) -> None:
    if chosen < first:
        raise PastDate(field)
    if chosen > latest:
        raise FarDate(field, latest=latest)
