"""Erasure: asked, waited for, done: the name is nowhere any more, and register and ledger hold as before."""

from typing import Any

import pytest
from sqlalchemy import select, text

import marketplace.switchboard  # noqa: F401 (every table that is declared)
from marketplace.leaving import leave
from tenants.audit import AuditEntry
from tenants.erasure_letters import mail_erasure_asked, mail_person_erasure_asked
from tenants.erasures import (
    StillAMember,
    ask_erasure,
    ask_membership_erasure,
    keep_membership,
    my_erasures,
    withdraw_erasure,
)
from tenants.events import ErasureAsked, PersonErasureAsked, PersonErasureDue
from tenants.forgetting import ErasuresDue, erase_person, erase_what_is_due
from tenants.mail_links import NO_COOPERATIVE, request_mail_link
from tenants.memberships import Membership
from tenants.platform.database import Base, Database
from tenants.platform.errors import NotFound
from tenants.platform.ids import CooperativeId
from tenants.platform.settings import Settings
from tenants.platform.throttle import Throttle
from tenants.register import (
    commit_to,
    published,
    register_lines,
    verify_register,
)
from tests import factories
from tests.conftest import OpenAs
from tests.factories import Member
from tests.marketplace import stories
from tests.tenants.conftest import Browser
from tests.tenants.test_letters import Box
from timebank.ledger.proof import prove_ledger

PHONE = "06 78 90 12 34"


async def departed(database: Database, coop: factories.Founded) -> Member:
    """Somebody who did a little of everything under a name that nobody else has, and left."""
    name = f"Zénobie {coop.slug}"
    member = await factories.join_member(database, coop, name=name, email=f"zeno@{coop.slug}.example")
    other = await factories.join_member(database, coop, name="Chloé Tierce")
    await factories.api_token(database, member, "profile:read")
    village = stories.Village(coop, other, member, other, other)
    mission = await stories.delivered(database, village)
    await stories.confirm(database, other, mission)
    async with database.begin(tenant=coop.tenant_id, person=member.person_id) as db:
        own = await db.get_one(Membership, (coop.tenant_id, member.id))
        own.contact_phone, own.presentation = PHONE, f"Je suis {name}."
        await db.flush()
        await commit_to(db, tenant_id=coop.tenant_id, value=name, membership_id=member.id)
        await leave(db, actor=member.actor)
    return member


async def chain(database: Database, coop: factories.Founded) -> Any:
    async with database.begin(tenant=coop.tenant_id) as db:
        lines = await register_lines(db, tenant_id=coop.tenant_id, limit=None)
    return verify_register(published(line) for line in reversed(lines))


async def traces(db_as: OpenAs, *words: str) -> dict[str, int]:
    """In which tables, of all there are, one of these words still stands."""
    found = {}
    async with db_as("postgres") as db:
        for table in Base.metadata.sorted_tables:
            count = await db.scalar(
                text(f"SELECT count(*) FROM {table.name} t WHERE t::text ~* :words"),
                {"words": "|".join(words)},
            )
            if count:
                found[table.name] = count
    return found


async def due(database: Database, settings: Settings, tenant: CooperativeId) -> Box:
    """The clock strikes for one cooperative."""
    box = Box()
    async with database.begin(tenant=tenant) as db:
        db.info.update(post=box, settings=settings)
        now = (await db.execute(text("SELECT now()"))).scalar_one()
        await erase_what_is_due(db, ErasuresDue(tenant_id=tenant, due_at=now))
    return box


