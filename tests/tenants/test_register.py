"""The register: one chain, whoever writes at once, that a stranger can check and that names nobody."""

import asyncio
import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError

from tenants.actors import Role
from tenants.cooperatives import Cooperative
from tenants.platform.database import Database
from tenants.platform.settings import Settings
from tenants.register import (
    FORMAT,
    GENESIS,
    KINDS,
    Broken,
    RegisterLine,
    RegisterSalt,
    Verified,
    append,
    canonical,
    commit_to,
    commitment,
    forget,
    line_hash,
    published,
    register_lines,
    verify_register,
)
from tests import factories


def chain(length: int) -> list[dict[str, Any]]:
    """A chain made by the format alone, as a stranger would make one."""
    lines: list[dict[str, Any]] = []
    for seq in range(1, length + 1):
        line: dict[str, Any] = {
            "format": FORMAT,
            "cooperative": "019ab000-0000-7000-8000-000000000001",
            "seq": seq,
            "at": datetime(2026, 11, 22, 16, seq, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "kind": "member_admitted",
            "facts": {"members": seq},
            "previous": lines[-1]["hash"] if lines else GENESIS,
        }
        line["hash"] = line_hash(line)
        lines.append(line)
    return lines


async def as_published(database: Database, tenant_id: Any) -> list[dict[str, Any]]:
    async with database.begin(tenant=tenant_id, read_only=True) as db:
        lines = await register_lines(db, tenant_id=tenant_id, limit=None)
    # Through JSON text, as a stranger receives it.
    received: list[dict[str, Any]] = json.loads(json.dumps([published(line) for line in reversed(lines)]))
    return received


def test_a_whole_chain_verifies_and_an_empty_one_too() -> None:
    lines = chain(4)
    assert verify_register(lines) == Verified(4, lines[-1]["hash"])
    assert verify_register([]) == Verified(0, GENESIS)


def rehashed(line: dict[str, Any]) -> None:
    line["hash"] = line_hash(line)


def change_fact(lines: list[dict[str, Any]]) -> None:
    lines[1]["facts"]["members"] = 40


def change_fact_and_hash(lines: list[dict[str, Any]]) -> None:
    change_fact(lines)
    rehashed(lines[1])


def drop_line(lines: list[dict[str, Any]]) -> None:
    del lines[1]


def swap_lines(lines: list[dict[str, Any]]) -> None:
    lines[1], lines[2] = lines[2], lines[1]


def go_back_in_time(lines: list[dict[str, Any]]) -> None:
    lines[1]["at"] = "2025-01-01T00:00:00.000000Z"
    rehashed(lines[1])


def change_cooperative(lines: list[dict[str, Any]]) -> None:
    lines[1]["cooperative"] = str(uuid4())
    rehashed(lines[1])


def put_a_float(lines: list[dict[str, Any]]) -> None:
    lines[1]["facts"]["members"] = 2.0


def add_a_key(lines: list[dict[str, Any]]) -> None:
    lines[1]["note"] = "x"
    rehashed(lines[1])


@pytest.mark.parametrize(
    ("tamper", "position", "reason"),
    [
        (change_fact, 2, "hash"),
        (change_fact_and_hash, 3, "previous"),
        (drop_line, 2, "seq"),
        (swap_lines, 2, "seq"),
        (go_back_in_time, 2, "time"),
        (change_cooperative, 2, "cooperative"),
        (put_a_float, 2, "malformed"),
        (add_a_key, 2, "malformed"),
    ],
)
def test_whatever_is_changed_is_found_and_named(tamper: Any, position: int, reason: str) -> None:
    lines = deepcopy(chain(4))
    tamper(lines)
    assert verify_register(lines) == Broken(position, reason)


def test_the_published_example_of_the_format_has_this_hash() -> None:
    # Made with printf and sha256sum, not with our code: a change of format would break every chain there is.
    assert line_hash(chain(1)[0]) == "1df01a4b6071e1f178eb9e884fefb80a6aaa76831e5a025cfbaba711e8ebe4a7"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(min_codepoint=1, max_codepoint=127)), inner, max_size=4)
    ),
    max_leaves=20,
)


async def test_postgresql_and_python_write_the_same_canonical_text(database: Database) -> None:
    found: list[Any] = []

    @settings(max_examples=100, deadline=None, database=None)
    @given(json_values)
    def keep(value: Any) -> None:
        found.append(value)

    keep()
    found.append({"a": 'é\u2028\u007f\x1f"\\/\b\f\n\r\t😀', "B": [], "_": {}, "aa": -1, "a b": None})
    async with database.begin() as db:
        for value in found:
            row = await db.execute(
                text("SELECT canonical_json(CAST(:value AS jsonb))"),
                {"value": json.dumps(value, ensure_ascii=False)},
            )
            # SQL is strict: a JSON null is a value, not an absence.
            assert row.scalar_one() == canonical(value)


