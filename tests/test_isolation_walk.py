"""An intruder from another cooperative tries every operation of the API with every id of the first.

A new operation is walked without being named here. Only the listed public ones may answer, and for those
the test says what their answers must leave out.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from tenants.actors import Role
from tenants.platform.database import Database
from tenants.tokens import SCOPES
from tests.addresses import PARAMETER, Ids, every_address, ids_of
from tests.conftest import OpenAs
from tests.factories import Founded, Member, api_token, found_cooperative, give_mandate, join_member
from tests.running import Running

# Operations that answer a stranger: what a cooperative publishes.
PUBLIC_OPERATIONS = {
    "assemblies",
    "assembly",
    "cooperative",
    "mission",
    "open_missions",
    "published_ballots",
    "register",
    "rule_history",
    "rules",
    "search_missions",
    "vote",
    "vote_file",
    "votes",
}
REFUSED = {httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND}


@dataclass(frozen=True)
class Two:
    """A cooperative with something of every kind in it, and an intruder who holds every mandate elsewhere."""

    home: Founded
    member: Member
    intruder: Member
    intruder_token: str
    ids: Ids
    public_mission: UUID
    counted_vote: UUID


@pytest.fixture(scope="module")
async def two(database: Database, db_as: OpenAs) -> Two:
    from tests.lived_in import live_in  # noqa: PLC0415

    home = await found_cooperative(database, name="Première")
    member = await live_in(database, home)
    elsewhere = await found_cooperative(database, name="Ailleurs")
    intruder = await join_member(database, elsewhere, name="Ines Intruse")
    for role in Role:
        intruder = await give_mandate(database, elsewhere, intruder, role)
    token = await api_token(database, intruder, *SCOPES)
    async with db_as("app", tenant=home.tenant_id) as db:
        public = await db.execute(
            text("SELECT id FROM missions WHERE visibility = 'public' AND state = 'open'")
        )
        mission = public.scalars().one()
        counted = await db.scalars(text("SELECT id FROM votes WHERE state = 'counted' ORDER BY id"))
        vote = counted.all()[0]
    return Two(home, member, intruder, token, await ids_of(db_as, home), mission, vote)


async def _operations(client: httpx.AsyncClient) -> list[tuple[str, str, dict[str, Any]]]:
    document = (await client.get("/api/v1/openapi.json")).json()
    return [
        (method, path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in {"get", "post", "put", "patch", "delete"}
    ]


async def test_the_walk_has_something_of_every_kind_to_try(two: Two) -> None:
    for table in (
        "memberships",
        "missions",
        "bids",
        "agreements",
        "transfers",
        "mandates",
        "notices",
        "api_tokens",
        "amendments",
        "circle_mandates",
        "circles",
        "objections",
        "proposals",
        "colleges",
        "delegations",
        "imports",
        "join_requests",
        "messages",
        "paper_letters",
        "reports",
        "reviews",
        "saved_searches",
        "third_party_entries",
        "votes",
        "write_offs",
    ):
        assert two.ids[table], f"the lived-in cooperative has no {table}"


async def test_an_intruder_gets_nothing_but_refusals_from_every_operation(
    two: Two, archipel: Running
) -> None:
    tried = 0
    async with httpx.AsyncClient(base_url=archipel.base_url, timeout=30) as client:
        for method, path, operation in await _operations(client):
            name = operation["operationId"]
            if "{cooperative}" not in path or name in PUBLIC_OPERATIONS:
                continue
            for filled in every_address(path.replace("{cooperative}", two.home.slug), two.ids):
                answer = await client.request(
                    method,
                    filled,
                    headers={"authorization": f"Bearer {two.intruder_token}"},
                    json={} if method != "get" else None,
                )
                tried += 1
                # A token of another cooperative is no token here: 401 says less than 403.
                assert answer.status_code in REFUSED | {401}, (
                    name,
                    filled,
                    answer.status_code,
                    answer.text[:200],
                )
                for name_of in (two.member.name, two.home.manager.name, two.member.email):
                    assert name_of not in answer.text, (name, filled)
    assert tried > 100


async def test_an_intruder_with_a_cookie_gets_nothing_either(two: Two, archipel: Running) -> None:
    """The cookie is good everywhere, so here the membership decides."""
    headers = {"origin": archipel.base_url, "sec-fetch-site": "same-origin"}
    async with httpx.AsyncClient(base_url=archipel.base_url, timeout=30, headers=headers) as client:
        client.cookies.set("archipel_sign_in", two.intruder.token)
        for method, path, operation in await _operations(client):
            name = operation["operationId"]
            if "{cooperative}" not in path or name in PUBLIC_OPERATIONS:
                continue
            for filled in every_address(path.replace("{cooperative}", two.home.slug), two.ids):
                answer = await client.request(method, filled, json={} if method != "get" else None)
                assert answer.status_code in REFUSED, (name, filled, answer.status_code, answer.text[:200])
                assert two.member.email not in answer.text
                assert two.member.name not in answer.text


async def test_one_s_own_cooperative_does_not_open_the_other_s_rows(two: Two, archipel: Running) -> None:
    """The same ids, asked under the intruder's own cooperative, where every mandate is theirs."""
    async with httpx.AsyncClient(base_url=archipel.base_url, timeout=30) as client:
        for method, path, operation in await _operations(client):
            if "{cooperative}" not in path or not PARAMETER.search(path.replace("{cooperative}", "")):
                continue
            for filled in every_address(path.replace("{cooperative}", two.intruder.slug), two.ids):
                answer = await client.request(
                    method,
                    filled,
                    headers={"authorization": f"Bearer {two.intruder_token}"},
                    json={} if method != "get" else None,
                )
                assert answer.status_code in {404, 409, 422, 403, 400}, (
                    operation["operationId"],
                    filled,
                    answer.status_code,
                    answer.text[:200],
                )


