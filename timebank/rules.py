"""The rules that the time bank obeys. This file must never hold a value in force: those are in the rulebook."""

from typing import Final

from tenants.platform.words import N_
from tenants.rules import Rule, Unit, declare
from tenants.scopes import declare_fund

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

PAPER_DAYS: Final = Rule(
    name="timebank.paper_days_max",
    unit=Unit.DAYS,
    default=60,
    minimum=1,
    maximum=366,
    title=N_("Ancienneté des échanges saisis d'après un papier"),
    explanation=N_(
        "La gestion peut saisir un échange que deux membres ont signé sur papier, s'il a moins de {value}. "
        "Tous deux sont prévenus, et peuvent le contester pendant 30 jours."
    ),
)

LEAVING_CREDIT: Final = Rule(
    name="timebank.leaving_credit",
    unit=Unit.CHOICE,
    default=1,
    title=N_("Heures restantes d'un membre qui part"),
    explanation=N_("Quand un membre part avec des heures sur son compte, elles sont {value}."),
    options=(
        N_("données à la caisse solidaire"),
        N_("données à la caisse solidaire ou à un membre, à son choix"),
        N_("à employer d'abord : il part à zéro"),
    ),
)

LEAVING_DEBT: Final = Rule(
    name="timebank.leaving_debt",
    unit=Unit.CHOICE,
    default=0,
    title=N_("Heures dues par un membre qui part"),
    explanation=N_("Quand un membre part en devant des heures, elles sont {value}."),
    options=(
        N_("couvertes par la caisse solidaire"),
        N_("à rendre d'abord : il part à zéro"),
        N_("effacées si un trésorier le décide"),
    ),
)

STARTING_GIFT_MINUTES: Final = Rule(
    name="timebank.starting_gift",
    unit=Unit.MINUTES,
    default=0,
    minimum=0,
    maximum=100 * 60,
    title=N_("Don de bienvenue"),
    explanation=N_(
        "La caisse solidaire offre {value} à chaque nouveau membre, une seule fois. S'il lui en manque, le don attend. "
        "Avec zéro, elle n'offre rien."
    ),
)

GIFTS_SHOWN: Final = Rule(
    name="timebank.gifts_shown",
    unit=Unit.CHOICE,
    default=0,
    title=N_("Dons montrés"),
    explanation=N_(
        "Les dons des membres à la caisse sont montrés {value}. La trésorerie, qui répond des comptes, voit leurs "
        "durées dans tous les cas."
    ),
    options=(N_("avec leur durée"), N_("en nombre, sans leur durée")),
)

declare(
    STARTING_GIFT_MINUTES,
    GIFTS_SHOWN,
    PAPER_DAYS,
    CREDIT_LIMIT_LOW,
    CREDIT_LIMIT_HIGH,
    SOFT_LIMIT,
    LEAVING_CREDIT,
    LEAVING_DEBT,
)

declare_fund("pot", N_("Caisse solidaire"))
