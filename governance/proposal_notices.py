"""What members are told of proposals, and to whom. This file must never hold a text that somebody wrote."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from governance.circles import circle_members
from governance.proposals import Proposal
from tenants.notice_kinds import NoticeKind, Topic, declare_notices
from tenants.notices import notify_members
from tenants.platform.ids import MembershipId
from tenants.platform.words import N_

PAGE = "/proposals/{proposal_id}"


def _kind(name: str, sentence: str, *, mailed: bool = True, waits: bool = False) -> NoticeKind:
    return NoticeKind(name, sentence, PAGE, mailed=mailed, topic=Topic.DECISIONS, waits=waits)


declare_notices(
    _kind(
        "proposal_opened", N_("Une proposition est ouverte à la discussion dans votre cercle."), mailed=False
    ),
    _kind(
        "proposal_round",
        N_("Une ronde d'objections est ouverte jusqu'au {closes_at} : votre réponse est attendue."),
        waits=True,
    ),
    _kind("proposal_objected", N_("Une objection attend d'être intégrée dans une proposition."), waits=True),
    _kind("proposal_question", N_("Une question est posée sur votre proposition."), waits=True),
    _kind("proposal_answered", N_("Votre question sur une proposition a une réponse."), mailed=False),
    _kind(
        "objection_integrated", N_("Une nouvelle version intègre votre objection : relisez-la."), waits=True
    ),
    _kind("objection_invalid", N_("Votre objection a été écartée ; la raison est écrite à côté.")),
    _kind(
        "proposal_escalated",
        N_("Une proposition n'a pas trouvé le consentement : dites comment la porter plus loin."),
        waits=True,
    ),
    _kind("proposal_adopted", N_("Une proposition est adoptée ; elle prend effet le {effective_on}.")),
    _kind("proposal_rejected", N_("Une proposition est rejetée.")),
    _kind("proposal_withdrawn", N_("Une proposition de votre cercle est retirée."), mailed=False),
    _kind(
        "proposal_stuck", N_("Une décision adoptée n'a pas pu prendre effet : voyez pourquoi."), waits=True
    ),
)


async def tell_circle(
    db: AsyncSession, one: Proposal, kind: str, *, but: Collection[MembershipId] = (), **facts: object
) -> None:
    """Tell the members of the proposal's circle, but those who know already."""
    told = set(await circle_members(db, one.tenant_id, one.circle_id)) - set(but)
    await tell(db, one, kind, told, **facts)


async def tell(
    db: AsyncSession, one: Proposal, kind: str, told: Collection[UUID] | None, **facts: object
) -> None:
    """Tell these members (None: every active one) something of a proposal."""
    if told is None or told:
        await notify_members(
            db,
            tenant_id=one.tenant_id,
            membership_ids=told,
            kind=kind,
            facts={"proposal_id": one.id, **facts},
        )
