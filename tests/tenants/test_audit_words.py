"""Every action that any floor records has words, and a page shows no id."""

import re
from pathlib import Path
from uuid import uuid4

import marketplace.switchboard  # noqa: F401  (every floor declares its words)
from tenants.audit_words import ACTION_WORDS, said_action, said_facts
from tenants.platform.words import use_locale

ROOT = Path(__file__).parents[2]
RECORDED = re.compile(r"\"((?:tenants|timebank|marketplace):[a-z_]+:[a-z_]+)\"")


def test_every_action_that_the_code_names_has_words() -> None:
    named = {
        action
        for floor in ("tenants", "timebank", "marketplace")
        for file in (ROOT / floor).rglob("*.py")
        for action in RECORDED.findall(file.read_text(encoding="utf-8"))
    }
    assert len(named) > 50
    assert named - set(ACTION_WORDS) == set()


def test_facts_are_said_without_ids() -> None:
    with use_locale("fr"):
        said = said_facts({"bid_id": str(uuid4()), "before_minutes": 475, "after_minutes": 520})
        assert said == "après\xa0: 8\xa0h\xa040, avant\xa0: 7\xa0h\xa055"
        assert said_action("marketplace:bid:accepted") == "Proposition acceptée"
        assert (
            said_facts({"role": "treasurer", "held": True})
            == "heures retenues\xa0: oui, mandat\xa0: Trésorerie"
        )
        assert said_facts({"rules": ["marketplace.silence_days"]}) == "règles\xa0: Silence après la livraison"
        assert said_facts({"kind": "members", "held_on": "2026-11-13"}) == (
            "tenue le\xa0: 13 novembre 2026, contenu\xa0: Membres"
        )
        assert len(said_facts({"sha256": "ab" * 32})) < 30
    with use_locale("en"):
        assert said_action("marketplace:bid:accepted") == "Bid accepted"
    assert said_action("elsewhere:thing:done") == "elsewhere:thing:done"
