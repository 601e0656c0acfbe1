"""Search: words in two languages, slips, filters with counts, hostile input, and never another cooperative's rows."""

from typing import Any

import pytest
from sqlalchemy import text

from marketplace import missions, skills
from marketplace.mission_states import MissionState
from marketplace.mission_terms import MissionKind, MissionPlace, MissionVisibility
from marketplace.search import Found, HoursRange, MissionSearch, Order, found_missions, search_missions
from tenants.platform.database import Database
from tenants.platform.errors import Unreadable
from tenants.platform.search_words import Term, marked, terms_of
from tests.conftest import OpenAs
from tests.factories import Member
from tests.marketplace import stories
from tests.marketplace.stories import Village, posted, village
from tests.marketplace.test_reading import statements


async def find(
    database: Database,
    scene: Village,
    q: str = "",
    *,
    reader: Member | None = None,
    public: bool = False,
    **asked: Any,
) -> Found:
    reader_id = None if public else (reader or scene.other).id
    async with database.begin(tenant=scene.coop.tenant_id, read_only=True) as db:
        return await search_missions(
            db,
            tenant_id=scene.coop.tenant_id,
            reader_id=reader_id,
            asked=MissionSearch(q=q, **asked),
            limit=20,
        )


def titles(found: Found) -> list[str]:
    return [hit.mission.title for hit in found.hits]


def near(found: Found) -> list[str]:
    return [hit.mission.title for hit in found.near]


@pytest.fixture(scope="module")
async def scene(database: Database) -> Village:
    scene = await village(database)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        sewing = await skills.add_skill(db, actor=scene.coop.manager.actor, name="Couture")
    told: list[dict[str, Any]] = [
        {
            "title": "Relire une plaquette",
            "description": "La cohérence des titres **surtout**, et l'orthographe.",
        },
        {
            "title": "Réparer des vélos d'enfants",
            "description": "Trois chevaux de bois aussi, à l'été.",
            "place": MissionPlace.ON_SITE,
            "territory": "35",
            "estimated_minutes": 600,
        },
        {"title": "Ourlets de rideaux", "description": "Quatre fenêtres.", "skills": [sewing.id]},
        {
            "title": "Translate our leaflets",
            "description": "Two pages about gardening with children, from French into English.",
            "kind": MissionKind.OFFER,
            "place": MissionPlace.REMOTE,
            "territory": "75",
            "visibility": MissionVisibility.PUBLIC,
        },
        {
            "title": "Plomberie de la salle commune",
            "description": "Un robinet fuit depuis la réunion de quartier.",
            "estimated_minutes": 45,
            "territory": "2A",
        },
    ]
    for changes in told:
        await posted(database, scene.author, **changes)
    await posted(database, scene.author, title="Clavecin secret", description="Brouillonne.", publish=False)
    return scene


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("velo", "Réparer des vélos d'enfants"),
        ("VÉLOS", "Réparer des vélos d'enfants"),
        ("réparation", "Réparer des vélos d'enfants"),
        ("couture", "Ourlets de rideaux"),
        ("translating", "Translate our leaflets"),
        ("leaflet garden", "Translate our leaflets"),
        ("orthogr", "Relire une plaquette"),
        ("l'orthographe", "Relire une plaquette"),
        ("« salle commune »", "Plomberie de la salle commune"),
        ('"réunion de quartier"', "Plomberie de la salle commune"),
        ("plaquette -rideaux", "Relire une plaquette"),
    ],
)
async def test_a_word_is_found_in_its_other_forms_without_accents_in_both_languages(
    database: Database, scene: Village, typed: str, expected: str
) -> None:
    assert titles(await find(database, scene, typed)) == [expected]


async def test_words_between_quotation_marks_follow_each_other_and_a_minus_leaves_out(
    database: Database, scene: Village
) -> None:
    assert titles(await find(database, scene, '"commune salle"')) == []
    assert titles(await find(database, scene, "-plaquette -vélo -leaflets -plomberie")) == [
        "Ourlets de rideaux"
    ]
    assert titles(await find(database, scene, "vélos -enfants")) == []


