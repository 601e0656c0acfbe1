"""What missions and their neighbours know about people: see ``tenants.personal``.

A text on which two people agreed is the other party's record too, and stays under the pseudonym; what nobody
answered is blanked. This file must never read a row.
"""

from typing import Final

# Nobody else imports this table, which triggers keep; and the lower floors declare theirs by being imported.
import marketplace.member_words  # noqa: F401
import tenants.holdings  # noqa: F401
import timebank.holdings  # noqa: F401
from marketplace.mission_states import STATE_NAMES
from tenants.personal import Fate, Holding, holds
from tenants.platform.words import N_

AGREED: Final = N_(
    "Les missions convenues, leurs textes et leurs livraisons restent, sous le pseudonyme : ce sont aussi les "
    "papiers de l'autre personne."
)
# Whose agreement it is, on a table that has its id.
_PARTY: Final = (
    "EXISTS (SELECT FROM agreements a WHERE a.tenant_id = t.tenant_id AND a.id = t.agreement_id"
    " AND (a.payer_id = :me OR a.provider_id = :me))"
)

holds(
    Holding(
        table="missions",
        title=N_("Mes missions"),
        mine=("author_id",),
        exported={
            "created_at": N_("Date"),
            "kind": N_("Genre"),
            "title": N_("Titre"),
            "description": N_("Description"),
            "tags": N_("Mots-clés"),
            "territory": N_("Territoire"),
            "estimated_minutes": N_("Minutes"),
            "state": N_("État"),
            "published_at": N_("Publiée le"),
            "ended_at": N_("Finie le"),
            "id": N_("Identifiant"),
        },
        words={"state": STATE_NAMES},
        fate=Fate.CHANGED,
        changes={"title": "'…'", "description": "'…'", "tags": "'{}'"},
        only="t.state IN ('draft', 'open', 'withdrawn', 'expired')",
        stays=("territory",),
        why=AGREED,
    ),
    Holding(
        table="bids",
        title=N_("Mes réponses"),
        mine=("bidder_id",),
        exported={
            "created_at": N_("Date"),
            "mission_id": N_("Mission"),
            "message": N_("Message"),
            "minutes": N_("Minutes"),
            "delivery_on": N_("Pour le"),
            "state": N_("État"),
        },
        fate=Fate.CHANGED,
        changes={"message": "'…'"},
        only="t.state <> 'accepted'",
        why=AGREED,
    ),
    Holding(
        table="agreements",
        title=N_("Mes accords"),
        mine=("payer_id", "provider_id"),
        exported={
            "agreed_at": N_("Date"),
            "mission_id": N_("Mission"),
            "payer_id": N_("Qui demande"),
            "provider_id": N_("Qui fait"),
            "agreed_minutes": N_("Minutes"),
            "state": N_("État"),
            "cancellation_reason": N_("Motif d'arrêt"),
            "ended_at": N_("Fini le"),
        },
        fate=Fate.KEPT,
        stays=("cancellation_reason",),
        why=AGREED,
    ),
    Holding(
        table="bid_parts",
        title=N_("Les équipes où l'on m'a invité"),
        mine=("member_id",),
        exported={
            "bid_id": N_("Proposition"),
            "shares": N_("Parts"),
            "state": N_("État"),
            "answered_at": N_("Date"),
        },
        fate=Fate.KEPT,
        why=AGREED,
    ),
    Holding(
        table="agreement_parts",
        title=N_("Mes parts dans des équipes"),
        mine=("member_id",),
        exported={
            "agreement_id": N_("Accord"),
            "shares": N_("Parts"),
            "posted_minutes": N_("Minutes versées"),
        },
        fate=Fate.KEPT,
        why=AGREED,
    ),
    Holding(
        table="amendments",
        title=N_("Mes propositions de changer un accord"),
        mine=("proposed_by", "ended_by"),
        exported={
            "proposed_at": N_("Date"),
            "mission_id": N_("Mission"),
            "before_minutes": N_("Minutes avant"),
            "after_minutes": N_("Minutes après"),
            "reason": N_("Motif"),
            "state": N_("État"),
            "ended_at": N_("Fini le"),
        },
        fate=Fate.KEPT,
        stays=("reason",),
        why=AGREED,
    ),
    Holding(
        table="amendment_parts",
        title=N_("Mes parts dans ces changements"),
        mine=("member_id",),
        exported={
            "amendment_id": N_("Changement"),
            "before_minutes": N_("Minutes avant"),
            "after_minutes": N_("Minutes après"),
            "accepted_at": N_("Accepté le"),
        },
        fate=Fate.KEPT,
        why=AGREED,
    ),
    Holding(
        table="deliveries",
        title=N_("Livraisons de mes accords"),
        where=_PARTY,
        exported={
            "delivered_at": N_("Date"),
            "mission_id": N_("Mission"),
            "spent_minutes": N_("Minutes"),
            "note": N_("Note"),
            "confirmed_at": N_("Confirmée le"),
            "posted_minutes": N_("Minutes versées"),
        },
        fate=Fate.KEPT,
        stays=("note",),
        why=AGREED,
    ),
    Holding(
        table="disputes",
        title=N_("Désaccords de mes accords"),
        where=_PARTY,
        exported={
            "opened_at": N_("Date"),
            "mission_id": N_("Mission"),
            "opened_by": N_("Ouvert par"),
            "reason": N_("Motif"),
            "state": N_("État"),
            "decision": N_("Décision"),
            "posted_minutes": N_("Minutes versées"),
        },
        fate=Fate.KEPT,
        stays=("reason", "decision"),
        why=AGREED,
    ),
    Holding(
        table="dispute_statements",
        title=N_("Mes déclarations"),
        mine=("author_id",),
        exported={"added_at": N_("Date"), "statement": N_("Déclaration")},
        fate=Fate.KEPT,
        stays=("statement",),
        why=AGREED,
    ),
    Holding(
        table="member_skills",
        title=N_("Mes savoir-faire"),
        mine=("membership_id",),
        exported={"skill_id": N_("Compétence"), "level": N_("Niveau"), "note": N_("Note")},
        fate=Fate.DELETED,
    ),
    Holding(
        table="member_words",
        title=N_("Ce que la recherche garde de mon profil"),
        mine=("membership_id",),
        fate=Fate.KEPT,
        stays=("state", "sort_name", "facets", "words"),
        why=N_("suit le profil : un déclencheur l'y ramène dès qu'il change"),
    ),
    Holding(
        table="messages",
        title=N_("Mes messages"),
        mine=("author_id",),
        where="t.author_id = :me AND t.hidden_at IS NULL",
        exported={"written_at": N_("Date"), "mission_id": N_("Mission"), "body": N_("Message")},
        fate=Fate.KEPT,
        stays=("body",),
        why=N_("Les autres gardent le fil de ce qui s'est dit, sous votre pseudonyme."),
    ),
    Holding(
        table="thread_readings",
        title=N_("Mes conversations"),
        mine=("member_id",),
        exported={"mission_id": N_("Mission"), "unread": N_("Non lus")},
        fate=Fate.DELETED,
    ),
    Holding(
        table="reviews",
        title=N_("Les avis que j'ai donnés et reçus"),
        # What is hidden, or not yet revealed to who was reviewed, leaves by no road.
        where="t.hidden_at IS NULL AND (t.author_id = :me OR t.subject_id = :me"
        " AND (t.revealed_at IS NOT NULL OR t.due_at <= now()))",
        exported={
            "written_at": N_("Date"),
            "mission_id": N_("Mission"),
            "author_id": N_("Par"),
            "subject_id": N_("À propos de"),
            "verdict": N_("Appréciation"),
            "words": N_("En quelques mots"),
            "answer": N_("Réponse"),
        },
        fate=Fate.KEPT,
        stays=("words", "answer"),
        why=N_("Un avis appartient aussi à l'autre personne ; il reste, sous votre pseudonyme."),
    ),
    Holding(
        table="reports",
        title=N_("Mes signalements"),
        mine=("reporter_id",),
        exported={
            "reported_at": N_("Date"),
            "reason": N_("Motif"),
            "outcome": N_("Suite"),
            "decision": N_("Décision"),
        },
        fate=Fate.KEPT,
        stays=("reason", "decision"),
        why=N_("La médiation garde la trace de ce qu'elle a décidé."),
    ),
    Holding(
        table="mission_invitations",
        title=N_("Les missions auxquelles on m'a invité"),
        mine=("invited_id",),
        exported={"invited_at": N_("Date"), "mission_id": N_("Mission")},
        fate=Fate.DELETED,
    ),
)
