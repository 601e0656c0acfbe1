"""The rules that the time bank obeys. This file must never hold a value in force: those are in the rulebook."""

from typing import Final

from tenants.platform.words import N_
from tenants.rules import Rule, Unit, declare

CREDIT_LIMIT_LOW: Final = Rule(
    name="timebank.credit_limit_low",
    unit=Unit.MINUTES,
    default=20 * 60,
    minimum=0,
    maximum=1_000 * 60,
    title=N_("Découvert d'heures"),
    explanation=N_(
        "Un membre peut donner des heures qu'il n'a pas encore reçues, jusqu'à {value} sous zéro. "
        "C'est ce qui permet de commencer : quelqu'un reçoit toujours avant de rendre."
    ),
)

CREDIT_LIMIT_HIGH: Final = Rule(
    name="timebank.credit_limit_high",
    unit=Unit.MINUTES,
    default=100 * 60,
    minimum=0,
    maximum=10_000 * 60,
    title=N_("Plafond d'heures"),
    explanation=N_(
        "Un membre ne peut plus recevoir de transfert ni de don au-delà de {value} : les heures sont faites "
        "pour circuler. Un travail convenu est toujours payé, même au-delà."
    ),
)

SOFT_LIMIT: Final = Rule(
    name="timebank.soft_limit",
    unit=Unit.MINUTES,
    default=5 * 60,
    minimum=0,
    maximum=1_000 * 60,
    title=N_("Avertissement avant le découvert maximal"),
    explanation=N_(
        "Quand il reste moins de {value} à donner avant la limite, le membre est prévenu avant d'être refusé."
    ),
)

declare(CREDIT_LIMIT_LOW, CREDIT_LIMIT_HIGH, SOFT_LIMIT)
