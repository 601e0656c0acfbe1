"""What happens on the ground floor, told to whoever listens: frozen, in the past tense, ids and facts only.

This file must never hold a name, an address or a text that somebody wrote.
"""

from uuid import UUID

from tenants.platform.clock import Tick
from tenants.platform.outbox import Event


class RuleChanged(Event, frozen=True, kw_only=True):
    """A version of a rule was written; it may start later than now."""

    rule: str
    version_id: UUID


class AssemblySigned(Event, frozen=True, kw_only=True):
    """The second of two mandates signed the minutes of an assembly: its resolutions are now in the rulebook."""

    assembly_id: UUID


class NoticesGiven(Event, frozen=True, kw_only=True):
    """Members were given notices, all of one batch."""

    batch_id: UUID


class DigestsLeft(Event, frozen=True, kw_only=True):
    """Some of the morning's digests were sent, and some are still to be sent."""


class CooperativeFounded(Event, frozen=True, kw_only=True):
    """A cooperative was founded; its first manager has been invited."""


class MailLinkRequested(Event, frozen=True, kw_only=True):
    """Somebody asked for a link by mail. Its cooperative is the id of none: it concerns a person alone."""

    mail_link_id: UUID


class ContactEmailAsked(Event, frozen=True, kw_only=True):
    """A member named a new address for their notices: a link to confirm it is to be mailed there."""

    membership_id: UUID


class MemberInvited(Event, frozen=True, kw_only=True):
    """An invitation is to be mailed, for the first time or once more."""

    invitation_id: UUID


class JoinRequested(Event, frozen=True, kw_only=True):
    """Somebody asks to join; a link to confirm their mailbox is to be mailed."""

    join_request_id: UUID


class JoinAnswered(Event, frozen=True, kw_only=True):
    """A manager let somebody in who had asked, or turned them down; they are to be told by mail."""

    join_request_id: UUID


class MemberJoined(Event, frozen=True, kw_only=True):
    """Somebody was admitted and is a member now."""

    membership_id: UUID


class MemberLeft(Event, frozen=True, kw_only=True):
    """A member left the cooperative."""

    membership_id: UUID


class MandateGiven(Event, frozen=True, kw_only=True):
    """A member was given a mandate."""

    mandate_id: UUID
    membership_id: UUID
    role: str


class MandateEnded(Event, frozen=True, kw_only=True):
    """A mandate ended: taken back, given up, or at its term."""

    mandate_id: UUID
    membership_id: UUID
    role: str


class MandatesDue(Tick, frozen=True, kw_only=True):
    """A day began: which mandates are over, and which will be soon, is to be looked at."""


class ImportPrepared(Event, frozen=True, kw_only=True):
    """Somebody brought a file from another tool: it is to be looked at."""

    import_id: UUID


class ImportReleased(Event, frozen=True, kw_only=True):
    """An import that was looked at may be carried out."""

    import_id: UUID


class ImportsDue(Tick, frozen=True, kw_only=True):
    """A day began: imports nobody decided on are cleared, and invitations that wait for their day leave."""


class ErasureAsked(Event, frozen=True, kw_only=True):
    """A membership that has ended is to be forgotten when its waiting time is over."""

    membership_id: UUID


class MembershipErased(Event, frozen=True, kw_only=True):
    """A former member was forgotten: a pseudonym stands where their name stood."""

    membership_id: UUID


class PersonErasureAsked(Event, frozen=True, kw_only=True):
    """A person asked to be forgotten altogether. Its cooperative is the id of none."""

    person_id: UUID


class PersonErasureDue(Event, frozen=True, kw_only=True):
    """The waiting time of a person is over: all they left is to be forgotten. Its cooperative is the id of none."""

    person_id: UUID
