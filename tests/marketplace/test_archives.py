"""A cooperative moves to another installation: nothing is lost on the way, nothing is slipped in, nobody's sign-in is taken."""

import hashlib
import json
import re
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from governance.closing import VotesDue, count_due_votes
from marketplace import schema
from marketplace.archives import arrival, reading
from marketplace.archives.contents import (
    INSTEAD,
    MANIFEST,
    README,
    ArchiveRefused,
    ArchiveUnreadable,
    Content,
    Manifest,
    columns_of,
    file_of,
    fingerprint,
    travelling,
)
from marketplace.archives.departure import export_tenant
from tenants import register
from tenants.actors import Actor
from tenants.appointing import appoint_manager
from tenants.imported_members import invite_imported_members
from tenants.joining import accept_invitation
from tenants.memberships import Membership, MembershipState, reinstate_member, suspend_member
from tenants.platform.database import Database
from tenants.platform.embedded import Servers
from tenants.platform.processes import CannotRun
from tenants.platform.settings import Settings
from tests import factories
from tests.conftest import OpenAs
from tests.factories import Founded, Member
from tests.lived_in import live_in
from timebank.exchanges import post_transfer
from timebank.ledger.proof import prove_ledger

# Columns whose names sound like a secret, and are none.
INNOCENT = {
    # What the receipts of votes that are counted cover, and fingerprints that are public.
    ("ballots", "nonce"),
    ("votes", "trace_hash"),
    ("imported_exchanges", "content_hash"),
    ("imported_exchanges", "key_hash"),
    ("imported_members", "key_hash"),
    ("imports", "digest"),
    # Whether somebody wants the daily digest.
    ("notice_habits", "digest"),
    ("register_heads", "hash"),
    ("register_lines", "hash"),
    ("register_lines", "previous_hash"),
    # What opens the commitments of the register goes where the register goes.
    ("register_salts", "salt"),
    ("skills", "key"),
}


