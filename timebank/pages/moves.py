"""A move of the ledger said in words: "Badis vous a aidé" rather than "transfer 120"."""

from datetime import date

from tenants.platform.words import N_, _
from timebank.closings import CAUSE as LEAVING
from timebank.exchange_imports import HISTORY, HISTORY_OPENING
from timebank.exchanges import EXCHANGE
from timebank.gift_causes import GIFT, POT_GRANT, POT_REQUEST, STARTING_GIFT
from timebank.ledger.accounts import AccountKind
from timebank.ledger.statements import Move
from timebank.third_party_entries import PAPER

# By what kind of move it was: what the one who received reads, and what the one who gave reads.
SENTENCES = {
    EXCHANGE: (N_("Vous avez aidé {name}"), N_("{name} vous a aidé")),
    PAPER: (N_("Vous avez aidé {name}"), N_("{name} vous a aidé")),
    GIFT: (N_("{name} vous a fait un don"), N_("Vous avez fait un don à {name}")),
    POT_GRANT: (N_("Reçu de la caisse solidaire"), N_("Accordé à {name}")),
    HISTORY: (N_("Vous aviez aidé {name}"), N_("{name} vous avait aidé")),
    HISTORY_OPENING: (
        N_("Solde de départ, repris d'un autre outil"),
        N_("Solde de départ, repris d'un autre outil"),
    ),
    POT_REQUEST: (N_("Reçu de la caisse solidaire"), N_("Accordé à {name}")),
    STARTING_GIFT: (N_("Don de bienvenue de la caisse solidaire"), N_("Don de bienvenue à {name}")),
    LEAVING: (N_("Départ : heures de {name}"), N_("Départ : heures pour {name}")),
    "mission": (N_("Mission pour {name}"), N_("Mission confiée à {name}")),
}
# The same on somebody else's statement, which the treasurer reads.
OF_ANOTHER = {
    **dict.fromkeys((EXCHANGE, PAPER, HISTORY), (N_("Aide donnée à {name}"), N_("Aide reçue de {name}"))),
    GIFT: (N_("Don reçu de {name}"), N_("Don à {name}")),
}
REVERSED_OF_ANOTHER = (
    N_("Annulation : heures rendues par {name}"),
    N_("Annulation : heures rendues à {name}"),
)
REVERSED = (
    N_("Annulation : {name} vous rend ces heures"),
    N_("Annulation : vous rendez ces heures à {name}"),
)
OTHERWISE = (N_("Reçu de {name}"), N_("Donné à {name}"))


def said(move: Move, *, own: bool = True) -> str:
    """What whoever the statement is of did or received, in one sentence; ``own`` when they read it themselves."""
    kind = (move.cause or "").partition(":")[0]
    if move.reverses:
        received, given = REVERSED if own else REVERSED_OF_ANOTHER
    else:
        sentences = SENTENCES if own else SENTENCES | OF_ANOTHER
        received, given = sentences.get(kind, OTHERWISE)
    return _(received if move.amount > 0 else given, name=counterparty(move))


def counterparty(move: Move) -> str:
    """The name of the other side."""
    if move.counterparty_name:
        return move.counterparty_name
    return _("la caisse solidaire") if move.counterparty_kind is AccountKind.POT else _("la coopérative")


def happened_on(move: Move) -> date | None:
    """The day on which something that was entered later took place, where its entry says so."""
    _kind, _colon, about = (move.cause or "").partition(":")
    try:
        return date.fromisoformat(about) if about else None
    except ValueError:
        return None


def mission_of(move: Move) -> str | None:
    """The id of the mission that a move settled, if it settled one."""
    kind, _colon, about = (move.cause or "").partition(":")
    return about if kind == "mission" and about else None
