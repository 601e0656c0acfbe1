"""How many statements a page sends to PostgreSQL: few, and as many for forty rows as for three.

Each page that lists something is opened with three rows of everything and with forty. A page that asks once
more for each row fails here.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import event, text

from governance.circle_appointing import give_circle_mandate
from governance.circle_changes import open_circle
from governance.circle_mandates import CircleRole
from governance.circle_seats import add_circle_members
from governance.contests import contest_rule
from governance.opening import open_vote
from governance.proposal_states import ProposalKind
from governance.proposal_terms import Subject, Words
from governance.proposing import propose
from governance.vote_policies import Threshold
from governance.votes import VoteMethod
from marketplace.skills import add_skill
from tenants import reception
from tenants.actors import Role
from tenants.invitations import invite_member
from tenants.notices import notify
from tenants.platform.database import Database
from tenants.tokens import SCOPES, create_api_token
from tests import factories
from tests.factories import Founded, Member
from tests.marketplace import stories
from tests.marketplace.stories import Village
from tests.marketplace.test_home import record
from tests.tenants.conftest import Browser
from timebank.exchanges import post_transfer
from timebank.gifts import give
from timebank.ledger.proof import prove_ledger

FEW, MANY = 3, 40
# Where the reader is found and isolation is set, and then what the page itself asks.
MOST = 10
# One statement for each noun that may have something waiting: missions, messages, disputes, minutes, mandates, votes.
MOST_AT_HOME = 11

PAGES = (
    "",
    "/members",
    "/missions",
    "/missions?mine=true",
    "/disputes",
    "/members/silent",
    "/notices",
    "/notices/preferences",
    "/hours",
    "/pot",
    "/invitations",
    "/mandates",
    "/assemblies",
    "/register",
    "/rules",
    "/treasury",
    "/treasury/audit",
    "/skills",
    "/tokens",
    "/proposals",
    "/proposals/new?kind=end_mandate",
    "/rules/timebank.credit_limit_low",
    "/circles",
    "/circles/{root}",
    "/circles/{root}/members",
    "/circles/{root}/members/new",
    "/circles/{circle}",
    "/circles/{circle}/members",
    "/circles/{circle}/members/new",
    "/circles/{circle}/mandates/new",
    "/circles/{circle}/perimeter",
    "/colleges",
    "/colleges/unplaced",
    "/votes",
    "/votes/new",
)


@dataclass(frozen=True)
class Scene:
    """A cooperative, and Simone, who holds every mandate and has a part in everything."""

    coop: Founded
    simone: Member
    circle: UUID

    def filled(self, page: str) -> str:
        """The address of a page, here."""
        return f"/{self.coop.slug}{page}".format(root=self.coop.tenant_id, circle=self.circle)


@pytest.fixture
async def scene(database: Database) -> Scene:
    coop = await factories.found_cooperative(database)
    simone = await factories.join_member(database, coop, name="Simone Souveraine")
    for role in Role:
        simone = await factories.give_mandate(database, coop, simone, role)
    async with database.begin(tenant=coop.tenant_id) as db:
        circle = await open_circle(
            db, actor=simone.actor, name="Un cercle", purpose="", parent_id=coop.tenant_id
        )
    return Scene(coop, simone, circle.id)


async def add_rows(database: Database, scene: Scene, rows: range) -> None:
    """Add one of everything that a page lists, for each number."""
    coop, simone = scene.coop, scene.simone
    for number in rows:
        member = await factories.join_member(database, coop, name=f"Membre {number}")
        await factories.give_mandate(database, coop, member, Role.OBSERVER, days=10)
        await stories.bid(database, member, await stories.posted(database, simone, title=f"Tri {number}"))
        await stories.posted(database, member, title=f"Mission {number}")
        quarrel = Village(coop, member, coop.manager, simone, simone)
        await stories.disputed(database, quarrel, minutes=5, spent=5)
        await record(database, coop)
        async with database.begin(tenant=coop.tenant_id, person=simone.person_id) as db:
            await post_transfer(db, actor=member.actor, to=simone.id, amount_minutes=1, reason="Un conseil")
            await give(db, actor=simone.actor, to=None, amount_minutes=1, message="Pour la caisse")
            await add_skill(db, actor=simone.actor, name=f"Savoir {number}")
            await invite_member(
                db, actor=simone.actor, email=f"n{number}@{coop.slug}.example", display_name=f"N {number}"
            )
            await notify(
                db, tenant_id=coop.tenant_id, membership_id=simone.id, kind="mandate_ended", facts={}
            )
            await create_api_token(db, actor=simone.actor, name=f"essai {number}", scopes=SCOPES, days=30)
            await prove_ledger(db, actor=simone.actor)
            await open_vote(
                db,
                actor=simone.actor,
                circle_id=coop.tenant_id,
                method=VoteMethod.MAJORITY,
                question=f"Question {number} ?",
                explanation="",
                options=(),
                threshold=Threshold.MORE_THAN_HALF,
                closes_at=datetime.now(UTC) + timedelta(days=5),
            )
            subject = Subject(kind=ProposalKind.AMEND_RULE, rule="timebank.credit_limit_low")
            words = Words(title=f"Baisser {number}", reasons="Il le faut.", value=number)
            await propose(db, actor=member.actor, subject=subject, words=words, publish=True)
            await contest_rule(db, actor=member.actor, rule="timebank.credit_limit_low", reason="Trop large.")
            await open_circle(
                db, actor=simone.actor, name=f"Cercle {number}", purpose="", parent_id=scene.circle
            )
            await add_circle_members(
                db, actor=simone.actor, circle_id=scene.circle, membership_ids=[member.id]
            )
            await give_circle_mandate(
                db,
                actor=simone.actor,
                circle_id=scene.circle,
                membership_id=member.id,
                role=CircleRole.STEWARD,
                until=date.today() + timedelta(days=90),  # noqa: DTZ011 (any day far enough)
            )


@contextmanager
def statements(app: Litestar) -> Iterator[list[str]]:
    """What the application sends to PostgreSQL."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    engine = app.state.house.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def sent_by_pages(app: Litestar, client: httpx.AsyncClient, scene: Scene) -> dict[str, list[str]]:
    """The statements of each page."""
    found = {}
    for page in PAGES:
        with statements(app) as sent:
            answer = await client.get(scene.filled(page))
        assert answer.status_code == httpx.codes.OK, page
        found[page] = sent
    return found


