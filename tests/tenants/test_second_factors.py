"""Second factors: asked for at every door, good once, hard to guess, and given up only by who holds them."""

import asyncio
import re
import time
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import httpx
import pyotp
import pytest
from sqlalchemy import select, text

from tenants.actors import Role, SecondFactorNeeded
from tenants.enrolments import (
    NoSecondFactor,
    SecondFactorThere,
    begin_second_factor,
    confirm_second_factor,
    disable_second_factor,
    renew_recovery_codes,
)
from tenants.events import MailLinkRequested
from tenants.house_rules import SECOND_FACTOR
from tenants.invitations import invite_member, stamp_invitation
from tenants.letters import mail_link
from tenants.mail_links import NO_COOPERATIVE, MailLink
from tenants.platform.database import Database
from tenants.platform.errors import TooManyAttempts
from tenants.platform.mail import Message
from tenants.platform.sealing import Seal
from tenants.platform.settings import Settings
from tenants.platform.throttle import Throttle
from tenants.second_factors import CodeNeeded, WrongCode, check_code, factor_state, must_show_code
from tenants.sign_ins import SignIn
from tests import factories
from tests.conftest import OpenAs
from tests.tenants.conftest import Browser, Client


def seal_of(settings: Settings) -> Seal:
    return Seal(settings.secret_key, purpose="second factor")


