"""The rules that votes obey. This file must never hold a value in force: those are in the rulebook.

A vote copies what is in force when it opens into its policy, and is counted by that copy alone.
"""

from typing import Final

from tenants.platform.words import N_
from tenants.rules import Rule, Unit, declare

VOTE_DAYS_MIN: Final = Rule(
    name="governance.vote_days_min",
    unit=Unit.DAYS,
    default=3,
    minimum=0,
    maximum=60,
    title=N_("Durée minimale d'un vote"),
    explanation=N_("Un vote reste ouvert au moins {value}, pour que chacun ait le temps de voter."),
)

VOTE_REMINDER_DAYS: Final = Rule(
    name="governance.vote_reminder_days",
    unit=Unit.DAYS,
    default=1,
    minimum=0,
    maximum=30,
    title=N_("Rappel avant la clôture d'un vote"),
    explanation=N_(
        "Qui n'a pas encore voté reçoit un rappel, un seul, {value} avant la clôture. Avec zéro, il n'y a pas de rappel."
    ),
)

QUORUM: Final = Rule(
    name="governance.quorum_percent",
    unit=Unit.PERCENT,
    default=0,
    minimum=0,
    maximum=100,
    title=N_("Quorum d'un vote"),
    explanation=N_(
        "Un vote ne décide que si {value} au moins de la liste électorale ont voté. Une abstention compte comme une participation."
    ),
)

COLLEGE_QUORUM: Final = Rule(
    name="governance.college_quorum_percent",
    unit=Unit.PERCENT,
    default=0,
    minimum=0,
    maximum=100,
    title=N_("Quorum dans chaque collège"),
    explanation=N_(
        "Quand on vote par collèges, un vote ne décide que si {value} au moins de chaque collège ont voté."
    ),
)

ABSTENTION: Final = Rule(
    name="governance.abstention",
    unit=Unit.CHOICE,
    default=0,
    title=N_("Abstentions dans un vote à la majorité"),
    explanation=N_(
        "Qui vote « abstention » est compté dans la participation ; dans le résultat, sa voix est {value}."
    ),
    options=(
        N_("laissée de côté"),
        N_("comptée dans le total, sans être pour"),
        N_("comptée comme un consentement"),
    ),
)

TIES: Final = Rule(
    name="governance.ties",
    unit=Unit.CHOICE,
    default=0,
    title=N_("Égalité dans un vote"),
    explanation=N_("Une égalité est toujours écrite dans le résultat. Ensuite : {value}."),
    options=(
        N_("le vote ne décide pas"),
        N_("un tirage au sort que chacun peut refaire la départage"),
    ),
)

CARRY: Final = Rule(
    name="governance.college_carry",
    unit=Unit.CHOICE,
    default=0,
    title=N_("Vote par collèges"),
    explanation=N_("Quand la coopérative a des collèges, les voix sont comptées {value}."),
    options=(
        N_("sans eux : une personne, une voix"),
        N_("selon le poids de chaque collège, à proportion de ses voix"),
        N_("par bloc : chaque collège donne tout son poids à ce qu'il décide"),
    ),
)

COLLEGE_THRESHOLD: Final = Rule(
    name="governance.college_threshold_percent",
    unit=Unit.PERCENT,
    default=50,
    minimum=0,
    maximum=99,
    title=N_("Seuil d'un collège qui vote par bloc"),
    explanation=N_("Un collège qui vote par bloc est « pour » quand plus de {value} de ses voix le sont."),
)

EMPTY_COLLEGE: Final = Rule(
    name="governance.empty_college",
    unit=Unit.CHOICE,
    default=0,
    title=N_("Collège où personne n'a voté"),
    explanation=N_("Quand un collège n'a aucun votant, {value}."),
    options=(
        N_("le quorum n'est pas atteint, et le vote ne décide pas"),
        N_("son poids est réparti entre les autres, sans qu'aucun dépasse la moitié"),
    ),
)

PROPOSAL_THRESHOLD: Final = Rule(
    name="governance.proposal_majority",
    unit=Unit.CHOICE,
    default=0,
    title=N_("Majorité d'un vote sur une proposition"),
    explanation=N_("Quand un vote décide d'une proposition, elle est adoptée par {value} des voix."),
    options=(N_("plus de la moitié"), N_("au moins deux tiers"), N_("au moins trois quarts")),
)

declare(
    PROPOSAL_THRESHOLD,
    VOTE_DAYS_MIN,
    VOTE_REMINDER_DAYS,
    QUORUM,
    COLLEGE_QUORUM,
    ABSTENTION,
    TIES,
    CARRY,
    COLLEGE_THRESHOLD,
    EMPTY_COLLEGE,
)