@dataclass(frozen=True)
class Moved:
    """A cooperative with something of everything in it, its archive, and another installation to move to."""

    home: Founded
    simone: Member
    path: Path
    made: str
    here: Settings
    there: Settings

    def altered(
        self, change: Callable[[dict[str, bytes]], None], *, resigned: bool = True
    ) -> tuple[Path, str]:
        """The archive with other contents, and the fingerprint that whoever changed it would give out."""
        with zipfile.ZipFile(self.path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        change(files)
        manifest = msgspec.json.decode(files[MANIFEST], type=Manifest)
        if resigned:
            contents = [
                Content(
                    name=one.name,
                    rows=0 if one.name == README else files[one.name].count(b"\n"),
                    length_bytes=len(files[one.name]),
                    sha256=hashlib.sha256(files[one.name]).hexdigest(),
                )
                for one in manifest.contents
                if one.name in files
            ]
            manifest = msgspec.structs.replace(manifest, contents=contents)
            files[MANIFEST] = msgspec.json.encode(manifest)
        path = self.path.with_name("altered.zip")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return path, fingerprint(files[MANIFEST])

    async def bring(self, path: Path | None = None, made: str | None = None, slug: str | None = None) -> None:
        """Import it there."""
        archive = reading.open_archive(path or self.path, expected=made or self.made)
        await arrival.import_tenant(self.there, archive, slug=slug, report=lambda _table, _rows: None)


async def _counted_votes(
    database: Database, db_as: OpenAs, settings: Settings, home: factories.Founded, path: Path
) -> None:
    """While a vote is open nothing leaves: its ballots would be in the file. Then let all be counted."""
    with pytest.raises(ArchiveRefused, match="votes are not counted yet"):
        await export_tenant(
            settings,
            tenant_id=home.tenant_id,
            path=path,
            leave_events=True,
            report=lambda _table, _rows: None,
        )
    async with db_as("owner", tenant=home.tenant_id) as db:
        await db.execute(
            text("""
                UPDATE votes SET opened_at = now() - interval '40 days', remind_at = NULL,
                                 closes_at = clock_timestamp() WHERE state = 'open'
                """)
        )
    async with database.begin(tenant=home.tenant_id) as db:
        await count_due_votes(db, VotesDue(tenant_id=home.tenant_id, due_at=datetime.now(UTC)))


@pytest.fixture(scope="module")
async def moved(
    database: Database,
    migrated: Settings,
    servers: Servers,
    db_as: OpenAs,
    tmp_path_factory: pytest.TempPathFactory,
) -> Moved:
    home = await factories.found_cooperative(database)
    simone = await live_in(database, home)
    there = msgspec.structs.replace(
        migrated,
        database_url=servers.url("app", database="elsewhere"),
        database_owner_url=servers.url("owner", database="elsewhere"),
        database_platform_url=servers.url("platform", database="elsewhere"),
    )
    await schema.migrate(there, report=lambda _line: None)
    path = tmp_path_factory.mktemp("moving") / "home.zip"
    await _counted_votes(database, db_as, migrated, home, path)
    made = await export_tenant(
        migrated, tenant_id=home.tenant_id, path=path, leave_events=True, report=lambda _table, _rows: None
    )
    return Moved(home, simone, path, made, migrated, there)


@pytest.fixture
async def elsewhere(moved: Moved) -> AsyncIterator[Database]:
    """The other installation's pool, and an end without the cooperative."""
    opened = Database(moved.there.database_url)
    yield opened
    await opened.close()
    # As the owner without triggers: the ledger and the register forget nothing for anybody else.
    owner = Database(moved.there.database_owner_url)
    try:
        async with owner.begin(tenant=moved.home.tenant_id) as db:
            await db.execute(text("SET LOCAL session_replication_role = 'replica'"))
            for table in reversed(schema.all_tables().sorted_tables):
                if "tenant_id" in table.c:
                    await db.execute(text(f"DELETE FROM {table.name}"))
    finally:
        await owner.close()


def packed(moved: Moved, table: Any) -> list[str]:
    """Every row of a table in the archive, but for what it replaces: life went on where it came from."""
    replaced = INSTEAD.get(table.name, {})
    with zipfile.ZipFile(moved.path) as archive:
        lines = [json.loads(line) for line in archive.read(file_of(table.name)).splitlines()]
    return sorted(
        json.dumps({name: value for name, value in row.items() if name not in replaced}, sort_keys=True)
        for row in lines
    )


async def rows(database: Database, moved: Moved, table: Any) -> list[Any]:
    """Every row of a table as an archive would hold it, but for what it replaces."""
    kept = [name for name in columns_of(table) if name not in INSTEAD.get(table.name, {})]
    async with database.begin(tenant=moved.home.tenant_id) as db:
        found = await db.execute(
            text(f"SELECT to_jsonb(t) FROM (SELECT {', '.join(kept)} FROM {table.name}) t")
        )
        return sorted((json.dumps(row[0], sort_keys=True) for row in found), key=str)


# --- Moving ---------------------------------------------------------------------------------------------


async def test_everything_arrives_and_adds_up(moved: Moved, database: Database, elsewhere: Database) -> None:
    await moved.bring()
    filled = 0
    for table in travelling():
        if table.name in {"audit_entries", "proofs"}:
            continue  # Arriving is written down there itself.
        before, after = packed(moved, table), await rows(elsewhere, moved, table)
        assert after == before, table.name
        filled += bool(before)
    assert filled > 15
    async with elsewhere.begin(tenant=moved.home.tenant_id) as db:
        proof = await prove_ledger(db, actor=moved.home.system)
        assert (proof.differences, proof.transfers > 0) == (0, True)
        assert await db.scalar(text("SELECT count(*) FROM outbox")) == 0
        assert await db.scalar(text("SELECT count(*) FROM notices WHERE mailed_at IS NULL")) == 0
    assert await words(elsewhere, moved) == await words(database, moved) != []


async def words(database: Database, moved: Moved) -> list[Any]:
    """By what each mission is found."""
    async with database.begin(tenant=moved.home.tenant_id) as db:
        found = await db.execute(
            text(
                "SELECT mission_id, published, facets, words::text FROM mission_words ORDER BY mission_id, edition"
            )
        )
        return [tuple(row) for row in found]


async def test_people_claim_what_is_theirs_and_the_ledger_and_the_register_go_on(
    moved: Moved, elsewhere: Database
) -> None:
    await moved.bring(slug="ailleurs")
    tenant = moved.home.tenant_id
    async with elsewhere.begin(tenant=tenant) as db:
        appointed = await appoint_manager(db, tenant_id=tenant, email=moved.simone.email)
    assert appointed.token
    async with elsewhere.begin() as db:
        joined = await accept_invitation(
            db, token=appointed.token, person_id=None, password="une autre phrase longue"
        )
    assert (joined.membership_id, joined.slug) == (moved.simone.id, "ailleurs")
    simone = Actor(tenant, joined.membership_id, joined.person_id, moved.simone.roles)
    async with elsewhere.begin(tenant=tenant) as db:
        member = await db.get(Membership, (tenant, joined.membership_id))
        assert member is not None
        assert (member.state, member.awaits_claim) == (MembershipState.ACTIVE, False)
        assert await invite_imported_members(db, actor=simone) > 0
        assert await invite_imported_members(db, actor=simone) == 0
    async with elsewhere.begin(tenant=tenant) as db:
        await post_transfer(db, actor=simone, to=moved.home.manager.id, amount_minutes=30, reason="Merci")
        await register.append(db, tenant_id=tenant, kind="member_left", facts={"members": 1})
    async with elsewhere.begin(tenant=tenant) as db:
        assert (await prove_ledger(db, actor=moved.home.system)).differences == 0


async def test_a_suspended_member_is_not_let_in_by_moving(
    moved: Moved, database: Database, elsewhere: Database, tmp_path: Path
) -> None:
    late = await factories.join_member(database, moved.home, name="Suzanne Suspendue")
    async with database.begin(tenant=moved.home.tenant_id) as db:
        await suspend_member(db, actor=moved.simone.actor, membership_id=late.id)
    path = tmp_path / "again.zip"
    made = await export_tenant(
        moved.here, tenant_id=moved.home.tenant_id, path=path, leave_events=True, report=lambda _t, _n: None
    )
    await moved.bring(path, made)
    async with elsewhere.begin(tenant=moved.home.tenant_id) as db:
        assert await invite_imported_members(db, actor=moved.simone.actor) > 0
        member = await db.get(Membership, (moved.home.tenant_id, late.id))
        assert member is not None
        assert (member.state, member.awaits_claim) == (MembershipState.SUSPENDED, True)
        invited = text("SELECT count(*) FROM invitations WHERE membership_id = :member")
        assert await db.scalar(invited, {"member": late.id}) == 0
    async with elsewhere.begin(tenant=moved.home.tenant_id) as db:
        await reinstate_member(db, actor=moved.simone.actor, membership_id=late.id)
        assert await invite_imported_members(db, actor=moved.simone.actor) == 1


async def test_it_lives_in_one_place_and_has_an_address_of_its_own(moved: Moved, elsewhere: Database) -> None:
    taken = await factories.found_cooperative(elsewhere)
    with pytest.raises(ArchiveRefused, match="--slug"):
        await moved.bring(slug=taken.slug)
    await moved.bring()
    with pytest.raises(ArchiveRefused, match="here already"):
        await moved.bring(slug="une-autre")
    transfers = schema.all_tables().tables["transfers"]
    assert await rows(elsewhere, moved, transfers) == packed(moved, transfers)


async def test_events_that_wait_are_not_forgotten_by_accident(
    moved: Moved, database: Database, tmp_path: Path
) -> None:
    async with database.begin(tenant=moved.home.tenant_id) as db:
        await db.execute(
            text("INSERT INTO outbox (tenant_id, kind, facts) VALUES (:t, 'KindOfAnotherVersion', '{}')"),
            {"t": moved.home.tenant_id},
        )
    path = tmp_path / "later.zip"
    with pytest.raises(ArchiveRefused, match="--leave-events"):
        await export_tenant(
            moved.here,
            tenant_id=moved.home.tenant_id,
            path=path,
            leave_events=False,
            report=lambda _t, _n: None,
        )
    assert not path.exists() and not path.with_name("later.zip.part").exists()  # noqa: PT018


async def test_no_file_is_written_over(moved: Moved) -> None:
    with pytest.raises(CannotRun, match="exists"):
        await export_tenant(
            moved.here,
            tenant_id=moved.home.tenant_id,
            path=moved.path,
            leave_events=True,
            report=lambda _t, _n: None,
        )
    assert moved.path.stat().st_mode & 0o077 == 0


# --- What never travels -----------------------------------------------------------------------------------


async def test_no_secret_and_no_sign_in_is_in_the_archive(moved: Moved, db_as: Any) -> None:
    async with db_as("postgres") as db:
        facts = await db.execute(
            text("""
                SELECT p.person_id::text, p.password_hash, p.email FROM people p
                JOIN memberships m ON m.person_id = p.person_id WHERE m.tenant_id = :t
            """),
            {"t": moved.home.tenant_id},
        )
        known = {value for row in facts for value in row[:2] if value}
        tokens = await db.scalars(
            text("SELECT encode(token_hash, 'hex') FROM api_tokens WHERE tenant_id = :t"),
            {"t": moved.home.tenant_id},
        )
        known |= set(tokens.all())
    with zipfile.ZipFile(moved.path) as archive:
        written = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert len(known) > 4
    assert [one for one in known if one in written] == []


def test_a_column_that_sounds_like_a_secret_does_not_travel() -> None:
    sounds = re.compile(r"(hash|secret|token|password|salt|digest|key|code)s?$")
    found = {
        (table.name, name)
        for table in travelling()
        for name in columns_of(table)
        if sounds.search(name) and name not in INSTEAD.get(table.name, {})
    }
    assert found - INNOCENT == set()


# --- What somebody altered ------------------------------------------------------------------------------------


def test_another_fingerprint_is_refused(moved: Moved) -> None:
    with pytest.raises(ArchiveRefused, match="fingerprint"):
        reading.open_archive(moved.path, expected="0" * 64)
    again = reading.open_archive(moved.path, expected=f" {moved.made.upper()} ")
    assert again.manifest.slug == moved.home.slug


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x00" * 200, b"nom;heures\n"])
def test_what_is_no_archive_is_unreadable(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file.zip"
    path.write_bytes(data)
    with pytest.raises(ArchiveUnreadable):
        reading.open_archive(path, expected="0" * 64)


@pytest.mark.parametrize("name", [MANIFEST, "tables/transfers.jsonl"])
@pytest.mark.parametrize("harm", ["packed otherwise", "encrypted", "damaged"])
def test_bytes_that_do_not_unpack_are_refused_and_do_not_escape(moved: Moved, name: str, harm: str) -> None:
    """Past the fingerprint too: it covers the manifest alone."""
    data = bytearray(moved.path.read_bytes())
    with zipfile.ZipFile(moved.path) as archive:
        begins = archive.getinfo(name).header_offset
    listed = data.index(name.encode(), data.index(b"PK\x01\x02")) - 46
    if harm == "damaged":
        for at in range(begins + 30 + len(name) + 20, begins + 30 + len(name) + 60):
            data[at] ^= 0x5A
    else:
        place, value = (8, 99) if harm == "packed otherwise" else (6, 1)
        data[begins + place] = data[listed + place + 2] = value
    path = moved.path.with_name("harmed.zip")
    path.write_bytes(data)
    with pytest.raises((ArchiveUnreadable, ArchiveRefused)):
        reading.open_archive(path, expected=moved.made).check()


@pytest.mark.parametrize("name", ["tables/transfers.jsonl", "tables/memberships.jsonl", README])
async def test_one_altered_byte_is_refused(moved: Moved, elsewhere: Database, name: str) -> None:
    def change(files: dict[str, bytes]) -> None:
        data = bytearray(files[name])
        data[len(data) // 2] ^= 1
        files[name] = bytes(data)

    path, made = moved.altered(change, resigned=False)
    assert made == moved.made
    with pytest.raises(ArchiveRefused, match="altered"):
        await moved.bring(path, made)
    await nothing_arrived(moved, elsewhere)


async def nothing_arrived(moved: Moved, elsewhere: Database) -> None:
    async with elsewhere.begin(tenant=moved.home.tenant_id) as db:
        assert await db.scalar(text("SELECT count(*) FROM cooperatives")) == 0


def first_row(table: str, **changes: Any) -> Callable[[dict[str, bytes]], None]:
    """Change columns of the first row of a table."""

    def change(files: dict[str, bytes]) -> None:
        first, _newline, others = files[file_of(table)].partition(b"\n")
        row = {**json.loads(first), **changes}
        files[file_of(table)] = json.dumps(row).encode() + b"\n" + others

    return change


def put(name: str, data: bytes) -> Callable[[dict[str, bytes]], None]:
    """Put a file into the archive."""
    return lambda files: files.__setitem__(name, data)


def drop(name: str) -> Callable[[dict[str, bytes]], None]:
    """Take a file out of the archive."""
    return lambda files: files.__delitem__(name)


FORGERIES: dict[str, tuple[Callable[[dict[str, bytes]], None], str]] = {
    "takes over a sign-in": (
        first_row("memberships", person_id="018f0000-0000-7000-8000-000000000001"),
        "sign-in",
    ),
    "hours from nothing": (first_row("accounts", balance=999_999), "does not add up"),
    "a line of the register": (first_row("register_lines", facts={"members": 3}), "register does not verify"),
    "a mission of nobody": (
        first_row("missions", author_id="018f0000-0000-7000-8000-000000000002"),
        "refers to what it does not hold",
    ),
    "a column more": (first_row("skills", is_admin=True), "other columns"),
    "no row": (lambda files: files.update({file_of("skills"): b"[]\n"}), "no row"),
    "a state that does not exist": (first_row("memberships", state="king"), "database refuses"),
    "another cooperative's row": (
        first_row("missions", tenant_id="018f0000-0000-7000-8000-000000000003"),
        "columns",
    ),
    "a place where it is no time, which would stop the clock of all": (
        first_row("cooperatives", time_zone="Europe/Atlantide"),
        "no place is known",
    ),
    "a way out of the folder": (put("../../etc/cron.d/x", b"* * * * * root true\n"), "exactly the files"),
    "a table of people": (put("tables/people.jsonl", b"{}\n"), "exactly the files"),
    "a file that is missing": (drop(file_of("notices")), "exactly the files"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_an_archive_forged_with_its_fingerprint_is_refused_whole(
    moved: Moved, elsewhere: Database, forgery: str
) -> None:
    change, reason = FORGERIES[forgery]
    path, made = moved.altered(change)
    with pytest.raises(ArchiveRefused, match=reason):
        await moved.bring(path, made)
    await nothing_arrived(moved, elsewhere)


async def test_a_forged_archive_has_nothing_mailed_and_no_address_half_taken(
    moved: Moved, elsewhere: Database
) -> None:
    """What departure takes out is taken out on arrival too, whatever somebody wrote back into the file."""

    def change(files: dict[str, bytes]) -> None:
        first_row("notices", mailed_at=None)(files)
        half = {"new_contact_email": "a@b.example", "new_contact_email_hash": "\\x" + "00" * 32}
        first_row("memberships", **half, new_contact_email_until="2099-01-01T00:00:00+00:00")(files)

    await moved.bring(*moved.altered(change))
    async with elsewhere.begin(tenant=moved.home.tenant_id) as db:
        assert await db.scalar(text("SELECT count(*) FROM notices WHERE mailed_at IS NULL")) == 0
        taken = text("SELECT count(*) FROM memberships WHERE num_nonnulls(new_contact_email, person_id) > 0")
        assert await db.scalar(taken) == 0


def test_a_file_that_unpacks_to_more_than_it_says_is_cut_off(moved: Moved) -> None:
    path, made = moved.altered(
        lambda files: files.update({file_of("notices"): b"0" * 50_000_000}), resigned=False
    )
    archive = reading.open_archive(path, expected=made)
    with pytest.raises(ArchiveRefused, match="altered"):
        archive.check()


def test_an_archive_that_says_it_unpacks_to_too_much_is_refused(
    moved: Moved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 10_000)
    with pytest.raises(ArchiveRefused, match="larger"):
        reading.open_archive(moved.path, expected=moved.made)
