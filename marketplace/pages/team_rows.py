"""A team as it is typed: a line for each member, by name, completed from the list of members.

Namesakes are told apart by the end of their id. This file must never show anybody but active members.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final
from uuid import UUID

import msgspec
from sqlalchemy import func, select

from marketplace.team_details import PartDetail
from marketplace.team_terms import TEAM_AT_MOST, PartTerms
from marketplace.teams import SHARES_AT_MOST
from tenants.memberships import DISPLAY_NAME_LENGTH, Membership, MembershipState
from tenants.platform.errors import Invalid
from tenants.platform.inputs import LINE_PATTERN
from tenants.platform.words import _
from tenants.visit import Visit

OFFERED_AT_MOST: Final = 400
ROWS: Final = range(1, TEAM_AT_MOST)

Name = Annotated[str, msgspec.Meta(max_length=DISPLAY_NAME_LENGTH + 8, pattern=LINE_PATTERN)]
Shares = Annotated[int, msgspec.Meta(ge=1, le=SHARES_AT_MOST)]


class TeamRows(msgspec.Struct, frozen=True, kw_only=True):
    """A team as it is typed: the lead's shares, and a line for each other member."""

    lead_shares: Shares = 1
    mate_1: Name = ""
    shares_1: Shares = 1
    mate_2: Name = ""
    shares_2: Shares = 1
    mate_3: Name = ""
    shares_3: Shares = 1
    mate_4: Name = ""
    shares_4: Shares = 1
    mate_5: Name = ""
    shares_5: Shares = 1
    mate_6: Name = ""
    shares_6: Shares = 1

    def typed(self) -> dict[str, tuple[str, int]]:
        """The lines that name somebody, by their field: the name and the shares."""
        lines = {
            f"mate_{row}": (getattr(self, f"mate_{row}"), getattr(self, f"shares_{row}")) for row in ROWS
        }
        return {
            field: (" ".join(name.split()), shares) for field, (name, shares) in lines.items() if name.strip()
        }


def rows_of(team: Sequence[PartDetail], lead_id: UUID, offered: Sequence[str]) -> dict[str, str]:
    """Write a team into the lines of the form."""
    lead = next((part.shares for part in team if part.member.id == lead_id), 1)
    values = {"lead_shares": str(lead)} | {f"shares_{row}": "1" for row in ROWS}
    mates = (part for part in team if part.member.id != lead_id)
    for row, part in zip(ROWS, mates, strict=False):
        name = part.member.name
        values[f"mate_{row}"] = name if name in offered else _called(name, part.member.id)
        values[f"shares_{row}"] = str(part.shares)
    return values


async def offered_names(visit: Visit, *, without: UUID | None) -> list[str]:
    """The names to complete from: the active members but the one who gives the hours; namesakes told apart."""
    rows = await visit.db.execute(
        select(Membership.id, Membership.display_name)
        .where(
            Membership.tenant_id == visit.here.tenant_id,
            Membership.state == MembershipState.ACTIVE,
            Membership.id != without,
        )
        .order_by(Membership.display_name)
        .limit(OFFERED_AT_MOST)
    )
    found = [(row.id, row.display_name) for row in rows if row.id != visit.actor.member]
    names = [name for _id, name in found]
    return [_called(name, one) if names.count(name) > 1 else name for one, name in found]


async def named_team(visit: Visit, typed: TeamRows, lead_id: UUID) -> list[PartTerms]:
    """Find the members behind the names; a name that is nobody's, or several people's, is said beside it."""
    lines = typed.typed()
    wanted = {name.rpartition(" (")[0] or name for name, _shares in lines.values()} | {
        name for name, _shares in lines.values()
    }
    rows = await visit.db.execute(
        select(Membership.id, Membership.display_name).where(
            Membership.tenant_id == visit.here.tenant_id,
            Membership.state == MembershipState.ACTIVE,
            func.lower(Membership.display_name).in_([name.lower() for name in wanted]),
        )
    )
    called: dict[str, list[UUID]] = {}
    for row in rows:
        called.setdefault(row.display_name.lower(), []).append(row.id)
        called.setdefault(_called(row.display_name, row.id).lower(), []).append(row.id)
    if errors := _unfound(lines, called):
        raise Invalid(errors)
    mates = [PartTerms(member_id=called[name.lower()][0], shares=shares) for name, shares in lines.values()]
    return [PartTerms(member_id=lead_id, shares=typed.lead_shares), *mates]


def _unfound(lines: Mapping[str, tuple[str, int]], called: Mapping[str, Sequence[UUID]]) -> dict[str, str]:
    errors = {}
    for field, (name, _shares) in lines.items():
        found = called.get(name.lower(), ())
        if not found:
            errors[field] = _("Aucun membre actif ne porte exactement ce nom.")
        elif len(found) > 1:
            choices = ", ".join(_called(name, one) for one in found)
            errors[field] = _(
                "Plusieurs membres portent ce nom ; écrivez l'un de ceux-ci : {choices}.", choices=choices
            )
    return errors


def _called(name: str, member_id: UUID) -> str:
    """A name that only one member bears."""
    return f"{name} ({member_id.hex[-4:]})"
