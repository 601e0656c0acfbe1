import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import StrictUndefined, UndefinedError

from tenants.platform.accents import Accent
from tenants.platform.errors import NotAllowed, NotFound, NotSignedIn, Refusal, TooLarge, Unavailable
from tenants.platform.forms import Typed
from tenants.platform.templating import (
    STATIC_DIRECTORY,
    TEMPLATE_DIRECTORIES,
    NavigationItem,
    asset,
    environment,
    render,
)
from tenants.platform.words import use_locale

CSS = (STATIC_DIRECTORY / "archipel.css").read_text(encoding="utf-8")


@dataclass
class AForm:
    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    anchors: dict[str, str] = field(default_factory=dict)
    once: str = "a-key"


@dataclass
class ACooperative:
    name: str = "Les Ateliers <de la> Rade"
    slug: str = "rade"
    accent: str = "forest"
    territory: str = "29"


@dataclass
class AMember:
    name: str = "Maëlle Le Goff"


@dataclass
class AVisit:
    cooperative: ACooperative | None = field(default_factory=ACooperative)
    person: object | None = "someone"
    member: AMember | None = field(default_factory=AMember)
    locale: str = "fr"
    path: str = "/rade"
    unread_notices: int = 3
    notice: str | None = None
    demo: bool = True
    navigation: tuple[NavigationItem, ...] = (
        NavigationItem("Accueil", "/rade", current=True),
        NavigationItem(
            "Coopérative", "/rade/rules", children=(NavigationItem("Registre", "/rade/register"),)
        ),
    )

    def address(self, language: str = "") -> str:
        return f"https://coop.example{self.path}" + (f"?lang={language}" if language else "")


def page(content: str, **context: Any) -> str:
    """Render a page that extends the layout, as every floor's templates do."""
    source = (
        '{% extends "layout.html" %}{% import "parts.html" as parts %}{% import "forms.html" as forms %}'
        "{% block title %}Essai{% endblock %}{% block content %}" + content + "{% endblock %}"
    )
    return environment().from_string(source).render({"visit": AVisit(), **context})


# --- The environment -----------------------------------------------------------------------------------


def test_an_undefined_name_is_an_error() -> None:
    assert environment().undefined is StrictUndefined
    with pytest.raises(UndefinedError):
        page("{{ nobody_passed_this }}")


def test_what_people_wrote_is_escaped_also_inside_a_sentence() -> None:
    html = page('{{ name }} {{ _("solde de %(name)s", name=name) }}', name="<script>x</script>")
    assert "<script>x" not in html
    assert html.count("&lt;script&gt;x") == 2


def test_a_filter_on_a_constant_is_not_frozen_in_the_language_of_the_first_reader() -> None:
    template = environment().from_string("{{ 150|duration }} {{ 'Océan'|translated }}")
    with use_locale("en"):
        assert template.render() == "2\u00a0h\u00a030\u00a0min Ocean"
    with use_locale("fr"):
        assert template.render() == "2\u00a0h\u00a030 Océan"


def test_an_asset_is_addressed_by_its_content() -> None:
    assert re.fullmatch(r"/static/archipel\.css\?v=[0-9a-f]{10}", asset("archipel.css"))
    assert asset("archipel.css") != asset("archipel.js")


# --- Every template of every floor -----------------------------------------------------------------------

