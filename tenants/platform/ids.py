"""The names of identifiers, so that the type checker keeps a person apart from a membership.

Every identifier is a UUIDv7 made by PostgreSQL. This file must never hold behaviour.
"""

from typing import NewType
from uuid import UUID

CooperativeId = NewType("CooperativeId", UUID)
PersonId = NewType("PersonId", UUID)
MembershipId = NewType("MembershipId", UUID)
MandateId = NewType("MandateId", UUID)
AccountId = NewType("AccountId", UUID)
TransferId = NewType("TransferId", UUID)
HoldId = NewType("HoldId", UUID)
MissionId = NewType("MissionId", UUID)
BidId = NewType("BidId", UUID)
AgreementId = NewType("AgreementId", UUID)
CircleId = NewType("CircleId", UUID)
CollegeId = NewType("CollegeId", UUID)