def code_of(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(int(time.time()), counter_offset=steps)


class Protected:
    """Somebody with a second factor: their secret and their recovery codes."""

    def __init__(self, member: factories.Member, secret: str, codes: list[str]) -> None:
        self.member, self.secret, self.codes = member, secret, codes


async def protect(
    database: Database, throttle: Throttle, settings: Settings, member: factories.Member
) -> Protected:
    """Enrol through the verbs; the code of the step before is the one used up."""
    seal = seal_of(settings)
    async with database.begin(person=member.person_id) as db:
        here = (await db.scalars(select(SignIn.id).order_by(SignIn.id))).first()
        assert here
        begun = await begin_second_factor(
            db,
            throttle,
            seal=seal,
            person_id=member.person_id,
            sign_in_id=here,
            current_password=factories.PASSWORD,
        )
        codes = await confirm_second_factor(
            db,
            throttle,
            seal=seal,
            person_id=member.person_id,
            sign_in_id=here,
            code=code_of(begun.secret, -1),
        )
    return Protected(member, begun.secret, codes)


async def check(
    database: Database, throttle: Throttle, settings: Settings, who: Protected, code: str
) -> bool:
    try:
        async with database.begin(person=who.member.person_id) as db:
            await check_code(db, throttle, seal=seal_of(settings), person_id=who.member.person_id, code=code)
    except WrongCode:
        return False
    return True


async def signed_in(client: httpx.AsyncClient) -> bool:
    return (await client.get("/me")).status_code == 200


async def test_a_code_is_good_once_and_none_of_its_moment_or_before_is_taken_again(
    database: Database, throttle: Throttle, settings: Settings
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    who = await protect(database, throttle, settings, coop.manager)
    newest, former = code_of(who.secret, 1), code_of(who.secret, 0)
    assert await check(database, throttle, settings, who, f" {newest[:3]} {newest[3:]} ")
    assert not await check(database, throttle, settings, who, newest)
    assert not await check(database, throttle, settings, who, former)
    assert not await check(database, throttle, settings, who, code_of(who.secret, 40))


async def test_the_same_code_shown_eight_times_at_once_is_taken_once(
    database: Database, throttle: Throttle, settings: Settings
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    who = await protect(database, throttle, settings, coop.manager)
    code = code_of(who.secret, 0)
    taken = await asyncio.gather(
        *(check(database, throttle, settings, who, code) for _ in range(6)), return_exceptions=True
    )
    assert taken.count(True) == 1


async def test_a_recovery_code_is_good_once_and_renewing_ends_the_former_ones(
    database: Database, throttle: Throttle, settings: Settings
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    who = await protect(database, throttle, settings, coop.manager)
    assert len(set(who.codes)) == 10
    first, second = who.codes[0], who.codes[1]
    assert await check(database, throttle, settings, who, first.upper().replace("-", " "))
    assert not await check(database, throttle, settings, who, first)
    person_id = coop.manager.person_id
    async with database.begin(person=person_id) as db:
        assert (await factor_state(db, person_id=person_id)).codes_left == 9
        renewed = await renew_recovery_codes(
            db, throttle, seal=seal_of(settings), person_id=person_id, code=code_of(who.secret)
        )
    assert not await check(database, throttle, settings, who, second)
    assert await check(database, throttle, settings, who, renewed[1])


async def test_six_wrong_codes_close_the_door_for_a_while_even_to_the_right_one(
    database: Database, throttle: Throttle, settings: Settings
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    who = await protect(database, throttle, settings, coop.manager)
    for _ in range(6):
        assert not await check(database, throttle, settings, who, "nicht-das-ist-es")
    with pytest.raises(TooManyAttempts):
        await check(database, throttle, settings, who, code_of(who.secret))


async def test_the_database_holds_neither_the_secret_nor_a_code(
    database: Database, throttle: Throttle, settings: Settings, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    who = await protect(database, throttle, settings, coop.manager)
    async with db_as("postgres") as db:
        row = (
            await db.execute(
                text(
                    "SELECT secret, s::text || array(SELECT r::text FROM recovery_codes r)::text AS said "
                    "FROM second_factors s WHERE person_id = :person"
                ),
                {"person": coop.manager.person_id},
            )
        ).one()
    assert who.secret.encode() not in row.secret
    for code in who.codes:
        assert code.replace("-", "") not in row.said
    assert seal_of(settings).open(row.secret, owner=coop.manager.person_id.bytes) == who.secret.encode()
    other = await factories.join_member(database, coop)
    assert seal_of(settings).open(row.secret, owner=other.person_id.bytes) is None
    assert (
        Seal(b"another key of thirty-two bytes!", purpose="second factor").open(
            row.secret, owner=coop.manager.person_id.bytes
        )
        is None
    )


async def test_one_person_sees_nothing_of_another_s_factor(
    database: Database, throttle: Throttle, settings: Settings
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    await protect(database, throttle, settings, coop.manager)
    other = await factories.join_member(database, coop)
    async with database.begin(tenant=coop.tenant_id, person=other.person_id) as db:
        for table in ("second_factors", "recovery_codes", "half_sign_ins"):
            assert await db.scalar(text(f"SELECT count(*) FROM {table}")) == 0
        state = await factor_state(db, person_id=coop.manager.person_id)
        assert (state.since, state.codes_left) == (None, 0)


async def test_beginning_asks_for_the_password_and_counts_only_after_a_code(
    database: Database, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    client = browser()
    await client.post("/sign-in", data={"email": coop.manager.email, "password": factories.PASSWORD})
    assert (await client.post("/me/second-factor/begin", data={"current_password": "non"})).status_code == 422
    begun = await client.post("/me/second-factor/begin", data={"current_password": factories.PASSWORD})
    assert begun.status_code == 303
    page = (await client.get("/me/second-factor")).text
    secret = re.search(r'<code class="secret">([A-Z2-7]{32})</code>', page)
    assert secret
    assert "<svg" in page
    assert "style=" not in page
    # Not confirmed: nothing is asked for yet.
    plain = browser()
    await plain.post("/sign-in", data={"email": coop.manager.email, "password": factories.PASSWORD})
    assert await signed_in(plain)
    wrong = await client.post("/me/second-factor/confirm", data={"code": "000000"})
    assert wrong.status_code == 422
    done = await client.post("/me/second-factor/confirm", data={"code": code_of(secret[1])})
    assert done.status_code == 200
    codes = re.findall(r"<li><code>([a-z2-9-]{19})</code></li>", done.text)
    assert len(codes) == 10
    # Who had shown one factor only is signed out; the codes and the secret are never shown again.
    assert not await signed_in(plain)
    again = (await client.get("/me/second-factor")).text
    assert secret[1] not in again
    assert codes[0] not in again


async def test_only_the_browser_that_began_sees_and_confirms_it(
    database: Database, browser: Browser, db_as: OpenAs
) -> None:
    """A browser left open elsewhere was never asked for the password: it neither reads the secret nor makes it count."""
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    mine, left_open = browser(), browser()
    for client in (mine, left_open):
        await client.post("/sign-in", data={"email": coop.manager.email, "password": factories.PASSWORD})
    begun: Any = (
        await mine.post("/api/v1/me/second-factor/begin", json={"current_password": factories.PASSWORD})
    ).json()
    code = code_of(begun["secret"])
    assert begun["secret"] not in (await left_open.get("/me/second-factor")).text
    refused = await left_open.post("/me/second-factor/confirm", data={"code": code})
    assert refused.status_code == 409
    by_program = await left_open.post("/api/v1/me/second-factor/confirm", json={"code": code})
    assert by_program.json()["code"] == "no_second_factor"
    async with db_as("postgres") as db:
        kept = text("SELECT confirmed_at FROM second_factors WHERE person_id = :person")
        assert (await db.execute(kept, {"person": coop.manager.person_id})).scalar_one() is None
    assert begun["secret"] in (await mine.get("/me/second-factor")).text
    assert (await mine.post("/me/second-factor/confirm", data={"code": code})).status_code == 200
    assert not await signed_in(left_open)


async def test_what_another_browser_began_anew_is_no_longer_confirmed_here(
    database: Database, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    first, second = browser(), browser()
    begun: list[Any] = []
    for client in (first, second):
        await client.post("/sign-in", data={"email": coop.manager.email, "password": factories.PASSWORD})
        answer = await client.post(
            "/api/v1/me/second-factor/begin", json={"current_password": factories.PASSWORD}
        )
        begun.append(answer.json())
    for secret in (begun[0]["secret"], begun[1]["secret"]):
        refused = await first.post("/api/v1/me/second-factor/confirm", json={"code": code_of(secret)})
        assert refused.json()["code"] == "no_second_factor"
    confirmed = await second.post(
        "/api/v1/me/second-factor/confirm", json={"code": code_of(begun[1]["secret"])}
    )
    assert confirmed.status_code == 200


async def test_the_code_is_asked_for_after_the_password(
    database: Database, throttle: Throttle, settings: Settings, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    who = await protect(database, throttle, settings, coop.manager)
    client = browser()
    answer = await client.post(
        "/sign-in",
        data={"email": coop.manager.email, "password": factories.PASSWORD, "next": f"/{coop.slug}/members"},
    )
    assert unquote(answer.headers["location"]) == f"/sign-in/code?next=/{coop.slug}/members"
    assert "archipel_sign_in" not in client.cookies
    assert not await signed_in(client)
    # What opens the page that asks opens nothing else.
    client.cookies.set("archipel_sign_in", client.cookies["archipel_half_sign_in"])
    assert not await signed_in(client)
    client.cookies.delete("archipel_sign_in")
    assert 'autocomplete="one-time-code"' in (await client.get(answer.headers["location"])).text
    assert (await client.post("/sign-in/code", data={"code": "123 456"})).status_code == 422
    half = client.cookies["archipel_half_sign_in"]
    done = await client.post(
        "/sign-in/code", data={"code": code_of(who.secret), "next": f"/{coop.slug}/members"}
    )
    assert done.headers["location"] == f"/{coop.slug}/members"
    assert await signed_in(client)
    stolen = browser()
    stolen.cookies.set("archipel_half_sign_in", half)
    refused = await stolen.post("/sign-in/code", data={"code": code_of(who.secret, 1)})
    assert refused.headers["location"] == "/sign-in"
    assert not await signed_in(stolen)


async def _link(database: Database) -> str:
    """The token of the newest link, as its mail would carry it."""
    from tests.tenants.test_sign_ins import last_link, mailed  # noqa: PLC0415

    token = await mailed(database, await last_link(database))
    assert token
    return token


async def test_the_code_is_asked_for_after_a_mailed_link(
    database: Database, throttle: Throttle, settings: Settings, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    who = await protect(database, throttle, settings, coop.manager)
    client = browser()
    await client.post("/sign-in", data={"email": coop.manager.email, "link": "1"})
    answer = await client.post(f"/sign-in/link/{await _link(database)}")
    assert answer.headers["location"].startswith("/sign-in/code?")
    assert not await signed_in(client)
    assert (await client.post("/sign-in/code", data={"code": who.codes[3]})).status_code == 303
    assert await signed_in(client)


async def test_the_code_is_asked_for_after_an_invitation(
    database: Database, throttle: Throttle, settings: Settings, browser: Browser
) -> None:
    home = await factories.found_cooperative(database, password=factories.PASSWORD)
    coop = await factories.found_cooperative(database)
    await protect(database, throttle, settings, home.manager)
    async with database.begin(tenant=coop.tenant_id) as db:
        invitation = await invite_member(
            db, actor=coop.manager.actor, email=home.manager.email, display_name="Invitée"
        )
        token = await stamp_invitation(db, tenant_id=coop.tenant_id, invitation_id=invitation.id)
    client = browser()
    answer = await client.post(f"/join/{token}", data={"display_name": "Fanny"})
    assert unquote(answer.headers["location"]) == f"/sign-in/code?next=/{coop.slug}"
    assert not await signed_in(client)


async def test_a_half_sign_in_ends_after_ten_minutes(
    database: Database, throttle: Throttle, settings: Settings, browser: Browser, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    who = await protect(database, throttle, settings, coop.manager)
    client = browser()
    await client.post("/sign-in", data={"email": coop.manager.email, "password": factories.PASSWORD})
    async with db_as("postgres") as db:
        await db.execute(
            text(
                "UPDATE half_sign_ins SET expires_at = now() - interval '1 second' WHERE person_id = :person"
            ),
            {"person": coop.manager.person_id},
        )
    assert (await client.get("/sign-in/code")).headers["location"] == "/sign-in"
    refused = await client.post("/sign-in/code", data={"code": code_of(who.secret)})
    assert refused.headers["location"] == "/sign-in"


async def test_what_gives_the_account_away_asks_for_a_fresh_code(
    database: Database, throttle: Throttle, settings: Settings, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    who = await protect(database, throttle, settings, coop.manager)
    client = browser(coop.manager)
    page = (await client.get("/me")).text
    assert page.count('autocomplete="one-time-code"') == 2
    for path, typed in (
        ("/me/password", {"new_password": "une tout autre phrase"}),
        ("/me/email", {"email": f"neuve@{coop.slug}.example"}),
    ):
        known = {**typed, "current_password": factories.PASSWORD}
        without = await client.post(path, data=known)
        assert without.status_code == 422, path
        assert 'id="code-error"' in without.text or 'id="email_code-error"' in without.text, path
        assert (await client.post(path, data={**known, "code": "999999"})).status_code == 422, path
    changed = await client.post(
        "/me/password",
        data={
            "new_password": "une tout autre phrase",
            "current_password": factories.PASSWORD,
            "code": code_of(who.secret),
        },
    )
    assert changed.status_code == 303
    mailed = await client.post(
        "/me/email",
        data={
            "email": f"neuve@{coop.slug}.example",
            "current_password": "une tout autre phrase",
            "code": who.codes[5],
        },
    )
    assert mailed.status_code == 303


async def test_a_verb_that_was_given_no_seal_refuses_rather_than_forgets_to_ask(
    database: Database, throttle: Throttle, settings: Settings
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    who = await protect(database, throttle, settings, coop.manager)
    async with database.begin(person=coop.manager.person_id) as db:
        with pytest.raises(CodeNeeded):
            await must_show_code(
                db, throttle, seal=None, person_id=coop.manager.person_id, code=code_of(who.secret)
            )


class Letterbox:
    """What was handed to the post."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        self.sent.append(message)


async def _news(database: Database, db_as: OpenAs, member: factories.Member) -> list[Message]:
    """The mails that tell this person something, as the worker would send them."""
    box = Letterbox()
    async with db_as("postgres") as db:
        links = await db.scalars(
            select(MailLink.id).where(MailLink.person_id == member.person_id).order_by(MailLink.id)
        )
        found = links.all()
    for link_id in found:
        async with database.begin() as db:
            db.info["post"], db.info["settings"] = box, SimpleNamespace(base_url="https://coop.example")
            await mail_link(db, MailLinkRequested(tenant_id=NO_COOPERATIVE, mail_link_id=link_id))
    return box.sent


async def test_disabling_asks_for_code_and_password_and_is_told_by_mail(
    database: Database, throttle: Throttle, settings: Settings, browser: Browser, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    who = await protect(database, throttle, settings, coop.manager)
    client = browser(coop.manager)
    path = "/me/second-factor/disable"
    async with db_as("postgres") as db:
        # Who came in by mail a moment ago is not asked for the password; this browser came an hour ago.
        await db.execute(
            text("UPDATE sign_ins SET created_at = now() - interval '1 hour' WHERE person_id = :person"),
            {"person": coop.manager.person_id},
        )
    assert (await client.post(path, data={"code": code_of(who.secret)})).status_code == 422
    assert (await client.post(path, data={"current_password": factories.PASSWORD})).status_code == 422
    async with database.begin(person=coop.manager.person_id) as db:
        with pytest.raises(SecondFactorThere):
            await begin_second_factor(
                db,
                throttle,
                seal=seal_of(settings),
                person_id=coop.manager.person_id,
                sign_in_id=coop.manager.person_id,
            )
    done = await client.post(path, data={"current_password": factories.PASSWORD, "code": who.codes[0]})
    assert done.status_code == 303
    (letter,) = await _news(database, db_as, coop.manager)
    assert (letter.to, "second facteur" in letter.subject) == (coop.manager.email, True)
    assert "http" not in letter.text
    async with database.begin(person=coop.manager.person_id) as db:
        with pytest.raises(NoSecondFactor):
            await disable_second_factor(
                db,
                throttle,
                seal=seal_of(settings),
                person_id=coop.manager.person_id,
                sign_in_id=coop.manager.person_id,
                code=code_of(who.secret),
            )


async def test_the_former_address_is_told_when_another_takes_its_place(
    database: Database, browser: Browser, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database)
    client = browser(coop.manager)
    await client.post("/me/email", data={"email": f"neuve@{coop.slug}.example"})
    assert (await client.post(f"/sign-in/link/{await _link(database)}")).status_code == 303
    (letter,) = await _news(database, db_as, coop.manager)
    assert letter.to == coop.manager.email
    assert "a changé" in letter.subject
    # It tells that, and not to whom: the mailbox may not be theirs any more.
    assert f"neuve@{coop.slug}" not in letter.text
    assert "http" not in letter.text


@pytest.mark.parametrize(
    ("rule", "role", "withheld"),
    [
        (0, Role.TREASURER, []),
        (1, Role.TREASURER, [Role.TREASURER]),
        (1, Role.MEDIATOR, []),
        (2, Role.MEDIATOR, [Role.MEDIATOR]),
    ],
)
async def test_a_rule_withholds_what_a_mandate_gives(
    database: Database, browser: Browser, rule: int, role: Role, withheld: list[Role]
) -> None:
    coop = await factories.found_cooperative(database, rules={SECOND_FACTOR.name: rule})
    member = await factories.give_mandate(database, coop, await factories.join_member(database, coop), role)
    async with database.begin() as db:
        row = (
            await db.execute(
                text("SELECT roles, withheld FROM arrive(:slug, sha256(:token), NULL)"),
                {"slug": coop.slug, "token": member.token.encode()},
            )
        ).one()
    assert (row.roles, row.withheld) == ([role], withheld)
    page = await browser(member).get(f"/{coop.slug}")
    assert ("/me/second-factor" in page.text) is bool(withheld)


async def test_a_manager_reads_but_does_not_act_before_the_factor_that_the_rule_asks_for(
    database: Database, throttle: Throttle, settings: Settings, browser: Browser, bearer: Client
) -> None:
    coop = await factories.found_cooperative(
        database, rules={SECOND_FACTOR.name: 1}, password=factories.PASSWORD
    )
    client = browser(coop.manager)
    assert (await client.get(f"/{coop.slug}/invitations")).status_code == 200
    invitation = {"display_name": "Nina", "email": f"nina@{coop.slug}.example"}
    refused = await client.post(f"/{coop.slug}/invitations", data=invitation)
    assert refused.status_code == 403
    assert 'href="/me/second-factor"' in refused.text
    assert "Protégez" in refused.text
    program = bearer(await factories.api_token(database, coop.manager, "governance:read", "governance:write"))
    answer = await program.post(f"/{coop.slug}/invitations", json=invitation)
    assert (answer.status_code, answer.json()["code"]) == (403, SecondFactorNeeded.code)
    # What anybody may do stays theirs.
    token = {"name": "Sauvegarde", "scopes": "hours:read", "days": "30"}
    assert (await client.post(f"/{coop.slug}/tokens", data=token)).status_code == 200
    await protect(database, throttle, settings, coop.manager)
    assert (await client.post(f"/{coop.slug}/invitations", data=invitation)).status_code == 303
    assert "Votre mandat demande" not in (await client.get(f"/{coop.slug}")).text


async def test_a_program_of_the_browser_enrols_too_and_a_token_does_not(
    database: Database, browser: Browser, bearer: Client
) -> None:
    coop = await factories.found_cooperative(database)
    client = browser(coop.manager)
    begun: Any = (await client.post("/api/v1/me/second-factor/begin", json={})).json()
    assert begun["uri"].startswith("otpauth://totp/Archipel:")
    confirmed = await client.post(
        "/api/v1/me/second-factor/confirm", json={"code": code_of(begun["secret"], -1)}
    )
    codes = confirmed.json()["codes"]
    state = (await client.get("/api/v1/me/second-factor")).json()
    assert state["recovery_codes_left"] == len(codes) == 10
    renewed = await client.post("/api/v1/me/second-factor/codes", json={"code": codes[0]})
    assert not set(renewed.json()["codes"]) & set(codes)
    gone = await client.post("/api/v1/me/second-factor/disable", json={"code": code_of(begun["secret"])})
    assert gone.json()["since"] is None
    program = bearer(await factories.api_token(database, coop.manager, "governance:read"))
    assert (await program.get("/me/second-factor")).status_code == 401


async def test_a_token_which_acts_without_a_code_is_made_with_one(
    database: Database, throttle: Throttle, settings: Settings, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    who = await protect(database, throttle, settings, coop.manager)
    client = browser(coop.manager)
    token = {"name": "Sauvegarde", "scopes": "hours:read", "days": "30"}
    assert (await client.post(f"/{coop.slug}/tokens", data=token)).status_code == 422
    api = f"/api/v1/{coop.slug}/tokens"
    refused = await client.post(
        api, json={"name": "x", "scopes": ["hours:read"], "days": 1, "code": "123456"}
    )
    assert refused.json()["code"] == "wrong_code"
    made = await client.post(f"/{coop.slug}/tokens", data={**token, "code": code_of(who.secret)})
    assert "Voici votre jeton" in made.text