async def test_a_membership_is_forgotten_and_everything_still_adds_up(
    database: Database, settings: Settings, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database, rules={"tenants.erasure_wait_days": 0})
    member = await departed(database, coop)
    before = await chain(database, coop)
    assert set(await traces(db_as, member.name, member.email)) >= {"memberships", "people"}
    async with database.begin(person=member.person_id) as db:
        await ask_membership_erasure(db, person_id=member.person_id, membership_id=member.id)
    box = await due(database, settings, coop.tenant_id)
    assert [(one.to, one.to_name) for one in box.messages] == [(member.email, member.name)]
    assert await chain(database, coop) == before
    async with database.begin(tenant=coop.tenant_id) as db:
        assert (await prove_ledger(db, actor=coop.system)).differences == 0
        kept = await db.get_one(Membership, (coop.tenant_id, member.id))
        assert kept.display_name.startswith("Membre parti ")
        assert (kept.person_id, kept.contact_email, kept.contact_phone, kept.presentation) == (
            None,
            "",
            None,
            "",
        )
        for table in ("notices", "api_tokens", "register_salts", "invitations"):
            left = text(f"SELECT count(*) FROM {table} WHERE membership_id = :me")
            assert await db.scalar(left, {"me": member.id}) == 0, table
        acts = await db.scalars(select(AuditEntry.action).where(AuditEntry.subject_id == member.id))
        assert "tenants:membership:erased" in acts.all()
        statement = await db.scalar(
            text("SELECT count(*) FROM entries WHERE account_id = :me"), {"me": member.id}
        )
        assert statement == 2
    # The sign-in is the person's, who asked about this cooperative alone.
    assert set(await traces(db_as, member.name, member.email)) == {"people"}
    again = await factories.join_member(database, coop, name="Zoé", email=member.email)
    assert again.id != member.id


async def test_nothing_is_erased_before_its_time_nor_after_a_change_of_mind(
    database: Database, settings: Settings, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database, rules={"tenants.erasure_wait_days": 7})
    member = await departed(database, coop)
    async with database.begin(person=member.person_id) as db:
        asked = await ask_membership_erasure(db, person_id=member.person_id, membership_id=member.id)
    async with database.begin(person=member.person_id) as db:
        assert await ask_membership_erasure(db, person_id=member.person_id, membership_id=member.id) == asked
        _whole, [standing] = await my_erasures(db, person_id=member.person_id)
        assert standing.due_at == asked
    assert (await due(database, settings, coop.tenant_id)).messages == []
    box = Box()
    async with database.begin(tenant=coop.tenant_id) as db:
        db.info.update(post=box, settings=settings)
        await mail_erasure_asked(db, ErasureAsked(tenant_id=coop.tenant_id, membership_id=member.id))
    assert [one.to for one in box.messages] == [member.email]
    assert f"{settings.base_url}/me/data" in box.messages[0].text
    async with database.begin(person=member.person_id) as db:
        await keep_membership(db, person_id=member.person_id, membership_id=member.id)
    async with db_as("postgres") as db:
        await db.execute(text("UPDATE erasures SET due_at = now()"))
    assert (await due(database, settings, coop.tenant_id)).messages == []
    with pytest.raises(NotFound):
        async with database.begin(person=member.person_id) as db:
            await keep_membership(db, person_id=member.person_id, membership_id=member.id)
    assert "memberships" in await traces(db_as, str(member.email))


async def test_who_came_back_meanwhile_is_not_erased(
    database: Database, settings: Settings, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database, rules={"tenants.erasure_wait_days": 0})
    member = await departed(database, coop)
    async with database.begin(person=member.person_id) as db:
        await ask_membership_erasure(db, person_id=member.person_id, membership_id=member.id)
    await factories.join_member(database, coop, name=member.name, email=member.email)
    assert (await due(database, settings, coop.tenant_id)).messages == []
    async with db_as("postgres") as db:
        left = text("SELECT count(*) FROM erasures WHERE membership_id = :me")
        assert await db.scalar(left, {"me": member.id}) == 0
    with pytest.raises(StillAMember):
        async with database.begin(person=member.person_id) as db:
            await ask_membership_erasure(db, person_id=member.person_id, membership_id=member.id)
    with pytest.raises(StillAMember):
        async with database.begin(person=member.person_id) as db:
            await ask_erasure(db, person_id=member.person_id)


