"""What the ledger refuses, by the codes that ``post_transfers`` answers, said so that a person knows what to do.

The codes are stable: the API shows them and stored answers hold them. This file must never decide anything;
the decision was taken in the database, under the locks.
"""

from collections.abc import Mapping
from typing import Any, Final

from tenants.platform.errors import NotSignedIn, Refusal, ScopeMissing
from tenants.platform.idempotency import IdempotencyKeyReused
from tenants.platform.words import N_, _
from tenants.rulebook import NoRuleInForce
from tenants.rules import RULES


class LedgerRefusal(Refusal):
    """A "no" of the ledger: nothing has moved."""


class NotEnoughHours(LedgerRefusal):
    """What is available, less what was asked, would be below what the account may owe."""

    code = "not_enough_hours"
    message = N_(
        "Il manque {short_minutes} : ce compte peut encore donner {left_minutes}. Proposez moins d'heures, "
        "ou attendez d'en avoir reçu."
    )
    default_field = "amount_minutes"


class NotEnoughEuros(LedgerRefusal):
    """The same in euros, which nobody may owe."""

    code = "not_enough_euros"
    message = N_("Il manque {short_cents} : ce compte peut encore donner {left_cents}.")
    default_field = "amount_cents"


class OverTheCeiling(LedgerRefusal):
    """The receiving account would hold more than the rule allows."""

    code = "over_the_ceiling"
    message = N_(
        "Le compte qui recevrait ces heures dépasserait le plafond de {limit_minutes}. Proposez-en moins, "
        "ou donnez-les à la caisse solidaire."
    )
    default_field = "amount_minutes"


class AccountClosed(LedgerRefusal):
    """One of the two memberships is no longer active."""

    code = "account_closed"
    message = N_("Ce compte est fermé : cette personne n'est plus active dans la coopérative.")
    default_field = "to"


class UnknownAccount(LedgerRefusal):
    """There is no such account in this cooperative."""

    status = 404
    code = "unknown_account"
    message = N_("Ce compte n'existe pas dans cette coopérative.")
    default_field = "to"


class SameAccount(LedgerRefusal):
    """Both sides are one account."""

    status = 422
    code = "same_account"
    message = N_("Ces heures partiraient d'un compte pour y revenir. Choisissez un autre destinataire.")
    default_field = "to"


class NotAllowedToDebit(LedgerRefusal):
    """Neither the account's member nor the holder of a mandate that keeps it."""

    status = 403
    code = "not_allowed_to_debit"
    message = N_("Vous n'avez pas le droit de disposer de ce compte.")


class DelegateOnBothSides(LedgerRefusal):
    """Who acts for somebody would be, or act for, the other side too, or goes round their delegation by a paper."""

    status = 403
    code = "delegate_on_both_sides"
    message = N_(
        "Vous agissez pour l'une de ces personnes : quelqu'un d'autre doit saisir cet échange entre elles."
    )
    default_field = "to"


class OverDelegationEntry(LedgerRefusal):
    """More than the delegation allows at once."""

    code = "over_delegation_entry"
    message = N_("La délégation permet au plus {limit_minutes} par saisie.")
    default_field = "amount_minutes"


class OverDelegationMonth(LedgerRefusal):
    """More than the delegation allows in a calendar month."""

    code = "over_delegation_month"
    message = N_("La délégation permet {limit_minutes} par mois : il reste {left_minutes} ce mois-ci.")
    default_field = "amount_minutes"


class PaperTooOld(LedgerRefusal):
    """The exchange on paper is older than the rule allows."""

    status = 422
    code = "paper_too_old"
    message = N_("Cet échange date de plus de {days} jours : il ne peut plus être saisi d'après un papier.")
    default_field = "happened_on"


class PaperInTheFuture(LedgerRefusal):
    """What is signed has happened."""

    status = 422
    code = "paper_in_the_future"
    message = N_("Un échange signé a déjà eu lieu : indiquez un jour passé.")
    default_field = "happened_on"


class UnknownHold(LedgerRefusal):
    """There is no such hold in this cooperative."""

    status = 404
    code = "unknown_hold"
    message = N_("Cette réservation d'heures n'existe pas.")


class HoldEnded(LedgerRefusal):
    """The hold was captured, released or has expired."""

    code = "hold_ended"
    message = N_("Cette réservation est déjà terminée : ses heures ont été données ou rendues.")


class HoldNotExpired(LedgerRefusal):
    """The time of the hold is not over."""

    code = "hold_not_expired"
    message = N_("Cette réservation court encore.")


class MoreThanHeld(LedgerRefusal):
    """A capture asked for more than was promised."""

    code = "more_than_held"
    message = N_("Seules {held_minutes} sont réservées ; {asked_minutes} ont été demandées.")
    default_field = "amount_minutes"


class UnknownTransfer(LedgerRefusal):
    """There is no such transfer in this cooperative."""

    status = 404
    code = "unknown_transfer"
    message = N_("Ce transfert n'existe pas.")


class AlreadyReversed(LedgerRefusal):
    """A transfer is reversed once."""

    code = "already_reversed"
    message = N_("Ce transfert a déjà été annulé.")


class UnitMismatch(LedgerRefusal):
    """Hours and euros do not mix."""

    status = 422
    code = "unit_mismatch"
    message = N_("Ces deux comptes ne comptent pas la même chose : l'un des heures, l'autre des euros.")


class AmountOutOfRange(LedgerRefusal):
    """Not positive, or beyond what the ledger counts."""

    status = 422
    code = "amount_out_of_range"
    message = N_(
        "Cette quantité n'est pas possible. Indiquez au moins une minute, et pas plus que vous n'avez."
    )
    default_field = "amount_minutes"


class LinkedRefused(LedgerRefusal):
    """Another transfer of the same group was refused, so none of them was posted."""

    code = "linked_refused"
    message = N_("Rien n'a été fait, car ce qui devait se faire en même temps a été refusé.")


class UnknownToken(NotSignedIn):
    """The bearer token is unknown, revoked or over, or its member is no longer active."""

    code = "unknown_token"
    message = N_("Ce jeton n'est pas ou plus valable. Créez-en un autre depuis votre profil.")


REFUSALS: Final[Mapping[str, type[Refusal]]] = {
    refusal.code: refusal
    for refusal in (
        NotEnoughHours,
        NotEnoughEuros,
        OverTheCeiling,
        AccountClosed,
        UnknownAccount,
        SameAccount,
        NotAllowedToDebit,
        DelegateOnBothSides,
        OverDelegationEntry,
        OverDelegationMonth,
        PaperTooOld,
        PaperInTheFuture,
        UnknownHold,
        HoldEnded,
        HoldNotExpired,
        MoreThanHeld,
        UnknownTransfer,
        AlreadyReversed,
        UnitMismatch,
        AmountOutOfRange,
        LinkedRefused,
        NoRuleInForce,
        IdempotencyKeyReused,
        UnknownToken,
        ScopeMissing,
    )
}


def refusal_of(code: str, facts: Mapping[str, Any]) -> Refusal:
    """The typed refusal behind a code. An unknown code is a programmer's error: SQL and Python go together."""
    kind = REFUSALS[code]
    said = {name: fact for name, fact in facts.items() if name != "code"}
    if kind is NoRuleInForce:
        name = str(said.get("rule"))
        said["rule"] = _(RULES[name].title) if name in RULES else name
    if kind is LinkedRefused and (because := said.get("because")) in REFUSALS:
        said["because"] = because
    return kind(**said)
