"""Who owns what a mission makes: a choice of clauses in plain words.

The clause stands on the mission before anyone bids, so a bid is a consent to it, and is copied into the
agreement. This file must never hold legal wording that a member could not say aloud.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from tenants.platform.words import N_


class Ownership(StrEnum):
    """The clauses to choose from."""

    PAYER = "payer"
    PROVIDER = "provider"
    SHARED = "shared"
    FREE_LICENCE = "free_licence"
    NOTHING_TO_OWN = "nothing_to_own"


class Clause(NamedTuple):
    """A clause: its name in a list of choices, and the whole sentence of the agreement."""

    name: str
    sentence: str


CLAUSES: Final[Mapping[Ownership, Clause]] = {
    Ownership.PAYER: Clause(
        N_("À la personne qui donne les heures"),
        N_(
            "Le résultat appartient à la personne qui donne les heures, dès que la mission est réglée. "
            "Elle peut s'en servir, le modifier et le transmettre ; le nom de qui l'a fait reste cité."
        ),
    ),
    Ownership.PROVIDER: Clause(
        N_("À la personne qui fait le travail"),
        N_(
            "Le résultat reste à la personne qui l'a fait. Celle qui donne les heures peut s'en servir "
            "sans limite de durée pour elle-même, sans le revendre."
        ),
    ),
    Ownership.SHARED: Clause(
        N_("Aux deux ensemble"),
        N_(
            "Le résultat appartient aux deux à parts égales : chacune peut s'en servir librement et "
            "demande l'accord de l'autre avant de le céder."
        ),
    ),
    Ownership.FREE_LICENCE: Clause(
        N_("À tout le monde, sous licence libre"),
        N_(
            "Le résultat est publié sous une licence libre choisie ensemble : tout le monde peut s'en "
            "servir, le modifier et le partager en citant qui l'a fait."
        ),
    ),
    Ownership.NOTHING_TO_OWN: Clause(
        N_("Sans objet : c'est un service"),
        N_("La mission est un service ou un coup de main : elle ne produit rien qui s'approprie."),
    ),
}
