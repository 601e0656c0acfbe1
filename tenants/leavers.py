"""Who may leave a cooperative: a member, and a suspended one, who may do nothing else there.

Leaving is a person's right, which no manager's act takes away. This file must never give a suspended member a role.
"""

from tenants.actors import Actor
from tenants.visit import Visit


def leaver(visit: Visit, scope: str) -> Actor:
    """The actor who would leave. ``scope`` is what an API token needs. Raises NotSignedIn, NotAMember, ScopeMissing."""
    if visit.suspended is None:
        return visit.member_with(scope)
    return Actor(
        tenant_id=visit.here.tenant_id, membership_id=visit.suspended.id, person_id=visit.signed_in.id
    )