async def test_public_operations_leave_persons_out(two: Two, archipel: Running) -> None:
    async with httpx.AsyncClient(base_url=archipel.base_url, timeout=30) as client:
        seen = set()
        for method, path, operation in await _operations(client):
            name = operation["operationId"]
            if name not in PUBLIC_OPERATIONS or method != "get":
                continue
            filled = path.replace("{cooperative}", two.home.slug)
            filled = filled.replace("{name}", "timebank.credit_limit_low")
            # The one assembly is a draft, which only members see.
            filled = filled.replace("{assembly_id}", str(two.ids["assemblies"][0]))
            filled = filled.replace("{mission_id}", str(two.public_mission))
            filled = filled.replace("{vote_id}", str(two.counted_vote))
            answer = await client.get(filled)
            expected = httpx.codes.NOT_FOUND if name == "assembly" else httpx.codes.OK
            assert answer.status_code == expected, (name, answer.text[:200])
            seen.add(name)
            for person in (two.member, two.home.manager):
                for secret in (person.name, person.email, str(person.id), str(person.person_id)):
                    assert secret not in answer.text, (name, secret)
        assert seen == PUBLIC_OPERATIONS


async def test_a_mission_among_members_is_found_by_nobody_else(
    two: Two, archipel: Running, db_as: OpenAs
) -> None:
    async with db_as("app", tenant=two.home.tenant_id) as db:
        found = await db.execute(
            text("SELECT id FROM missions WHERE visibility <> 'public' OR state NOT IN ('open', 'settled')")
        )
        private = found.scalars().all()
    assert len(private) > 3
    async with httpx.AsyncClient(base_url=archipel.base_url, timeout=30) as client:
        client.cookies.set("archipel_sign_in", two.intruder.token)
        for mission in private:
            for path in (
                f"/api/v1/{two.home.slug}/missions/{mission}",
                f"/{two.home.slug}/missions/{mission}",
            ):
                assert (await client.get(path)).status_code in REFUSED, path


@pytest.mark.parametrize("setting", ["unset", "wrong"])
async def test_by_sql_as_app_no_row_of_the_first_cooperative_is_seen_or_changed(
    two: Two, db_as: OpenAs, setting: str
) -> None:
    tenant = two.intruder.tenant_id if setting == "wrong" else None
    async with db_as("app", tenant=tenant) as db:
        for table, ids in two.ids.items():
            if not ids:
                continue
            may = await db.execute(
                text("SELECT has_table_privilege(:t, 'SELECT'), has_table_privilege(:t, 'UPDATE')"),
                {"t": table},
            )
            may_read, may_change = may.one()
            if may_read:
                seen = await db.execute(
                    text(f'SELECT count(*) FROM "{table}" WHERE id = ANY(:ids)'), {"ids": ids}
                )
                assert seen.scalar_one() == 0, table
            if may_change:
                change = text(f'UPDATE "{table}" SET id = id WHERE id = ANY(:ids) RETURNING id')
                changed = await db.execute(change, {"ids": ids})
                assert not changed.all(), table
