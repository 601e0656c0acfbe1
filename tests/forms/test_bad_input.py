"""Every form, sent everything but what it asks for: it says what is wrong, keeps what was typed, and does nothing.

A new form is walked without being named here: the pages are opened, and whatever form they show is tried.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx
import pytest
from markupsafe import escape
from sqlalchemy import text

from tenants.platform.database import Database
from tenants.platform.settings import Settings
from tests.conftest import OpenAs
from tests.factories import Member
from tests.forms.reading import FormRead, read_forms
from tests.forms.scene import FORM_TYPE, Scene, browser_of, every_form, general, set_scene
from tests.running import Running

NUL = "Bon\x00jour à tous"
BIDI = "la facture\u202egpj.exe"
CONTROLS = "a\x1b[31mb\x07c"
# What is typed in every field at once; a field may well accept some of it, but then another does not.
TYPED = {
    "NUL": NUL,
    "controls": CONTROLS,
    "bidi": BIDI,
    "long number": "9" * 300,
    "negative": "-5",
    "huge": "99999999999999999999",
    "infinite": "1e309",
    "not a number": "nan",
    "impossible day": "31/02/2026",
    "past day": "1999-01-01",
    "year 10000": "10000-01-01",
    "markup": '"><script>alert(1)</script>',
    "surrogate": "%ED%A0%80",
    "very long": "mot à mot " * 1_010,
}
NEVER_SENT = ("/me/sign-out", "/sign-out", "/me/language", "/leave", "/revoke")
"""Acts that would end the walk; they have no field to get wrong."""
REFUSED = {400, 403, 404, 409, 413, 422, 429}


@dataclass(frozen=True)
class Walk:
    scene: Scene
    forms: list[tuple[Member | None, FormRead]]

    def language(self, who: Member | None) -> str:
        """The worker reads English, everybody else French."""
        return "en" if who is self.scene.worker else "fr"

    def to_fill(self) -> Iterator[tuple[Member | None, FormRead]]:
        """The forms in which something is typed or chosen."""
        return ((who, form) for who, form in self.forms if form.shown)


@pytest.fixture(scope="module")
async def walk(database: Database, db_as: OpenAs, migrated: Settings, archipel: Running) -> Walk:
    scene = await set_scene(database, db_as)
    forms = await every_form(migrated, archipel, scene)
    async with browser_of(archipel, scene.worker) as client:
        await client.post("/me/language", data={"locale": "en"})
    kept = [(who, form) for who, form in forms if not form.action.endswith(NEVER_SENT)]
    return Walk(scene, kept)


async def rows(db_as: OpenAs, scene: Scene) -> Counter[str]:
    """How many rows of each table the cooperative has; what the worker or the clock does may still arrive."""
    async with db_as("postgres") as db:
        tables = (
            await db.scalars(
                text(
                    "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' "
                    "AND column_name = 'tenant_id' AND table_name IN "
                    "(SELECT tablename FROM pg_tables WHERE schemaname = 'public')"
                )
            )
        ).all()
        counted = " UNION ALL ".join(
            f"SELECT '{table}', count(*) FROM \"{table}\" WHERE tenant_id = :tenant" for table in tables
        )
        found = await db.execute(text(counted), {"tenant": scene.home.tenant_id})
        still = {
            "outbox",
            "notices",
            "notice_mails",
            "mails",
            "mission_rounds",
            "member_activity",
            "clock_ticks",
        }
        return Counter({table: count for table, count in found.all() if table not in still})


async def send(client: httpx.AsyncClient, form: FormRead, values: dict[str, str]) -> httpx.Response:
    """Send the form as a browser does."""
    return await client.post(form.action, content=urlencode(values), headers={"content-type": FORM_TYPE})


def kept_values(form: FormRead, answer: httpx.Response) -> dict[str, str]:
    """What the answer's form of the same address holds."""
    for one in read_forms(form.page, answer.text):
        if one.action == form.action and set(one.fields) >= {field.name for field in form.shown}:
            return {field.name: field.value for field in one.fields.values()}
    return {}


def not_kept(form: FormRead, typed: str, answer: httpx.Response) -> list[str]:
    """The fields whose text the answer does not hold: in the form, or to be copied where there is no form any more."""
    if answer.status_code in {409, 422}:
        assert 'id="errors"' in answer.text, (form.action, typed, answer.text[-600:])
    kept = kept_values(form, answer)
    if kept:
        return [one.name for one in form.shown if one.written and kept.get(one.name) != typed]
    words = " " in typed and any(one.written for one in form.shown)
    return [form.action] if words and f'<p class="typed">{escape(typed)}</p>' not in answer.text else []


def assert_a_page(form: FormRead, what: str, answer: httpx.Response, language: str) -> None:
    """Whatever was sent, a page in the reader's language answers."""
    told = (form.action, what, answer.status_code, answer.text[-600:])
    assert answer.status_code in REFUSED | {303}, told
    if answer.status_code == httpx.codes.SEE_OTHER:
        return
    assert f'<html lang="{language}"' in answer.text, told
    for untranslated in ("Expected `", "Invalid value", "Traceback", "Object missing"):
        assert untranslated not in answer.text, told


def test_the_walk_found_the_forms(walk: Walk) -> None:
    found = {general(form.action).replace(walk.scene.home.slug, "*") for _who, form in walk.forms}
    for expected in (
        "/*/missions",
        "/*/missions/*/edit",
        "/*/missions/*/bids",
        "/*/missions/*/deliver",
        "/*/missions/*/dispute",
        "/*/missions/*/statements",
        "/*/missions/*/decide",
        "/*/missions/*/bids/*/accept",
        "/*/missions/*/stop/accept",
        "/sign-in",
        "/*/hours/give",
        "/*/hours/transfer",
        "/*/pot/give",
        "/*/pot/grant",
        "/*/invitations",
        "/*/mandates",
        "/*/assemblies",
        "/*/settings",
        "/*/profile",
        "/*/skills",
        "/*/tokens",
        "/me/password",
        "/me/email",
    ):
        assert expected in found, f"the walk was not shown {expected}: {sorted(found)}"


