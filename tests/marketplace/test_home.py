"""A member's home: what waits for them, by mandate; and latest missions that are not their own."""

import re
from datetime import date, timedelta

from tenants import assembly_records
from tenants.actors import Role
from tenants.assemblies import AssemblyState, Held, Recorded, Resolution
from tenants.assembly_signatures import assemblies_to_sign, sign_assembly
from tenants.mandate_terms import mandates_ending
from tenants.mandates import give_mandate
from tenants.platform.database import Database
from tests import factories
from tests.factories import Founded, Member
from tests.marketplace import stories
from tests.marketplace.stories import posted, village
from tests.tenants.conftest import Browser

TODAY = date.today()  # noqa: DTZ011 (any day near now)


async def record(database: Database, coop: Founded, *, decisions: int = 1) -> Recorded:
    held = Held(
        held_on=TODAY - timedelta(days=2),
        place="Salle des fêtes",
        minutes="Nous avons voté.",
        members_count=4,
        present_count=3,
        represented_count=0,
        quorum_required_count=2,
    )
    resolution = Resolution(
        rule="timebank.credit_limit_low",
        value=15 * 60,
        votes_for=3,
        votes_against=0,
        votes_abstain=0,
        effective_on=TODAY + timedelta(days=2),
    )
    async with database.begin(tenant=coop.tenant_id) as db:
        return await assembly_records.record_assembly(
            db, actor=coop.manager.actor, held=held, resolutions=[resolution] * decisions
        )


async def to_sign(database: Database, reader: Member) -> list[AssemblyState]:
    async with database.begin(tenant=reader.tenant_id, read_only=True) as db:
        return [one.state for one in await assemblies_to_sign(db, actor=reader.actor)]


async def home_of(browser: Browser, reader: Member) -> str:
    """The words of the home page, without its marks."""
    answer = await browser(reader).get(f"/{reader.slug}")
    assert answer.status_code == 200
    return re.sub(r"<[^>]+>", " ", answer.text[answer.text.index("<main") :])


async def test_minutes_wait_for_whoever_may_still_sign_them(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    treasurer = await factories.give_mandate(
        database, coop, await factories.join_member(database, coop), Role.TREASURER
    )
    second = await factories.give_mandate(
        database, coop, await factories.join_member(database, coop), Role.MANAGER
    )
    await record(database, coop, decisions=0)
    assert await to_sign(database, treasurer) == [], "nothing is decided in it yet"
    recorded = await record(database, coop)
    for reader in (coop.manager, second, treasurer):
        assert await to_sign(database, reader) == [AssemblyState.DRAFT]
        assert "Un compte rendu à signer" in await home_of(browser, reader)
    assert await to_sign(database, member) == []
    assert "à signer" not in await home_of(browser, member)
    async with database.begin(tenant=coop.tenant_id) as db:
        await sign_assembly(db, actor=coop.manager.actor, assembly_id=recorded.assembly.id, version=1)
    assert await to_sign(database, coop.manager) == []
    assert await to_sign(database, second) == [], "the mandate of manager has signed"
    assert await to_sign(database, treasurer) == [AssemblyState.SIGNED_ONCE]
    assert "Un compte rendu à signer" in await home_of(browser, treasurer)
    async with database.begin(tenant=coop.tenant_id) as db:
        await sign_assembly(db, actor=treasurer.actor, assembly_id=recorded.assembly.id, version=1)
    assert await to_sign(database, treasurer) == []


async def test_a_mandate_that_ends_soon_waits_for_its_holder_and_for_managers(
    database: Database, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    holder = await factories.join_member(database, coop, name="Blanche Finissante")
    holder = await factories.give_mandate(database, coop, holder, Role.MEDIATOR, days=10)
    await factories.give_mandate(database, coop, member, Role.OBSERVER, days=90)
    assert "Votre mandat prend fin" in await home_of(browser, holder)
    assert "Blanche Finissante" in await home_of(browser, coop.manager)
    assert "prend fin" not in await home_of(browser, member)
    token = await factories.api_token(database, holder, "governance:read")
    answer = await browser().get(
        f"/api/v1/{coop.slug}/mandates/ending", headers={"authorization": f"Bearer {token}"}
    )
    assert [one["role"] for one in answer.json()["items"]] == ["mediator"]
    async with database.begin(tenant=coop.tenant_id) as db:
        await give_mandate(
            db,
            actor=coop.manager.actor,
            membership_id=holder.id,
            role=Role.MEDIATOR,
            since=TODAY + timedelta(days=11),
            until=TODAY + timedelta(days=300),
        )
        assert await mandates_ending(db, actor=holder.actor) == [], "another follows it"


async def test_a_dispute_waits_for_the_mediator_who_is_no_party(database: Database, browser: Browser) -> None:
    scene = await village(database)
    await stories.disputed(database, scene, title="Plaquette contestée")
    assert "Un désaccord à trancher : Plaquette contestée" in (
        (await home_of(browser, scene.mediator)).replace("\N{NO-BREAK SPACE}", " ")
    )
    assert "à trancher" not in await home_of(browser, scene.other)


async def test_ones_own_missions_are_not_shown_again_among_the_latest(
    database: Database, browser: Browser
) -> None:
    scene = await village(database)
    await posted(database, scene.author, title="Tailler la haie")
    answered = await posted(database, scene.other, title="Relire un contrat")
    await stories.bid(database, scene.bidder, answered)
    assert (await home_of(browser, scene.author)).count("Tailler la haie") == 1
    assert (await home_of(browser, scene.bidder)).count("Relire un contrat") == 1
    latest = (await home_of(browser, scene.bidder)).split("Dernières missions des autres membres")[1]
    assert "Tailler la haie" in latest
    assert "Relire un contrat" not in latest
