"""Every field that people fill and others read, filled with what a browser, a mail or a spreadsheet would run."""

import csv
import io
import re
from dataclasses import dataclass
from datetime import date, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from marketplace.disputes import StatementTerms, add_statement
from marketplace.mission_terms import MissionVisibility
from marketplace.skills import add_skill
from tenants.actors import Role
from tenants.assemblies import Held, Resolution
from tenants.assembly_records import record_assembly
from tenants.cooperatives import LegalProfile, change_settings
from tenants.invitations import invite_member
from tenants.own_profiles import change_profile
from tenants.platform.accents import Accent
from tenants.platform.database import Database
from tenants.platform.web import csv_response
from tenants.profiles import Audience
from tenants.tokens import create_api_token
from tests.attacks.conftest import Browser
from tests.factories import Founded, Member, found_cooperative, give_mandate, join_member
from tests.marketplace import stories
from tests.running import Running
from timebank.exchanges import post_transfer
from timebank.gifts import give

SCRIPT = "\"'><script>alert(1)</script><svg onload=alert(1)>{{7*7}}%(x)s{x}"
MARKDOWN = (
    SCRIPT
    + """

[clic](javascript:alert(1)) [clic](data:text/html;base64,PHNjcmlwdD4=) <javascript:alert(1)>

![image](https://mechant.example/pixel.png)

<img src=x onerror=alert(1)><iframe src="https://mechant.example"></iframe><style>*{color:red}</style>

[titre](https://exemple.example "a\\" onmouseover=alert(1)") [ref]

<form action=https://mechant.example><input name=password></form><a href=//mechant.example>x</a>

[ref]: JaVaScRiPt:alert(1)
"""
)
FORMULA = "=HYPERLINK(A1)"
# The full-width forms of = + - @, which some spreadsheets take for the plain ones.
WIDE = ("\uff1d", "\uff0b", "\uff0d", "\uff20")


@dataclass(frozen=True)
class Filled:
    home: Founded
    manager: Member
    missions: list[UUID]


@pytest.fixture(scope="module")
async def filled(database: Database) -> Filled:
    home = await found_cooperative(database, name=SCRIPT)
    member = await join_member(database, home, name=SCRIPT)
    for role in Role:
        member = await give_mandate(database, home, member, role)
    bidder = await join_member(database, home, name=FORMULA)
    village = stories.Village(home, member, bidder, home.manager, home.manager)
    words: dict[str, Any] = {"title": SCRIPT, "description": MARKDOWN, "tags": (SCRIPT[:20],)}
    missions = [
        await stories.posted(database, member, visibility=MissionVisibility.PUBLIC, **words),
        await stories.disputed(database, village, **words),
        await stories.posted(database, bidder, title=FORMULA, description=FORMULA),
    ]
    async with database.begin(tenant=home.tenant_id) as db:
        await add_statement(
            db, actor=bidder.actor, mission_id=missions[1], terms=StatementTerms(statement=MARKDOWN)
        )
        await change_profile(
            db,
            actor=member.actor,
            display_name=SCRIPT,
            contact_phone=SCRIPT[:20],
            presentation=MARKDOWN,
            audiences={"email": Audience.MEMBERS, "phone": Audience.MEMBERS},
        )
        await change_settings(
            db,
            actor=member.actor,
            name=SCRIPT,
            legal_profile=LegalProfile.SCIC,
            territory="29",
            locale="fr",
            time_zone="Europe/Paris",
            accent=next(iter(Accent)),
            presentation=MARKDOWN,
        )
        await add_skill(db, actor=member.actor, name=SCRIPT[:60])
        await create_api_token(db, actor=member.actor, name=SCRIPT, scopes=["hours:read"], days=3)
        await invite_member(
            db,
            actor=member.actor,
            email=f"invitee@{home.slug}.example",
            display_name=SCRIPT,
            message=f"Bonjour\n\n{SCRIPT}",
        )
        yesterday = date.today() - timedelta(days=1)  # noqa: DTZ011 (any recent day)
        held = Held(
            held_on=yesterday,
            place=SCRIPT,
            minutes=MARKDOWN,
            members_count=4,
            present_count=3,
            represented_count=0,
            quorum_required_count=2,
        )
        change = Resolution(
            rule="timebank.credit_limit_low",
            value=900,
            votes_for=3,
            votes_against=0,
            votes_abstain=0,
            effective_on=yesterday + timedelta(days=3),
        )
        await record_assembly(db, actor=member.actor, held=held, resolutions=[change])
    async with database.begin(tenant=home.tenant_id) as db:
        await post_transfer(db, actor=bidder.actor, to=member.id, amount_minutes=60, reason=FORMULA)
    async with database.begin(tenant=home.tenant_id) as db:
        await give(db, actor=bidder.actor, to=None, amount_minutes=60, message=SCRIPT)
    return Filled(home, member, missions)