async def test_what_was_typed_wrong_comes_back_with_the_reason(
    walk: Walk, archipel: Running, db_as: OpenAs
) -> None:
    lost: list[str] = []
    for who, form in walk.to_fill():
        language = walk.language(who)
        async with browser_of(archipel, who, walk.language(who)) as client:
            for what, typed in TYPED.items():
                before = await rows(db_as, walk.scene)
                filled = form.values() | {one.name: typed for one in form.shown}
                answer = await send(client, form, filled)
                assert_a_page(form, what, answer, language)
                if answer.status_code == httpx.codes.SEE_OTHER:
                    continue
                assert await rows(db_as, walk.scene) == before, (form.action, what)
                lost += [f"{form.action} {what}: {one}" for one in not_kept(form, typed, answer)]
    assert not lost, "\n".join(lost)


async def test_nothing_at_all_is_answered_field_by_field(
    walk: Walk, archipel: Running, db_as: OpenAs
) -> None:
    for who, form in walk.to_fill():
        before = await rows(db_as, walk.scene)
        async with browser_of(archipel, who, walk.language(who)) as client:
            answer = await client.post(form.action, headers={"content-type": FORM_TYPE})
        assert_a_page(form, "nothing", answer, walk.language(who))
        if answer.status_code != httpx.codes.SEE_OTHER:
            assert await rows(db_as, walk.scene) == before, form.action


async def test_bodies_that_no_browser_sends(walk: Walk, archipel: Running, db_as: OpenAs) -> None:
    bodies = {
        "10 MB": (FORM_TYPE, b"title=" + b"a" * 10_000_000),
        "JSON": ("application/json", b'{"title": "a"}'),
        "XML": ("text/xml", b"<a/>"),
        "no boundary": ("multipart/form-data", b"--x\r\n"),
        "broken multipart": ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form"),
        "many fields": (FORM_TYPE, b"&".join(b"a=1" for _ in range(5_000))),
    }
    before = await rows(db_as, walk.scene)
    for who, form in walk.forms:
        async with browser_of(archipel, who, walk.language(who)) as client:
            for what, (kind, body) in bodies.items():
                if what == "10 MB" and not form.shown:
                    continue
                answer = await client.post(form.action, content=body, headers={"content-type": kind})
                assert_a_page(form, what, answer, walk.language(who))
                assert answer.status_code in REFUSED, (form.action, what, answer.status_code)
    assert await rows(db_as, walk.scene) == before


async def test_a_form_from_nowhere_or_from_another_site_does_nothing(
    walk: Walk, archipel: Running, db_as: OpenAs
) -> None:
    before = await rows(db_as, walk.scene)
    for who, form in walk.forms:
        async with browser_of(archipel, who, walk.language(who)) as client:
            for headers in ({}, {"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"}):
                client.headers.pop("origin", None)
                client.headers.pop("sec-fetch-site", None)
                answer = await client.post(
                    form.action, data=form.values() | {"reason": "Un mot"}, headers=headers
                )
                if who or headers:
                    assert answer.status_code == httpx.codes.FORBIDDEN, (form.action, answer.status_code)
                assert_a_page(form, "no origin", answer, walk.language(who))
    assert await rows(db_as, walk.scene) == before


async def test_another_cooperatives_ids_are_no_ids_here(walk: Walk, archipel: Running, db_as: OpenAs) -> None:
    foreign = [str(one) for found in walk.scene.foreign_ids.values() for one in found[:1]]
    before = await rows(db_as, walk.scene)
    for who, form in walk.forms:
        parts = form.action.split("/")
        async with browser_of(archipel, who, walk.language(who)) as client:
            for one in foreign:
                moved = "/".join(one if len(part) == 36 else part for part in parts)
                ids = {name: one for name, value in form.values().items() if len(value) == 36}
                # "Read up to here" takes any id as a place in time; the rows below show that it moved nothing.
                if (moved == form.action and not ids) or moved.endswith("/notices/read"):
                    continue
                answer = await client.post(moved, data=form.values() | ids)
                assert_a_page(form, f"foreign {one}", answer, walk.language(who))
                assert answer.status_code in REFUSED, (moved, ids, answer.status_code)
    assert await rows(db_as, walk.scene) == before


async def test_odd_fields_harm_nothing(walk: Walk, archipel: Running) -> None:
    """Each field twice, fields nobody knows, bytes that are no UTF-8, a key that is none, no key."""
    for who, form in walk.to_fill():
        values = form.values()
        once = {name: value for name, value in values.items() if name != "once"}
        doubled = urlencode([(one.name, "x\x00") for one in form.shown] * 2)
        odd = {
            "repeated": doubled,
            "unknown": urlencode(
                once | {one.name: "\x00" for one in form.shown} | {"tenant_id": "1", "": "2"}
            ),
            "no UTF-8": "&".join(f"{one.name}=%FF%C0%80" for one in form.shown),
            "raw bytes": "&".join(f"{one.name}=\udcff" for one in form.shown),
            "broken key": urlencode(
                values | {one.name: "\x00" for one in form.shown} | {"once": "\x00" * 300}
            ),
        }
        async with browser_of(archipel, who, walk.language(who)) as client:
            for what, body in odd.items():
                answer = await client.post(
                    form.action,
                    content=body.encode(errors="surrogateescape"),
                    headers={"content-type": FORM_TYPE},
                )
                assert_a_page(form, what, answer, walk.language(who))
