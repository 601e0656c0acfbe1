"""The rules that proposals obey. This file must never hold a value in force: those are in the rulebook."""

from typing import Final

from tenants.platform.words import N_
from tenants.rules import Rule, Unit, declare

ROUND_DAYS: Final = Rule(
    name="governance.round_days",
    unit=Unit.DAYS,
    default=7,
    minimum=1,
    maximum=60,
    title=N_("Durée d'une ronde d'objections"),
    explanation=N_(
        "Une ronde d'objections dure {value}, ou finit dès que tout le cercle a répondu. Chaque nouvelle version "
        "ouvre une nouvelle ronde."
    ),
)

CONSENT_DAYS: Final = Rule(
    name="governance.consent_days",
    unit=Unit.DAYS,
    default=30,
    minimum=1,
    maximum=366,
    title=N_("Temps donné au consentement"),
    explanation=N_(
        "Quand une objection est encore ouverte {value} après la première ronde, la proposition est portée plus "
        "loin : au cercle parent, ou au vote."
    ),
)

SEEN_QUORUM: Final = Rule(
    name="governance.seen_quorum_percent",
    unit=Unit.PERCENT,
    default=50,
    minimum=0,
    maximum=100,
    title=N_("Quorum de lecture"),
    explanation=N_(
        "Le silence vaut consentement si au moins {value} des membres du cercle ont dit avoir lu la version en "
        "ronde. En dessous, rien n'est adopté."
    ),
)

CONTEST_THRESHOLD: Final = Rule(
    name="governance.contest_threshold_percent",
    unit=Unit.PERCENT,
    default=10,
    minimum=1,
    maximum=100,
    title=N_("Seuil pour rouvrir une règle"),
    explanation=N_(
        "Quand {value} des membres contestent une règle, elle est rouverte : le cercle qui en décide est prévenu "
        "et doit la changer ou la confirmer."
    ),
)

REVIEW_DAYS: Final = Rule(
    name="governance.review_days",
    unit=Unit.DAYS,
    default=365,
    minimum=0,
    maximum=3_650,
    title=N_("Relecture des règles"),
    explanation=N_(
        "Une règle est à relire {value} après son entrée en vigueur : le cercle qui en décide reçoit un rappel. "
        "Avec zéro, aucune règle n'est rappelée."
    ),
)

declare(ROUND_DAYS, CONSENT_DAYS, SEEN_QUORUM, CONTEST_THRESHOLD, REVIEW_DAYS)
