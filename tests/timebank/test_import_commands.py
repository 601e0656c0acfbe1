"""`archipel member import` and `archipel exchange import`, as an operator runs them; and a kill in the middle."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.cli import cli
from tenants.imports import key_hash
from tenants.platform.database import Database
from tenants.platform.embedded import Servers
from tenants.platform.settings import Settings
from tests import factories
from tests.conftest import OpenAs
from tests.factories import Founded
from tests.running import start
from tests.tenants.import_stories import TIMEOVERFLOW_MEMBERS, TIMEOVERFLOW_TRANSFERS
from timebank.exchange_imports import SLICE
from timebank.ledger.proof import prove_ledger

IMPORTING = text("""
    SELECT EXISTS (
        SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%post_history%'
    )
""")


@pytest.fixture
def environment(servers: Servers, migrated: Settings) -> dict[str, str]:  # noqa: ARG001 (tables are needed)
    return servers.settings_environment(port=8765)


def written(folder: Path, name: str, content: str, coop: Founded) -> str:
    path = folder / name
    path.write_text(content.replace("{slug}", coop.slug), encoding="utf-8")
    return str(path)


async def importing(db_as: OpenAs) -> bool:
    """Whether an import waits in the middle of its writing."""
    async with db_as("postgres") as db:
        return bool(await db.scalar(IMPORTING))


async def archipel(*words: str, environment: dict[str, str]) -> Result:
    """Run a command as a shell would, without a process of its own."""
    return await asyncio.to_thread(CliRunner().invoke, cli, words, env=environment, prog_name="archipel")


async def transfers(database: Database, coop: Founded) -> int:
    async with database.begin(tenant=coop.tenant_id) as db:
        proof = await prove_ledger(db, actor=coop.system)
        assert proof.differences == 0
        return proof.transfers


async def test_members_then_exchanges_are_tried_then_taken_over_then_known(
    database: Database, environment: dict[str, str], tmp_path: Path
) -> None:
    coop = await factories.found_cooperative(database)
    members = written(tmp_path, "membres.csv", TIMEOVERFLOW_MEMBERS, coop)
    moves = written(tmp_path, "transferts.csv", TIMEOVERFLOW_TRANSFERS, coop)
    tried = await archipel("exchange", "import", moves, "--tenant", coop.slug, environment=environment)
    assert tried.exit_code == 1
    assert "Importez d’abord les membres" in " ".join(tried.stdout.split())
    done = await archipel(
        "member", "import", members, "--tenant", coop.slug, "--apply", environment=environment
    )
    assert (done.exit_code, done.stderr) == (0, "")
    assert "Lignes reprises : 3" in done.stdout.replace("\N{NO-BREAK SPACE}", " ")
    tried = await archipel("exchange", "import", moves, "--tenant", coop.slug, environment=environment)
    assert tried.exit_code == 0
    assert "--apply" in tried.stdout
    assert await transfers(database, coop) == 0
    apply = ("exchange", "import", moves, "--tenant", coop.slug, "--apply")
    assert (await archipel(*apply, environment=environment)).exit_code == 0
    assert await transfers(database, coop) == 3
    again = await archipel(*apply, environment=environment)
    assert again.exit_code == 0
    assert "déjà là" in again.stdout
    assert await transfers(database, coop) == 3
    async with database.begin(tenant=coop.tenant_id) as db:
        told = await db.scalars(
            text("SELECT count(*) FROM notices WHERE tenant_id = :t AND kind = 'import_done'"),
            {"t": coop.tenant_id},
        )
        assert told.one() == 2


async def test_a_wrong_line_ends_with_1_and_what_is_no_csv_with_2(
    database: Database, environment: dict[str, str], tmp_path: Path
) -> None:
    coop = await factories.found_cooperative(database)
    command = ("member", "import", "--tenant", coop.slug, "--apply")
    wrong = written(tmp_path, "m.csv", "Name,Email\nAnne,anne@\nBob,bob@x.fr\n", coop)
    english = {**environment, "LC_ALL": "en_GB.UTF-8"}
    answer = await archipel(*command, wrong, environment=english)
    assert answer.exit_code == 1
    assert "is not an e-mail address" in " ".join(answer.stdout.split())
    workbook = tmp_path / "m.xlsx"
    workbook.write_bytes(b"PK\x03\x04")
    assert (await archipel(*command, str(workbook), environment=environment)).exit_code == 2
    assert (await archipel(*command, str(tmp_path / "absent.csv"), environment=environment)).exit_code == 2
    nowhere = await archipel("member", "import", wrong, "--tenant", "nulle-part", environment=environment)
    assert (nowhere.exit_code, nowhere.stderr) == (1, "No cooperative has the slug nulle-part.\n")
    async with database.begin(tenant=coop.tenant_id) as db:
        assert (await db.execute(text("SELECT count(*) FROM imports"))).scalar_one() == 0


async def test_a_kill_in_the_middle_leaves_nothing_and_the_next_run_does_all_of_it(
    database: Database, environment: dict[str, str], db_as: OpenAs, tmp_path: Path
) -> None:
    coop = await factories.found_cooperative(database)
    giver, receiver = [await factories.join_member(database, coop) for _ in range(2)]
    lines = [f"2020-01-01,{giver.id},{receiver.id},1,ligne {n},{n}" for n in range(SLICE + 50)]
    moves = written(tmp_path, "t.csv", "Date,From,To,Minutes,Reason,Id\n" + "\n".join(lines), coop)
    command = ["exchange", "import", moves, "--tenant", coop.slug, "--apply"]
    async with in_the_way(db_as, coop, str(SLICE + 7), giver.id):
        child = start(command, {"PATH": os.environ["PATH"], **environment})
        async with asyncio.timeout(60):
            # The first slice is posted; the second one waits for what is in its way.
            while not await importing(db_as):
                assert child.poll() is None
                await asyncio.sleep(0.05)
        child.send_signal(signal.SIGKILL)
        child.wait()
    async with asyncio.timeout(30):
        while await importing(db_as):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert await transfers(database, coop) == 0
    async with database.begin(tenant=coop.tenant_id) as db:
        assert (await db.execute(text("SELECT count(*) FROM imports"))).scalar_one() == 0
    for _ in range(2):
        assert (await archipel(*command, environment=environment)).exit_code == 0
        assert await transfers(database, coop) == SLICE + 50


@asynccontextmanager
async def in_the_way(db_as: OpenAs, coop: Founded, key: str, some_id: UUID) -> AsyncIterator[AsyncSession]:
    """Hold, in a transaction that is never committed, the place where one line would be remembered."""
    async with db_as("postgres") as db:
        await db.execute(text("SET LOCAL session_replication_role = replica"))
        await db.execute(
            text("""
            INSERT INTO imported_exchanges (tenant_id, source, key_hash, content_hash, transfer_id, import_id)
            VALUES (:tenant, 'archipel', :key, :key, :id, :id)
            """),
            {"tenant": coop.tenant_id, "key": key_hash(coop.tenant_id, key), "id": some_id},
        )
        yield db
        await db.rollback()