async def test_no_page_asks_more_for_forty_rows_than_for_three(
    database: Database, app: Litestar, browser: Browser, scene: Scene
) -> None:
    client = browser(scene.simone)
    # That she was here is written apart from the first page, once an hour.
    await client.get(f"/{scene.coop.slug}")
    await asyncio.gather(*reception._background)
    await add_rows(database, scene, range(FEW))
    with_few = await sent_by_pages(app, client, scene)
    await add_rows(database, scene, range(FEW, MANY))
    with_many = await sent_by_pages(app, client, scene)
    for page, sent in with_many.items():
        assert len(sent) == len(with_few[page]), (page, sent)
        assert len(sent) <= (MOST if page else MOST_AT_HOME), (page, sent)


async def test_a_page_that_asked_once_more_would_be_noticed(
    app: Litestar, scene: Scene, browser: Browser
) -> None:
    """The planted fault: the counter sees each statement of the page's own connection."""
    client = browser(scene.simone)
    # The first visit of the hour is also noted, apart from the request.
    await client.get(f"/{scene.coop.slug}/members")
    await asyncio.sleep(0.5)
    counts = []
    for more in (1, 2):
        with statements(app) as sent:
            await client.get(f"/{scene.coop.slug}/members")
            async with app.state.house.database.begin(tenant=scene.coop.tenant_id) as db:
                for _ in range(more):
                    await db.execute(text("SELECT 1"))
        counts.append(len(sent))
    assert counts[1] == counts[0] + 1
