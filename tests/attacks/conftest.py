"""What the attacks share: a cooperative worth attacking, and the intruder's browsers and programs, over real HTTP."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx
import pytest

from tenants.actors import Role
from tenants.platform.database import Database
from tests.factories import Founded, Member, found_cooperative, give_mandate, join_member
from tests.running import Running

Browser = Callable[..., httpx.AsyncClient]


@dataclass(frozen=True)
class Scene:
    """One cooperative with its mandates, a plain member of it, and the manager of another one."""

    home: Founded
    treasurer: Member
    steward: Member
    mediator: Member
    plain: Member
    stranger: Member


@pytest.fixture(scope="package")
async def scene(database: Database) -> Scene:
    home = await found_cooperative(database, name="La Cible")
    keepers = {
        role: await give_mandate(
            database, home, await join_member(database, home, name=f"Titulaire {role}"), role
        )
        for role in (Role.TREASURER, Role.STEWARD, Role.MEDIATOR)
    }
    plain = await join_member(database, home, name="Paul Ordinaire")
    elsewhere = await found_cooperative(database, name="Ailleurs")
    return Scene(
        home,
        keepers[Role.TREASURER],
        keepers[Role.STEWARD],
        keepers[Role.MEDIATOR],
        plain,
        elsewhere.manager,
    )


@pytest.fixture
async def browser(archipel: Running) -> AsyncIterator[Browser]:
    """``browser(member, **headers)``: what this member's browser sends; without one, a stranger's."""
    opened: list[httpx.AsyncClient] = []

    def open_browser(member: Member | None = None, **headers: str) -> httpx.AsyncClient:
        sent = {"sec-fetch-site": "same-origin", "origin": archipel.base_url, "accept-language": "fr"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        client = httpx.AsyncClient(
            base_url=archipel.base_url,
            timeout=30,
            headers=sent,
            cookies={"archipel_sign_in": member.token} if member else {},
        )
        opened.append(client)
        return client

    yield open_browser
    for client in opened:
        await client.aclose()
