"""The roles of mandates, in words: what each is called, and what it lets its holder do.

This file must never grant anything: what a role may do is said by the verbs that ask for it.
"""

from typing import Final

from tenants.actors import Role
from tenants.platform.words import N_

ROLE_TITLES: Final = {
    Role.MANAGER: N_("Gestion"),
    Role.TREASURER: N_("Trésorerie"),
    Role.FACILITATOR: N_("Facilitation"),
    Role.OBSERVER: N_("Observation"),
    Role.MEDIATOR: N_("Médiation"),
    Role.STEWARD: N_("Intendance de la caisse solidaire"),
}


ROLE_WORDS: Final = {
    Role.MANAGER: N_(
        "Invite et suspend des membres, donne des mandats, change les paramètres, enregistre les assemblées."
    ),
    Role.TREASURER: N_(
        "Suit les comptes et la preuve du grand livre, corrige une écriture par une contre-écriture."
    ),
    Role.FACILITATOR: N_("Prépare et anime les décisions, signe les comptes rendus d'assemblée."),
    Role.OBSERVER: N_("Publie les statistiques et veille au secret de chacun."),
    Role.MEDIATOR: N_("Écoute les deux parties d'un désaccord et décide."),
    Role.STEWARD: N_("Accorde des heures de la caisse solidaire."),
}
