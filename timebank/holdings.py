"""What the ledger knows about people: see ``tenants.personal``. This file must never read a row."""

from typing import Final

from tenants.personal import Fate, Holding, holds
from tenants.platform.words import N_

LEDGER: Final = N_(
    "Les heures échangées restent au grand livre avec leur motif, sous le pseudonyme : rien n'y change jamais, "
    "sans quoi les comptes des autres ne seraient plus prouvés."
)

holds(
    Holding(
        table="pot_requests",
        title=N_("Mes demandes à la caisse solidaire"),
        mine=("membership_id",),
        exported={
            "asked_at": N_("Date"),
            "purpose": N_("Pour quoi"),
            "words": N_("Ce que j'ai écrit"),
            "asked_minutes": N_("Minutes demandées"),
            "state": N_("État"),
            "answer": N_("Réponse"),
            "granted_minutes": N_("Minutes accordées"),
        },
        fate=Fate.CHANGED,
        changes={"words": "''", "answer": "''"},
    ),
    Holding(
        table="pot_requests",
        title=N_("Demandes à la caisse auxquelles j'ai répondu"),
        mine=("decided_by",),
        exported={"ended_at": N_("Date"), "state": N_("État")},
        fate=Fate.KEPT,
        why=N_("Une décision garde qui l'a prise, sous le pseudonyme."),
    ),
    Holding(
        table="accounts",
        title=N_("Mon compte d'heures"),
        mine=("membership_id",),
        exported={
            "unit": N_("Unité"),
            "balance": N_("Solde"),
            "held": N_("Réservé"),
            "opened_at": N_("Ouvert le"),
            "closed_at": N_("Fermé le"),
        },
        fate=Fate.KEPT,
        why=LEDGER,
    ),
    Holding(
        table="transfers",
        source="entries",
        title=N_("Mon relevé d'heures"),
        mine=("account_id",),
        exported={
            "posted_at": N_("Date"),
            "counterparty_id": N_("Avec"),
            "amount": N_("Minutes"),
            "balance": N_("Solde"),
            "reason": N_("Motif"),
            "cause": N_("Genre"),
        },
        fate=Fate.KEPT,
        stays=("reason", "cause"),
        why=LEDGER,
    ),
    Holding(
        table="holds",
        title=N_("Mes heures réservées"),
        mine=("debit_account", "credit_account"),
        exported={
            "placed_at": N_("Date"),
            "debit_account": N_("De"),
            "credit_account": N_("À"),
            "amount": N_("Minutes"),
            "state": N_("État"),
            "expires_at": N_("Fin"),
            "reason": N_("Motif"),
        },
        fate=Fate.KEPT,
        stays=("reason", "cause"),
        why=LEDGER,
    ),
    Holding(
        table="third_party_entries",
        title=N_("Saisies par un tiers"),
        mine=("giver_id", "receiver_id", "entered_by"),
        exported={
            "entered_at": N_("Saisi le"),
            "giver_id": N_("A donné"),
            "receiver_id": N_("A reçu"),
            "entered_by": N_("Saisi par"),
            "minutes": N_("Minutes"),
            "happened_on": N_("Échange du"),
        },
        fate=Fate.KEPT,
        stays=("kind",),
        why=LEDGER,
    ),
    Holding(
        table="contests",
        title=N_("Contestations"),
        mine=("contested_by",),
        exported={
            "contested_at": N_("Date"),
            "words": N_("Ce qui n'est pas juste"),
            "outcome": N_("Issue"),
            "decision": N_("Votre décision"),
            "decided_at": N_("Décidé le"),
        },
        fate=Fate.KEPT,
        stays=("words", "outcome", "decision"),
        why=N_(
            "Une contestation et sa décision engagent deux personnes : l'écrit reste, sous le pseudonyme."
        ),
    ),
    # Whose words they are, and about what, is not theirs who brought a slip in or decided.
    Holding(
        table="contests",
        title=N_("Contestations"),
        mine=("entered_by", "decided_by"),
        exported={"contested_at": N_("Date"), "decided_at": N_("Décidé le"), "outcome": N_("Issue")},
        fate=Fate.KEPT,
        why=N_("Une décision garde qui l'a prise, sous le pseudonyme."),
    ),
)