@pytest.mark.parametrize(
    ("typed", "expected", "spelt"),
    [
        ("plonberie", "Plomberie de la salle commune", "plomberie"),
        ("palquette", "Relire une plaquette", "plaquette"),
        ("robinnet", "Plomberie de la salle commune", "robinet"),
        ("transalte", "Translate our leaflets", "translate"),
    ],
)
async def test_a_slip_is_forgiven_and_said_and_only_where_nothing_says_it_exactly(
    database: Database, scene: Village, typed: str, expected: str, spelt: str
) -> None:
    found = await find(database, scene, typed)
    assert (found.total, titles(found)) == (0, [])
    assert near(found)[0] == expected
    assert spelt in found.near_words


async def test_where_nothing_says_it_all_what_says_most_comes_first(
    database: Database, scene: Village
) -> None:
    found = await find(database, scene, "plaquette orthographe rideaux")
    assert titles(found) == []
    assert near(found)[:2] == ["Relire une plaquette", "Ourlets de rideaux"]


async def test_filters_and_their_counts_agree(database: Database, scene: Village) -> None:
    everything = await find(database, scene)
    assert everything.total == 5
    assert everything.counts["krequest"] == 4
    assert everything.counts["t2A"] == 1
    assert everything.counts["h1"] == 1
    for asked, expected in (
        ({"kind": MissionKind.OFFER}, {"Translate our leaflets"}),
        ({"territory": "2A"}, {"Plomberie de la salle commune"}),
        ({"region": "Île-de-France"}, {"Translate our leaflets"}),
        (
            {"region": "Bretagne"},
            {"Réparer des vélos d'enfants", "Relire une plaquette", "Ourlets de rideaux"},
        ),
        ({"region": "Atlantide"}, set()),
        ({"hours": HoursRange.MORE}, {"Réparer des vélos d'enfants"}),
        (
            {"place": MissionPlace.REMOTE, "kind": MissionKind.REQUEST},
            {"Relire une plaquette", "Ourlets de rideaux", "Plomberie de la salle commune"},
        ),
    ):
        found = await find(database, scene, **asked)
        assert set(titles(found)) == expected, asked
        assert found.total == len(expected)
    assert everything.states == {"open": 5}
    sewing = next(key for key, n in everything.counts.items() if key[0] == "s")
    assert everything.skills[sewing[1:]] == "Couture"


async def test_a_draft_and_its_words_are_for_its_author_alone(database: Database, scene: Village) -> None:
    for typed in ("clavecin", "clavescin", "brouillonne", ""):
        for state in (None, MissionState.DRAFT):
            found = await find(database, scene, typed, state=state)
            assert "Clavecin secret" not in titles(found) + near(found)
            assert "clavecin" not in found.near_words
            assert "draft" not in found.states
    assert titles(await find(database, scene, "clavecin", reader=scene.author, mine=True)) == [
        "Clavecin secret"
    ]
    assert titles(await find(database, scene, reader=scene.author, state=MissionState.DRAFT)) == [
        "Clavecin secret"
    ]


