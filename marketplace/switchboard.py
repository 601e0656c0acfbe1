"""Read this first: every route, every event with who hears it, every tick of the clock, on one page.

This file must never hold a rule; it only says what is connected to what.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import time, timedelta
from typing import TYPE_CHECKING, Final

from litestar import Litestar, Router
from litestar.types import ControllerRouterHandler
from sqlalchemy import select

# Declares the words of the audit trail; what every table knows about people; what can be imported.
import governance.audit_words
import governance.holdings
import governance.proposal_audit_words
import governance.proposal_holdings
import governance.vote_holdings  # noqa: F401
import marketplace.audit_words
import marketplace.holdings  # noqa: F401
import tenants.member_imports  # noqa: F401
import timebank.audit_words
import timebank.exchange_imports  # noqa: F401
from governance.api import API as GOVERNANCE_API
from governance.circle_ends import leave_circles
from governance.circle_mandate_terms import review_circle_mandates
from governance.closing import VotesDue, count_due_votes, remind_of_votes
from governance.contests import RuleReviewsDue, review_rules
from governance.effects import EffectsDue, apply_effects
from governance.escalations import RoundsDue, close_rounds
from governance.events import ProposalAdopted, ProposalRejected
from governance.pages import PAGES as GOVERNANCE_PAGES
from governance.root_circles import complete_circles
from marketplace import correspondence as tell
from marketplace import events as missions
from marketplace import team_correspondence as tell_teams
from marketplace import voices
from marketplace.api import API as MISSION_API
from marketplace.departures import withdraw_what_was_theirs
from marketplace.operations import answer_health, answer_metrics
from marketplace.pages import PAGES as MISSION_PAGES
from marketplace.rounds import (
    MissionDayBegan,
    MissionHourStruck,
    end_late_amendments,
    expire_yesterdays_missions,
    give_back_what_lapsed,
    settle_what_silence_settles,
)
from marketplace.saved_searches import tell_searchers
from tenants.admission_letters import mail_join_answer, mail_join_link
from tenants.api import API as TENANTS_API
from tenants.assembly_signatures import notify_rules_changed
from tenants.cooperatives import Cooperative
from tenants.delegation_terms import review_delegations
from tenants.digests import mail_digests
from tenants.erasure_letters import mail_erasure_asked, mail_person_erasure_asked
from tenants.events import (
    AssemblySigned,
    ContactEmailAsked,
    DigestsLeft,
    ErasureAsked,
    ImportPrepared,
    ImportReleased,
    ImportsDue,
    JoinAnswered,
    JoinRequested,
    MailLinkRequested,
    MandatesDue,
    MemberInvited,
    MemberJoined,
    MemberLeft,
    MembershipErased,
    NoticesGiven,
    PersonErasureAsked,
    PersonErasureDue,
    RuleChanged,
)
from tenants.forgetting import ErasuresDue, erase_person, erase_what_is_due
from tenants.import_jobs import carry_out_released, clear_imports, look_into
from tenants.imported_members import mail_todays_invitations
from tenants.letters import mail_contact_confirmation, mail_invitation, mail_link
from tenants.mandate_terms import review_mandates
from tenants.notice_mails import MailTick, mail_again, mail_notices
from tenants.pages import PAGES as TENANTS_PAGES
from tenants.platform.clock import Schedule
from tenants.platform.outbox import Event, Subscriber
from tenants.platform.settings import Settings
from tenants.platform.templating import NavigationItem
from tenants.platform.words import _
from tenants.rule_completion import RulebookDue, complete_rulebook
from tenants.silences import SilencesDue, ask_after_the_silent
from timebank.api import API as TIMEBANK_API
from timebank.correspondence import prove_nightly, tell_receivers, tell_treasurers
from timebank.events import HoldsExpired, LedgerDiffered, ProofDue, TransfersPosted
from timebank.pages import PAGES as TIMEBANK_PAGES
from timebank.starting_gifts import StartingGiftsDue, give_starting_gifts, welcome_newcomer
from timebank.transfer_desk import open_desk

if TYPE_CHECKING:
    from tenants.visit import Visit


# --- Routes --------------------------------------------------------------------------------------------


def routes() -> Sequence[ControllerRouterHandler]:
    """Every page and every operation of the API."""
    return [
        answer_health,
        answer_metrics,
        *TENANTS_PAGES,
        *TIMEBANK_PAGES,
        *GOVERNANCE_PAGES,
        *MISSION_PAGES,
        Router("/api/v1", route_handlers=[*TENANTS_API, *TIMEBANK_API, *GOVERNANCE_API, *MISSION_API]),
    ]


# --- Events: what happened, and who hears it ---------------------------------------------------------------

EVENTS: Final[Mapping[type[Event], tuple[Subscriber, ...]]] = {
    missions.MissionPosted: (tell_searchers,),
    missions.MissionWithdrawn: (tell.tell_of_withdrawal,),
    missions.MissionExpired: (tell.tell_of_expiry,),
    missions.BidPlaced: (tell.tell_of_bid,),
    missions.BidWithdrawn: (tell.tell_of_withdrawn_bid,),
    missions.PartAccepted: (tell_teams.tell_of_accepted_part,),
    missions.PartDeclined: (tell_teams.tell_of_declined_part,),
    missions.AmendmentProposed: (tell_teams.tell_of_amendment,),
    missions.AmendmentAccepted: (tell_teams.tell_of_consent,),
    missions.AmendmentApplied: (tell_teams.tell_of_change,),
    missions.AmendmentEnded: (tell_teams.tell_of_no_change,),
    missions.BidAccepted: (tell.tell_of_accepted_bid,),
    missions.MissionStarted: (tell.tell_of_start,),
    missions.HoldLapsing: (tell.tell_of_lapsing_hold,),
    missions.AgreementLapsed: (tell.tell_of_lapse,),
    missions.CancellationProposed: (tell.tell_of_proposed_cancellation,),
    missions.CancellationRefused: (tell.tell_of_refused_cancellation,),
    missions.AgreementCalledOff: (tell.tell_of_end,),
    missions.MissionDelivered: (tell.tell_of_delivery,),
    missions.MissionSettled: (tell.tell_of_settlement,),
    missions.MissionDisputed: (tell.tell_of_dispute,),
    missions.StatementAdded: (tell.tell_of_statement,),
    missions.DisputeDecided: (tell.tell_of_decision,),
    MemberJoined: (welcome_newcomer,),
    MemberLeft: (withdraw_what_was_theirs, leave_circles),
    missions.MessageWritten: (voices.tell_of_message,),
    missions.ReviewsRevealed: (voices.tell_of_reviews,),
    missions.ReportMade: (voices.tell_of_report,),
    missions.ReportDecided: (voices.tell_of_report_decided,),
    missions.MemberInvitedToBid: (voices.tell_of_invitation,),
    MissionDayBegan: (
        expire_yesterdays_missions,
        voices.reveal_reviews,
    ),
    MissionHourStruck: (settle_what_silence_settles, give_back_what_lapsed, end_late_amendments),
    TransfersPosted: (tell_receivers,),
    HoldsExpired: (),
    LedgerDiffered: (tell_treasurers,),
    ProofDue: (prove_nightly,),
    MailLinkRequested: (mail_link,),
    ContactEmailAsked: (mail_contact_confirmation,),
    MemberInvited: (mail_invitation,),
    JoinRequested: (mail_join_link,),
    JoinAnswered: (mail_join_answer,),
    ProposalAdopted: (),
    ProposalRejected: (),
    RoundsDue: (close_rounds,),
    RuleReviewsDue: (review_rules,),
    EffectsDue: (apply_effects,),
    VotesDue: (count_due_votes, remind_of_votes),
    MandatesDue: (review_mandates, review_delegations, review_circle_mandates),
    RuleChanged: (),
    AssemblySigned: (notify_rules_changed,),
    NoticesGiven: (mail_notices,),
    MailTick: (mail_again, mail_digests),
    DigestsLeft: (mail_digests,),
    RulebookDue: (complete_rulebook, complete_circles),
    ErasureAsked: (mail_erasure_asked,),
    PersonErasureAsked: (mail_person_erasure_asked,),
    ErasuresDue: (erase_what_is_due,),
    PersonErasureDue: (erase_person,),
    MembershipErased: (),
    SilencesDue: (ask_after_the_silent,),
    StartingGiftsDue: (give_starting_gifts,),
    ImportPrepared: (look_into,),
    ImportReleased: (carry_out_released,),
    ImportsDue: (clear_imports, mail_todays_invitations),
}


# --- The clock: what comes round, and the event it emits in each cooperative -------------------------------

TICKS: Final[Sequence[Schedule]] = (
    Schedule("ledger_proof", ProofDue, at=time(3)),
    Schedule("mandates", MandatesDue, at=time(6)),
    Schedule("rounds", RoundsDue, every=timedelta(minutes=5)),
    Schedule("rule_reviews", RuleReviewsDue, at=time(7)),
    Schedule("effects", EffectsDue, every=timedelta(hours=1)),
    Schedule("votes", VotesDue, every=timedelta(minutes=5)),
    Schedule("silences", SilencesDue, at=time(10)),
    Schedule("starting_gifts", StartingGiftsDue, every=timedelta(hours=1)),
    Schedule("imports", ImportsDue, at=time(8)),
    Schedule("rulebook", RulebookDue, every=timedelta(hours=1)),
    Schedule("mails_again", MailTick, every=timedelta(minutes=15)),
    Schedule("erasures", ErasuresDue, every=timedelta(hours=1)),
    Schedule("missions_day", MissionDayBegan, at=time(0, 5)),
    Schedule("missions_hour", MissionHourStruck, every=timedelta(minutes=15)),
)

ROSTER: Final = select(Cooperative.tenant_id, Cooperative.time_zone, Cooperative.created_at.label("since"))


# --- The menu --------------------------------------------------------------------------------------------


def navigation(visit: "Visit") -> Sequence[NavigationItem]:
    """The main navigation, for this reader in this cooperative."""
    if visit.cooperative is None:
        return []
    home = f"/{visit.slug}"

    def item(label: str, path: str, *children: NavigationItem, also: Sequence[str] = ()) -> NavigationItem:
        # ``also``: pages that are reached from there, under an address of their own.
        places = [path, *(f"{home}/{place}" for place in also)]
        under = any(visit.path == one or (one != home and visit.path.startswith(f"{one}/")) for one in places)
        return NavigationItem(label, path, under or any(child.current for child in children), children)

    public = [item(_("Règles"), f"{home}/rules"), item(_("Registre"), f"{home}/register")]
    if visit.member is None:
        return [item(_("Missions"), f"{home}/missions"), *public, item(_("Votes"), f"{home}/votes")]
    affairs = [
        *public,
        item(_("Caisse solidaire"), f"{home}/pot"),
        item(_("Mandats"), f"{home}/mandates"),
        item(_("Délégations"), f"{home}/delegations", also=["entries"]),
        item(_("Assemblées"), f"{home}/assemblies"),
    ]
    deciding = [
        item(_("Propositions des membres"), f"{home}/proposals", also=["objections"]),
        item(_("Votes"), f"{home}/votes"),
        item(_("Cercles"), f"{home}/circles"),
        item(_("Collèges"), f"{home}/colleges"),
    ]
    charges = []
    if visit.holds("manager"):
        charges += [
            item(_("Demandes d'adhésion"), f"{home}/join-requests"),
            item(_("Invitations"), f"{home}/invitations"),
            item(_("Membres sans ordinateur"), f"{home}/offline-members", also=["letters"]),
        ]
    if visit.holds("mediator"):
        charges += [
            item(_("Désaccords"), f"{home}/disputes"),
            item(_("Signalements"), f"{home}/reports"),
        ]
    if visit.holds("treasurer", "manager"):
        charges += [
            item(_("Trésorerie"), f"{home}/treasury"),
            item(_("Importer"), f"{home}/imports"),
        ]
    if visit.holds("manager"):
        charges += [
            item(_("Compétences"), f"{home}/skills"),
            item(_("Paramètres"), f"{home}/settings"),
        ]
    return [
        item(_("Accueil"), home),
        item(_("Missions"), f"{home}/missions", also=["matches", "searches"]),
        item(_("Mes heures"), f"{home}/hours"),
        item(_("Membres"), f"{home}/members"),
        item(_("Décider"), deciding[0].path, *deciding),
        item(_("Coopérative"), f"{home}/rules", *affairs),
        *([item(_("Gestion"), charges[0].path, *charges)] if charges else []),
    ]


# --- Hot paths -----------------------------------------------------------------------------------------


@asynccontextmanager
async def hot_paths(app: Litestar, settings: Settings) -> AsyncIterator[None]:
    """Open what the few hot endpoints use instead of a visit."""
    async with open_desk(settings.database_url) as desk:
        app.state.desk = desk
        yield
