"""What entries for others and contests refuse, said so that a person knows what to do. This file must never decide anything."""

from tenants.platform.errors import Refusal
from tenants.platform.words import N_
from timebank.ledger.refusals import NotEnoughHours


class TheirHoursShort(NotEnoughHours):
    """Somebody else's account has too little. How much it has is theirs to know, and the treasurer's."""

    message = N_(
        "Ce compte n'a pas assez d'heures disponibles en ce moment. Voyez avec la personne, qui sait combien elle en a."
    )


class PartyEntersPaper(Refusal):
    """Nobody enters a paper that they have signed themself."""

    status = 403
    code = "party_enters_paper"
    message = N_(
        "Vous êtes l'une des deux personnes de ce papier : quelqu'un d'autre de la gestion doit le saisir."
    )


class ContestTooLate(Refusal):
    """The thirty days are over."""

    code = "contest_too_late"
    message = N_("Les 30 jours pour contester sont passés. La médiation peut encore vous écouter.")


class ContestedAlready(Refusal):
    """An entry is contested once."""

    code = "contested_already"
    message = N_("Cette saisie est déjà contestée, ou l'a été.")


class SlipFromItsMaker(Refusal):
    """Who made an entry, or is on one of its sides, does not bring in the slip that contests it."""

    status = 403
    code = "slip_from_its_maker"
    message = N_(
        "Vous avez fait cette saisie, ou elle vous concerne : une autre personne de la gestion doit enregistrer "
        "le talon."
    )


class PartyMayNotSettle(Refusal):
    """Who entered it, brought in the slip, or is on one of its sides decides nothing."""

    status = 403
    code = "party_may_not_settle"
    message = N_("Vous avez pris part à cette saisie : une autre personne doit décider.")


class ContestDecided(Refusal):
    """The decision was taken."""

    code = "contest_decided"
    message = N_("La décision est déjà prise.")