async def test_without_a_sign_in_only_what_is_public_is_found_counted_or_spelt(
    database: Database, scene: Village
) -> None:
    found = await find(database, scene, public=True)
    assert titles(found) == ["Translate our leaflets"]
    assert found.hits[0].mission.author is None
    assert (found.counts.get("krequest", 0), found.states) == (0, {})
    hidden = await find(database, scene, "plonberie", public=True, state=MissionState.SETTLED, mine=True)
    assert (titles(hidden), near(hidden), hidden.near_words) == ([], [], [])


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "'",
            '"',
            "\\",
            "& | ! ( ) :* <->",
            "a:*b & !c",
            "' OR 1=1 --",
            "%_",
            "🌱",
            "\N{RIGHT-TO-LEFT OVERRIDE}abc",
        ),
        *(
            "x" * 10_000,
            "le la les the of",
            "-",
            '-"',
            '""',
            "§zopen",
            "§t29 | jardin",
            "\x00",
            "C++",
            "1:A",
            "ъёж 漢字",
        ),
        *("é'\"\\:*" * 50, "mot " * 2_000, "-a -b -c", "''''", "E'\\x'", "$1", "<script>alert(1)</script>"),
    ],
)
async def test_nothing_that_is_typed_is_an_error_or_an_operator(
    database: Database, scene: Village, typed: str
) -> None:
    found = await find(database, scene, typed)
    assert found.total <= 5
    assert len(found.near) <= 5


async def test_only_stop_words_list_everything_and_say_so(database: Database, scene: Village) -> None:
    found = await find(database, scene, "le la les")
    assert (found.idle, found.total) == (True, 5)
    assert not (await find(database, scene, "")).idle


async def test_what_changes_is_found_anew_and_what_is_gone_is_forgotten(database: Database) -> None:
    scene = await village(database)
    mission_id = await posted(database, scene.author, title="Tailler la glycine")
    assert titles(await find(database, scene, "glycine")) == ["Tailler la glycine"]
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await missions.edit_mission(
            db,
            actor=scene.author.actor,
            mission_id=mission_id,
            terms=stories.terms(title="Tailler le rosier"),
        )
    found = await find(database, scene, "glycinne")
    assert (titles(found), near(found), found.near_words) == ([], [], [])
    assert titles(await find(database, scene, "rosiers")) == ["Tailler le rosier"]
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        words = await db.scalars(text("SELECT word FROM mission_vocabulary"))
        assert "glycine" not in set(words)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await missions.withdraw_mission(db, actor=scene.author.actor, mission_id=mission_id)
    assert titles(await find(database, scene, "rosiers")) == []
    withdrawn = await find(database, scene, "rosiers", state=MissionState.WITHDRAWN)
    assert titles(withdrawn) == ["Tailler le rosier"]
    assert withdrawn.states == {"withdrawn": 1}


async def test_what_was_found_is_marked_and_the_rest_escaped(database: Database) -> None:
    scene = await village(database)
    await posted(
        database,
        scene.author,
        title="<b>Réparer</b> & vélos",
        description="Des <script>alert(1)</script> vélos, *vite*.",
    )
    [hit] = (await find(database, scene, "velo reparer")).hits
    assert str(marked(hit.title)) == "&lt;b&gt;<mark>Réparer</mark>&lt;/b&gt; &amp; <mark>vélos</mark>"
    assert "<script" not in str(marked(hit.excerpt))
    assert "<mark>vélos</mark>" in str(marked(hit.excerpt))
    assert hit.mission.title == "<b>Réparer</b> & vélos"


async def test_pages_hold_each_answer_once_in_one_statement(database: Database) -> None:
    scene = await village(database)
    for n in range(7):
        await posted(database, scene.author, title=f"Arroser le potager {n}")
    for asked in (
        MissionSearch(),
        MissionSearch(q="potager"),
        MissionSearch(q="potager", order=Order.NEWEST),
    ):
        seen: list[str] = []
        after = None
        for _ in range(4):
            async with database.begin(tenant=scene.coop.tenant_id, read_only=True) as db:
                with statements(database) as sent:
                    page = await search_missions(
                        db,
                        tenant_id=scene.coop.tenant_id,
                        reader_id=scene.other.id,
                        asked=asked,
                        limit=2,
                        after=after,
                    )
            assert len(sent) == 1
            seen += titles(page)
            after = page.next
        assert (after, len(seen), len(set(seen))) == (None, 7, 7), asked
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        everything = await found_missions(
            db, tenant_id=scene.coop.tenant_id, reader_id=scene.other.id, asked=MissionSearch(q="potager")
        )
        assert len(everything) == 7
        for after in ("x", "WyJkYXRlIiwieCIsInkiXQ", "WyJwbGFjZSIsIngiLCIiXQ", "WyJ1IiwidiIsIncixQ"):
            with pytest.raises(Unreadable):
                await search_missions(
                    db,
                    tenant_id=scene.coop.tenant_id,
                    reader_id=None,
                    asked=MissionSearch(),
                    limit=2,
                    after=after,
                )


