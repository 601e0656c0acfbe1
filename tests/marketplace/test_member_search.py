"""The search of members: words in two languages, slips, filters with counts, and never a field that is hidden."""

import re
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import text

from marketplace.member_search import FoundMembers, MemberSearch, search_members
from marketplace.member_skills import SkillLevel, set_member_skill
from marketplace.skills import add_skill
from tenants.memberships import MembershipState, suspend_member
from tenants.own_profiles import change_profile
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, Unreadable
from tenants.profiles import Audience, Availability, Weekday
from tests import factories
from tests.conftest import OpenAs
from tests.factories import Founded, Member
from tests.marketplace import stories
from tests.marketplace.stories import Village, village
from tests.marketplace.test_reading import statements
from tests.tenants.conftest import Browser, Client

MANY = 3_000


async def find(
    database: Database, reader: Member, q: str = "", limit: int = 20, after: str | None = None, **asked: Any
) -> FoundMembers:
    async with database.begin(tenant=reader.tenant_id, read_only=True) as db:
        return await search_members(
            db, actor=reader.actor, asked=MemberSearch(q=q, **asked), limit=limit, after=after
        )


def names(found: FoundMembers) -> list[str]:
    return [hit.display_name for hit in found.hits]


def near(found: FoundMembers) -> list[str]:
    return [hit.display_name for hit in found.near]


async def told(
    database: Database,
    coop: Founded,
    name: str,
    *,
    skills: tuple[str, ...] = (),
    note: str = "",
    **profile: Any,
) -> Member:
    """A member who says this of themselves."""
    member = await factories.join_member(database, coop, name=name)
    await says(database, coop, member, skills=skills, note=note, **profile)
    return member


async def says(
    database: Database,
    coop: Founded,
    member: Member,
    *,
    skills: tuple[str, ...] = (),
    note: str = "",
    **profile: Any,
) -> None:
    async with database.begin(tenant=coop.tenant_id, person=member.person_id) as db:
        await change_profile(db, actor=member.actor, display_name=member.name, **profile)
        for skill in skills:
            given = {"t": coop.tenant_id, "n": skill}
            known = await db.scalar(text("SELECT id FROM skills WHERE tenant_id = :t AND name = :n"), given)
            if known is None:
                known = (await add_skill(db, actor=coop.manager.actor, name=skill)).id
            await set_member_skill(db, actor=member.actor, skill_id=known, level=SkillLevel.ABLE, note=note)


@pytest.fixture(scope="module")
async def coop(database: Database) -> Founded:
    coop = await factories.found_cooperative(database)
    await told(
        database,
        coop,
        "Élise Le Gall",
        skills=("Plomberie", "Couture"),
        note="Des ourlets surtout",
        territory="29",
        presentation="Je répare des **vélos** et des chevaux de bois.",
        availability=Availability(weekly_minutes=120, free_days=[Weekday.MONDAY], works_remotely=False),
    )
    await told(
        database,
        coop,
        "Jean-Pierre L'Hostis",
        skills=("Plomberie",),
        territory="35",
        presentation="Gardening with children, and translating leaflets.",
        availability=Availability(weekly_minutes=0, free_days=[Weekday.MONDAY, Weekday.FRIDAY]),
    )
    await told(database, coop, "Maëlle Dupont", territory="75", presentation="Comptable à la retraite.")
    await told(database, coop, "Karim Vélo")
    return coop


# --- Words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("elise", ["Élise Le Gall"]),
        ("GALL élise", ["Élise Le Gall"]),
        ("jean pierre", ["Jean-Pierre L'Hostis"]),
        ("l'hostis", ["Jean-Pierre L'Hostis"]),
        ("dup", ["Maëlle Dupont"]),
        # The name before what is said elsewhere.
        ("vélo", ["Karim Vélo", "Élise Le Gall"]),
        ("cheval", ["Élise Le Gall"]),
        ("réparation de vélos", ["Élise Le Gall"]),
        ("plomberies", ["Élise Le Gall", "Jean-Pierre L'Hostis"]),
        ("ourlet", ["Élise Le Gall"]),
        ("garden child", ["Jean-Pierre L'Hostis"]),
        ("children garden", ["Jean-Pierre L'Hostis"]),
        ("gardens children", ["Jean-Pierre L'Hostis"]),
        ("translation leaflet", ["Jean-Pierre L'Hostis"]),
        ("plomberie -couture", ["Jean-Pierre L'Hostis"]),
        ('"chevaux de bois"', ["Élise Le Gall"]),
        ('"bois de chevaux"', []),
        ("le", ["Élise Le Gall"]),
        ("retraite à paris", []),
    ],
)
async def test_members_are_found_by_name_skill_and_presentation_in_two_languages(
    database: Database, coop: Founded, typed: str, expected: list[str]
) -> None:
    assert names(await find(database, coop.manager, typed)) == expected