@pytest.mark.parametrize("asking", ["here", "everywhere"])
async def test_who_came_back_and_left_again_is_not_forgotten_by_what_they_asked_before(
    database: Database, settings: Settings, db_as: OpenAs, asking: str
) -> None:
    """Coming back was their change of mind; they ask once more, and have the whole time again."""
    coop = await factories.found_cooperative(database, rules={"tenants.erasure_wait_days": 7})
    member = await departed(database, coop)
    person_id, membership_id = member.person_id, member.id
    async with database.begin(person=person_id) as db:
        asked = await (
            ask_erasure(db, person_id=person_id)
            if asking == "everywhere"
            else ask_membership_erasure(db, person_id=person_id, membership_id=membership_id)
        )
    async with db_as("postgres") as db:
        for table in ("erasures", "person_erasures"):
            await db.execute(text(f"UPDATE {table} SET due_at = now() - interval '1 second'"))
    await factories.join_member(database, coop, name=member.name, email=member.email)
    async with database.begin(person=person_id) as db:
        everywhere, [standing] = await my_erasures(db, person_id=person_id)
        assert (everywhere, standing.due_at) == (None, None)
    async with database.begin(tenant=coop.tenant_id, person=person_id) as db:
        await leave(db, actor=member.actor)
    assert (await due(database, settings, coop.tenant_id)).messages == []
    box = Box()
    async with database.begin(tenant=NO_COOPERATIVE) as db:
        db.info.update(post=box, settings=settings)
        await erase_person(db, PersonErasureDue(tenant_id=NO_COOPERATIVE, person_id=person_id))
    assert box.messages == []
    assert "people" in await traces(db_as, member.email)
    async with database.begin(person=person_id) as db:
        again = await (
            ask_erasure(db, person_id=person_id)
            if asking == "everywhere"
            else ask_membership_erasure(db, person_id=person_id, membership_id=membership_id)
        )
    assert again > asked


