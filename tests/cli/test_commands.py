"""Do the administrator's commands say what is wrong, and the lists print what they promise?"""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.cli.conftest import CONNECTIONS, TUESDAY, Desk, callback, missed
from tests.days import CONFIG


def test_check_says_that_all_is_well(desk: Desk) -> None:
    desk.configure(CONFIG + CONNECTIONS + 'secret = { file = "secret" }\n')
    (desk.folder / "secret").write_text("s")
    done = desk.run("check")
    assert done.code == 0
    assert "2 line groups, 3 people" in done.out or "3 line groups, 3 people" in done.out
    assert "ok   src: the webhook accepts signed requests" in done.out


def test_check_makes_no_store(desk: Desk) -> None:
    desk.configure(CONFIG + CONNECTIONS)
    desk.run("check")
    assert not (desk.folder / "var").exists()


def test_check_says_what_fails_and_ends_with_1(desk: Desk) -> None:
    desk.configure(CONFIG + CONNECTIONS + 'secret = { env = "NOT_SET_ANYWHERE" }\n')
    done = desk.run("check")
    assert done.code == 1
    assert "FAIL src" in done.out
    assert "NOT_SET_ANYWHERE" in done.out


def test_a_configuration_with_many_mistakes_names_each_with_its_key_and_an_example(desk: Desk) -> None:
    desk.configure("""
[hub]
timezone = "Europe/Moskow"
contry = "RU"
[policy]
short_abandon = 5
callback_target = "soon"
[lines.sales]
calendar = "nowhere"
head = "nobody"
[connections.src]
plugin = "records"
secert = "x"
[connections.pbx]
plugin = "asterix"
""")
    done = desk.run("check")
    assert done.code == 2
    for key in ("hub.timezone", "hub.contry", "policy.short_abandon", "policy.callback_target", "lines.sales.calendar"):
        assert key in done.err, done.err
    assert "line " in done.err
    assert "for example" in done.err


def test_mistakes_of_connections_are_listed_together(desk: Desk) -> None:
    desk.configure(
        CONFIG + '\n[connections.src]\nplugin = "records"\nsecert = "x"\n[connections.pbx]\nplugin = "asterix"\n'
    )
    done = desk.run("check")
    assert done.code == 2
    assert "connections.src.secert" in done.err
    assert 'no plugin offers "asterix"' in done.err


def test_without_a_configuration_a_command_says_how_to_make_one(desk: Desk) -> None:
    (desk.folder / "config.toml").unlink()
    done = desk.run("calls")
    assert done.code == 2
    assert "crmhub init" in done.err


def test_init_with_flags_writes_what_check_accepts(desk: Desk) -> None:
    (desk.folder / "config.toml").unlink()
    done = desk.run(
        "init",
        "--timezone",
        "Asia/Novosibirsk",
        "--country",
        "RU",
        "--language",
        "en",
        "--line",
        "74950010100",
        "--member",
        "Anna Petrova, 101, +79990000101",
        "--member",
        "Boris",
        "--connect",
        "records",
    )
    assert done.code == 0, done.err
    key = desk.folder / "var" / "secret.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert desk.run("check").code in {0, 1}
    assert desk.ask("calls") == []
    text = (desk.folder / "config.toml").read_text(encoding="utf-8")
    assert 'timezone = "Asia/Novosibirsk"' in text
    assert "ext:" in text
    again = desk.run("init", "--language", "en")
    assert again.code == 2
    assert "--force overwrites it" in " ".join(again.err.replace("│", " ").split())
    kept = key.read_bytes()
    assert desk.run("init", "--language", "ru", "--force").code == 0
    assert key.read_bytes() == kept, "what is encrypted with it must stay readable"


def test_replay_parses_dead_items_again_after_the_fix(desk: Desk) -> None:
    bad = desk.file([missed("1")])
    desk.run("import", bad)
    assert "0 items are parsed again" in desk.run("replay").out
    assert "1 items are parsed again" in desk.run("replay", "--all", "--connection", "src").out
    assert [row["id"] for row in desk.ask("calls")] == ["1"]


def test_plugins_and_migrate(desk: Desk) -> None:
    found = {row["name"]: row for row in desk.ask("plugins")}
    assert {"records", "asterisk"} <= set(found)
    assert found["records"]["webhook"]
    assert "the store was migrated" in desk.run("migrate").out
    assert "the store is up to date" in desk.run("migrate").out


def test_tables_are_for_people_and_json_for_programs(desk: Desk) -> None:
    desk.run("import", desk.file([missed("1"), callback("2", TUESDAY + timedelta(minutes=9))]))
    for command in ("calls", "cases", "contacts", "effects", "repairs", "connections", "plugins"):
        table = desk.run(command)
        assert table.code == 0
        assert isinstance(json.loads(desk.run(command, "--json").out), list)
    assert "2026-03-10 10:00:00" in desk.run("calls").out, "in the zone of the hub"
    assert "nothing" in desk.run("effects").out


