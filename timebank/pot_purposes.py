"""What hours leave the solidarity pot for: a short list, so that a statement can be shown without showing anybody.

This file must never hold the words of a request.
"""

from enum import StrEnum
from typing import Final

from tenants.platform.words import N_
from timebank.gift_causes import POT_GRANT, POT_REQUEST, STARTING_GIFT


class PotPurpose(StrEnum):
    """What help is asked for."""

    LIVING = "living"
    HEALTH = "health"
    FAMILY = "family"
    HOME = "home"
    DIGITAL = "digital"
    WORK = "work"
    OTHER = "other"


PURPOSE_TITLES: Final[dict[str, str]] = {
    PotPurpose.LIVING: N_("Un coup dur de la vie quotidienne"),
    PotPurpose.HEALTH: N_("La santé"),
    PotPurpose.FAMILY: N_("La famille et les proches"),
    PotPurpose.HOME: N_("Le logement, les déplacements"),
    PotPurpose.DIGITAL: N_("Le numérique et les démarches"),
    PotPurpose.WORK: N_("Démarrer ou reprendre une activité"),
    PotPurpose.OTHER: N_("Autre chose"),
}
WELCOME: Final = "welcome"
LEAVING: Final = "leaving"
# What the pot also pays for, by rule rather than on request.
OUTFLOW_TITLES: Final[dict[str, str]] = PURPOSE_TITLES | {
    WELCOME: N_("L'accueil des nouveaux membres"),
    LEAVING: N_("Les comptes de membres partis"),
}


def purpose_of(cause: str | None, asked: str | None) -> str:
    """The purpose of what left the pot, by the cause of the transfer; ``asked`` is the request's own."""
    kind, _colon, about = (cause or "").partition(":")
    match kind:
        case str() if kind == POT_REQUEST and asked:
            return asked
        case str() if kind == POT_GRANT and about in set(PotPurpose):
            return about
        case str() if kind == STARTING_GIFT:
            return WELCOME
        case "leaving":
            return LEAVING
        case _:
            return PotPurpose.OTHER