async def test_another_persons_membership_is_not_found(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    member = await departed(database, coop)
    with pytest.raises(NotFound):
        async with database.begin(person=coop.manager.person_id) as db:
            await ask_membership_erasure(db, person_id=coop.manager.person_id, membership_id=member.id)


async def test_a_person_is_forgotten_whole_in_every_cooperative(
    database: Database, settings: Settings, db_as: OpenAs, throttle: Throttle
) -> None:
    coops = [
        await factories.found_cooperative(database, rules={"tenants.erasure_wait_days": 0}) for _ in range(2)
    ]
    member = await departed(database, coops[0])
    there = await factories.join_member(database, coops[1], name=member.name, email=member.email)
    with pytest.raises(StillAMember):
        async with database.begin(person=member.person_id) as db:
            await ask_erasure(db, person_id=member.person_id)
    async with database.begin(tenant=coops[1].tenant_id, person=member.person_id) as db:
        await leave(db, actor=there.actor)
    async with database.begin() as db:
        await request_mail_link(db, throttle, email=member.email, locale="fr")
    async with database.begin(person=member.person_id) as db:
        await ask_erasure(db, person_id=member.person_id)
        await withdraw_erasure(db, person_id=member.person_id)
        await ask_erasure(db, person_id=member.person_id)
    box = Box()
    async with database.begin(tenant=NO_COOPERATIVE) as db:
        db.info.update(post=box, settings=settings)
        asked = PersonErasureAsked(tenant_id=NO_COOPERATIVE, person_id=member.person_id)
        await mail_person_erasure_asked(db, asked)
    await due(database, settings, coops[0].tenant_id)
    found = await stories.events(
        database, factories.Founded(NO_COOPERATIVE, "", coops[0].manager), "PersonErasureDue"
    )
    assert {"tenant_id": str(NO_COOPERATIVE), "person_id": str(member.person_id)} in found
    for _twice in range(2):
        async with database.begin(tenant=NO_COOPERATIVE) as db:
            db.info.update(post=box, settings=settings)
            await erase_person(db, PersonErasureDue(tenant_id=NO_COOPERATIVE, person_id=member.person_id))
    assert [one.to for one in box.messages] == [member.email, member.email]
    assert await traces(db_as, member.name, member.email) == {}
    async with db_as("postgres") as db:
        for table in ("people", "sign_ins", "mail_links", "person_erasures"):
            left = text(f"SELECT count(*) FROM {table} WHERE person_id = :me")
            assert await db.scalar(left, {"me": member.person_id}) == 0, table
    for coop in coops:
        assert (await chain(database, coop)).lines


async def test_former_members_are_told_and_forgotten_when_the_rule_says(
    database: Database, settings: Settings, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(
        database, rules={"tenants.erasure_wait_days": 0, "tenants.former_members_days": 30}
    )
    member = await departed(database, coop)
    recent = await departed_again(database, coop)
    async with db_as("postgres") as db:
        await db.execute(
            text("UPDATE memberships SET ended_at = now() - interval '31 days' WHERE id = :me"),
            {"me": member.id},
        )
    assert (await due(database, settings, coop.tenant_id)).messages[0].to == member.email
    async with database.begin(tenant=coop.tenant_id) as db:
        assert (await db.get_one(Membership, (coop.tenant_id, recent.id))).display_name == recent.name


async def departed_again(database: Database, coop: factories.Founded) -> Member:
    """Somebody else who left, today."""
    member = await factories.join_member(database, coop)
    async with database.begin(tenant=coop.tenant_id, person=member.person_id) as db:
        await leave(db, actor=member.actor)
    return member


async def test_the_api_leads_the_same_way_out(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    client, here = browser(member), f"/api/v1/{coop.slug}"
    standing = (await client.get(f"{here}/leaving")).json()
    assert (standing["obstacles"], standing["treatment"]) == ([], "nothing")
    about = {"member": str(coop.manager.id)}
    assert (await client.get(f"{here}/leaving", params=about)).status_code == 403
    assert (await client.post(f"{here}/leave/write-off")).json()["code"] == "nothing_owed"
    terms = {"membership_id": str(member.id)}
    assert (await client.post("/api/v1/me/erasures", json=terms)).json()["code"] == "still_a_member"
    assert (await client.post(f"{here}/leave", json={})).json()["state"] == "left"
    asked = await client.post("/api/v1/me/erasures", json=terms)
    assert asked.status_code == 202
    [whole, own] = (await client.get("/api/v1/me/erasures")).json()["items"]
    assert (whole["due_at"], own["due_at"]) == (None, asked.json()["due_at"])
    withdrawn = await client.post("/api/v1/me/erasures/withdraw", json=terms)
    assert withdrawn.json() == {"due_at": None}
    assert (await client.post("/api/v1/me/erasures", json={})).status_code == 202
    taken = await client.get("/api/v1/me/data")
    assert taken.headers["content-type"] == "application/zip"
    other = await factories.join_member(database, coop)
    ended = await browser(coop.manager).post(f"{here}/members/{other.id}/end")
    assert ended.json() == {"membership_id": str(other.id), "state": "left"}


async def test_a_manager_ends_a_membership_on_the_page(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop, name="Odile Partante")
    path = f"/{coop.slug}/members/{member.id}"
    assert (await browser(member).get(f"/{coop.slug}/members/{coop.manager.id}/end")).status_code == 403
    client = browser(coop.manager)
    assert f"{path}/end" in (await client.get(path)).text
    assert "Odile Partante" in (await client.get(f"{path}/end")).text
    done = await client.post(f"{path}/end")
    assert (done.status_code, done.headers["location"]) == (303, path)
    assert (await client.post(f"{path}/end")).status_code == 409
