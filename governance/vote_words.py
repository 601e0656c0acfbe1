"""The words of votes: methods, states, thresholds, and how each method is explained in three sentences.

This file must never read a row.
"""

from fractions import Fraction
from typing import Final

from governance.counting.contest import Abstention, Carry, EmptyCollege, Operator, TieKind
from governance.vote_policies import Threshold
from governance.votes import Policy, VoteMethod, VotePhase
from tenants.platform.words import N_, _

METHOD_TITLES: Final = {
    VoteMethod.MAJORITY: N_("Majorité"),
    VoteMethod.JUDGMENT: N_("Jugement majoritaire"),
    VoteMethod.SCHULZE: N_("Classement (méthode de Schulze)"),
}
METHOD_HINTS: Final = {
    VoteMethod.MAJORITY: N_(
        "Pour ou contre la question ; ou une option parmi plusieurs, si vous en écrivez."
    ),
    VoteMethod.JUDGMENT: N_("Chacun donne une mention à chaque option."),
    VoteMethod.SCHULZE: N_(
        "Chacun range les options dans l'ordre de ses préférences ; « aucune » est toujours l'une d'elles."
    ),
}
METHOD_EXPLAINED: Final = {
    VoteMethod.MAJORITY: N_(
        "Vous choisissez une réponse, ou l'abstention. Chaque voix compte autant dans son collège, s'il y en a. "
        "La décision est prise si la réponse réunit la part des voix demandée ; sinon rien ne change."
    ),
    VoteMethod.JUDGMENT: N_(
        "Vous donnez une mention à chaque option, indépendamment des autres ; une option laissée de côté reçoit la moins bonne, "
        "et un bulletin vide est une abstention. La mention d'une option est celle que la moitié des votants au moins lui donne, ou mieux. "
        "L'option qui a la meilleure mention l'emporte."
    ),
    VoteMethod.SCHULZE: N_(
        "Vous donnez un rang aux options que vous préférez ; plusieurs peuvent avoir le même, et celles que vous laissez de côté viennent après. "
        "On compare ensuite les options deux à deux : combien de votants préfèrent l'une à l'autre. "
        "L'emporte celle qui bat toutes les autres, directement ou par le chemin le plus solide, et que les votants préfèrent assez à « aucune »."
    ),
}
PHASE_TITLES: Final = {
    VotePhase.OPEN: N_("Ouvert"),
    VotePhase.CLOSED: N_("Clos, à dépouiller"),
    VotePhase.COUNTED: N_("Dépouillé"),
}
PHASE_TONES: Final = {VotePhase.OPEN: "accent", VotePhase.CLOSED: "warn", VotePhase.COUNTED: ""}
THRESHOLD_TITLES: Final = {
    Threshold.MORE_THAN_HALF: N_("Plus de la moitié"),
    Threshold.TWO_THIRDS: N_("Au moins deux tiers"),
    Threshold.THREE_QUARTERS: N_("Au moins trois quarts"),
}
ABSTENTION_WORDS: Final = {
    Abstention.EXCLUDED: N_("laissées de côté"),
    Abstention.COUNTED: N_("comptées dans le total"),
    Abstention.AS_CONSENT: N_("comptées comme un consentement"),
}
CARRY_WORDS: Final = {
    Carry.PROPORTIONAL: N_("à proportion des voix de chaque collège"),
    Carry.BLOCK: N_("par bloc"),
}
TIE_WORDS: Final = {
    TieKind.REPORT: N_("le vote ne décide pas"),
    TieKind.CASTING_VOTE: N_("voix prépondérante"),
    TieKind.SEEDED_LOT: N_("tirage au sort que chacun peut refaire"),
}
EMPTY_COLLEGE_WORDS: Final = {
    EmptyCollege.FAIL: N_("le vote ne décide pas"),
    EmptyCollege.RENORMALISE: N_("son poids est réparti entre les autres"),
}


def say_threshold(policy: Policy) -> str:
    """What a decision needs: "plus de la moitié", "au moins 2/3"."""
    share = Fraction(policy.threshold_numerator, policy.threshold_denominator)
    if policy.operator is Operator.OVER and share == Fraction(1, 2):
        return _("plus de la moitié")
    if policy.operator is Operator.OVER:
        return _("plus de {share}", share=str(share))
    return _("au moins {share}", share=str(share))