class Inspector(HTMLParser):
    """Looks at a page as a browser would: at what would run, load or lead away."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in {"iframe", "object", "embed", "base", "style"}:
            self.bad.append(tag)
        if tag == "script" and not (found.get("src") or "").startswith("/static/"):
            self.bad.append("script")
        self.bad += [f"{tag} {name}" for name in found if name.startswith("on") or name == "style"]
        for name in ("href", "src", "action", "formaction"):
            target = re.sub(r"[\s\x00-\x1f]", "", found.get(name) or "").casefold()
            if target.startswith(("javascript:", "data:text", "vbscript:")):
                self.bad.append(f"{tag} {target}")
            if "mechant.example" in target and (tag, name) != ("a", "href"):
                self.bad.append(f"{tag} {target}")


def everything(filled: Filled) -> list[str]:
    pages = [
        *("", "missions", "missions?mine=1", "missions/new", "hours", "hours/give", "hours/transfer", "pot"),
        *(
            "members",
            f"members/{filled.manager.id}",
            "rules",
            "rules/timebank.credit_limit_low",
            "assemblies",
        ),
        *("register", "mandates", "invitations", "notices", "disputes", "treasury", "settings", "profile"),
        *("tokens", "skills", "audit"),
        *(f"missions/{mission}" for mission in filled.missions),
        f"hours/give?to={filled.manager.id}",
        f"hours/transfer?to={filled.manager.id}",
    ]
    return ["/", "/me", *(f"/{filled.home.slug}/{page}".rstrip("/") for page in pages)]


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_nothing_that_people_write_runs_in_a_page(
    browser: Browser, filled: Filled, language: str
) -> None:
    opened = 0
    for reader in (
        browser(filled.manager, accept_language=language),
        browser(None, accept_language=language),
    ):
        for path in everything(filled):
            answer = await reader.get(path)
            if answer.status_code != httpx.codes.OK:
                continue
            opened += 1
            inspector = Inspector()
            inspector.feed(answer.text)
            assert not inspector.bad, (path, inspector.bad)
            assert "<script>alert" not in answer.text, path
            assert "<svg onload" not in answer.text, path
            assert "\"'><" not in answer.text, path
            assert "script-src 'self'" in answer.headers["content-security-policy"], path
    assert opened > 25


async def test_what_was_typed_comes_back_as_text(browser: Browser, filled: Filled) -> None:
    """The form that is shown again, and the addresses that pages repeat."""
    member, slug = browser(filled.manager), filled.home.slug
    answers = [
        await member.post(f"/{slug}/missions", data={"title": SCRIPT, "description": SCRIPT, "kind": SCRIPT}),
        await member.post(f"/{slug}/hours/give", data={"to": SCRIPT, "amount_minutes": SCRIPT}),
        await member.post(f"/{slug}/profile", data={"display_name": SCRIPT * 3, "contact_email": SCRIPT}),
        await browser().post("/sign-in", data={"email": SCRIPT, "password": SCRIPT, "next": SCRIPT}),
        await browser().get("/sign-in", params={"next": f"/{SCRIPT}"}),
        await member.get(f"/{slug}/members", params={"q": SCRIPT}),
        await member.get(f"/{slug}/hours/give", params={"search": SCRIPT}),
        await member.get(f"/{slug}/audit", params={"action": SCRIPT, "member": SCRIPT}),
        await member.get(f"/{slug}/missions", params={"skill": SCRIPT, "territory": SCRIPT, "state": SCRIPT}),
        await member.get(f"/{slug}/{SCRIPT}"),
        await browser().get(f"/sign-in/link/{SCRIPT.replace('/', '')}"),
        await browser().get(f"/join/{SCRIPT.replace('/', '')}"),
    ]
    for answer in answers:
        assert answer.status_code < 500, answer.url
        inspector = Inspector()
        inspector.feed(answer.text)
        assert not inspector.bad, (answer.url, inspector.bad)
        assert "<script>alert" not in answer.text, answer.url


async def test_no_download_holds_a_formula(browser: Browser, filled: Filled) -> None:
    """A spreadsheet runs a cell that begins with one of these. See OWASP on CSV injection."""
    member, names, seen = browser(filled.manager), 0, set()
    for path in ("members", "mandates", "invitations", "audit", "missions", "hours", "treasury/accounts"):
        answer = await member.get(f"/{filled.home.slug}/{path}.csv")
        if answer.status_code != httpx.codes.OK:
            continue
        seen.add(path)
        assert "attachment" in answer.headers["content-disposition"]
        for row in csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"):
            for cell in row:
                assert not cell.startswith(("=", "@", "\t", "\r", "\n", *WIDE)), (path, cell)
                assert re.fullmatch(r"-?[\d.,]+", cell) or not cell.startswith(("+", "-")), (path, cell)
                names += "HYPERLINK" in cell
    assert {"members", "missions", "hours"} <= seen
    assert names >= 3


def test_every_way_to_begin_a_formula_is_quoted() -> None:
    begin = ["=1", "+1", "-1", "@A", "\t=1", "\r=1", "\n=1", *(wide + "1" for wide in WIDE)]
    told = csv_response("x.csv", [], [begin]).content.decode("utf-8-sig")
    assert told.count("'") == len(begin)


def all_mails(folder: Path) -> list[EmailMessage]:
    return [message_from_bytes(path.read_bytes(), policy=SMTP) for path in folder.glob("*.eml")]


async def test_a_mail_says_what_it_says_to_one_person_only(archipel: Running, filled: Filled) -> None:
    """No name or title becomes a header, a second addressee or HTML."""
    mails = all_mails(Path(archipel.environment["MAIL_DIRECTORY"]))
    mine = [mail for mail in mails if filled.home.slug in str(mail["To"])]
    assert mine
    for mail in mine:
        assert len(mail["To"].addresses) == 1
        assert mail.get_content_type() == "text/plain"
        assert not mail["Bcc"]
        assert not mail["Cc"]
