"""Requests to join: from a stranger's form to a member, and everything that a stranger must not learn or do."""

import asyncio
import re
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select, text

from tenants.admission_letters import mail_join_answer, mail_join_link
from tenants.admissions import JoinerIsMember, approve_join_request, decline_join_request
from tenants.events import JoinAnswered, JoinRequested
from tenants.house_rules import JOIN_REQUESTS
from tenants.join_links import JoinLinkExpired, ask_to_join, confirm_join_request
from tenants.join_requests import JoinRequest, JoinRequestsClosed, RequestState, join_requests
from tenants.memberships import Membership, MembershipState, leave_cooperative
from tenants.notices import Notice
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, NotFound, TooManyAttempts
from tenants.platform.mail import Message
from tenants.platform.retention import sweep
from tenants.platform.settings import Settings
from tenants.platform.throttle import Throttle
from tests import factories
from tests.conftest import OpenAs
from tests.tenants.conftest import Browser, Client


class Letterbox:
    """What was handed to the post."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        self.sent.append(message)


async def mailed(database: Database, event: Any) -> list[Message]:
    """What the letter of this event says, as the worker would send it."""
    box = Letterbox()
    async with database.begin(tenant=event.tenant_id) as db:
        db.info["post"], db.info["settings"] = box, SimpleNamespace(base_url="https://coop.example")
        await (mail_join_link if isinstance(event, JoinRequested) else mail_join_answer)(db, event)
    return box.sent


async def newest(database: Database, tenant_id: UUID) -> JoinRequest:
    async with database.begin(tenant=tenant_id) as db:
        return (await db.scalars(select(JoinRequest).order_by(JoinRequest.id.desc()).limit(1))).one()


async def link_of(database: Database, coop: factories.Founded) -> str:
    """Ask for the mail of the newest request and return the token of its link."""
    request = await newest(database, coop.tenant_id)
    (letter,) = await mailed(database, JoinRequested(tenant_id=coop.tenant_id, join_request_id=request.id))
    (token,) = re.findall(rf"https://coop.example/{coop.slug}/join/(\S+)", letter.text)
    return str(token)


async def asked(
    database: Database, throttle: Throttle, coop: factories.Founded, email: str, **words: Any
) -> None:
    async with database.begin(tenant=coop.tenant_id) as db:
        await ask_to_join(
            db,
            throttle,
            tenant_id=coop.tenant_id,
            email=email,
            display_name=words.pop("display_name", "Noé Nouveau"),
            **words,
        )


async def waiting(
    database: Database, throttle: Throttle, coop: factories.Founded, email: str, **words: Any
) -> JoinRequest:
    await asked(database, throttle, coop, email, **words)
    token = await link_of(database, coop)
    async with database.begin(tenant=coop.tenant_id) as db:
        return await confirm_join_request(db, tenant_id=coop.tenant_id, token=token)


async def approve(database: Database, coop: factories.Founded, request: JoinRequest) -> Membership:
    async with database.begin(tenant=coop.tenant_id, person=coop.manager.person_id) as db:
        return await approve_join_request(db, actor=coop.manager.actor, join_request_id=request.id)


async def listed(database: Database, coop: factories.Founded) -> list[str]:
    async with database.begin(tenant=coop.tenant_id) as db:
        return [one.email for one in await join_requests(db, actor=coop.manager.actor)]


async def test_nobody_reads_a_request_before_its_link_is_pressed(
    database: Database, throttle: Throttle
) -> None:
    coop = await factories.found_cooperative(database)
    email = f"noe@{coop.slug}.example"
    await asked(database, throttle, coop, email)
    assert await listed(database, coop) == []
    token = await link_of(database, coop)
    async with database.begin(tenant=coop.tenant_id) as db:
        await confirm_join_request(db, tenant_id=coop.tenant_id, token=token)
    assert await listed(database, coop) == [email]
    async with database.begin(tenant=coop.tenant_id) as db:
        told = (await db.scalars(select(Notice).where(Notice.kind == "join_request"))).all()
        assert [(one.membership_id, one.facts) for one in told] == [(coop.manager.id, {})]
        with pytest.raises(JoinLinkExpired):
            await confirm_join_request(db, tenant_id=coop.tenant_id, token=token)


async def test_the_link_pressed_ten_times_at_once_makes_one_request(
    database: Database, throttle: Throttle
) -> None:
    coop = await factories.found_cooperative(database)
    await asked(database, throttle, coop, f"dix@{coop.slug}.example")
    token = await link_of(database, coop)

    async def press() -> str:
        try:
            async with database.begin(tenant=coop.tenant_id) as db:
                await confirm_join_request(db, tenant_id=coop.tenant_id, token=token)
        except JoinLinkExpired:
            return "expired"
        return "sent"

    assert sorted(await asyncio.gather(*(press() for _ in range(8)))) == ["expired"] * 7 + ["sent"]
    assert len(await listed(database, coop)) == 1


async def test_a_mailbox_that_asks_twice_has_one_request_with_the_newer_words(
    database: Database, throttle: Throttle
) -> None:
    coop = await factories.found_cooperative(database)
    email = f"deux@{coop.slug}.example"
    await asked(database, throttle, coop, email, message="Premiers mots")
    first = await link_of(database, coop)
    await asked(database, throttle, coop, email, message="Mots corrigés")
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(JoinLinkExpired):
            await confirm_join_request(db, tenant_id=coop.tenant_id, token=first)
    second = await link_of(database, coop)
    async with database.begin(tenant=coop.tenant_id) as db:
        await confirm_join_request(db, tenant_id=coop.tenant_id, token=second)
    again = await waiting(database, throttle, coop, email, message="Troisième fois")
    assert again.message == "Troisième fois"
    assert await listed(database, coop) == [email]
    async with database.begin(tenant=coop.tenant_id) as db:
        told = await db.scalar(select(func.count()).where(Notice.kind == "join_request"))
    assert told == 1


async def test_approving_makes_a_member_who_signs_in_with_that_mailbox(
    database: Database, throttle: Throttle
) -> None:
    coop = await factories.found_cooperative(database)
    request = await waiting(
        database, throttle, coop, f"NOE@{coop.slug}.example", display_name="Noé", territory="35"
    )
    admitted = await approve(database, coop, request)
    assert (admitted.state, admitted.display_name, admitted.territory, admitted.contact_email) == (
        MembershipState.ACTIVE,
        "Noé",
        "35",
        f"noe@{coop.slug}.example",
    )
    assert admitted.person_id is not None
    (letter,) = await mailed(database, JoinAnswered(tenant_id=coop.tenant_id, join_request_id=request.id))
    assert letter.to == f"noe@{coop.slug}.example"
    assert f"https://coop.example/sign-in?next=/{coop.slug}" in letter.text
    assert await listed(database, coop) == []
    with pytest.raises(NotFound):
        await approve(database, coop, request)
    async with database.begin(tenant=coop.tenant_id) as db:
        lines = await db.execute(
            text("SELECT kind, facts::text FROM register_lines ORDER BY seq DESC LIMIT 1")
        )
        assert lines.one() == ("member_admitted", '{"members": 2}')
        acts = await db.scalars(text("SELECT action FROM audit_entries ORDER BY id DESC LIMIT 2"))
        assert set(acts) == {"tenants:membership:joined", "tenants:join_request:approved"}


async def test_approving_uses_up_an_invitation_that_the_same_mailbox_had_not_answered(
    database: Database, throttle: Throttle
) -> None:
    from tenants.invitations import invite_member, pending_invitations  # noqa: PLC0415

    coop = await factories.found_cooperative(database)
    email = f"invitee@{coop.slug}.example"
    async with database.begin(tenant=coop.tenant_id) as db:
        invitation = await invite_member(db, actor=coop.manager.actor, email=email, display_name="Invitée")
    admitted = await approve(database, coop, await waiting(database, throttle, coop, email))
    assert admitted.id == invitation.membership_id
    async with database.begin(tenant=coop.tenant_id) as db:
        assert not await pending_invitations(db, actor=coop.manager.actor)


async def test_somebody_who_left_gets_their_former_place_back(database: Database, throttle: Throttle) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    async with database.begin(tenant=coop.tenant_id, person=member.person_id) as db:
        await leave_cooperative(db, actor=member.actor)
    admitted = await approve(database, coop, await waiting(database, throttle, coop, member.email))
    assert (admitted.id, admitted.state) == (member.id, MembershipState.ACTIVE)


async def test_a_member_who_asks_is_told_so_in_their_mailbox_and_nowhere_else(
    database: Database, throttle: Throttle
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    await asked(database, throttle, coop, member.email, display_name="Visitez spam.example")
    request = await newest(database, coop.tenant_id)
    (letter,) = await mailed(database, JoinRequested(tenant_id=coop.tenant_id, join_request_id=request.id))
    assert letter.to == member.email
    assert "https://coop.example/sign-in" in letter.text
    assert "/join/" not in letter.text
    # What a stranger typed is not carried into somebody's mailbox.
    assert "spam" not in letter.text + letter.subject + letter.to_name


async def test_a_member_under_another_address_cannot_be_admitted_twice(
    database: Database, throttle: Throttle
) -> None:
    coop = await factories.found_cooperative(database)
    request = await waiting(database, throttle, coop, f"autre@{coop.slug}.example")
    member = await factories.join_member(database, coop)
    async with database.begin(tenant=coop.tenant_id, person=member.person_id) as db:
        # The mailbox of the request becomes that of a member before the manager answers.
        await db.execute(text("UPDATE people SET email = :email"), {"email": request.email})
    with pytest.raises(JoinerIsMember):
        await approve(database, coop, request)
    assert await listed(database, coop) == [request.email]


async def test_declining_mails_the_reason_and_forgets_the_words_in_the_end(
    database: Database, throttle: Throttle, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database)
    request = await waiting(database, throttle, coop, f"non@{coop.slug}.example", message="S'il vous plaît")
    async with database.begin(tenant=coop.tenant_id) as db:
        await decline_join_request(
            db, actor=coop.manager.actor, join_request_id=request.id, reason="Nous sommes\nau complet."
        )
    (letter,) = await mailed(database, JoinAnswered(tenant_id=coop.tenant_id, join_request_id=request.id))
    assert "> Nous sommes\n> au complet." in letter.text
    async with db_as("owner", tenant=coop.tenant_id) as db:
        left = await db.scalar(text("SELECT expires_at - decided_at = interval '30 days' FROM join_requests"))
    assert left is True


@pytest.mark.parametrize("days_ago", [0, 2])
async def test_what_nobody_answers_is_swept(
    database: Database, throttle: Throttle, db_as: OpenAs, settings: Settings, days_ago: int
) -> None:
    coop = await factories.found_cooperative(database)
    await waiting(database, throttle, coop, f"vieux@{coop.slug}.example")
    await asked(database, throttle, coop, f"jamais@{coop.slug}.example")
    async with db_as("owner", tenant=coop.tenant_id) as db:
        await db.execute(
            text("UPDATE join_requests SET expires_at = now() - make_interval(days => :days)"),
            {"days": days_ago},
        )
    platform = Database(settings.database_platform_url, pool_size=1)
    await sweep(platform)
    await platform.close()
    async with database.begin(tenant=coop.tenant_id) as db:
        left = await db.scalar(select(func.count()).select_from(JoinRequest))
    assert left == (0 if days_ago else 2)


async def test_only_a_manager_reads_and_answers(database: Database, throttle: Throttle) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    request = await waiting(database, throttle, coop, f"secret@{coop.slug}.example")
    async with database.begin(tenant=coop.tenant_id) as db:
        for refused in (
            join_requests(db, actor=member.actor),
            approve_join_request(db, actor=member.actor, join_request_id=request.id),
            decline_join_request(db, actor=member.actor, join_request_id=request.id, reason="Non"),
        ):
            with pytest.raises(NotAllowed):
                await refused


async def test_a_rule_closes_requests(database: Database, throttle: Throttle, browser: Browser) -> None:
    coop = await factories.found_cooperative(database, rules={JOIN_REQUESTS.name: 0})
    with pytest.raises(JoinRequestsClosed):
        await asked(database, throttle, coop, "porte@example.org")
    front = (await browser().get(f"/{coop.slug}")).text
    assert "Demander à rejoindre" not in front
    assert (await browser().get(f"/{coop.slug}/join")).status_code == 409
    assert (
        "Les demandes sont fermées" in (await browser(coop.manager).get(f"/{coop.slug}/join-requests")).text
    )


async def test_one_mailbox_is_written_to_three_times_an_hour(database: Database, throttle: Throttle) -> None:
    coop = await factories.found_cooperative(database)
    for _ in range(3):
        await asked(database, throttle, coop, f"trop@{coop.slug}.example")
    with pytest.raises(TooManyAttempts):
        await asked(database, throttle, coop, f"Trop@{coop.slug}.example")


async def test_somebody_of_another_cooperative_asks_with_one_click(
    database: Database, browser: Browser
) -> None:
    home, coop = await factories.found_cooperative(database), await factories.found_cooperative(database)
    client = browser(home.manager)
    assert f'action="/{coop.slug}/join-signed-in"' in (await client.get(f"/{coop.slug}")).text
    for _ in range(2):
        answer = await client.post(f"/{coop.slug}/join-signed-in")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/{coop.slug}")
    assert await listed(database, coop) == [home.manager.email]
    request = await newest(database, coop.tenant_id)
    assert (request.state, request.person_id) == (RequestState.WAITING, home.manager.person_id)
    admitted = await approve(database, coop, request)
    assert (admitted.person_id, admitted.display_name) == (home.manager.person_id, home.manager.name)
    assert (await client.post(f"/{coop.slug}/join-signed-in")).status_code == 409
    assert (await browser().post(f"/{coop.slug}/join-signed-in")).status_code in {303, 401}


async def _asked_in_the_browser(
    client: httpx.AsyncClient, coop: factories.Founded, email: str
) -> httpx.Response:
    return await client.post(
        f"/{coop.slug}/join",
        data={"display_name": "Noé", "email": email, "message": "Bonjour", "territory": "29"},
    )


async def test_in_the_browser_from_the_form_to_the_managers_answer(
    database: Database, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database)
    email = f"page@{coop.slug}.example"
    stranger, manager = browser(), browser(coop.manager)
    assert f'href="/{coop.slug}/join"' in (await stranger.get(f"/{coop.slug}")).text
    assert (await stranger.get(f"/{coop.slug}/join")).status_code == 200
    wrong = await stranger.post(
        f"/{coop.slug}/join", data={"display_name": "Noé", "email": "pas une adresse"}
    )
    assert wrong.status_code == 422
    assert 'value="Noé"' in wrong.text
    member = await factories.join_member(database, coop)
    answers = [await _asked_in_the_browser(stranger, coop, one) for one in (member.email, email)]
    # Known or not, the answer is the same.
    assert len({(one.status_code, one.headers["location"], one.text) for one in answers}) == 1
    token = await link_of(database, coop)
    for _ in range(2):
        assert "Bonjour" in (await stranger.get(f"/{coop.slug}/join/{token}")).text
    assert (await stranger.post(f"/{coop.slug}/join/{token}")).status_code == 303
    assert (await stranger.post(f"/{coop.slug}/join/{token}")).status_code == 404
    page = (await manager.get(f"/{coop.slug}/join-requests")).text
    (path,) = re.findall(r'action="([^"]+/decline)"', page)
    assert (await manager.get(f"/{coop.slug}/join-requests.csv")).text.count(email) == 1
    assert (await manager.post(path, data={"reason": ""})).status_code == 422
    assert (await manager.post(path.replace("decline", "approve"))).status_code == 303
    assert "Personne n'attend de réponse" in (await manager.get(f"/{coop.slug}/join-requests")).text.replace(
        "’", "'"
    )
    assert (await manager.get(f"/{coop.slug}/join")).headers["location"] == f"/{coop.slug}"


async def test_a_link_of_one_cooperative_opens_nothing_in_another(
    database: Database, throttle: Throttle, browser: Browser
) -> None:
    coop, other = await factories.found_cooperative(database), await factories.found_cooperative(database)
    await asked(database, throttle, coop, f"ici@{coop.slug}.example")
    token = await link_of(database, coop)
    assert (await browser().get(f"/{other.slug}/join/{token}")).status_code == 404
    assert (await browser().get(f"/{coop.slug}/join/{token}")).status_code == 200


async def test_a_stranger_may_post_nothing_else(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    for path in ("join-requests/00000000-0000-0000-0000-000000000000/approve", "invitations", "settings"):
        answer = await browser().post(f"/{coop.slug}/{path}")
        assert answer.status_code in {303, 401, 403}, path
        assert answer.headers.get("location", "/sign-in").startswith("/sign-in")


async def test_a_program_of_a_manager_lists_and_answers(
    database: Database, throttle: Throttle, bearer: Client
) -> None:
    coop = await factories.found_cooperative(database)
    client = bearer(await factories.api_token(database, coop.manager, "governance:read", "governance:write"))
    first = await waiting(database, throttle, coop, f"un@{coop.slug}.example")
    second = await waiting(database, throttle, coop, f"deux@{coop.slug}.example")
    page = (await client.get(f"/{coop.slug}/join-requests", params={"limit": 1})).json()
    assert [one["id"] for one in page["items"]] == [str(first.id)]
    rest = (await client.get(f"/{coop.slug}/join-requests", params={"after": page["next"]})).json()
    assert [one["id"] for one in rest["items"]] == [str(second.id)]
    approved = await client.post(f"/{coop.slug}/join-requests/{first.id}/approve")
    assert approved.status_code == 200
    assert str(UUID(approved.json()["membership_id"])) == approved.json()["membership_id"]
    declined = await client.post(
        f"/{coop.slug}/join-requests/{second.id}/decline", json={"reason": "Au complet"}
    )
    assert declined.json() == {"id": str(second.id)}
    assert (await client.post(f"/{coop.slug}/join-requests/{second.id}/approve")).status_code == 404


async def test_the_outbox_holds_no_word_of_a_request(database: Database, throttle: Throttle) -> None:
    coop = await factories.found_cooperative(database)
    await waiting(database, throttle, coop, f"mots@{coop.slug}.example", message="Confidence")
    async with database.begin(tenant=coop.tenant_id) as db:
        written = str((await db.scalars(text("SELECT facts::text FROM outbox"))).all())
    assert "Confidence" not in written
    assert "@" not in written
