"""Does `crmhub play` tell what would happen, from files and from the own store, without keeping or sending anything?"""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

from hub import clock
from tests.cli.conftest import CONNECTIONS, TUESDAY, Desk, callback, missed
from tests.days import CONFIG
from tests.golden import run

GOLDEN = Path(run.__file__).parent


def test_the_newer_version_of_a_call_takes_its_case_back(desk: Desk) -> None:
    shutil.copy(GOLDEN / "g13" / "config.toml", desk.folder / "config.toml")
    done = desk.run("play", GOLDEN / "g13" / "records.jsonl", "--json")
    assert done.code == 0
    (case,) = done.rows["cases"]
    assert (case["state"], case["resolution"]) == ("void", "not_a_miss")
    assert [event["what"] for event in case["events"]] == ["opened", "void"]
    assert done.rows["totals"]["void"] == 1
    assert not (desk.folder / "var").exists()


def test_a_step_names_the_channel_that_would_carry_it(desk: Desk) -> None:
    records = CONNECTIONS + 'secret = { env = "CRMHUB_SECRET" }\nnotify_url = "http://127.0.0.1:9/notices"\n'
    desk.configure(CONFIG + records)
    (desk.folder / "one.jsonl").write_text(json.dumps(missed("m1", TUESDAY)))
    done = desk.run("play", desk.folder / "one.jsonl", "--json")
    assert done.code == 0, done.err
    steps = [event for event in done.rows["cases"][0]["events"] if event["what"] == "step"]
    told = {event["to"]: (event["connection"], event["handle"]) for event in steps}
    assert told
    assert told == {member: ("src", f"src:{member}") for member in told}


def test_another_configuration_is_compared_case_by_case(desk: Desk) -> None:
    desk.configure(CONFIG + CONNECTIONS)
    other = desk.folder / "other.toml"
    other.write_text((desk.folder / "config.toml").read_text() + '\n[policy]\ncallback_target = "5m"\n')
    records = "\n".join(
        json.dumps(row) for row in (missed("m1", TUESDAY), callback("c1", TUESDAY + timedelta(minutes=9)))
    )
    (desk.folder / "two.jsonl").write_text(records)
    done = desk.run("play", desk.folder / "two.jsonl", "--compare", other, "--json")
    assert done.code == 0, done.err
    (changed,) = done.rows["compare"]["changed"]
    assert changed["changes"]["breached"] == [False, True]
    assert done.rows["compare"]["totals"]["breached"] == 1
    table = desk.run("play", desk.folder / "two.jsonl", "--compare", other).out
    assert "breached" in table
    assert "Would be" in table


def test_the_own_store_is_played_as_it_is_known_and_left_as_it_was(desk: Desk) -> None:
    desk.configure(CONFIG + CONNECTIONS)
    yesterday = clock.now() - timedelta(days=1)
    assert (
        desk.run("import", desk.file([missed("m1", yesterday), missed("old", yesterday - timedelta(days=20))])).code
        == 0
    )
    before = desk.run("effects", "--json").rows
    done = desk.run("play", "--last", "3", "--json")
    assert [case["opened_by"] for case in done.rows["cases"]] == ["src/call/m1"]
    assert desk.run("effects", "--json").rows == before


def test_what_is_refused_is_named_and_the_rest_is_played(desk: Desk) -> None:
    desk.configure(CONFIG + CONNECTIONS)
    (desk.folder / "some.jsonl").write_text(json.dumps(missed("m1", TUESDAY)) + '\n{"record": "call", "id": "x"}\n')
    done = desk.run("play", desk.folder / "some.jsonl", "--json")
    assert done.code == 1
    assert "refused" in done.err
    assert len(done.rows["cases"]) == 1


def test_files_or_days_must_be_given(desk: Desk) -> None:
    desk.configure(CONFIG + CONNECTIONS)
    assert desk.run("play").code == 2
