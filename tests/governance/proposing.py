"""A circle that decides: members, a proposal on the credit limit, and the steps of its consent, through the verbs."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from governance.amending import amend_proposal
from governance.objecting import Grounds, object_to_proposal
from governance.proposal_sheets import proposal_sheet
from governance.proposal_shown import ProposalSheet
from governance.proposal_states import Phase, ProposalKind
from governance.proposal_terms import Subject, Words
from governance.proposing import propose
from governance.rounds import advance_proposal, answer_round
from tenants.platform.database import Database
from tests import factories
from tests.factories import Founded, Member

HOUR = 60
LIMIT = "timebank.credit_limit_low"
GROUNDS = Grounds(
    harm="Qui débute ne pourrait plus rien recevoir.",
    role_harmed="Accueil des nouveaux",
    reasons="La moitié des nouveaux passe cinq heures sous zéro le premier mois.",
)


@dataclass(frozen=True)
class Assembly:
    """A cooperative of three: its founder, who facilitates nothing, Awa who proposes and Bran who objects."""

    coop: Founded
    awa: Member
    bran: Member

    @property
    def everyone(self) -> tuple[Member, Member, Member]:
        return self.coop.manager, self.awa, self.bran


async def gather(database: Database) -> Assembly:
    coop = await factories.found_cooperative(database)
    return Assembly(
        coop,
        await factories.join_member(database, coop, name="Awa Proposante"),
        await factories.join_member(database, coop, name="Bran Objecteur"),
    )


def limit_of(hours: int, *, title: str = "Baisser le découvert", on: date | None = None) -> Words:
    return Words(
        title=title,
        reasons=f"Les soldes s'éloignent de zéro : {hours} heures suffisent.",
        value=hours * HOUR,
        effective_on=on,
    )


async def proposed(database: Database, author: Member, words: Words | None = None, **more: Any) -> UUID:
    """A proposal to lower the credit limit, opened to discussion."""
    async with database.begin(tenant=author.tenant_id) as db:
        found = await propose(
            db,
            actor=author.actor,
            subject=more.pop("subject", Subject(kind=ProposalKind.AMEND_RULE, rule=LIMIT)),
            words=words or limit_of(2),
            publish=more.pop("publish", True),
            **more,
        )
    return found.proposal.id


async def in_round(database: Database, author: Member, words: Words | None = None, **more: Any) -> UUID:
    """The same, in its first round."""
    proposal_id = await proposed(database, author, words, **more)
    async with database.begin(tenant=author.tenant_id) as db:
        await advance_proposal(db, actor=author.actor, proposal_id=proposal_id, to=Phase.OBJECTIONS)
    return proposal_id


async def consent(database: Database, proposal_id: UUID, *members: Member, version: int = 1) -> None:
    for member in members:
        async with database.begin(tenant=member.tenant_id) as db:
            await answer_round(db, actor=member.actor, proposal_id=proposal_id, version=version)


async def objected(database: Database, member: Member, proposal_id: UUID, version: int = 1) -> UUID:
    async with database.begin(tenant=member.tenant_id) as db:
        raised = await object_to_proposal(
            db, actor=member.actor, proposal_id=proposal_id, version=version, grounds=GROUNDS
        )
    return raised.id


async def amended(
    database: Database, author: Member, proposal_id: UUID, words: Words, *integrates: UUID, version: int = 1
) -> None:
    async with database.begin(tenant=author.tenant_id) as db:
        await amend_proposal(
            db,
            actor=author.actor,
            proposal_id=proposal_id,
            version=version,
            words=words,
            integrates=integrates,
        )


async def sheet(database: Database, reader: Member, proposal_id: UUID) -> ProposalSheet:
    async with database.begin(tenant=reader.tenant_id, read_only=True) as db:
        return await proposal_sheet(db, actor=reader.actor, proposal_id=proposal_id)
