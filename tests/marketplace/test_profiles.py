"""Profiles: each field is read by whom its member chose, on every road, and by nobody else."""

import re
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, text

from marketplace.leaving import leave
from marketplace.member_skills import MemberSkill, SkillLevel, set_member_skill
from marketplace.skills import add_skill
from tenants.contact_emails import change_contact_email, confirm_contact_email, stamp_contact_email
from tenants.mail_links import LinkExpired
from tenants.memberships import Membership
from tenants.notices import notify
from tenants.own_profiles import DatesReversed, NeverPublic, change_profile
from tenants.platform.database import Database
from tenants.platform.errors import TooManyAttempts
from tenants.platform.throttle import Throttle
from tenants.profiles import FIELD_AUDIENCES, NEVER_PUBLIC, Audience, Availability, Weekday
from tests import factories
from tests.factories import Member
from tests.marketplace import stories
from tests.marketplace.stories import Village, village
from tests.tenants.conftest import Browser, Client

# What betrays each field, wherever it stands: in French words, in codes, in raw values.
TRACES = {
    "email": ("badis@secret.example",),
    "phone": ("+33 6 11 22 33 44",),
    "territory": ("Lozère", '"48"'),
    "presentation": ("Zinguerie confidentielle",),
    "skills": ("Ferronnerie", "note très discrète"),
    "availability": ("mercredi", '"wed"', "3 h 17", "197"),
    "languages": ("occitan", '"oc"'),
}


async def shown_with(database: Database, scene: Village, audience: Audience | None) -> Member:
    """Give the bidder a full profile whose fields all have this audience (or the ones of a newcomer)."""
    audiences = {
        field: Audience.MEMBERS if audience is Audience.PUBLIC and field in NEVER_PUBLIC else audience
        for field in FIELD_AUDIENCES
        if audience
    }
    async with database.begin(tenant=scene.coop.tenant_id, person=scene.bidder.person_id) as db:
        skill = await db.scalar(
            text("SELECT id FROM skills WHERE tenant_id = :t"), {"t": scene.coop.tenant_id}
        )
        if skill is None:
            skill = (await add_skill(db, actor=scene.coop.manager.actor, name="Ferronnerie")).id
        await change_profile(
            db,
            actor=scene.bidder.actor,
            display_name=scene.bidder.name,
            contact_phone="+33 6 11 22 33 44",
            territory="48",
            presentation="Zinguerie confidentielle",
            languages=["oc"],
            availability=Availability(weekly_minutes=197, free_days=[Weekday.WEDNESDAY]),
            audiences=audiences,
        )
        await set_member_skill(
            db,
            actor=scene.bidder.actor,
            skill_id=skill,
            level=SkillLevel.ABLE,
            note="note très discrète",
        )
        await db.execute(
            text("UPDATE memberships SET contact_email = 'badis@secret.example' WHERE id = :id"),
            {"id": scene.bidder.id},
        )
    return scene.bidder


async def everything_read(
    browser: Browser, bearer: Client, database: Database, reader: Member | None, shown: Member
) -> str:
    """All that this reader finds of the member, on every road."""
    client, slug = browser(reader), shown.slug
    paths = ["/members", f"/members/{shown.id}", "/members?q=badis", "/members.csv", "/missions"]
    found = [(await client.get(f"/{slug}{path}")).text for path in paths]
    if reader:
        program = bearer(await factories.api_token(database, reader, "profile:read", "missions:read"))
        asked = (
            "members",
            "members/search?q=badis",
            f"members/{shown.id}",
            f"members/{shown.id}/skills",
            "me",
            "missions",
        )
        found += [(await program.get(f"/{slug}/{path}")).text for path in asked]
    return re.sub(r"<option[^>]*>[^<]*</option>", "", "\n".join(found))


def fields_in(pages: str) -> set[str]:
    # As words of their own: an identifier may hold any three digits.
    return {
        field
        for field, traces in TRACES.items()
        if any(re.search(rf"(?<![\w-]){re.escape(trace)}(?![\w-])", pages) for trace in traces)
    }


CONTACT = {"email", "phone"}
ALL = set(FIELD_AUDIENCES)


