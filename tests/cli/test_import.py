"""Does an import take what it can, say what it refused, and alert nobody unless it is told to?"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import CONNECTIONS, TUESDAY, Desk, callback, missed
from tests.days import CONFIG

LATER = (TUESDAY + timedelta(hours=1)).isoformat()


def test_a_missed_call_becomes_a_case_that_closes_by_evidence(desk: Desk) -> None:
    done = desk.run("import", "--connection", "src", desk.file([missed("1")]), "--at", LATER)
    assert (done.code, done.out) == (0, "")
    (case,) = desk.ask("cases", "--at", LATER)
    assert (case["state"], case["key"], case["due_at"]) == ("open", "missed_call:src/call/1", "2026-03-10T07:15:40Z")
    desk.run("import", desk.file([callback("2", TUESDAY + timedelta(minutes=9))]))
    (case,) = desk.ask("cases")
    assert (case["state"], case["resolution"], case["breached"]) == ("recovered", "callback_reached", False)
    assert [row["outcome"] for row in desk.ask("calls")] == ["abandoned_wait", "answered"]


def test_refused_records_are_named_with_line_and_reason_and_the_others_are_taken(desk: Desk) -> None:
    path = desk.file([missed("1"), "{", missed("2", started_at="2026-03-10T10:00:00"), {**missed("3"), "clinet": "x"}])
    done = desk.run("import", "--connection", "src", path)
    assert done.code == 1
    for line, reason in ((2, "not a JSON object"), (3, "has no offset"), (4, "clinet: no such key")):
        assert any(f"line {line}: " in text and reason in text for text in done.err.splitlines()), done.err
    assert "1 items read, 3 refused" in done.err
    assert [row["id"] for row in desk.ask("calls")] == ["1"]
    assert desk.run("import", "--connection", "src", desk.file([missed("4")])).code == 0, "what was refused is past"


def test_standard_input_is_a_file_like_any_other(desk: Desk) -> None:
    done = desk.spawn("import", "--connection", "src", "-", stdin=json.dumps(missed("1")).encode() + b"\nnonsense\n")
    assert done.code == 1
    assert "standard input line 2" in done.err
    assert [row["id"] for row in desk.ask("calls")] == ["1"]


def test_imported_twice_is_the_same_as_once(desk: Desk) -> None:
    path = desk.file([missed("1"), callback("2", TUESDAY + timedelta(minutes=9))])
    desk.run("import", path, "--at", LATER)
    before = desk.ask("calls"), desk.ask("cases")
    desk.run("import", path, path)
    assert (desk.ask("calls"), desk.ask("cases")) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["import", "nowhere.jsonl"], "nowhere.jsonl does not exist"),
        (["import", "--connection", "pbx", "config.toml"], '"pbx" is none that reads files; these do: src'),
        (["import", "--at", "2026-03-10T10:00:00", "config.toml"], "has no offset"),
        (["calls", "--at", "yesterday"], "is not an instant"),
        (["export", "--from", "2026-03-10"], "has no offset"),
        (["replay", "--connection", "pbx"], "there is no connection pbx"),
        (["check", "pbx"], "there is no connection pbx"),
        (["nonsense"], "No such command"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_what_is_wrong(desk: Desk, arguments: list[str], says: str) -> None:
    done = desk.run(*arguments)
    assert done.code == 2
    assert says in " ".join(done.err.replace("│", " ").split())


def test_a_file_needs_a_connection_where_several_read_files(desk: Desk) -> None:
    desk.configure(CONFIG + CONNECTIONS + '\n[connections.other]\nplugin = "records"\n')
    done = desk.run("import", desk.file([missed("1")]))
    assert done.code == 2
    assert "say which connection the file belongs to; these do: other, src" in done.err


# Effects


def test_importing_history_makes_no_effect_and_its_steps_say_history(desk: Desk) -> None:
    desk.run("import", desk.file([missed("1")]), "--at", (TUESDAY + timedelta(days=1)).isoformat())
    assert desk.ask("effects") == []
    (case,) = desk.ask("cases")
    assert case["breached"]
    assert {step["state"] for step in case["steps"] if step["at"] <= "2026-03-10T12"} == {"history"}


def test_importing_as_live_plans_each_notice_once(desk: Desk) -> None:
    """The lists derive up to now: by then every step of the case has come, and the wait has expired."""
    path = desk.file([missed("1")])
    for minutes in (13, 13, 40):
        desk.run("import", "--as-live", path, "--at", (TUESDAY + timedelta(minutes=minutes)).isoformat())
    effects = desk.ask("effects")
    assert {(row["kind"], row["state"]) for row in effects} == {("notify", "planned"), ("amend_notice", "planned")}
    notices = [row for row in effects if row["kind"] == "notify"]
    assert len({row["key"] for row in effects}) == len(effects)
    assert sorted({row["to"] for row in notices}) == ["anna", "boris", "gleb"]
    (case,) = desk.ask("cases")
    planned = {(step["step"], step["to"]) for step in case["steps"] if step["state"] == "planned"}
    assert {tuple(row["key"].split("/")[1:]) for row in notices} <= {(str(step), to) for step, to in planned}
    desk.run("import", "--as-live", path)
    assert desk.ask("effects") == effects


def test_history_imported_again_as_live_has_effects(desk: Desk) -> None:
    path, at = desk.file([missed("1")]), (TUESDAY + timedelta(minutes=13)).isoformat()
    desk.run("import", path, "--at", at)
    assert desk.ask("effects") == []
    desk.run("import", "--as-live", path, "--at", at)
    assert desk.ask("effects") != []


# Moments


def test_as_of_a_moment_a_case_is_as_it_was_then(desk: Desk) -> None:
    desk.run("import", desk.file([missed("1"), callback("2", TUESDAY + timedelta(minutes=30))]))
    early, late = (desk.ask("cases", "--at", (TUESDAY + timedelta(minutes=m)).isoformat()) for m in (5, 20))
    assert [(case["state"], case["breached"], case["late_by"]) for case in early + late] == [
        ("open", False, None),
        ("open", True, 260),
    ]
    assert desk.ask("calls", "--at", (TUESDAY - timedelta(seconds=1)).isoformat()) == []
    (running,) = desk.ask("calls", "--at", (TUESDAY + timedelta(seconds=20)).isoformat())
    assert (running["ended_at"], running["outcome"]) == (None, None)


def test_as_of_now_everything_is_as_it_is_stored(desk: Desk) -> None:
    desk.run(
        "import", desk.file([missed("1"), missed("2", client=None), callback("3", TUESDAY + timedelta(minutes=30))])
    )
    now = datetime.now(UTC).isoformat()
    assert desk.ask("calls", "--at", now) == desk.ask("calls")
    assert desk.ask("cases", "--at", now) == desk.ask("cases")


# Export


def test_an_export_imported_elsewhere_gives_the_same_calls_and_cases(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    records = [
        missed("1"),
        callback("2", TUESDAY + timedelta(minutes=9)),
        missed("3", client=None),
        {**missed("4"), "changed_at": "2026-03-10T12:00:00+03:00"},
        {"record": "gone", "of": "call", "id": "5"},
        missed("5"),
        {
            "record": "card",
            "id": "k",
            "name": "Иван",
            "handles": ["phone:+79211234567"],
            "owner": "boris",
            "changed_at": "2026-03-01T00:00:00Z",
        },
        {
            "record": "card",
            "id": "k",
            "name": "Иван",
            "handles": ["phone:+79211234567"],
            "owner": "anna",
            "changed_at": "2026-03-11T00:00:00Z",
        },
        {
            "record": "mark",
            "id": "m",
            "at": "2026-03-10T11:00:00+03:00",
            "by": "anna",
            "kind": "closed",
            "on": "src/call/3",
            "reason": "spam",
        },
        {"record": "gone", "of": "mark", "id": "m2", "at": "2026-03-10T11:00:00+03:00"},
    ]
    desk.run("import", desk.file(records), "--at", LATER)
    done = desk.run("export")
    assert done.code == 0
    other = Desk(tmp_path_factory.mktemp("other"))
    other.configure(CONFIG + CONNECTIONS)
    assert other.run("import", other.file(done.out.splitlines()), "--at", LATER).code == 0
    for command in ("calls", "cases", "contacts"):
        assert other.ask(command) == desk.ask(command)
    assert other.run("export").out.splitlines() != []
    assert sorted(other.run("export").out.splitlines()) == sorted(done.out.splitlines())


def test_an_export_within_a_time_has_what_happened_then(desk: Desk) -> None:
    desk.run("import", desk.file([missed(str(day), TUESDAY + timedelta(days=day)) for day in range(4)]))
    done = desk.run(
        "export", "--from", (TUESDAY + timedelta(days=1)).isoformat(), "--to", (TUESDAY + timedelta(days=3)).isoformat()
    )
    assert [json.loads(line)["id"] for line in done.out.splitlines()] == ["1", "2"]


def test_a_client_with_very_many_calls_is_derived_before_the_import_returns(desk: Desk) -> None:
    for part in (range(600), range(600, 602)):
        desk.run(
            "import",
            desk.file([missed(str(number), TUESDAY + timedelta(minutes=number)) for number in part]),
            "--at",
            LATER,
        )
    assert len(desk.ask("calls", "--outcome", "abandoned_wait")) == 602
