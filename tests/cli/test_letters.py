"""Can a report that goes out by mail be looked at, kept in a file and sent from the command line?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Desk

EXAMPLE = Path(__file__).parents[1] / "examples" / "a-day-like-the-published-one"


@pytest.fixture
def day(tmp_path: Path) -> Desk:
    """The folder of an example: a client who called twice on 14 April and was called back."""
    desk = Desk(tmp_path)
    desk.configure((EXAMPLE / "config.toml").read_text(encoding="utf-8"))
    assert desk.run("import", "--connection", "src", EXAMPLE / "records.jsonl").code == 0
    return desk


def test_a_past_day_is_told_as_of_its_end(day: Desk) -> None:
    shown = day.run("report", "daily", "--day", "2026-04-14")
    assert shown.code == 0, shown.err
    assert shown.out.startswith("Вторник, 14 апреля: 2 пропущенных, вернули 1, никто не ждёт\n")
    told = day.ask("report", "daily", "--day", "2026-04-14", "--for", "gleb", "--at", "2026-04-14T16:26:00+03:00")
    assert told["for"] == "gleb"
    assert told["summary"]["scope"] == {"member": None, "groups": ["sales"]}
    assert [one["handle"] for one in told["summary"]["waiting"]] != []
    assert told["title"].endswith("ещё ждёт")


def test_a_page_holds_its_pictures_and_a_month_is_named_by_any_day(day: Desk) -> None:
    page = day.folder / "april.html"
    assert day.run("report", "monthly", "--day", "2026-04-14", "--html", page).code == 0
    html = page.read_text(encoding="utf-8")
    assert "Апрель 2026" in html
    assert "data:image/png;base64,iVBOR" in html
    assert "cid:" not in html
    assert re.findall(r'(?:src|href)="(?!data:)', html) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--day", "14.04.2026"], "2026-11-24"),
        (["--for", "nobody"], "anna"),
        (["--send"], "notify"),
    ],
)
def test_what_cannot_be_is_said_with_what_can(day: Desk, options: list[str], said: str) -> None:
    done = day.run("report", "daily", *options)
    assert done.code == 2
    assert said in done.err


def test_what_is_sent_by_hand_waits_for_the_hub(day: Desk) -> None:
    box = '\n[connections.box]\nplugin = "email"\naddress = "hub@example.ru"\npassword = { file = "password" }\nread = false\n'
    own = '[team.egor]\nnotify = ["email:egor@example.ru"]\n'
    config = (EXAMPLE / "config.toml").read_text(encoding="utf-8").replace("[team.egor]\n", own)
    (day.folder / "password").write_text("secret", encoding="utf-8")
    (day.folder / "password").chmod(0o600)
    day.configure(config + box)
    done = day.run("report", "weekly", "--day", "2026-04-17", "--send")
    assert done.code == 0, done.err
    [effect] = [row for row in day.ask("effects") if row["kind"] == "report"]
    assert effect["key"].startswith("report/weekly/2026-04-17/egor/")
    assert (effect["to"], effect["state"], effect["body"]["day"]) == ("egor", "planned", "2026-04-17")