@pytest.mark.parametrize(
    ("audience", "partner", "member", "manager", "stranger"),
    [
        (Audience.ME, set(), set(), CONTACT, set()),
        (Audience.PARTNERS, ALL, set(), CONTACT, set()),
        (Audience.MEMBERS, ALL, ALL, ALL, set()),
        (Audience.PUBLIC, ALL, ALL, ALL, ALL - CONTACT),
        (None, ALL - CONTACT, ALL - CONTACT, ALL, set()),
    ],
    ids=["me", "partners", "members", "public", "nothing chosen"],
)
async def test_each_field_is_read_by_its_audience_on_every_road(
    database: Database,
    browser: Browser,
    bearer: Client,
    audience: Audience | None,
    partner: set[str],
    member: set[str],
    manager: set[str],
    stranger: set[str],
) -> None:
    scene = await village(database)
    await stories.agreed(database, scene)
    shown = await shown_with(database, scene, audience)

    async def read(reader: Member | None) -> set[str]:
        return fields_in(await everything_read(browser, bearer, database, reader, shown))

    assert await read(scene.author) == partner
    assert await read(scene.other) == member
    assert await read(scene.coop.manager) == manager
    assert await read(None) == stranger
    assert await read(shown) == ALL


async def test_one_field_hidden_hides_that_field_and_no_other(
    database: Database, browser: Browser, bearer: Client
) -> None:
    scene = await village(database)
    shown = await shown_with(database, scene, Audience.MEMBERS)
    for field in FIELD_AUDIENCES:
        async with database.begin(tenant=scene.coop.tenant_id) as db:
            await db.execute(
                text(
                    "UPDATE memberships SET email_audience = 'members', phone_audience = 'members',"
                    " territory_audience = 'members', presentation_audience = 'members',"
                    " skills_audience = 'members', availability_audience = 'members',"
                    " languages_audience = 'members' WHERE id = :id"
                ),
                {"id": shown.id},
            )
            await db.execute(
                text(f"UPDATE memberships SET {field}_audience = 'me' WHERE id = :id"), {"id": shown.id}
            )
        seen = fields_in(await everything_read(browser, bearer, database, scene.other, shown))
        assert seen == ALL - {field}


async def test_who_has_left_is_read_no_longer_whatever_they_had_chosen(
    database: Database, browser: Browser, bearer: Client
) -> None:
    """They can no longer choose. A manager still reaches them, until they are forgotten."""
    scene = await village(database)
    await stories.confirm(database, scene.author, await stories.delivered(database, scene))
    shown = await shown_with(database, scene, Audience.PUBLIC)
    async with database.begin(tenant=shown.tenant_id, person=shown.person_id) as db:
        await leave(db, actor=shown.actor)
    for reader, may in (
        (scene.author, set()),
        (scene.other, set()),
        (None, set()),
        (scene.coop.manager, CONTACT),
    ):
        pages = await everything_read(browser, bearer, database, reader, shown)
        assert fields_in(pages) == may
    client = browser(scene.coop.manager)
    for path in ("/members?state=left", "/members?state=left&q=zinguerie", "/members.csv?state=left"):
        assert fields_in((await client.get(f"/{shown.slug}{path}")).text) <= CONTACT, path


async def test_neither_email_nor_telephone_is_ever_public(database: Database, bearer: Client) -> None:
    scene = await village(database)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        for field in NEVER_PUBLIC:
            with pytest.raises(NeverPublic):
                await change_profile(
                    db,
                    actor=scene.other.actor,
                    display_name="Chloé",
                    audiences={field: Audience.PUBLIC},
                )
    program = bearer(await factories.api_token(database, scene.other, "profile:write"))
    told: dict[str, Any] = {"display_name": "Chloé", "contact_email": scene.other.email}
    refused = await program.post(f"/{scene.coop.slug}/profile", json={**told, "email_audience": "public"})
    assert (refused.status_code, refused.json()["code"]) == (422, "never_public")


async def test_dates_in_the_wrong_order_are_refused(database: Database, browser: Browser) -> None:
    scene = await village(database)
    client = browser(scene.other)
    answer = await client.post(
        f"/{scene.coop.slug}/profile",
        data={
            "display_name": "Chloé",
            "contact_email": scene.other.email,
            "available_from": "02/03/2027",
            "available_until": "01/03/2027",
            "weekly_minutes": "2h30",
            "free_days": ["mon", "fri"],
        },
    )
    assert answer.status_code == 422
    assert 'id="available_until-error"' in answer.text
    assert DatesReversed.default_field == "available_until"
    assert 'value="2h30"' in answer.text


