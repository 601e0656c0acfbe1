"""What a demo cooperative brought from its earlier tool, and what its members decided in assembly.

Told at the end, by today's clock: an import waits, an assembly is signed, a rule changes, and none of it is backdated.
This file must never write a row itself.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

# What can be imported is declared by these.
import tenants.member_imports  # noqa: F401
import timebank.exchange_imports  # noqa: F401
from marketplace.demo.road import Cast
from marketplace.demo.story import address_of, set_type
from tenants.actors import Actor, Role
from tenants.assemblies import Held, Resolution
from tenants.assembly_records import record_assembly
from tenants.assembly_signatures import sign_assembly
from tenants.events import ImportPrepared, ImportReleased
from tenants.import_jobs import carry_out_released, look_into
from tenants.imports import prepare_import, release_import
from tenants.platform.database import Database

MEMBERS: Final = """Nom,Courriel,Téléphone,Territoire,Membre depuis,Numéro
Yvette Lagadec,yvette.lagadec@{slug}.example,,{territory},2016-09-14,M-012
Rémi Sauvage,remi.sauvage@{slug}.example,06 00 00 00 12,{territory},2018-03-02,M-031
Léna Cozic,lena.cozic@{slug}.example,,{territory},2021-11-20,M-057
"""
WRONG: Final = """Nom,Courriel,Téléphone,Territoire,Membre depuis,Numéro
Hugues Tanneau,hugues.tanneau(a){slug}.example,,{territory},2017-05-08,M-022
Sarah Lemoine,sarah.lemoine@{slug}.example,,{territory},2019-10-01,M-040
Paulette Ricou,paulette.ricou@{slug}.example,,Là-haut,2015-01-30,M-008
"""
EXCHANGES: Final = """Date,De,À,Durée,Motif,Identifiant
2019-04-06,{one},{two},2h,Caisses portées au local,C-1
2019-04-13,{two},{three},1h30,Une étagère,C-2
2019-05-04,{three},{one},45 min,Comptes du premier mois,C-3
"""
SILENCE_DAYS: Final = 10
REVIEW_DAYS: Final = 21
MINUTES: Final = """Ordre du jour : l'année écoulée, les comptes, **le délai d'une livraison sans réponse**.

Les comptes sont approuvés. Plusieurs membres attendent trop longtemps leurs heures ; d'autres ne regardent leurs \
messages que le dimanche. Dix jours conviennent à tout le monde."""


async def tell_moving(database: Database, cast: Cast) -> None:
    """Tell of members taken over, of a file with two wrong lines, and of exchanges that wait for a second person."""
    manager = cast.actors[cast.story.people[0].name]
    slug = cast.story.slug
    one, two, three = (address_of(slug, cast.story.people[place].name) for place in (1, 5, 3))
    words = {
        "slug": slug,
        "territory": cast.story.territory,
        "one": one,
        "two": two,
        "three": three,
    }
    await _brought(database, manager, "members", "membres-2021.csv", MEMBERS.format(**words), release=True)
    await _brought(database, manager, "members", "membres-oublies.csv", WRONG.format(**words))
    await _brought(database, manager, "exchanges", "cahier-2019.csv", EXCHANGES.format(**words))


async def _brought(
    database: Database, manager: Actor, kind: str, file_name: str, content: str, *, release: bool = False
) -> None:
    tenant = manager.tenant_id
    async with database.begin(tenant=tenant) as db:
        brought = await prepare_import(
            db, actor=manager, kind=kind, file_name=file_name, content=content.encode()
        )
    # As the worker does it, which is not there yet; what is done by the time it comes, it leaves.
    async with database.begin(tenant=tenant) as db:
        await look_into(db, ImportPrepared(tenant_id=tenant, import_id=brought.id))
    if release:
        async with database.begin(tenant=tenant) as db:
            await release_import(db, actor=manager, import_id=brought.id)
        async with database.begin(tenant=tenant) as db:
            await carry_out_released(db, ImportReleased(tenant_id=tenant, import_id=brought.id))


async def tell_assembly(database: Database, cast: Cast) -> None:
    """Tell of an assembly that changed a rule, and of one whose minutes wait for the second signature."""
    people = cast.story.people
    manager = cast.actors[people[0].name]
    treasurer = next(cast.actors[one.name] for one in people if Role.TREASURER in one.roles)
    today = datetime.now(UTC).date()
    decided = Held(
        held_on=today - timedelta(days=9),
        place="Dans nos murs",
        minutes=set_type(MINUTES),
        members_count=len(people),
        present_count=23,
        represented_count=4,
        quorum_required_count=20,
    )
    resolution = Resolution(
        rule="marketplace.silence_days",
        value=SILENCE_DAYS,
        votes_for=24,
        votes_against=1,
        votes_abstain=2,
        effective_on=today + timedelta(days=1),
    )
    await _held(database, decided, [resolution], manager, treasurer)
    waiting = Held(
        held_on=today - timedelta(days=2),
        place="Dans nos murs",
        minutes=set_type(
            "Un seul sujet : deux semaines sont courtes pour donner son avis quand on est en voyage."
        ),
        members_count=len(people),
        present_count=21,
        represented_count=2,
        quorum_required_count=20,
    )
    longer = Resolution(
        rule="marketplace.review_days",
        value=REVIEW_DAYS,
        votes_for=19,
        votes_against=3,
        votes_abstain=1,
        effective_on=today + timedelta(days=15),
    )
    await _held(database, waiting, [longer], manager)


async def _held(database: Database, held: Held, resolutions: list[Resolution], *signatories: Actor) -> None:
    """Record an assembly, by its first signatory, and have it signed by each of them."""
    tenant = signatories[0].tenant_id
    async with database.begin(tenant=tenant) as db:
        recorded = await record_assembly(db, actor=signatories[0], held=held, resolutions=resolutions)
        found, version = recorded.assembly.id, recorded.assembly.version
    for signatory in signatories:
        async with database.begin(tenant=tenant) as db:
            await sign_assembly(db, actor=signatory, assembly_id=found, version=version)