# Opened from somebody's own disk, never served as a page.
FILES = {"archive.html"}
TEMPLATES = sorted(path for folder in TEMPLATE_DIRECTORIES for path in folder.rglob("*.html"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_needs_what_the_content_policy_forbids(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle\s*=", source), "style attributes are blocked"
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", source), "inline handlers are blocked"
    if path.name not in FILES:
        assert not re.search(r"<style|<script(?![^>]*\bsrc=)", source), "inline style and script are blocked"
    assert not re.search(r"\|\s*safe\b", source), "the safe filter defeats escaping"
    assert "javascript:" not in source


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_template_compiles(path: Path) -> None:
    environment().compile(path.read_text(encoding="utf-8"), filename=str(path))


# --- The frame -------------------------------------------------------------------------------------------


class Outline(HTMLParser):
    """What a screen reader finds on a page: the tags in order, the ids, and whether tags are balanced."""

    VOID = frozenset(
        {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "rect", "line", "path"}
    )

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.feed(html)
        self.close()
        assert self.stack == [], f"never closed: {self.stack}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice on <{tag}>: {names}"
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert [tag] == self.stack[-1:], f"</{tag}> closes nothing"
        self.stack.pop()

    def ids(self) -> list[str]:
        return [str(attrs["id"]) for _, attrs in self.tags if "id" in attrs]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.mark.parametrize("locale", ["fr", "en"])
@pytest.mark.parametrize(
    "visit",
    [
        AVisit(),
        AVisit(person=None, member=None),
        AVisit(cooperative=None, person=None, member=None, navigation=()),
        AVisit(member=None, notice="C’est fait."),
    ],
    ids=["member", "visitor", "front door", "not a member"],
)
def test_the_frame_stands_for_whoever_comes(visit: AVisit, locale: str) -> None:
    visit.locale = locale
    with use_locale(locale):
        html = page("<h1>Titre</h1>", visit=visit)
    outline = Outline(html)
    assert outline.all("html")[0]["lang"] == locale
    assert len(outline.ids()) == len(set(outline.ids()))
    assert outline.all("a")[0]["href"] == "#main"
    assert "main" in outline.ids()
    assert ("/me/sign-out" in html) == bool(visit.person)
    assert ('href="/sign-in"' in html) == (not visit.person)
    assert ("C’est fait." in html) == bool(visit.notice)


def test_the_accent_is_a_class_and_the_name_is_escaped() -> None:
    html = page("")
    assert 'class="accent-forest"' in html
    assert "Les Ateliers &lt;de la&gt; Rade" in html


def test_the_current_page_is_marked_for_those_who_cannot_see_it() -> None:
    links = [attrs for attrs in Outline(page("")).all("a") if attrs.get("aria-current") == "page"]
    assert {attrs["href"] for attrs in links} == {"/rade"}


def test_the_frame_is_light() -> None:
    files = sum(
        (STATIC_DIRECTORY / name).stat().st_size for name in ("archipel.css", "archipel.js", "favicon.svg")
    )
    assert files + len(page("").encode()) < 50_000


@pytest.mark.parametrize("locale", ["fr", "en"])
@pytest.mark.parametrize(
    "refusal",
    [NotFound(), NotAllowed(), NotSignedIn(), Refusal(), TooLarge(limit_kilobytes=64), Unavailable()],
)
def test_every_failure_has_a_page_with_a_way_out(refusal: Refusal, locale: str) -> None:
    with use_locale(locale):
        visit = AVisit(person=None, member=None, locale=locale)
        html = render("error.html", visit=visit, refusal=refusal, typed=Typed())
    Outline(html)
    assert str(refusal.status) in html
    assert 'class="button next"' in html


def test_the_front_door_lists_the_cooperatives_or_says_how_to_found_one() -> None:
    stranger = AVisit(cooperative=None, person=None, member=None, navigation=())
    full = render("landing.html", visit=stranger, cooperatives=[ACooperative()])
    assert 'href="/rade"' in full
    assert "Finistère (29)" in full
    Outline(full)
    assert "archipel tenant create" in render("landing.html", visit=stranger, cooperatives=[])


# --- Forms -----------------------------------------------------------------------------------------------

EVERY_FIELD = """
{% call forms.form(form, "/rade/missions") %}
{{ forms.text(form, "title", "Titre", hint="Une phrase") }}
{{ forms.text(form, "password", "Mot de passe", type="password") }}
{{ forms.textarea(form, "description", "Description", markdown=true) }}
{{ forms.number(form, "quorum", "Quorum", unit="%") }}
{{ forms.hours(form, "hours", "Durée") }}
{{ forms.euros(form, "amount", "Montant", optional=true) }}
{{ forms.date(form, "wanted_by", "Pour le") }}
{{ forms.select(form, "role", "Mandat", [("manager", "Gestion"), ("treasurer", "Trésorerie")]) }}
{{ forms.territory(form, "territory", "Territoire") }}
{{ forms.checkbox(form, "remote", "À distance") }}
{{ forms.checkboxes(form, "skills", "Compétences", [("a", "Relecture"), ("b", "Couture")], optional=true) }}
{{ forms.cards(form, "kind", "Que publiez-vous ?", [("request", "Une demande", "Vous cherchez"), ("offer", "Une offre", "")]) }}
{{ forms.swatches(form, "accent", "Couleur", [("ocean", "Océan"), ("plum", "Prune")]) }}
{% call forms.group("Dates", row=true) %}{{ forms.date(form, "from", "Du") }}{% endcall %}
{{ forms.buttons("Publier", cancel="/rade", also=("draft", "Garder")) }}
{% endcall %}
{{ forms.act(form, "/rade/x", "Retirer", "danger", fields={"bid": "b<1>"}, detail="Sans retour.") }}
"""

TYPED = {
    "title": 'Un "titre" <b>',
    "password": "secret",
    "description": "\nDeux lignes",
    "quorum": "50",
    "hours": "2h30",
    "amount": "12,50",
    "wanted_by": "2026-12-03",
    "role": "treasurer",
    "territory": "2A",
    "remote": "1",
    "kind": "offer",
}


def test_every_field_has_a_label_and_a_page_no_id_twice() -> None:
    outline = Outline(page(EVERY_FIELD, form=AForm()))
    ids = outline.ids()
    assert len(ids) == len(set(ids))
    labelled = {attrs["for"] for attrs in outline.all("label")}
    fields = [*outline.all("input"), *outline.all("select"), *outline.all("textarea")]
    shown = [attrs for attrs in fields if attrs.get("type") != "hidden"]
    assert len(shown) > 12
    assert {attrs["id"] for attrs in shown} <= labelled


def test_what_was_typed_comes_back_but_never_a_password() -> None:
    html = page(EVERY_FIELD, form=AForm(TYPED, lists={"skills": ["b"]}))
    assert 'value="Un &#34;titre&#34; &lt;b&gt;"' in html
    assert "secret" not in html
    # HTML drops the first newline after <textarea>: the template writes one, so that the typed one stays.
    assert ">\n\nDeux lignes</textarea>" in html
    for value in ("50", "2h30", "12,50", "2026-12-03"):
        assert f'value="{value}"' in html
    outline = Outline(html)
    assert [attrs["value"] for attrs in outline.all("option") if "selected" in attrs] == ["treasurer", "2A"]
    assert {attrs["value"] for attrs in outline.all("input") if "checked" in attrs} == {"1", "b", "offer"}


def test_an_error_is_said_at_the_top_with_a_link_and_at_its_field() -> None:
    names = ["title", "hours", "skills", "kind", "remote", "wanted_by"]
    html = page(
        EVERY_FIELD, form=AForm(TYPED, {name: f"Faux : {name}" for name in names} | {"": "Rien ne va."})
    )
    outline = Outline(html)
    assert "<title>Erreur" in html
    assert html.index('id="errors"') < html.index('<form method="post" action="/rade/missions"')
    for name in names:
        assert f'href="#{name}"' in html
        assert name in outline.ids()
        assert f'id="{name}-error"' in html
    described = " ".join(str(attrs.get("aria-describedby", "")) for _, attrs in outline.tags).split()
    assert {f"{name}-error" for name in names} <= set(described)
    assert set(described) <= set(outline.ids())
    assert "Titre\u00a0: Faux" in html
    assert html.count("Rien ne va.") == 1


def test_every_form_carries_the_key_that_makes_a_double_click_harmless() -> None:
    outline = Outline(page(EVERY_FIELD, form=AForm(), visit=AVisit(person=None, member=None)))
    keys = [attrs for attrs in outline.all("input") if attrs.get("name") == "once"]
    assert [attrs["value"] for attrs in keys] == ["a-key", "a-key"]


# --- Parts -----------------------------------------------------------------------------------------------

EVERY_PART = """
{% call parts.header("Titre", lede="Une phrase", crumbs=[("Missions", "/rade/missions")], badge=parts.badge("Ouverte", "accent")) %}
{{ parts.button("Agir", "/rade", "next") }}{% endcall %}
{{ parts.header("Sans action") }}
{% call parts.banner("warn", title="Attention") %}<p>x</p>{% endcall %}
{% call parts.next("À faire", "Parce que") %}{{ forms.act(form, "/x", "Faire", "next") }}{% endcall %}
{{ parts.waiting([{"title": "Un", "detail": "d", "path": "/1", "action": "Voir", "due": at}, {"title": "Deux", "detail": "", "path": "/2", "action": "Voir"}]) }}
{{ parts.empty("Rien", "Publiez", "/new", "Publier") }}
{{ parts.facts([("Durée", parts.hours(150)), ("Vide", ""), ("Absent", none), ("Zéro", 0)]) }}
{% call parts.table("Mouvements", ["Quoi", ("Durée", "number")]) %}
<tr>{{ parts.cell("Quoi", "Relecture", "main") }}{{ parts.cell("Durée", parts.hours(-60, sign=true), "number") }}</tr>
{% endcall %}
{% call parts.items() %}{{ parts.item("Une", "/1", meta=["a", "", parts.when(at)], detail="x", aside=parts.euros(1250), badge=parts.badge("x"), unread=true) }}{% endcall %}
{{ parts.paging(newer="?a", older="?b") }}
{% call parts.filters("/rade/missions", active=true) %}{{ forms.select(form, "state", "État", [("open", "Ouverte")], optional=true) }}{% endcall %}
{{ parts.steps([("Brouillon", "done", ""), ("Ouverte", "current", "3 propositions"), ("Réglée", "todo", "")]) }}
{{ parts.history([(at, "Badis a proposé 2 h.")]) }}
{% call parts.help("Pourquoi ?") %}<p>Parce que.</p>{% endcall %}
{{ parts.prose("**gras**") }}
{{ parts.downloads([("CSV", "/x.csv")]) }}
{{ parts.person("Badis", "/rade/members/1") }} {{ parts.person("Chloé") }}
{{ parts.when(today) }}
{{ parts.shares("Répartition", [("Réserves", 3, "3 h"), ("Rien", 0, "0 h"), ("Fonds", 1, "1 h")]) }}
{{ parts.shares("Vide", []) }}
"""


def test_every_part_renders_as_sound_html_in_both_languages() -> None:
    context = {"form": AForm(), "at": datetime(2026, 11, 22, 15, tzinfo=UTC), "today": date(2026, 11, 22)}
    for locale in ("fr", "en"):
        with use_locale(locale):
            html = page(EVERY_PART, **context)
        outline = Outline(html)
        assert len(outline.ids()) == len(set(outline.ids()))
        assert len(outline.all("th")) == len([attrs for attrs in outline.all("th") if attrs.get("scope")])
        assert "<strong>gras</strong>" in html
        assert "Vide</dt>" not in html
        assert "Zéro</dt>" in html


@pytest.mark.parametrize(
    ("balance", "held", "floor", "ceiling"),
    [
        (0, 0, 0, 0),
        (750, 120, -600, 2400),
        (-300, 60, -600, 2400),
        (30, 90, -600, None),
        (-700, 0, -600, 2400),
        (9000, 0, 0, 60),
    ],
)
def test_a_balance_is_drawn_inside_its_frame_whatever_its_numbers(
    balance: int, held: int, floor: int, ceiling: int | None
) -> None:
    html = page(
        "{{ parts.balance(balance=b, held=h, floor=f, ceiling=c) }}", b=balance, h=held, f=floor, c=ceiling
    )
    for attrs in Outline(html).all("rect"):
        x, width = (str(attrs.get(name, "")) for name in ("x", "width"))
        if x.endswith("%"):
            start, length = float(x[:-1]), float(width[:-1])
            assert start >= 0
            assert length >= 0
            assert start + length <= 100.02


# --- Colours ---------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def palette(scheme: str, accent: str) -> dict[str, str]:
    light, _, rest = CSS.partition("@media (prefers-color-scheme: dark) {")
    block = light if scheme == "light" else rest.partition("/* --- Ground")[0]
    own = re.search(rf"\.accent-{accent} \{{(.*?)\}}", block)
    root = re.search(r":root \{(.*?)\}", block, re.DOTALL)
    assert own, f"{accent} has no colours for {scheme}"
    assert root
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", root[1] + own[1]))


TEXT_ON = {
    "ink": ("paper", "raised", "shade", "wash", "good-wash", "warn-wash", "bad-wash"),
    "soft": ("paper", "raised", "shade", "wash"),
    "accent": ("paper", "raised", "shade", "wash"),
    "on-accent": ("accent",),
    "good": ("paper", "raised", "good-wash"),
    "warn": ("paper", "raised", "wash", "warn-wash"),
    "bad": ("paper", "raised", "bad-wash"),
    "on-bad": ("bad",),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("accent", list(Accent))
def test_every_accent_is_readable_on_every_ground(accent: Accent, scheme: str) -> None:
    colours = palette(scheme, accent)
    for text, grounds in TEXT_ON.items():
        for ground in grounds:
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    # The edge of a field and the ring around what has the focus are not text: three to one.
    for ground in ("paper", "raised"):
        assert contrast(colours["edge"], colours[ground]) >= 3
        assert contrast(colours["accent"], colours[ground]) >= 3


def test_the_measure_of_contrast_knows_black_from_white() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_no_colour_escapes_the_palette() -> None:
    body = CSS.partition("/* --- Ground")[2].partition("@media print")[0]
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b(?![\w-]*\s*\{)", body)


def test_the_stylesheet_has_no_accent_that_cannot_be_chosen() -> None:
    assert set(re.findall(r"\.accent-(\w+) \{", CSS)) == set(Accent)