async def test_a_new_address_holds_only_once_its_link_is_pressed(
    database: Database, browser: Browser
) -> None:
    scene = await village(database)
    own, path = scene.bidder, f"/{scene.coop.slug}/profile"
    client = browser(own)
    typed = {"display_name": own.name, "contact_email": "Victime@Example.org", "email_audience": "members"}
    assert (await client.post(path, data=typed)).status_code == 303
    for reader in (scene.other, scene.coop.manager):
        assert "victime@example.org" not in (await browser(reader).get(f"/{own.slug}/members/{own.id}")).text
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        kept = await db.get_one(Membership, (own.tenant_id, own.id))
        assert kept.contact_email == own.email
        stamped = await stamp_contact_email(db, tenant_id=own.tenant_id, membership_id=own.id)
        assert stamped
        token = stamped[1]
    # Somebody else's press, a wrong token, and merely opening the page change nothing.
    link = f"{path}/email/{token}"
    assert (await client.get(link)).status_code == 200
    assert (await browser(scene.other).post(link)).status_code == 404
    assert (await client.post(f"{path}/email/{token[:-1]}x")).status_code == 404
    assert (await client.post(link)).status_code == 303
    assert "victime@example.org" in (await browser(scene.other).get(f"/{own.slug}/members/{own.id}")).text
    assert (await client.post(link)).status_code == 404


async def test_a_link_is_too_old_after_a_day_and_gone_when_the_member_thinks_again(
    database: Database, throttle: Throttle
) -> None:
    scene = await village(database)
    own = scene.bidder
    async with database.begin(tenant=own.tenant_id, person=own.person_id) as db:
        await change_contact_email(db, throttle, actor=own.actor, email="neuve@example.org")
        stamped = await stamp_contact_email(db, tenant_id=own.tenant_id, membership_id=own.id)
        assert stamped
        await db.execute(
            text(
                "UPDATE memberships SET new_contact_email_until = now() - interval '1 second' WHERE id = :id"
            ),
            {"id": own.id},
        )
        db.expire_all()
        with pytest.raises(LinkExpired):
            await confirm_contact_email(db, actor=own.actor, token=stamped[1])
        assert await stamp_contact_email(db, tenant_id=own.tenant_id, membership_id=own.id) is None
        back = await change_contact_email(db, throttle, actor=own.actor, email=own.email)
        assert back.new_contact_email is None
        # The address with which one signs in is one's own already.
        back.contact_email = "ancienne@example.org"
        assert (
            await change_contact_email(db, throttle, actor=own.actor, email=own.email)
        ).contact_email == own.email
        for number in range(4):
            await change_contact_email(db, throttle, actor=own.actor, email=f"n{number}@example.org")
        with pytest.raises(TooManyAttempts):
            await change_contact_email(db, throttle, actor=own.actor, email="encore@example.org")


async def test_skills_are_added_said_otherwise_and_removed_on_their_page(
    database: Database, browser: Browser
) -> None:
    scene = await village(database)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        skill = await add_skill(db, actor=scene.coop.manager.actor, name="Relecture")
    client, path = browser(scene.other), f"/{scene.coop.slug}/profile/skills"
    assert "Où en êtes-vous" in (await client.get(path)).text
    empty = await client.post(path, data={"level": "able"})
    assert empty.status_code == 422
    for level in ("learning", "teaching"):
        sent = {"skill_id": str(skill.id), "level": level, "note": "<i>douce</i>", "once": level}
        assert [(await client.post(path, data=sent)).status_code for _ in range(2)] == [303, 303]
    page = (await client.get(f"/{scene.coop.slug}/members/{scene.other.id}")).text
    assert "je peux le transmettre" in page
    assert "&lt;i&gt;douce&lt;/i&gt;" in page
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        assert len((await db.scalars(select(MemberSkill))).all()) == 1
    assert (await client.post(f"{path}/{skill.id}/remove")).status_code == 303
    assert (await client.post(f"{path}/{skill.id}/remove")).status_code == 404
    stranger = await client.post(path, data={"skill_id": str(scene.other.id), "level": "able"})
    assert stranger.status_code == 422


async def test_a_notice_mail_never_goes_to_an_address_that_was_merely_typed(
    database: Database, throttle: Throttle
) -> None:
    scene = await village(database)
    own = replace(scene.bidder)
    async with database.begin(tenant=own.tenant_id, person=own.person_id) as db:
        await change_contact_email(db, throttle, actor=own.actor, email="autre@example.org")
        await notify(db, tenant_id=own.tenant_id, membership_id=own.id, kind="mandate_ended", facts={})
        addresses = await db.execute(
            text(
                "SELECT m.contact_email FROM notices n JOIN memberships m ON m.id = n.membership_id"
                " WHERE n.kind = 'mandate_ended'"
            )
        )
        assert addresses.scalars().all() == [own.email]
