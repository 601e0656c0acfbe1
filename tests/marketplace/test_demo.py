"""The demo's stories can be told, and telling them leaves cooperatives whose hours add up."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from marketplace.cli import cli
from marketplace.demo.calendar import by_day
from marketplace.demo.rade import RADE
from marketplace.demo.seed import seed
from marketplace.demo.story import Story
from marketplace.demo.vercors import VERCORS
from marketplace.mission_states import MissionState
from tenants.platform.settings import Settings
from tests.conftest import OpenAs

# What a visitor is to find in each of the two cooperatives that live, each as rows of a table.
MET = {
    "a letter that was printed and not posted": "paper_letters WHERE printed_at IS NOT NULL AND sent_at IS NULL",
    "something still to be told on paper": "tellings WHERE letter_id IS NULL",
    "a contested entry that waits": "contests WHERE decided_at IS NULL",
    "a delegation in force": "delegations WHERE second_approver IS NOT NULL",
    "a delegation to approve": "delegations WHERE second_approver IS NULL",
    "a file with wrong lines": "imports WHERE state = 'wrong'",
    "exchanges for a second person to release": "imports WHERE state = 'ready' AND kind = 'exchanges'",
    "members taken over": "imports WHERE state = 'done' AND kind = 'members'",
    "an opinion that was answered": "reviews WHERE answer IS NOT NULL",
    "an opinion that waits for the other": "reviews WHERE revealed_at IS NULL AND due_at > now()",
    "messages of the last days": "messages WHERE written_at < now() - interval '12 hours'",
    "a saved search": "saved_searches WHERE telling = 'at_once'",
    "hours that the pot granted": "pot_requests WHERE state = 'granted'",
    "hours that the pot refused": "pot_requests WHERE state = 'refused'",
    "a request to the pot that waits": "pot_requests WHERE state = 'open'",
    "somebody who asks to join": "join_requests WHERE state = 'waiting'",
    "minutes that wait for a signature": "assemblies WHERE state NOT IN ('in_force', 'withdrawn')",
    "a rule that an assembly changed": "rule_versions WHERE source = 'assembly'",
}


@pytest.mark.parametrize("story", [RADE, VERCORS], ids=lambda story: story.slug)
def test_a_story_names_only_its_own_skills_and_nobody_twice(story: Story) -> None:
    told = [*story.past, *story.present.values()]
    assert {name for one in told for name in one.skills} <= set(story.skills)
    names = [one.name for one in story.people]
    assert len(names) == len(set(names)) == 40
    assert sum(bool(one.part) for one in story.people) >= 2


def test_moments_keep_their_order_when_they_are_brought_into_the_day() -> None:
    start = datetime(2026, 7, 1, tzinfo=UTC)
    moments = [by_day(start + timedelta(hours=3.7 * place)) for place in range(40)]
    assert moments == sorted(moments)
    assert all(7 <= moment.hour <= 18 for moment in moments)


async def test_the_demo_is_made_through_the_verbs_its_hours_add_up_and_its_votes_recount(
    migrated: Settings, db_as: OpenAs, tmp_path: Path
) -> None:
    personas = await seed(migrated)
    assert len({one.cooperative for one in personas}) == 3
    slugs = [RADE.slug, VERCORS.slug, "trois-rivieres"]
    async with db_as("platform") as db:
        rows = await db.execute(
            text("""
            SELECT c.slug,
                (SELECT sum(balance) FROM accounts a WHERE a.tenant_id = c.tenant_id) AS sum,
                (SELECT count(*) FROM memberships m WHERE m.tenant_id = c.tenant_id AND m.state = 'active') AS members,
                (SELECT array_agg(DISTINCT state) FROM missions m WHERE m.tenant_id = c.tenant_id) AS states,
                (SELECT max(posted_at) - min(posted_at) > interval '3 months'
                 FROM transfers t WHERE t.tenant_id = c.tenant_id) AS months,
                (SELECT bool_and(t.posted_at >= before.posted_at) FROM transfers t
                 JOIN transfers before ON before.tenant_id = t.tenant_id AND before.debit_account = t.debit_account
                  AND before.debit_version < t.debit_version WHERE t.tenant_id = c.tenant_id) AS in_order
            FROM cooperatives c WHERE c.slug = ANY (:slugs) ORDER BY c.name
            """),
            {"slugs": slugs},
        )
        found = {row.slug: row for row in rows}
    assert [found[slug].members for slug in slugs] == [42, 42, 1]
    assert [found[slug].sum for slug in slugs] == [0, 0, 0]
    for slug in slugs[:2]:
        assert set(found[slug].states) == {state.value for state in MissionState}
        assert (found[slug].months, found[slug].in_order) == (True, True)
    assert found[slugs[2]].states is None
    async with db_as("platform") as db:
        lacking = [
            f"{slug}: {what}"
            for slug in slugs[:2]
            for what, where in MET.items()
            if not await db.scalar(
                text(f"SELECT EXISTS (SELECT FROM {where} AND tenant_id = "
                     "(SELECT tenant_id FROM cooperatives WHERE slug = :slug))"),
                {"slug": slug},
            )
        ]  # fmt: skip
    assert lacking == []
    async with db_as("platform") as db:
        published = (await db.scalars(text("SELECT published FROM votes WHERE state = 'counted'"))).all()
    assert len(published) >= 2
    for number, content in enumerate(published):
        file = tmp_path / f"{number}.json"
        file.write_text(content, encoding="utf-8")
        recounted = CliRunner().invoke(cli, ["recount", str(file)])
        assert recounted.exit_code == 0, recounted.output
