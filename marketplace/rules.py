"""The rules that missions obey. This file must never hold a value in force: those are in the rulebook."""

from collections.abc import Sequence
from typing import Final

from tenants.legal_profiles import Certainty, Finding, Severity
from tenants.platform.words import N_
from tenants.rules import Rule, Unit, declare

_SHORT_SILENCE_DAYS: Final = 7
_LONGEST_ACCEPTANCE_DAYS: Final = 30

_SHORT_SILENCE: Final = Finding(
    severity=Severity.WARNING,
    article="Code civil, art. 1120",
    sentence=N_(
        "Le silence ne vaut pas acceptation, sauf usage, relation d'affaires ou circonstance particulière : "
        "laissez aux personnes le temps de répondre."
    ),
    certainty=Certainty.REPORTED,
)
_LONG_SILENCE: Final = Finding(
    severity=Severity.WARNING,
    article="Code de commerce, art. L441-10",
    sentence=N_(
        "Entre professionnels, vérifier un travail livré ne devrait pas prendre plus de trente jours, "
        "sauf accord exprès et loyal."
    ),
    certainty=Certainty.TO_CONFIRM,
)


def silence_findings(profile: str, value: object) -> Sequence[Finding]:  # noqa: ARG001 (every legal form)
    """What the law says about silence, whatever the legal form of the cooperative."""
    assert isinstance(value, int), "a number of days"
    if value < _SHORT_SILENCE_DAYS:
        return (_SHORT_SILENCE,)
    return (_LONG_SILENCE,) if value > _LONGEST_ACCEPTANCE_DAYS else ()


HOLD_EXPIRY_DAYS: Final = Rule(
    name="marketplace.hold_expiry_days",
    unit=Unit.DAYS,
    default=60,
    minimum=0,
    maximum=365,
    title=N_("Fin de réservation"),
    explanation=N_(
        "Les heures réservées pour une mission acceptée reviennent à qui devait les donner "
        "{value} après l'accord, si rien n'a été livré entre-temps."
    ),
)

SILENCE_DAYS: Final = Rule(
    name="marketplace.silence_days",
    unit=Unit.DAYS,
    default=14,
    minimum=0,
    maximum=90,
    title=N_("Silence après la livraison"),
    explanation=N_(
        "Un travail livré que personne ne confirme ni ne conteste est considéré comme accepté au bout de {value}."
    ),
    legal=silence_findings,
)

REVIEW_DAYS: Final = Rule(
    name="marketplace.review_days",
    unit=Unit.DAYS,
    default=14,
    minimum=1,
    maximum=90,
    title=N_("Délai des avis"),
    explanation=N_(
        "Après une mission, chacun a {value} pour dire comment elle s'est passée. Les avis se découvrent "
        "quand les deux sont écrits, ou au bout de ce délai."
    ),
)


def _weight(name: str, default: int, title: str, explanation: str) -> Rule:
    return Rule(
        name=f"marketplace.match_{name}",
        unit=Unit.COUNT,
        default=default,
        minimum=0,
        maximum=100,
        title=title,
        explanation=explanation,
    )


MATCH_SKILLS: Final = _weight(
    "skills",
    40,
    N_("Rapprochement : savoir-faire"),
    N_("Pour rapprocher membres et missions, savoir faire ce qui est demandé compte pour {value}."),
)
MATCH_TERRITORY: Final = _weight(
    "territory",
    20,
    N_("Rapprochement : lieu"),
    N_("Pour rapprocher membres et missions, être près (ou travailler à distance) compte pour {value}."),
)
MATCH_AVAILABILITY: Final = _weight(
    "availability",
    20,
    N_("Rapprochement : disponibilité"),
    N_("Pour rapprocher membres et missions, avoir du temps compte pour {value}."),
)
MATCH_FAIRNESS: Final = _weight(
    "fairness",
    20,
    N_("Rapprochement : équité"),
    N_("Pour rapprocher membres et missions, avoir eu peu de travail ces trois mois compte pour {value}."),
)
MATCH_WEIGHTS: Final = (MATCH_SKILLS, MATCH_TERRITORY, MATCH_AVAILABILITY, MATCH_FAIRNESS)

declare(HOLD_EXPIRY_DAYS, SILENCE_DAYS, REVIEW_DAYS, *MATCH_WEIGHTS)