CALL_KEYS = set(
    [
        "id",
        "connection",
        "direction",
        "outcome",
        "missed",
        "excluded",
        "client",
        "client_raw",
        "contact",
        "line",
        "line_group",
        "started_at",
        "answered_at",
        "ended_at",
        "client_wait",
        "ring_wait",
        "talk",
        "answered_by",
        "first_human",
        "last_human",
        "longest_human",
        "talk_by",
        "hangup_by",
        "in_hours",
        "queue",
        "rang",
        "transfers",
        "recordings",
        "flags",
        "ref",
    ]
)
CASE_KEYS = set(
    [
        "key",
        "kind",
        "contact",
        "line_group",
        "priority",
        "state",
        "resolution",
        "opened_at",
        "opened_by",
        "due_at",
        "breached",
        "breached_at",
        "late_by",
        "closed_at",
        "closed_by",
        "closed_by_member",
        "client_attempts",
        "last_attempt_at",
        "attempts",
        "first_attempt",
        "time_to_reach",
        "owner",
        "owner_because",
        "assignee",
        "owner_absent",
        "in_hours",
        "silently_lost",
        "previous",
        "flags",
        "steps",
        "rules_version",
        "definition_version",
        "ref",
    ]
)


def test_rows_have_the_keys_that_the_model_names(desk: Desk) -> None:
    desk.run("import", desk.file([missed("1"), callback("2", TUESDAY + timedelta(minutes=9))]))
    for extra in ([], ["--at", (TUESDAY + timedelta(hours=1)).isoformat()]):
        for row in desk.ask("calls", *extra):
            assert set(row) >= CALL_KEYS
            assert row["ref"] == f"src/call/{row['id']}"
        for row in desk.ask("cases", *extra):
            assert set(row) >= CASE_KEYS
            assert set(row["contact"]) == {"id", "name", "handles"}
            assert all(set(step) >= {"step", "at", "to", "state"} for step in row["steps"])
            assert all(set(attempt) >= {"at", "by", "kind", "valid", "quality", "ring"} for attempt in row["attempts"])


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ([], ["1", "2", "3"]),
        (["--direction", "inbound"], ["1", "3"]),
        (["--missed"], ["1", "3"]),
        (["--not-missed"], ["2"]),
        (["--from", (TUESDAY + timedelta(minutes=5)).isoformat()], ["2", "3"]),
        (["--to", (TUESDAY + timedelta(minutes=9)).isoformat()], ["1"]),
        (["--line-group", "support"], ["3"]),
        (["--outcome", "answered"], ["2"]),
        (["--connection", "src"], ["1", "2", "3"]),
    ],
)
def test_lists_can_be_narrowed_stored_and_as_of_a_moment(desk: Desk, options: list[str], ids: list[str]) -> None:
    desk.run(
        "import",
        desk.file(
            [
                missed("1"),
                callback("2", TUESDAY + timedelta(minutes=9)),
                missed("3", TUESDAY + timedelta(minutes=10), client="phone:+79217654321", line="74950010200"),
            ]
        ),
    )
    assert [row["id"] for row in desk.ask("calls", *options)] == ids
    assert [row["id"] for row in desk.ask("calls", *options, "--at", (TUESDAY + timedelta(days=1)).isoformat())] == ids


def test_what_the_hub_once_believed_is_listed_only_with_void(desk: Desk) -> None:
    at = (TUESDAY + timedelta(minutes=5)).isoformat()
    desk.run("import", desk.file([missed("1", version=1)]), "--at", at)
    assert len(desk.ask("cases")) == 1
    answered = missed("1", version=2)
    answered["legs"][0] |= {"answered_at": (TUESDAY + timedelta(seconds=10)).isoformat(), "result": "answered"}
    desk.run("import", desk.file([answered]), "--at", at)
    assert desk.ask("cases") == []
    (void,) = desk.ask("cases", "--void")
    assert (void["state"], void["resolution"]) == ("void", "not_a_miss")
    assert [row["state"] for row in desk.ask("cases", "--state", "void")] == ["void"]


def test_contacts_are_found_by_name_and_number(desk: Desk) -> None:
    desk.run(
        "import",
        desk.file(
            [
                missed("1"),
                missed("2", client="phone:+79217654321"),
                {"record": "card", "id": "k", "name": "Иван Петров", "handles": ["phone:+79211234567"]},
            ]
        ),
    )
    assert [row["name"] for row in desk.ask("contacts", "иван")] == ["Иван Петров"]
    assert [row["handles"] for row in desk.ask("contacts", "765-43-21")] == [["phone:+79217654321"]]
    assert len(desk.ask("contacts")) == 2
    assert all(row["seen_at"].startswith("2026-03-10T07:00:00") for row in desk.ask("contacts"))


def test_a_shared_handle_put_on_the_list_later_parts_its_clients(desk: Desk) -> None:
    desk.run(
        "import",
        desk.file(
            [
                missed("1"),
                {"record": "card", "id": "a", "name": "Иван", "handles": ["phone:+79211234567", "phone:+74950000000"]},
                {"record": "card", "id": "b", "name": "Ольга", "handles": ["phone:+79217654321", "phone:+74950000000"]},
            ]
        ),
    )
    assert len(desk.ask("contacts")) == 1
    desk.configure(
        (CONFIG + CONNECTIONS).replace('country = "RU"', 'country = "RU"\nshared_handles = ["phone:+74950000000"]')
    )
    assert sorted(row["name"] or "" for row in desk.ask("contacts")) == ["Иван", "Ольга"]


def test_a_store_that_is_no_database_ends_with_3_and_a_sentence(desk: Desk) -> None:
    (desk.folder / "var").mkdir()
    (desk.folder / "var" / "hub.db").write_bytes(b"this is no database, it is a text of some length" * 100)
    done = desk.run("calls")
    assert done.code == 3
    assert "the store or a file cannot be used" in done.err
