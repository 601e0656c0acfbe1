"""What is logged can be read by a program, and holds no secret."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from tenants.platform.logs import configure_logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    structlog.reset_defaults()
    root.setLevel(level)
    root.handlers = handlers


def test_one_line_of_json_per_event(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    structlog.get_logger("here").info("mission_settled", minutes=120, who="Zoé")
    logging.getLogger("library").warning("cannot %s", "connect")
    ours, theirs = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["minutes"], ours["who"], ours["level"]) == (
        "mission_settled",
        120,
        "Zoé",
        "info",
    )
    assert (theirs["event"], theirs["level"]) == ("cannot connect", "warning")


def test_what_has_a_telling_name_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    structlog.get_logger().info(
        "sign_in", password="hunter2", reset_token="hunter2", Authorization="hunter2", redis_url="hunter2"
    )
    written = capsys.readouterr().err
    assert "hunter2" not in written
    assert written.count("***") == 4


def test_a_traceback_shows_no_local_variable(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    secret = "hunter2"
    try:
        {0: 0}[len(secret)]
    except KeyError:
        structlog.get_logger().exception("failure")
    line = json.loads(capsys.readouterr().err)
    assert "KeyError: 7" in line["exception"]
    assert "hunter2" not in line["exception"]


def test_below_the_level_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("warning")
    structlog.get_logger().info("chatter")
    logging.getLogger("library").info("chatter")
    assert capsys.readouterr().err == ""
