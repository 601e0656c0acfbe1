"""What is said of a team's split and of the changes of an agreement, in whole sentences.

Pure: it says what the reader may already see. This file must never read the database.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from marketplace.amendments import AmendmentState
from marketplace.team_details import AmendmentDetail, AmendmentPartDetail, PartDetail
from tenants.platform.words import N_, _

ENDINGS: Final[Mapping[AmendmentState, str]] = {
    AmendmentState.PENDING: N_("en attente"),
    AmendmentState.APPLIED: N_("acceptée"),
    AmendmentState.REFUSED: N_("refusée"),
    AmendmentState.WITHDRAWN: N_("retirée"),
    AmendmentState.EXPIRED: N_("sans réponse à temps"),
    AmendmentState.DROPPED: N_("sans suite"),
}
ENDING_TONES: Final[Mapping[AmendmentState, str]] = {
    AmendmentState.PENDING: "warn",
    AmendmentState.APPLIED: "good",
}


def remainder_sentence(team: Sequence[PartDetail]) -> str:
    """Say to whom the left-over minutes go, and why; nothing where the parts come out even."""
    lucky = [part for part in team if part.remainder]
    if not lucky:
        return ""
    names = ", ".join(part.member.name for part in lucky)
    sentence = _(
        "Le reste de {left_minutes} va à {names} : c'est là que l'arrondi à la minute enlevait le plus.",
        left_minutes=len(lucky),
        names=names,
    )
    if not any(part.drawn for part in lucky):
        return sentence
    return (
        sentence
        + " "
        + _(
            "À égalité, une empreinte de la mission et du membre a départagé : ni l'ordre ni le nom n'y font rien."
        )
    )


def change_sentence(part: AmendmentPartDetail) -> str:
    """Say what an amendment means for one member."""
    if not part.before_shares:
        return _("rejoint l'équipe, pour {after_minutes}", after_minutes=part.after_minutes)
    if not part.after_shares:
        return _("quitte l'équipe ; sa part était de {before_minutes}", before_minutes=part.before_minutes)
    if part.before_minutes == part.after_minutes:
        return _("garde {after_minutes}", after_minutes=part.after_minutes)
    return _(
        "passe de {before_minutes} à {after_minutes}",
        before_minutes=part.before_minutes,
        after_minutes=part.after_minutes,
    )


def amendments_told(amendments: Sequence[AmendmentDetail]) -> list[tuple[datetime, str]]:
    """Say what happened to the agreement, as (moment, sentence)."""
    told = []
    for one in amendments:
        told.append((one.proposed_at, _("{name} propose de changer l'accord.", name=one.proposed_by.name)))
        if one.ended_at is None:
            continue
        who = one.ended_by.name if one.ended_by else ""
        match one.state:
            case AmendmentState.APPLIED if one.before_minutes != one.after_minutes:
                sentence = _(
                    "L'accord change, avec l'accord de tous : de {before_minutes} à {after_minutes}.",
                    before_minutes=one.before_minutes,
                    after_minutes=one.after_minutes,
                )
            case AmendmentState.APPLIED:
                sentence = _("L'équipe et ses parts changent, avec l'accord de tous.")
            case AmendmentState.REFUSED:
                sentence = _("{name} refuse la modification.", name=who)
            case AmendmentState.WITHDRAWN:
                sentence = _("{name} retire la modification.", name=who)
            case _state:
                sentence = _("La modification est restée sans suite.")
        told.append((one.ended_at, sentence))
    return told
