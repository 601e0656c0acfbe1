"""The demo's stories can be told, and telling them leaves cooperatives whose hours add up."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from marketplace.demo.calendar import by_day
from marketplace.demo.rade import RADE
from marketplace.demo.seed import seed
from marketplace.demo.story import Story
from marketplace.demo.vercors import VERCORS
from marketplace.mission_states import MissionState
from tenants.platform.settings import Settings
from tests.conftest import OpenAs


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


async def test_the_demo_is_made_through_the_verbs_and_its_hours_add_up(
    migrated: Settings, db_as: OpenAs
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
    assert [found[slug].members for slug in slugs] == [40, 40, 1]
    assert [found[slug].sum for slug in slugs] == [0, 0, 0]
    for slug in slugs[:2]:
        assert set(found[slug].states) == {state.value for state in MissionState}
        assert (found[slug].months, found[slug].in_order) == (True, True)
    assert found[slugs[2]].states is None
