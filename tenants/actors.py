"""Who asks: the actor that every verb takes and authorises on its first line.

This file must never read the database; whoever builds an actor has done that.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self
from uuid import UUID

from tenants.platform.errors import NotAllowed
from tenants.platform.ids import CooperativeId, MembershipId, PersonId
from tenants.platform.words import N_


class Role(StrEnum):
    """What a mandate makes of a member, for its term."""

    MANAGER = "manager"
    TREASURER = "treasurer"
    FACILITATOR = "facilitator"
    OBSERVER = "observer"
    MEDIATOR = "mediator"
    STEWARD = "steward"


class SecondFactorNeeded(NotAllowed):
    """A mandate gives this right, but a rule withholds it until the holder has a second factor."""

    code = "second_factor_needed"
    message = N_(
        "Une règle de la coopérative demande un second facteur à qui tient ce mandat. "
        "Activez-le dans votre compte, puis recommencez."
    )


@dataclass(frozen=True, slots=True)
class Actor:
    """A member at work in one cooperative, or (without a membership) the software itself.

    ``scopes`` is None for a person in a browser, and the granted scopes for an API token. ``withheld`` are roles
    that mandates give and that may not be used yet, for want of a second factor.
    """

    tenant_id: CooperativeId
    membership_id: MembershipId | None
    person_id: PersonId | None
    roles: frozenset[Role] = field(default=frozenset())
    scopes: frozenset[str] | None = None
    withheld: frozenset[Role] = field(default=frozenset())

    @classmethod
    def system(cls, tenant_id: UUID) -> Self:
        """The clock or a job, working in one cooperative."""
        return cls(CooperativeId(tenant_id), None, None)

    @property
    def is_system(self) -> bool:
        """Whether no person stands behind this."""
        return self.membership_id is None

    @property
    def member(self) -> MembershipId:
        """The membership; refuses the software itself."""
        if self.membership_id is None:
            raise NotAllowed
        return self.membership_id

    def holds(self, *roles: Role) -> bool:
        """Whether a mandate in force gives one of these roles."""
        return not self.roles.isdisjoint(roles)

    def must_hold(self, *roles: Role) -> None:
        """Refuse unless one of these roles is held and may be used."""
        if not self.holds(*roles):
            if not self.withheld.isdisjoint(roles):
                raise SecondFactorNeeded
            raise NotAllowed

    def must_be(self, membership_id: UUID) -> None:
        """Refuse unless the actor is this member."""
        if self.membership_id != membership_id:
            raise NotAllowed
