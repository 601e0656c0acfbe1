"""What delegations refuse, said so that a person knows what to do. This file must never decide anything."""

from tenants.platform.errors import Refusal
from tenants.platform.words import N_


class DelegationToOneself(Refusal):
    """Two different persons are needed."""

    status = 422
    code = "delegation_to_oneself"
    message = N_("Une personne ne peut pas être sa propre déléguée : choisissez quelqu'un d'autre.")
    default_field = "delegate_id"


class NoActs(Refusal):
    """A delegation for nothing."""

    status = 422
    code = "delegation_without_acts"
    message = N_("Choisissez au moins une chose que cette personne pourra faire.")
    default_field = "acts"


class MaximumUnfit(Refusal):
    """For hours both maxima are needed, the month's being no less than the entry's."""

    status = 422
    code = "delegation_maximum_unfit"
    message = N_(
        "Pour les heures, indiquez un maximum par saisie et un maximum par mois, celui du mois étant au moins égal."
    )
    default_field = "month_minutes_max"


class DelegationTermUnfit(Refusal):
    """A delegation ends in the future and within a year; then another may follow."""

    status = 422
    code = "delegation_term_unfit"
    message = N_("Une délégation finit dans l'avenir, et dure au plus {days} jours.")
    default_field = "until"


class DelegationOverlaps(Refusal):
    """These two have a delegation at some time of this term."""

    code = "delegation_overlaps"
    message = N_("Ces deux personnes ont déjà une délégation pendant une partie de cette période.")
    default_field = "delegate_id"


class PartyMayNotApprove(Refusal):
    """Neither the delegate nor the person decides on their own delegation."""

    status = 403
    code = "party_may_not_approve"
    message = N_("Cette délégation vous concerne : deux autres personnes mandatées doivent l'approuver.")


class ApprovedAlready(Refusal):
    """Two different persons approve, once each."""

    code = "delegation_approved_already"
    message = N_("Vous avez déjà donné votre accord, ou deux accords sont déjà réunis.")


class DelegationEndedAlready(Refusal):
    """The delegation is over."""

    code = "delegation_ended_already"
    message = N_("Cette délégation a déjà pris fin.")


class NotDelegated(Refusal):
    """No live delegation for this act."""

    status = 403
    code = "not_delegated"
    message = N_(
        "Vous ne pouvez pas faire cela au nom de cette personne : la délégation ne le prévoit pas, attend encore "
        "un accord, ou a pris fin."
    )
