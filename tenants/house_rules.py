"""The rules that the ground floor obeys. This file must never hold a value in force: those are in the rulebook."""

from typing import Final

from tenants.platform.words import N_
from tenants.rules import Rule, Unit, declare

JOIN_REQUESTS: Final = Rule(
    name="tenants.join_requests",
    unit=Unit.CHOICE,
    default=1,
    title=N_("Demandes d'adhésion"),
    explanation=N_(
        "Toute personne peut demander à rejoindre la coopérative depuis sa page publique : {value}. "
        "La gestion répond à chaque demande ; une invitation reste toujours possible."
    ),
    options=(N_("non"), N_("oui")),
)

SECOND_FACTOR: Final = Rule(
    name="tenants.second_factor",
    unit=Unit.CHOICE,
    default=0,
    title=N_("Second facteur des mandataires"),
    explanation=N_(
        "Qui tient un mandat peut devoir protéger son compte par un code que son téléphone calcule : {value}. "
        "Sans ce code, on lit ce que le mandat donne à lire, mais on n'agit pas en son nom."
    ),
    options=(
        N_("au choix de chacun"),
        N_("exigé pour la gestion et la trésorerie"),
        N_("exigé pour tout mandat"),
    ),
)

ERASURE_WAIT: Final = Rule(
    name="tenants.erasure_wait_days",
    unit=Unit.DAYS,
    default=30,
    minimum=0,
    maximum=30,
    title=N_("Délai avant un effacement"),
    explanation=N_(
        "Qui est parti et demande l'effacement de ses données a {value} pour changer d'avis. "
        "La loi laisse au plus un mois (RGPD, article 12)."
    ),
)

FORMER_MEMBERS: Final = Rule(
    name="tenants.former_members_days",
    unit=Unit.DAYS,
    default=3 * 365,
    minimum=30,
    maximum=10 * 365,
    title=N_("Données des anciens membres"),
    explanation=N_(
        "Le nom et les coordonnées de qui est parti sont gardés {value}, puis effacés comme si la personne "
        "l'avait demandé : un courriel l'annonce, et le délai avant un effacement court."
    ),
)

declare(JOIN_REQUESTS, SECOND_FACTOR, ERASURE_WAIT, FORMER_MEMBERS)

SILENT_DAYS: Final = Rule(
    name="tenants.silent_days",
    unit=Unit.DAYS,
    default=90,
    minimum=0,
    maximum=1_000,
    title=N_("Prendre des nouvelles des membres silencieux"),
    explanation=N_(
        "Un membre dont on n'a rien vu depuis {value} reçoit un mot amical, une seule fois, et la gestion en voit la "
        "liste. Avec zéro, personne n'est relancé."
    ),
)

declare(SILENT_DAYS)
