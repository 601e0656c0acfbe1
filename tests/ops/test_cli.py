"""`archipel`: every command explains itself, and ends with the code that says how it went."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from sqlalchemy import text

from marketplace.cli import cli
from tenants.platform.database import Database
from tenants.platform.embedded import Servers
from tenants.platform.settings import Settings
from tenants.rules import RULES
from tests import factories
from tests.conftest import OpenAs

ROOT = Path(__file__).parents[2]


def commands(command: click.Command, *words: str) -> Iterator[tuple[str, ...]]:
    yield words
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from commands(child, *words, name)


def archipel(*words: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run it as a shell would, with no settings but those given."""
    return subprocess.run(
        [sys.executable, "-m", "marketplace.cli", *words],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def environment(servers: Servers, migrated: Settings) -> dict[str, str]:  # noqa: ARG001  # Tables are needed.
    return servers.settings_environment(port=8765)


@pytest.mark.parametrize("words", list(commands(cli)), ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    answer = archipel(*words, "--help")
    assert answer.returncode == 0
    assert answer.stdout.startswith(" ".join(("Usage: archipel", *words)))
    assert "Error" not in answer.stderr


@pytest.mark.parametrize("command", ["serve", "worker", "migrate", "proof"])
def test_missing_settings_are_named_and_end_with_2(command: str) -> None:
    answer = archipel(command)
    assert answer.returncode == 2
    assert answer.stdout == ""
    lines = answer.stderr.splitlines()
    assert "DATABASE_URL is missing: for example postgresql://app:password@localhost:5432/archipel." in lines
    assert all(" is missing: " in line for line in lines)


def test_misuse_ends_with_2() -> None:
    assert archipel("demo", "--port", "70000").returncode == 2
    assert archipel("dance").returncode == 2
    assert archipel("tenant", "create").returncode == 2


async def test_the_proof_of_a_ledger_that_agrees_ends_with_0(
    database: Database, environment: dict[str, str]
) -> None:
    cooperative = await factories.found_cooperative(database)
    answer = archipel("proof", "--cooperative", cooperative.slug, environment=environment)
    assert answer.returncode == 0, answer.stderr
    assert "Les Ateliers du Vent" in answer.stdout


def test_the_proof_of_an_unknown_cooperative_ends_with_1(environment: dict[str, str]) -> None:
    answer = archipel("proof", "--cooperative", "nulle-part", environment=environment)
    assert answer.returncode == 1
    assert answer.stderr == "No cooperative has the slug nulle-part.\n"


async def test_a_cooperative_is_exported_and_refused_where_it_lives_already(
    database: Database, environment: dict[str, str], tmp_path: Path
) -> None:
    cooperative = await factories.found_cooperative(database)
    file = tmp_path / "coop.zip"
    answer = archipel(
        "tenant", "export", cooperative.slug, str(file), "--leave-events", environment=environment
    )
    assert answer.returncode == 0, answer.stderr
    made = answer.stdout.split()[-1]
    assert re.fullmatch("[0-9a-f]{64}", made)
    answer = archipel("tenant", "import", str(file), "--fingerprint", made, environment=environment)
    assert (answer.returncode, "here already" in answer.stderr) == (1, True)
    answer = archipel("tenant", "import", str(file), "--fingerprint", made[::-1], environment=environment)
    assert (answer.returncode, "fingerprint differs" in answer.stderr) == (1, True)
    answer = archipel("tenant", "import", __file__, "--fingerprint", made, environment=environment)
    assert (answer.returncode, "no archive" in answer.stderr) == (2, True)
    answer = archipel("tenant", "export", "nulle-part", str(tmp_path / "x.zip"), environment=environment)
    assert (answer.returncode, answer.stderr) == (1, "No cooperative has the slug nulle-part.\n")


FOUNDING = (
    *("tenant", "create", "--name", "L’Atelier", "--legal-profile", "scic", "--territory", "35"),
    *("--founder-email", "anne@exemple.fr", "--founder-name", "Anne Le Goff"),
)


async def test_a_cooperative_is_founded_and_its_founder_gets_a_link(
    environment: dict[str, str], db_as: OpenAs
) -> None:
    slug = f"atelier-{os.getpid()}"
    answer = archipel(*FOUNDING, "--slug", slug, environment=environment)
    assert answer.returncode == 0, answer.stderr
    assert f"http://127.0.0.1:8765/{slug}" in answer.stdout
    assert "http://127.0.0.1:8765/join/" in answer.stdout
    query = "SELECT count(*) FROM rule_versions JOIN cooperatives USING (tenant_id) WHERE slug = :slug"
    async with db_as("platform") as db:
        assert (await db.execute(text(query), {"slug": slug})).scalar_one() == len(RULES)
    again = archipel(*FOUNDING, "--slug", slug, environment=environment)
    assert again.returncode == 1
    assert slug in again.stderr
    assert "Traceback" not in again.stderr


async def test_a_cooperative_without_a_manager_is_given_one(
    database: Database, environment: dict[str, str], db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop, name="Maïwenn Relève")
    appoint = ("tenant", "appoint", coop.slug, member.email)
    refused = archipel(*appoint, environment=environment)
    assert refused.returncode == 1
    assert "à sa gestion" in refused.stderr
    async with db_as("postgres") as db:
        await db.execute(
            text("""
            UPDATE mandates SET term = tstzrange(now() - interval '2 years', now() - interval '1 hour')
            WHERE tenant_id = :tenant
            """),
            {"tenant": coop.tenant_id},
        )
    answer = archipel(*appoint, environment=environment)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "Maïwenn Relève manages Les Ateliers du Vent for a year, and is told so.\n"
    assert archipel(*appoint, environment=environment).returncode == 1


def test_appointing_asks_for_a_cooperative_and_an_address(environment: dict[str, str]) -> None:
    nowhere = archipel("tenant", "appoint", "nulle-part", "a@b.fr", environment=environment)
    assert (nowhere.returncode, nowhere.stderr) == (1, "No cooperative has the slug nulle-part.\n")
    assert archipel("tenant", "appoint", "nulle-part", "personne", environment=environment).returncode == 2


async def test_migrating_gives_a_cooperative_the_rules_it_lacks(
    database: Database, environment: dict[str, str], db_as: OpenAs
) -> None:
    cooperative = await factories.found_cooperative(database)
    query = "DELETE FROM rule_versions WHERE tenant_id = :tenant AND rule = 'marketplace.silence_days'"
    async with db_as("postgres") as db:
        await db.execute(text("SET LOCAL session_replication_role = replica"))
        await db.execute(text(query), {"tenant": cooperative.tenant_id})
    answer = archipel("migrate", environment=environment)
    assert answer.returncode == 0, answer.stderr
    assert "Rules of Les Ateliers du Vent: marketplace.silence_days." in answer.stdout
    assert "Rules of" not in archipel("migrate", environment=environment).stdout


def test_every_floor_that_declares_rules_is_in_the_rulebooks() -> None:
    declaring = {
        f"{path.parent.name}.rules"
        for path in ROOT.glob("*/rules.py")
        if "declare(" in path.read_text(encoding="utf-8") and path.parent.name != "tenants"
    }
    imported = set(
        re.findall(r"^import (\w+\.rules)", (ROOT / "marketplace/rulebooks.py").read_text(), re.MULTILINE)
    )
    assert imported == declaring


def test_a_reserved_slug_is_refused_with_1(environment: dict[str, str]) -> None:
    answer = archipel(*FOUNDING, "--slug", "api", environment=environment)
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
