"""A cooperative with every form in it, and the members who are shown them. This file must never write a row by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import httpx

from marketplace.cancellations import CancellationTerms, propose_cancellation
from tenants.actors import Role
from tenants.platform.database import Database
from tenants.platform.settings import Settings
from tests.addresses import Ids, ids_of, of_their_kind
from tests.conftest import OpenAs
from tests.factories import Founded, Member, found_cooperative, give_mandate, join_member
from tests.forms.reading import FormRead, read_forms
from tests.lived_in import live_in
from tests.marketplace import stories
from tests.running import Running
from tests.test_pages_walk import page_paths

FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Scene:
    """The cooperative, who holds every mandate in it, who works for them, who judges, and a cooperative next door."""

    home: Founded
    author: Member
    worker: Member
    mediator: Member
    elsewhere: Member
    missions: Mapping[str, UUID]
    ids: Ids
    foreign_ids: Ids


async def set_scene(database: Database, db_as: OpenAs) -> Scene:
    """A lived-in cooperative, with missions in every state between two members."""
    home = await found_cooperative(database, name="Maison aux cent formulaires")
    author = await live_in(database, home)
    worker = await join_member(database, home, name="Wanda Travailleuse")
    mediator = await join_member(database, home, name="Maëlle Médiatrice")
    mediator = await give_mandate(database, home, mediator, Role.MEDIATOR)
    village = stories.Village(home, author, worker, author, mediator)
    missions = {
        "draft": await stories.posted(database, author, publish=False, title="Au brouillon"),
        "open": await stories.posted(database, author, title="À prendre"),
        "agreed": await stories.agreed(database, village, title="Promise"),
        "delivered": await stories.delivered(database, village, title="Livrée"),
        "disputed": await stories.disputed(database, village, title="En litige"),
        "bid for": await stories.posted(database, author, title="Demandée"),
        "stopping": await stories.agreed(database, village, title="À arrêter"),
    }
    await stories.bid(database, worker, missions["bid for"])
    async with database.begin(tenant=home.tenant_id) as db:
        await propose_cancellation(
            db, actor=worker.actor, mission_id=missions["stopping"], terms=CancellationTerms(reason="Imprévu")
        )
    next_door = await found_cooperative(database, name="La maison d'à côté")
    await stories.posted(database, next_door.manager)
    return Scene(
        home,
        author,
        worker,
        mediator,
        next_door.manager,
        missions,
        await ids_of(db_as, home, always=missions.values()),
        await ids_of(db_as, next_door),
    )


def browser_of(archipel: Running, member: Member | None, language: str = "fr") -> httpx.AsyncClient:
    """A client that comes from our own pages, as a browser does."""
    client = httpx.AsyncClient(
        base_url=archipel.base_url,
        timeout=30,
        headers={"accept-language": language, "origin": archipel.base_url, "sec-fetch-site": "same-origin"},
    )
    if member:
        client.cookies.set("archipel_sign_in", member.token)
    return client


def addresses(settings: Settings, scene: Scene) -> list[str]:
    """Every page of the cooperative, with what there is of every thing."""
    found = []
    for pattern in page_paths(settings):
        path = pattern.replace("{cooperative}", scene.home.slug)
        path = path.replace("{name}", "timebank.credit_limit_low").replace("{token}", "x" * 43)
        found += of_their_kind(path, scene.ids)
    slug = scene.home.slug
    found += [f"/{slug}/hours/{way}?to={scene.home.manager.id}" for way in ("give", "transfer")]
    return [path for path in found if ".csv" not in path and ".json" not in path and path not in LEFT_OUT]


# Another test's cooperative would be walked by these; no page of ours.
LEFT_OUT = {"/mail", "/metrics", "/health"}


async def every_form(
    settings: Settings, archipel: Running, scene: Scene
) -> list[tuple[Member | None, FormRead]]:
    """Every form that any of them, or a stranger, is shown, each once."""
    found: dict[tuple[str, tuple[str, ...]], tuple[Member | None, FormRead]] = {}
    for member in (scene.author, scene.worker, scene.mediator, None):
        async with browser_of(archipel, member) as client:
            for path in addresses(settings, scene):
                answer = await client.get(path)
                if answer.status_code != httpx.codes.OK:
                    continue
                for form in read_forms(path, answer.text):
                    key = (general(form.action), tuple(form.fields))
                    found.setdefault(key, (member, form))
    return list(found.values())


def general(action: str) -> str:
    """The address with every id left out, by which two forms of the same kind are one."""
    return "/".join("*" if len(part) == 36 and part.count("-") == 4 else part for part in action.split("/"))