@pytest.mark.parametrize(
    ("typed", "expected", "spelt"),
    [
        ("dupond", "Maëlle Dupont", "dupont"),
        ("plonberie", "Élise Le Gall", "plomberie"),
        ("coutrue", "Élise Le Gall", "couture"),
        ("maele", "Maëlle Dupont", "maelle"),
        ("dupond comptable", "Maëlle Dupont", "dupont"),
    ],
)
async def test_a_slip_in_a_name_or_a_skill_is_forgiven_and_said(
    database: Database, coop: Founded, typed: str, expected: str, spelt: str
) -> None:
    found = await find(database, coop.manager, typed)
    assert (found.total, names(found)) == (0, [])
    assert near(found)[0] == expected
    assert spelt in found.near_words


@pytest.mark.parametrize(
    "typed",
    [
        "'", "\\", "& | ! ( ) :* <->", "a:*b & !c", "' OR 1=1 --", "%_", "🌱", "x" * 10_000, "le la les the of", "-",
        '-"', "§zopen", "\x00", "C++", "ъёж 漢字", "é'\"\\:*" * 50, "mot " * 2_000, "-a -b -c", "$1", "<script>",
    ],
)  # fmt: skip
async def test_nothing_that_is_typed_is_an_error(database: Database, coop: Founded, typed: str) -> None:
    found = await find(database, coop.manager, typed)
    assert found.total <= 5
    assert len(found.near) <= 5


async def test_only_words_of_every_sentence_list_everybody_and_say_so(
    database: Database, coop: Founded
) -> None:
    found = await find(database, coop.manager, "the of")
    assert (found.idle, found.total, found.members) == (True, 5, 5)
    assert not (await find(database, coop.manager, "")).idle


# --- Filters and counts ---------------------------------------------------------------------------------


async def test_filters_and_their_counts_agree(database: Database, coop: Founded) -> None:
    everybody = await find(database, coop.manager)
    ids = {name: id_ for id_, name in everybody.skills.items()}
    assert names(everybody) == [
        "Élise Le Gall",
        "Fanny Fondatrice",
        "Jean-Pierre L'Hostis",
        "Karim Vélo",
        "Maëlle Dupont",
    ]
    assert everybody.counts == {
        "t29": 1,
        "t35": 1,
        "t75": 1,
        f"s{ids['Plomberie']}": 2,
        f"s{ids['Couture']}": 1,
        "dmon": 2,
        "dfri": 1,
        "remote": 1,
        "now": 1,
    }
    for asked, expected in (
        ({"territory": "35"}, ["Jean-Pierre L'Hostis"]),
        ({"region": "Bretagne"}, ["Élise Le Gall", "Jean-Pierre L'Hostis"]),
        ({"region": "Atlantide"}, []),
        ({"skill": ids["Plomberie"]}, ["Élise Le Gall", "Jean-Pierre L'Hostis"]),
        ({"skill": coop.tenant_id}, []),
        ({"remote": True}, ["Jean-Pierre L'Hostis"]),
        ({"available": True}, ["Élise Le Gall"]),
        ({"day": Weekday.FRIDAY}, ["Jean-Pierre L'Hostis"]),
        ({"day": Weekday.MONDAY, "skill": ids["Couture"]}, ["Élise Le Gall"]),
        ({"q": "plomberie", "region": "Bretagne", "remote": True}, ["Jean-Pierre L'Hostis"]),
    ):
        found = await find(database, coop.manager, **asked)
        assert (names(found), found.total) == (expected, len(expected)), asked