# --- Isolation ---------------------------------------------------------------------------------------------

CALL = "SELECT * FROM search_missions(:terms, :kinds, '{}', 'open', :reader, :mine, false, NULL, NULL, 0, 20)"


@pytest.mark.parametrize("setting", ["unset", "wrong", "right"])
@pytest.mark.parametrize("typed", ["plomberie", "plonberie", ""])
async def test_the_door_opens_on_the_tenant_of_the_setting_and_no_other(
    database: Database, scene: Village, db_as: OpenAs, setting: str, typed: str
) -> None:
    """A neighbour that copies every word, and asks with the ids of the first cooperative's members."""
    neighbours = await village(database)
    theirs = await posted(database, neighbours.author, title="Plomberie d'à côté")
    tenant = {"unset": None, "wrong": neighbours.coop.tenant_id, "right": scene.coop.tenant_id}[setting]
    terms = terms_of(typed)
    for mine in (False, True):
        async with db_as("app", tenant=tenant) as db:
            row = (
                await db.execute(
                    text(CALL),
                    {
                        "terms": [term.text for term in terms],
                        "kinds": [term.kind for term in terms],
                        "reader": scene.author.id,
                        "mine": mine,
                    },
                )
            ).one()
        ids = set(row.ids or ()) | set(row.near_ids or ())
        async with db_as("postgres") as db:
            of = set(
                await db.scalars(
                    text("SELECT DISTINCT tenant_id FROM missions WHERE id = ANY(:ids)"), {"ids": list(ids)}
                )
            )
        assert of <= {tenant}, (setting, typed)
        if setting == "unset":
            assert (ids, row.total, row.facets, row.near_words) == (set(), 0, None, None)
        elif setting == "wrong":
            assert ids <= {theirs}
        elif not mine:
            assert ids


async def test_nobody_but_the_door_gathers_past_the_policies(db_as: OpenAs) -> None:
    async with db_as("app") as db:
        rows = await db.execute(
            text("""
            SELECT p.proname, has_function_privilege('app', p.oid, 'EXECUTE') AS app,
                   has_function_privilege('platform', p.oid, 'EXECUTE') AS platform
            FROM pg_proc p
            WHERE p.proname IN ('gather_missions', 'count_states', 'words_spelt_like', 'words_beginning_like')
            """)
        )
        found = rows.all()
    assert len(found) == 4
    assert not any(one.app or one.platform for one in found)


# --- What is typed -----------------------------------------------------------------------------------------


def test_what_is_typed_is_cut_into_terms() -> None:
    assert terms_of('porte "à porte" -vélo rou') == [
        Term("word", "porte"),
        Term("phrase", "à porte"),
        Term("not", "vélo"),
        Term("last", "rou"),
    ]
    assert terms_of("l'eau ") == [Term("word", "l eau")]
    assert terms_of("micro-entreprise") == [Term("word", "micro entreprise")]
    assert terms_of("« deux mots » fin ") == [Term("phrase", "deux mots"), Term("word", "fin")]
    assert terms_of('"jamais fermé') == [Term("phrase", "jamais fermé")]
    assert len(terms_of("mot " * 500)) == 12
    assert terms_of("!?🌱") == []


def test_marks_that_do_not_match_are_harmless() -> None:
    assert str(marked("\x02a\x02b\x03c")) == "<mark>a</mark><mark>b</mark>c"
    assert str(marked("a\x03<\x02b")) == "a&lt;<mark>b</mark>"