@pytest.mark.parametrize("value", [1.5, 2**53, {"é": 1}, {"a": object()}, "\ud800", "a\0b"])
def test_what_the_format_does_not_allow_is_no_line(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        canonical({"a": value})


async def test_appended_lines_make_a_chain_that_a_stranger_verifies(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        line = await append(
            db,
            tenant_id=coop.tenant_id,
            kind="mandate_given",
            facts={"role": "treasurer", "note": "été « 1 »"},
        )
    lines = await as_published(database, coop.tenant_id)
    assert verify_register(lines) == Verified(line.seq, line.hash.hex())
    assert "founding_act" in {found["kind"] for found in lines[:2]}
    assert lines[-1]["facts"]["note"] == "été « 1 »"


async def test_a_line_that_is_rolled_back_leaves_no_gap(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    before = await as_published(database, coop.tenant_id)

    async def fail() -> None:
        async with database.begin(tenant=coop.tenant_id) as db:
            await append(db, tenant_id=coop.tenant_id, kind="member_left", facts={})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.begin(tenant=coop.tenant_id) as db:
        await append(db, tenant_id=coop.tenant_id, kind="member_left", facts={})
    lines = await as_published(database, coop.tenant_id)
    assert verify_register(lines) == Verified(len(before) + 1, lines[-1]["hash"])


async def test_an_undeclared_kind_is_a_programmers_error(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(AssertionError, match="declare"):
            await append(db, tenant_id=coop.tenant_id, kind="gossip", facts={})
    assert "gossip" not in KINDS


async def test_fifty_writers_at_once_make_one_chain(database: Database, migrated: Settings) -> None:
    coop = await factories.found_cooperative(database)
    before = len(await as_published(database, coop.tenant_id))
    wide = Database(migrated.database_url, pool_size=50)
    everyone_is_connected = asyncio.Barrier(50)

    async def write(number: int) -> int:
        async with wide.begin(tenant=coop.tenant_id) as db:
            await db.execute(text("SELECT 1"))
            await everyone_is_connected.wait()
            line = await append(
                db, tenant_id=coop.tenant_id, kind="member_admitted", facts={"members": number}
            )
            return line.seq

    try:
        seqs = await asyncio.gather(*(write(number) for number in range(50)))
    finally:
        await wide.close()
    assert sorted(seqs) == list(range(before + 1, before + 51))
    lines = await as_published(database, coop.tenant_id)
    assert verify_register(lines) == Verified(before + 50, lines[-1]["hash"])
    assert {line["facts"]["members"] for line in lines[before:]} == set(range(50))


async def test_a_register_begun_by_several_at_once_has_one_beginning(database: Database) -> None:
    tenant_id = uuid4()
    async with database.begin(tenant=tenant_id) as db:
        await db.execute(
            insert(Cooperative).values(
                tenant_id=tenant_id,
                slug=f"vide-{tenant_id.hex[:8]}",
                name="Vide",
                legal_profile="other",
                territory="75",
            )
        )

    async def write() -> None:
        async with database.begin(tenant=tenant_id) as db:
            await append(db, tenant_id=tenant_id, kind="member_left", facts={})

    await asyncio.gather(*(write() for _ in range(8)))
    lines = await as_published(database, tenant_id)
    assert verify_register(lines) == Verified(8, lines[-1]["hash"])


FORK = """
    INSERT INTO register_lines (tenant_id, seq, at, kind, facts, previous_hash, hash)
    SELECT tenant_id, {seq}, {at}, kind, '{{"members": 99}}', {previous},
           register_hash(tenant_id, {seq}, {at}, kind, '{{"members": 99}}', {previous})
    FROM register_lines WHERE tenant_id = :tenant AND seq = 1
"""


@pytest.mark.parametrize(
    "statement",
    [
        # A second line after the first.
        FORK.format(seq=2, at="clock_timestamp()", previous="hash"),
        # A second beginning.
        FORK.format(seq=1, at="clock_timestamp()", previous="decode(repeat('00', 32), 'hex')"),
        # A line after a gap.
        FORK.format(seq="(SELECT max(seq) + 2 FROM register_lines)", at="clock_timestamp()", previous="hash"),
        # The right place, and a time before the line before.
        FORK.format(
            seq="(SELECT max(seq) + 1 FROM register_lines)",
            at="timestamptz '2020-01-01'",
            previous="(SELECT hash FROM register_lines ORDER BY seq DESC LIMIT 1)",
        ),
        # The right place, and not its own hash.
        """INSERT INTO register_lines
           SELECT tenant_id, seq + 1, clock_timestamp(), kind, facts, hash, sha256('x')
           FROM register_lines WHERE tenant_id = :tenant ORDER BY seq DESC LIMIT 1""",
        "UPDATE register_lines SET facts = '{}' WHERE tenant_id = :tenant",
        "DELETE FROM register_lines WHERE tenant_id = :tenant AND seq = (SELECT max(seq) FROM register_lines)",
        "UPDATE register_heads SET seq = 1, hash = sha256('x') WHERE tenant_id = :tenant",
        "UPDATE register_heads SET seq = seq + 1 WHERE tenant_id = :tenant",
        "UPDATE register_heads SET seq = NULL, hash = NULL WHERE tenant_id = :tenant",
        "DELETE FROM register_heads WHERE tenant_id = :tenant",
        "TRUNCATE register_lines",
    ],
)
async def test_the_application_cannot_fork_or_change_the_chain_even_in_sql(
    database: Database, statement: str
) -> None:
    coop = await factories.found_cooperative(database)
    with pytest.raises(DBAPIError) as refused:
        async with database.begin(tenant=coop.tenant_id) as db:
            await db.execute(text(statement), {"tenant": coop.tenant_id})
    assert refused.value.orig is not None
    assert getattr(refused.value.orig, "sqlstate", "") in {"23000", "42501"}, refused.value
    lines = await as_published(database, coop.tenant_id)
    assert verify_register(lines) == Verified(len(lines), lines[-1]["hash"])


async def test_the_right_next_line_in_sql_is_accepted_so_the_refusals_are_about_the_chain(
    database: Database,
) -> None:
    coop = await factories.found_cooperative(database)
    statement = FORK.format(
        seq="(SELECT max(seq) + 1 FROM register_lines)",
        at="statement_timestamp()",
        previous="(SELECT hash FROM register_lines ORDER BY seq DESC LIMIT 1)",
    )
    async with database.begin(tenant=coop.tenant_id) as db:
        await db.execute(text(statement), {"tenant": coop.tenant_id})
        await db.execute(
            text(
                "UPDATE register_heads SET (seq, hash) = (SELECT seq, hash FROM register_lines ORDER BY seq DESC LIMIT 1)"
            )
        )
    lines = await as_published(database, coop.tenant_id)
    assert verify_register(lines) == Verified(len(lines), lines[-1]["hash"])


async def test_another_cooperative_sees_and_adds_nothing(database: Database) -> None:
    mine = await factories.found_cooperative(database)
    other = await factories.found_cooperative(database)
    async with database.begin(tenant=other.tenant_id) as db:
        assert not await register_lines(db, tenant_id=mine.tenant_id)
    with pytest.raises(DBAPIError):
        async with database.begin(tenant=other.tenant_id) as db:
            await append(db, tenant_id=mine.tenant_id, kind="member_left", facts={})


async def test_forgetting_a_person_leaves_the_chain_whole_and_nothing_to_find_them_by(
    database: Database,
) -> None:
    coop = await factories.found_cooperative(database)
    name = "Zoé Éphémère"
    async with database.begin(tenant=coop.tenant_id) as db:
        committed = await commit_to(db, tenant_id=coop.tenant_id, value=name, membership_id=coop.manager.id)
        other = await commit_to(db, tenant_id=coop.tenant_id, value=name, membership_id=coop.manager.id)
        await append(db, tenant_id=coop.tenant_id, kind="mandate_given", facts={"holder": committed})
    assert committed != other, "two lines about one person cannot be tied together"
    async with database.begin(tenant=coop.tenant_id) as db:
        salt = await db.scalar(
            select(RegisterSalt.salt).where(
                RegisterSalt.tenant_id == coop.tenant_id, RegisterSalt.commitment == committed
            )
        )
        assert salt is not None
        # With salt and name, the line can be opened; the form in which the name was typed does not matter.
        assert commitment("Zoe\u0301 E\u0301phe\u0301me\u0300re", salt) == committed
        assert await forget(db, tenant_id=coop.tenant_id, membership_id=coop.manager.id) == 2
    lines = await as_published(database, coop.tenant_id)
    assert verify_register(lines) == Verified(len(lines), lines[-1]["hash"])
    assert name not in json.dumps(lines, ensure_ascii=False)
    async with database.begin(tenant=coop.tenant_id) as db:
        left = await db.scalar(select(func.count()).select_from(RegisterSalt))
    assert left == 0


async def test_no_line_of_everyday_life_holds_a_name_or_an_address(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop, name="Aurélie Introuvable")
    await factories.give_mandate(database, coop, member, Role.TREASURER)
    told = json.dumps(await as_published(database, coop.tenant_id), ensure_ascii=False)
    for secret in (member.name, member.email, str(member.id), str(member.person_id), str(coop.manager.id)):
        assert secret not in told


async def test_the_newest_lines_come_first_and_page_backwards(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        for number in range(5):
            await append(db, tenant_id=coop.tenant_id, kind="member_left", facts={"members": number})
        first = await register_lines(db, tenant_id=coop.tenant_id, limit=2)
        second = await register_lines(db, tenant_id=coop.tenant_id, before=first[-1].seq, limit=2)
        assert [line.facts["members"] for line in (*first, *second)] == [4, 3, 2, 1]
        total = await db.scalar(select(func.count()).select_from(RegisterLine))
        assert total == first[0].seq