async def test_pages_hold_each_member_once_in_one_statement(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    for number in range(6):
        await told(database, coop, f"Potagère {number}", presentation="Potager")
    for q in ("", "potager"):
        seen: list[str] = []
        after = None
        for _ in range(4):
            async with database.begin(tenant=coop.tenant_id, read_only=True) as db:
                with statements(database) as sent:
                    page = await search_members(
                        db, actor=coop.manager.actor, asked=MemberSearch(q=q), limit=2, after=after
                    )
            assert len(sent) == 1
            seen += names(page)
            after = page.next
            if after is None:
                break
        assert len(seen) == len(set(seen)) == (6 if q else 7)
    for after in ("x", "WyJ4Il0", "Wy0xXQ", "WzFlOTld"):
        with pytest.raises(Unreadable):
            await find(database, coop.manager, after=after)


async def test_other_states_are_a_managers_to_see(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    plain, gone = [await factories.join_member(database, coop, name=name) for name in ("Paul", "Gaëlle")]
    async with database.begin(tenant=coop.tenant_id) as db:
        await suspend_member(db, actor=coop.manager.actor, membership_id=gone.id)
    assert names(await find(database, plain, "gaelle")) == []
    assert names(await find(database, coop.manager, "gaelle", state=MembershipState.SUSPENDED)) == ["Gaëlle"]
    with pytest.raises(NotAllowed):
        await find(database, plain, state=MembershipState.SUSPENDED)
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(NotAllowed):
            await search_members(db, actor=plain.actor, asked=MemberSearch(), limit=None)


# --- What is hidden -------------------------------------------------------------------------------------

SECRETS: dict[str, list[dict[str, Any]]] = {
    "presentation": [{"q": "zinguerie"}, {"q": "zing"}, {"q": '"zinguerie confidentielle"'}],
    "skills": [{"q": "ferronnerie"}, {"q": "feronnerie"}, {"q": "discrète"}, {"skill": True}],
    "territory": [{"territory": "48"}, {"region": "Occitanie"}],
    "availability": [{"day": Weekday.WEDNESDAY}, {"available": True}, {"remote": True}],
}


def betrays(found: FoundMembers, shown: Member) -> bool:
    """Whether an answer tells anything of the member, who is the only one that could answer."""
    listed = {hit.id for hit in (*found.hits, *found.near)}
    return shown.id in listed or bool(found.total or found.counts or found.near_words)


@pytest.mark.parametrize("field", SECRETS)
@pytest.mark.parametrize(
    ("audience", "member", "partner"),
    [
        (Audience.ME, False, False),
        (Audience.PARTNERS, False, True),
        (Audience.MEMBERS, True, True),
        (Audience.PUBLIC, True, True),
    ],
)
async def test_a_hidden_field_is_neither_matched_nor_counted_nor_filtered_on(
    database: Database, coops: dict[str, Any], *, field: str, audience: Audience, member: bool, partner: bool
) -> None:
    scene: Village = coops["scene"]
    shown = scene.bidder
    await says(
        database,
        scene.coop,
        shown,
        skills=("Ferronnerie",),
        note="Note très discrète",
        territory="48",
        presentation="Zinguerie confidentielle",
        availability=Availability(weekly_minutes=197, free_days=[Weekday.WEDNESDAY]),
        audiences={one: audience if one == field else Audience.MEMBERS for one in SECRETS},
    )
    readers = {scene.other: member, scene.coop.manager: member, scene.author: partner, shown: True}
    for reader, expected in readers.items():
        everybody = await find(database, reader)
        skill = next(iter(everybody.skills))
        for asked in SECRETS[field]:
            given = {**asked, "skill": skill} if "skill" in asked else asked
            found = await find(database, reader, **given)
            assert betrays(found, shown) == expected, (reader.name, given)
            # Nor by leaving out: who is left is who would be without that field.
            if list(asked) == ["q"]:
                rest = await find(database, reader, f"-{asked['q']}")
                assert (shown.id in {hit.id for hit in rest.hits}) != (
                    expected and asked["q"] not in ("zing", "feronnerie")
                )
        traces = {"skills": f"s{skill}", "territory": "t48", "availability": "dwed"}
        if field in traces:
            assert (traces[field] in everybody.counts) == expected
        (own,) = [hit for hit in everybody.hits if hit.id == shown.id]
        said = {**{one: getattr(own.profile, one, None) for one in SECRETS}, "skills": own.skills}
        assert (said[field] is not None) == expected


@pytest.fixture(scope="module")
async def coops(database: Database) -> dict[str, Any]:
    scene = await village(database)
    await stories.agreed(database, scene)
    return {"scene": scene}


async def test_who_has_said_nothing_of_their_time_is_not_found_to_work_remotely(database: Database) -> None:
    """The column says true of everybody; the gate shows it only beside something that was said."""
    coop = await factories.found_cooperative(database)
    await told(database, coop, "Muette")
    found = await find(database, coop.manager)
    assert found.counts == {}
    assert names(await find(database, coop.manager, remote=True)) == []


# --- Isolation and size -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Crowd:
    """A cooperative in which everybody says nearly the same, beside one that has a name and a skill of its own."""

    coop: Founded
    manager: Member


@pytest.fixture(scope="module")
async def crowd(database: Database, db_as: OpenAs) -> Crowd:
    coop, neighbours = [await factories.found_cooperative(database) for _ in range(2)]
    await told(database, neighbours, "Ophélie Voisine", skills=("Ferblanterie",), territory="974")
    await told(database, coop, "Zoé Unique", skills=("Ferronnerie",), territory="48")
    for name in ("Yvan Vélo", "Agathe Vélo"):
        await told(database, coop, name)
    await told(database, coop, "Xénia Savante", skills=("Vélo",))
    async with db_as("postgres") as db:
        await db.execute(
            text("""
            INSERT INTO memberships (tenant_id, state, display_name, contact_email, territory, presentation, joined_at,
                free_days, weekly_minutes, awaits_claim)
            SELECT :t, 'active', (ARRAY['Anne', 'Bruno', 'Chloé', 'Driss', 'Élise'])[1 + n % 5] || ' ' || md5(n::text), '',
                (ARRAY['29', '35', '75', '13'])[1 + n % 4], 'Je répare des vélos, membre ' || n, now(),
                ARRAY['mon', 'fri'], 120, true
            FROM generate_series(1, :n) n
            """),
            {"t": coop.tenant_id, "n": MANY},
        )
    return Crowd(coop, coop.manager)


@pytest.mark.parametrize(
    ("asked", "total"),
    [
        ({}, MANY + 5),
        ({"q": "vélo"}, 500),
        ({"q": "bruno"}, 500),
        ({"q": "bruno vélo", "territory": "35"}, MANY // 20),
        ({"q": "ferronnerie"}, 1),
        ({"q": "feronnerie"}, 0),
        ({"q": "répare élise", "territory": "35", "day": Weekday.MONDAY}, MANY // 20),
        ({"q": "ophélie"}, 0),
        ({"q": "ferblanterie"}, 0),
        ({"territory": "974"}, 0),
        ({"territory": "35", "available": True}, 500),
    ],
)
async def test_a_crowd_is_searched_in_one_statement_and_neighbours_never_appear(
    database: Database, crowd: Crowd, asked: dict[str, Any], total: int
) -> None:
    async with database.begin(tenant=crowd.coop.tenant_id, read_only=True) as db:
        with statements(database) as sent:
            found = await search_members(db, actor=crowd.manager.actor, asked=MemberSearch(**asked), limit=20)
    assert (found.total, len(sent)) == (total, 1)
    assert "Ophélie Voisine" not in names(found) + near(found)
    assert not {"ophelie", "ferblanterie"} & set(found.near_words)
    assert "t974" not in found.counts
    assert "Ferblanterie" not in found.skills.values()
    assert sum(n for key, n in found.counts.items() if key.startswith("t")) <= 500


async def test_of_a_word_that_everybody_says_names_come_first_then_skills_then_the_rest_by_name(
    database: Database, crowd: Crowd
) -> None:
    seen: list[str] = []
    after = None
    for _ in range(3):
        page = await find(database, crowd.manager, "vélo", limit=10, after=after)
        seen += names(page)
        after = page.next
    assert seen[:3] == ["Agathe Vélo", "Yvan Vélo", "Xénia Savante"]
    assert seen[3:] == sorted(seen[3:])
    assert len(set(seen)) == 30


async def test_a_filter_that_many_answer_is_paged_by_name_to_its_end(
    database: Database, crowd: Crowd
) -> None:
    seen: list[str] = []
    after = None
    while len(seen) <= MANY:
        page = await find(database, crowd.manager, limit=100, after=after, territory="35")
        seen += names(page)
        after = page.next
        if after is None:
            break
    # An accent does not part names that are otherwise alike.
    assert [name.replace("É", "E") for name in seen] == sorted(name.replace("É", "E") for name in seen)
    assert len(set(seen)) == len(seen) == MANY // 4


async def test_a_download_holds_everybody(database: Database, crowd: Crowd) -> None:
    async with database.begin(tenant=crowd.coop.tenant_id, read_only=True) as db:
        found = await search_members(db, actor=crowd.manager.actor, asked=MemberSearch(q="vélo"), limit=None)
    assert len(found.hits) == found.total == MANY + 3


async def test_a_name_that_changed_is_forgotten_and_so_is_a_word_that_nobody_says(
    database: Database, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database)
    member = await told(
        database,
        coop,
        "Séraphine Ancienne",
        skills=("Couture",),
        note="Brodeuse",
        presentation="Ferblantière accomplie",
    )

    async def known() -> set[str]:
        async with db_as("postgres") as db:
            words = await db.scalars(
                text("SELECT word FROM member_vocabulary WHERE tenant_id = :t"), {"t": coop.tenant_id}
            )
            return set(words)

    assert {"seraphine", "ferblantiere", "brodeuse"} <= await known()
    await says(
        database, coop, replace(member, name="Nouvelle"), skills=("Couture",), presentation="Autre chose"
    )
    assert not {"seraphine", "ferblantiere", "brodeuse"} & await known()
    assert names(await find(database, coop.manager, "seraphine")) == []
    assert names(await find(database, coop.manager, "nouvelle")) == ["Nouvelle"]


# --- The page and the API ---------------------------------------------------------------------------------


async def test_the_page_shows_words_found_chips_facets_and_what_to_widen(
    coop: Founded, browser: Browser
) -> None:
    client, path = browser(coop.manager), f"/{coop.slug}/members"
    page = (await client.get(path)).text
    for expected in ("Élise Le Gall", "Bretagne", "Plomberie", "Libre en ce moment", "5 membres actifs"):
        assert expected in page
    page = (await client.get(path, params={"region": "Bretagne", "q": "vélo"})).text
    assert "<mark>vélos</mark>" in page
    assert "«\xa0vélo\xa0»" in page
    assert "Finistère" in page
    assert "Karim" not in page
    alike = (await client.get(path, params={"q": "dupond"})).text
    assert re.search(r"Aussi proches de\s:\sdupont", alike)
    nobody = await client.get(path, params={"q": "xylophoniste", "remote": "1"})
    assert "Retirez un filtre" in nobody.text
    english = await client.get(path, params={"q": "dupond"}, headers={"accept-language": "en"})
    assert english.status_code == 200
    csv = await client.get(f"{path}.csv", params={"territory": "29"})
    assert len(csv.text.splitlines()) == 2
    assert "Couture, Plomberie" in csv.text


async def test_the_api_answers_the_same_and_strangers_nothing(
    database: Database, coop: Founded, bearer: Client, browser: Browser
) -> None:
    program = bearer(await factories.api_token(database, coop.manager, "profile:read"))
    answer = await program.get(f"/{coop.slug}/members/search", params={"q": "plomberie", "limit": 1})
    told = answer.json()
    assert [one["display_name"] for one in told["items"]] == ["Élise Le Gall"]
    assert told["items"][0]["skills"] == ["Couture", "Plomberie"]
    assert (told["total"], told["counts"]["dmon"]) == (2, 2)
    rest = await program.get(
        f"/{coop.slug}/members/search", params={"q": "plomberie", "limit": 1, "after": told["next"]}
    )
    assert [one["display_name"] for one in rest.json()["items"]] == ["Jean-Pierre L'Hostis"]
    other = await factories.found_cooperative(database)
    for stranger in (browser(), browser(other.manager)):
        page = await stranger.get(f"/{coop.slug}/members", params={"q": "plomberie"})
        assert page.status_code in (303, 403)
        assert "Élise" not in page.text
    assert (await bearer("").get(f"/{coop.slug}/members/search")).status_code == 401
