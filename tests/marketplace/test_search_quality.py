"""Does search find what a person expects? Queries with the titles they should find, first among few.

The French corpus (330 descriptions of public services) is no part of the project: ARCHIPEL_CORPUS says where its CSV
is, and without it that test is skipped. Nothing was tuned on HELD_BACK: its figures are reported beside the others.
"""

import csv
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from marketplace.mission_terms import TITLE_LENGTH
from marketplace.missions import post_mission
from marketplace.search import MissionSearch, search_missions
from tenants.platform.database import Database
from tests.marketplace import stories
from tests.marketplace.stories import Village, village

CORPUS: Final = Path(os.environ.get("ARCHIPEL_CORPUS", "../shared/texts/services_fr.csv"))
AMONG: Final = 10

TUNED: Final = {
    "accessibilité établissements publics": "Acceslibre",
    "code du travail": "Code du travail numérique",
    "covoiturage": "Covoiturage.beta.gouv",
    "rénovation aides": "Mes Aides Réno",
    "compost": "Au Compost Mitoyen !",
    "égalité femmes hommes": "Egapro",
    "logement étudiants": "Mon Logement Etudiant",
    "handicap sport": "Parasport",
    "taxi": "le.taxi",
    "archiviste": "Archifiltre",
    "jardins partagés": "Jaden Gwadloup",
    "harcelement": "Kamehameha",
    "permis de conduire fraude": "Polex",
    "biocarburant": "Carbure",
    "apprentisage ruptures": "Prévention des ruptures de contrat d'apprentissage et de remédiation",
}
HELD_BACK: Final = {
    "autisme": "Maison de l'autisme",
    "médicaments": "Info Médicament",
    "bénévolat": "JeVeuxAider.gouv.fr",
    "réfugiés": "Civil.ia",
    "inondation": "Brav'Eau",
    "cantine produits locaux": "Les Locavors",
    "adresses communes": "Bases Adresses Locales",
    "rendez-vous administration": "RDV Service Public",
    "messagerie instantanée": "Tchap",
    "empreinte carbone": "Nos Gestes Climat",
    "débroussailement": "Mission Débroussaillement",
    "vaccination": "Traçage vaccination IAHP",
    "culture jeunes": "Pass Culture",
    "cybersécurité jeunes": "CyberEnJeux",
    "expulsion locataires": "Alexi",
}
ENGLISH_TEXTS: Final = {
    "Proofread a grant application": "Twelve pages, mostly spelling and consistency of headings.",
    "Teach basic bookkeeping": "Invoices, receipts and cash flow for two young companies.",
    "Fix a leaking kitchen tap": "The washer is worn; tools are here.",
    "Photograph our annual meeting": "Portraits of the speakers and pictures of the crowd.",
    "Design a poster for the harvest festival": "Large format, two colours, recycled paper.",
    "Prune apple trees": "Six old trees in the shared orchard.",
    "Record a short podcast": "Interviews with neighbours, editing included.",
    "Build shelves for the library": "Pine boards, three bookcases.",
    "Translate a lease into English": "Legal vocabulary, four pages.",
    "Look after children during workshops": "Two afternoons, ages four to nine.",
}
ENGLISH: Final = {
    "proofreading": "Proofread a grant application",
    "bookkeeper invoices": "Teach basic bookkeeping",
    "leak kitchen": "Fix a leaking kitchen tap",
    "photographs meetings": "Photograph our annual meeting",
    "posters festival": "Design a poster for the harvest festival",
    "pruning trees": "Prune apple trees",
    "interviewing neighbours": "Record a short podcast",
    "libary shelf": "Build shelves for the library",
    "translation lease": "Translate a lease into English",
    "childrens workshop": "Look after children during workshops",
}


async def published(database: Database, texts: Sequence[tuple[str, str]]) -> Village:
    scene = await village(database)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        for title, description in texts:
            terms = stories.terms(title=title[:TITLE_LENGTH], description=description[:10_000])
            await post_mission(db, actor=scene.author.actor, terms=terms)
    return scene


async def measure(database: Database, scene: Village, queries: Mapping[str, str]) -> tuple[float, float, str]:
    """The share found among the first ten, the mean of 1/rank, and what was missed or came late."""
    found, reciprocal = 0, 0.0
    notes = []
    for typed, expected in queries.items():
        async with database.begin(tenant=scene.coop.tenant_id, read_only=True) as db:
            answer = await search_missions(
                db,
                tenant_id=scene.coop.tenant_id,
                reader_id=scene.other.id,
                asked=MissionSearch(q=typed),
                limit=AMONG,
            )
        titles = [hit.mission.title for hit in (*answer.hits, *answer.near)][:AMONG]
        rank = titles.index(expected) + 1 if expected in titles else 0
        found += rank > 0
        reciprocal += 1 / rank if rank else 0
        if rank != 1:
            notes.append(f"{typed!r}: {expected!r} at {rank or 'none'}, first {titles[:2]}")
    return found / len(queries), reciprocal / len(queries), "\n".join(notes)


@pytest.mark.skipif(
    not CORPUS.is_file() and "CI" not in os.environ,
    reason=f"the corpus is no part of the project: ARCHIPEL_CORPUS ({CORPUS}); in CI this would be a failure",
)
async def test_french_descriptions_are_found_as_people_ask_for_them(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    described = csv.DictReader(CORPUS.read_text(encoding="utf-8").splitlines(keepends=True))
    rows = [(row["title"].strip(), f"{row['summary']}\n\n{row['description']}") for row in described]
    assert len(rows) > 300
    scene = await published(database, rows)
    figures = {}
    for name, queries in (("tuned", TUNED), ("held back", HELD_BACK)):
        recall, order, notes = await measure(database, scene, queries)
        figures[name] = (recall, order)
        with capsys.disabled():
            sys.stdout.write(
                f"\n{name}: found among {AMONG} {recall:.0%}, mean of 1/rank {order:.2f}\n{notes}\n"
            )
    assert figures["tuned"][0] >= 0.9
    assert figures["tuned"][1] >= 0.7
    # Another fifteen queries would find a little less or more: what is promised is lower than what was seen.
    assert figures["held back"][0] >= 0.8
    assert figures["held back"][1] >= 0.6


async def test_english_texts_are_found_as_people_ask_for_them(database: Database) -> None:
    scene = await published(database, list(ENGLISH_TEXTS.items()))
    recall, order, notes = await measure(database, scene, ENGLISH)
    assert recall >= 0.9, notes
    assert order >= 0.8, notes
