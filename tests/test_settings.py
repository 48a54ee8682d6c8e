"""What a configuration means, and what is said of a wrong one."""

from __future__ import annotations

import re
import tomllib
from copy import deepcopy
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr, ValidationError

from hub.core.hours import hours_text
from hub.core.policy import Policy
from hub.errors import ConfigError
from hub.settings import Secret, Vault, from_model, load, parse, rules_from_json, rules_json
from hub.settings.durations import duration_text, parse_duration
from hub.settings.mistakes import Wrong, key_text
from hub.settings.policy import default_text, names, read_policy
from hub.settings.template import toml

GOLDEN = sorted(Path(__file__).parent.glob("golden/*/config.toml"))

FULL = """
[hub]
timezone = "Europe/Moscow"
country = "RU"
language = "en"
data = "var"
keep_raw = "30d"
shared_handles = ["phone:8 (495) 000-00-00"]
blocked_handles = ["phone:+79990000000"]
test_handles = ["email:QA@Example.ru"]
head_of_sales = "gleb"

[web]
listen = "0.0.0.0:8090"
trusted_proxy = ["10.0.0.2", "10.1.0.0/16"]
public_url = "https://hub.example.ru/crm/"

[policy]
short_abandon = "0s"
contact_min_talk = "12s"
next_response_target = "none"
episode_gap = { chat = "12h" }
batch_alerts = "5 in 4m"
count_ivr_abandon = false

[calendars.office]
production_calendar = "RU"
exceptions = [ { on = 2026-03-10, hours = "", why = "move" }, { on = 2026-12-31, hours = "09:00-15:00" } ]
[[calendars.office.hours]]
from = 2020-01-01
days = { mon-fri = "09:00-13:00 14:00-18:00", sat = "10:00-15:00" }
[[calendars.office.hours]]
from = 2026-06-01
days = { mon-fri = "09:00-20:00" }

[calendars.far]
timezone = "Asia/Vladivostok"

[lines.sales]
calendar = "office"
lines = ["74950010100", "sales@example.ru"]
head = "gleb"
duty = ["anna"]
owners = { "+7 495 001-01-00" = "anna" }
owner_order = ["line_owner", "duty"]
critical = true
callback_target = "10m"

[lines.support]
lines = ["74950010101"]

[team.anna]
name = "Анна Петрова"
handles = ["ext:pbx/101", { handle = "phone:8 999 000-01-01", from = 2026-03-01 }]
calendar = "far"
absences = [ { from = 2026-03-02, to = 2026-03-08, why = "vacation" } ]
deputy = "gleb"
notify = ["telegram:5550101", "email:Anna@example.ru"]

[team.gleb]
name = "Глеб"
handles = [{ handle = "ext:pbx/101", from = 2026-05-01 }]

[connections.pbx]
plugin = "asterisk"
host = "10.0.0.5"
secret = { env = "PBX_SECRET" }
queues = { sales = ["101"] }
"""


@pytest.fixture(scope="module")
def full():
    return parse(FULL, Path("/etc/crmhub/config.toml"))


def mistakes(text: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as error:
        parse(text)
    return {mistake.key: str(mistake) for mistake in error.value.mistakes}


# What a file means


def test_the_hub_section(full):
    assert (full.timezone, full.country, full.language) == ("Europe/Moscow", "RU", "en")
    assert full.data == Path("/etc/crmhub/var")
    assert full.keep_raw == timedelta(days=30)
    assert full.shared == {"phone:+74950000000"}
    assert full.blocked == {"phone:+79990000000"}
    assert full.test == {"email:qa@example.ru"}
    assert full.head_of_sales == "gleb"
    assert (full.web.host, full.web.port, full.web.trusted_proxy) == ("0.0.0.0", 8090, ("10.0.0.2", "10.1.0.0/16"))
    assert full.web.public_url == "https://hub.example.ru/crm"


def test_policy_is_the_defaults_with_what_the_file_sets(full):
    policy = full.policy
    assert policy.short_abandon == timedelta(0)
    assert policy.contact_min_talk == timedelta(seconds=12)
    assert policy.next_response_target is None
    assert (policy.episode_gap_chat, policy.episode_gap_email) == (timedelta(hours=12), timedelta(hours=72))
    assert (policy.batch_alerts, policy.batch_window) == (5, timedelta(minutes=4))
    assert policy.count_ivr_abandon is False
    assert policy.callback_target == timedelta(minutes=15)


def test_a_line_group_has_its_own_promise_on_top_of_the_policy(full):
    sales = full.rules.groups["sales"]
    assert sales.policy.callback_target == timedelta(minutes=10)
    assert sales.policy.contact_min_talk == timedelta(seconds=12)
    assert (sales.head, sales.duty, sales.critical) == ("gleb", ("anna",), True)
    assert sales.owner_order == ("line_owner", "duty")
    assert full.rules.group_of("8 495 001 01 00").name == "sales"
    assert full.rules.line_owner("74950010100") == "anna"
    assert full.rules.line_owner("74950010101") is full.rules.line_owner(None) is None


def test_the_default_group_always_exists(full):
    assert full.rules.group_of("nobody's line").name == "default"
    assert full.rules.groups["default"].policy == full.policy
    assert parse("[lines.default]\ncallback_target = '5m'\n").rules.default.policy.callback_target == timedelta(
        minutes=5
    )


def test_calendars_have_versions_exceptions_and_the_production_calendar(full):
    office = full.calendars["office"]
    table = {
        "2026-03-10": "",
        "2026-03-11": "09:00-13:00 14:00-18:00",
        "2026-03-09": "",
        "2026-04-30": "09:00-13:00 14:00-17:00",
        "2026-06-02": "09:00-20:00",
        "2026-12-31": "09:00-15:00",
    }
    assert {day: hours_text(office.hours(date.fromisoformat(day))) for day in table} == table
    assert office.zone == "Europe/Moscow"


def test_the_team_with_dated_handles(full):
    anna = full.team.members["anna"]
    assert (anna.name, anna.deputy, anna.calendar) == ("Анна Петрова", "gleb", full.calendars["far"])
    assert anna.notify == ("telegram:5550101", "email:anna@example.ru")
    assert anna.absences[0].to == date(2026, 3, 8)
    before, after = (datetime(2026, month, 10, tzinfo=UTC) for month in (2, 6))
    assert full.team.key_of("ext:pbx/101", before) == "anna"
    assert full.team.key_of("ext:pbx/101", after) == "gleb"
    assert full.team.key_of("phone:+79990000101", before) is None
    assert full.team.key_of("phone:+79990000101", after) == "anna"


def test_names_may_be_in_any_alphabet():
    named = parse('[lines."отдел продаж"]\nhead = "анна"\n[team."анна"]\nname = "Анна"\n')
    assert named.rules.groups["отдел продаж"].head == "анна"


def test_the_rulebook_holds_what_a_judgement_depends_on(full):
    book = full.rulebook()
    assert book.at(datetime(2020, 1, 1, tzinfo=UTC)) is full.rules
    assert (book.shared, book.blocked, book.test) == (full.shared, full.blocked, full.test)
    assert full.rulebook((full.rules, full.rules)).versions == (full.rules, full.rules)


def test_an_empty_file_is_valid():
    empty = parse("")
    assert empty.rules.default.calendar is None
    assert (empty.timezone, empty.country, empty.web.host, empty.web.port) == ("Europe/Moscow", "RU", "127.0.0.1", 8080)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.parent.name)
def test_golden_configurations_load_and_survive_being_kept(path):
    rules = load(path).rules
    assert rules_from_json(rules_json(rules)) == rules


def test_golden_configurations_are_there():
    assert len(GOLDEN) >= 26


# Kept versions


def test_kept_rules_come_back_equal_with_their_number_and_date(full):
    text = rules_json(full.rules)
    since = datetime(2026, 3, 1, tzinfo=UTC)
    kept = rules_from_json(text, 7, since)
    assert kept.groups == full.rules.groups
    assert (kept.version, kept.active_from, kept.country) == (7, since, "RU")
    assert rules_json(kept) == text


def test_equal_rules_give_equal_text_whatever_the_order_of_the_file():
    one = parse('[lines.a]\nlines = ["1"]\n[lines.b]\nlines = ["2"]\n')
    other = parse('[lines.b]\nlines = ["2"]\n[lines.a]\nlines = ["1"]\n')
    assert rules_json(one.rules) == rules_json(other.rules)
    changed = parse('[lines.b]\nlines = ["2"]\nshort_abandon = "6s"\n[lines.a]\nlines = ["1"]\n')
    assert rules_json(changed.rules) != rules_json(one.rules)


def test_a_setting_that_is_gone_does_not_spoil_a_kept_version(full):
    text = rules_json(full.rules).replace('"settle":', '"settle_of_old":')
    assert rules_from_json(text).groups["sales"].policy.settle == Policy().settle


# Mistakes


TEN = """
[hub]
timezone = "Moscow"
contry = "RU"
[web]
listen = "0.0.0.0:8080"
[policy]
short_abandon = 5
calback_target = "15m"
[calendars.office]
[[calendars.office.hours]]
from = 2020-01-01
days = { monday = "09:00-18:00" }
[lines.sales]
calendar = "ofice"
lines = ["74950010100"]
head = "nobody"
[lines.support]
lines = ["+7 495 001-01-00"]
[team.anna]
handles = ["phone:abc"]
deputy = "anna"
[connections.pbx]
host = "10.0.0.5"
"""


def test_all_mistakes_are_told_at_once_each_with_key_line_and_example():
    found = mistakes(TEN)
    assert found.keys() >= {
        "hub.timezone",
        "hub.contry",
        "web.listen",
        "policy.short_abandon",
        "policy.calback_target",
        "calendars.office.hours.0.days",
        "lines.sales.calendar",
        "lines.sales.head",
        "lines.support.lines.0",
        "team.anna.name",
        "team.anna.handles.0",
        "team.anna.deputy",
        "connections.pbx.plugin",
    }
    assert 'did you mean "country"' in found["hub.contry"]
    assert 'did you mean "callback_target"' in found["policy.calback_target"]
    assert 'did you mean "office"' in found["lines.sales.calendar"]
    assert found["policy.short_abandon"].startswith("line 8, ")
    assert 'short_abandon = "5s"' in found["policy.short_abandon"]
    assert found["calendars.office.hours.0.days"].startswith("line 13, ")
    assert 'plugin = "records"' in found["connections.pbx.plugin"]
    assert "is missing" in found["team.anna.name"]


def test_mistakes_come_in_the_order_of_the_file():
    with pytest.raises(ConfigError) as error:
        parse(TEN, Path("/x/config.toml"))
    lines = [mistake.line for mistake in error.value.mistakes]
    assert None not in lines
    assert lines == sorted(lines)
    assert str(error.value).startswith("config.toml: ")


def test_a_broken_calendar_is_not_called_unknown_as_well():
    assert list(mistakes('[calendars.office]\ntimezone = "Moon"\n[lines.sales]\ncalendar = "office"\n')) == [
        "calendars.office.timezone"
    ]


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("[hub]\ncountry = 'Russia'", "hub.country", "two letters"),
        ("[hub]\nlanguage = 'de'", "hub.language", "'ru' or 'en'"),
        ("[hub]\nkeep_raw = 90", "hub.keep_raw", "90d"),
        ("[hub]\nhead_of_sales = 'gleb'", "hub.head_of_sales", "[team.gleb]"),
        ("[hub]\nshared_handles = ['84950000000']", "hub.shared_handles.0", "phone:"),
        ("[hub]\ndatabase = { stored = 'x' }", "hub.database", "postgresql"),
        ("[hub]\ndata = 5", "hub.data", "should be a valid string"),
        ("hub = 5", "hub", "no table"),
        ("[web]\nlisten = 'localhost'", "web.listen", "127.0.0.1:8080"),
        ("[reports]\nat = '25:00'", "reports.at", "19:00"),
        ("[reports]\nhourly = true", "reports.hourly", "daily"),
        ("[web]\ntrusted_proxy = ['proxy']", "web.trusted_proxy.0", "10.0.0.2"),
        ("[web]\npublic_url = 'http://hub.example.ru'", "web.public_url", "https://hub.example.ru"),
        ("[web]\npublic_url = 'hub.example.ru'", "web.public_url", "https://hub.example.ru"),
        ("[web]\npublic_url = 'https://user@hub.example.ru'", "web.public_url", "https://hub.example.ru"),
        ("[policy]\nringall_blame = 'all'", "policy.ringall_blame", "team, each, split"),
        ("[policy]\nexhausted_days = 0", "policy.exhausted_days", "exhausted_days = 2"),
        ("[policy]\ncount_ivr_abandon = 'yes'", "policy.count_ivr_abandon", "count_ivr_abandon = true"),
        ("[policy]\ndigest_at = '25:00'", "policy.digest_at", '"19:00"'),
        ("[policy]\nepisode_gap = '24h'", "policy.episode_gap", 'chat = "24h"'),
        ("[policy]\nbatch_alerts = '3 each 2m'", "policy.batch_alerts", '"3 in 2m"'),
        ("[policy]\ncase_ttl = '-1d'", "policy.case_ttl", '"7d"'),
        ("[policy]\ncase_ttl = 'none'", "policy.case_ttl", '"7d"'),
        ("[lines.a]\ncase_ttl = 7", "lines.a.case_ttl", '"7d"'),
        ("[lines.a]\nshort_abandn = '5s'", "lines.a.short_abandn", "short_abandon"),
        ("[lines.a]\nowner_order = ['deal']", "lines.a.owner_order.0", "deal_owner"),
        ("[lines.a]\nlines = ['1']\nowners = { '1' = 'x' }", "lines.a.owners.1", "[team.x]"),
        ("[lines.a]\nowners = { '2' = 'x' }\n[team.x]\nname = 'X'", "lines.a.owners.2", "none of the lines"),
        ("[lines]\nsales = 5", "lines.sales", "no table"),
        ("[lines.a]\nduty = ['x']", "lines.a.duty.0", "[team.x]"),
        ("[lines.'my/lines']", 'lines."my/lines"', "letters, digits"),
        ("[connections.'мой']\nplugin = 'x'", 'connections."мой"', "Latin"),
        ("lines = [5]", "lines", "no table"),
        ("[calendars.a]\nproduction_calendar = 'QQ'", "calendars.a.production_calendar", "DE"),
        ("[calendars.a]\nproduction_calendar = 'x.toml'", "calendars.a.production_calendar", "no file"),
        ("[calendars.a]\nexceptions = [{ on = '2026-01-01', hours = '' }]", "calendars.a.exceptions.0.on", "on = 2026"),
        ("[calendars.a]\nexceptions = [{ on = 2026-01-01, hours = '9' }]", "calendars.a.exceptions.0.hours", "09:00-13:00"),
        ("[calendars.a]\nexceptions = [{ on = 2026-01-01 }]", "calendars.a.exceptions.0.hours", "is missing"),
        ("[calendars.a]\nexceptions = [{ on = 2026-01-01, hours = '' }, { on = 2026-01-01, hours = '' }]",
         "calendars.a.exceptions", "same date"),
        ("[[calendars.a.hours]]\nfrom = 2026-01-01\ndays = {}\n[[calendars.a.hours]]\nfrom = 2026-01-01\ndays = {}",
         "calendars.a.hours", "same date"),
        ("[[calendars.a.hours]]\ndays = {}", "calendars.a.hours.0.from", "is missing"),
        ("[team.a]\nname = 'A'\ncalendar = 'x'", "team.a.calendar", "[calendars.x]"),
        ("[team.a]\nname = 'A'\nhandles = ['ext:101']", "team.a.handles.0", "ext:pbx/101"),
        ("[team.a]\nname = 'A'\nhandles = [{ handle = 'ext:pbx/1', since = 2026-01-01 }]", "team.a.handles.0.since",
         "no key"),
        ("[team.a]\nname = 'A'\nhandles = ['ext:p/1']\n[team.b]\nname = 'B'\nhandles = ['ext:p/1']", "team.b.handles",
         'of "a" too'),
        ("[team.a]\nname = 'A'\nabsences = [{ from = 2026-02-01, to = 2026-01-01 }]", "team.a.absences.0", "before"),
        ("[team.a]\nname = 'A'\ndeputy = 'a'", "team.a.deputy", "of himself"),
        ("[team.a]\nname = 'A'\nnotify = ['5550101']", "team.a.notify.0", "email:"),
        ("[connections.hub]\nplugin = 'records'", "connections.hub", "taken"),
        ("[connections.a]\nplugin = ''", "connections.a.plugin", "records"),
        ("[connections.a]\nplugin = 'x'\nsecret = { env = 5 }", "connections.a.secret", "{ env ="),
        ("[connections.a]\nplugin = 'x'\nsecret = { env = 'A', file = 'b' }", "connections.a.secret", "one of"),
        ("[conections.a]\nplugin = 'x'", "conections", "connections"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_key_and_says_what_is_right(text, key, said):
    found = mistakes(text + "\n")
    assert list(found) == [key]
    assert said in found[key]


def test_a_text_that_is_no_toml_has_its_line():
    found = mistakes("[hub]\ntimezone = Europe/Moscow\n")
    assert list(found) == ["syntax"]
    assert found["syntax"].startswith("line 2, ")


def test_a_missing_file_says_how_to_write_one(tmp_path):
    with pytest.raises(ConfigError, match="crmhub init"):
        load(tmp_path / "config.toml")


def test_a_file_that_is_no_text_is_a_mistake(tmp_path):
    (tmp_path / "config.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "config.toml")


def test_a_mark_of_byte_order_is_no_mistake(tmp_path):
    (tmp_path / "config.toml").write_text('[hub]\ncountry = "KZ"\n', encoding="utf-8-sig")
    assert load(tmp_path / "config.toml").country == "KZ"


JUNK = st.sampled_from(
    [None, 5, -1, 0.5, True, "", "x", [], ["x"], [[]], {}, {"x": 1}, [{}], {"env": "A"}, date(2026, 1, 1)]
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_is_written_is_read_or_refused_with_mistakes(data):
    document = tomllib.loads(FULL)
    for _ in range(data.draw(st.integers(1, 3))):
        table, key = data.draw(st.sampled_from([*places(document)]))
        value = deepcopy(data.draw(JUNK))
        if value is None:
            del table[key]
        else:
            table[data.draw(st.sampled_from([key, key, "other"])) if isinstance(table, dict) else key] = value
    text = "\n".join(f"{toml(key)} = {toml(value)}" for key, value in document.items())
    assert all(mistake.key and mistake.problem for mistake in refused(text))


def refused(text: str):
    try:
        parse(text)
    except ConfigError as error:
        return error.mistakes
    return ()


def places(node):
    """Every container of a document with a key of it."""
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(value, dict | list):
            yield from places(value)


class Plugin(BaseModel):
    port: int
    secret: SecretStr = Field(min_length=20, description="from the settings of the vendor")


def test_what_a_plugin_refuses_is_told_without_the_value():
    with pytest.raises(ValidationError) as error:
        Plugin.model_validate({"port": "hush-hush", "secret": "hush-hush"})
    told = from_model(error.value, Plugin, ("connections", "x"))
    assert [key_text(place) for place, _, _ in told] == ["connections.x.port", "connections.x.secret"]
    assert "hush" not in str(told)
    assert "from the settings of the vendor" in told[1][1]


def test_a_loopback_address_needs_no_proxy():
    for listen in ("127.0.0.1:1", "localhost:80", "[::1]:8080"):
        assert parse(f'[web]\nlisten = "{listen}"\n').web.trusted_proxy == ()
    assert "outside" in mistakes('[web]\nlisten = "192.168.1.5:8080"\n')["web.listen"]


# Settings and metrics


def test_every_setting_of_the_policy_may_be_written_as_its_default():
    for name in names():
        policy = parse(f"[policy]\n{name} = {default_text(name)}\n[lines.a]\n{name} = {default_text(name)}\n")
        assert policy.policy == Policy()
        assert policy.rules.groups["a"].policy == Policy()
    assert {item.name for item in fields(Policy)} <= set(names())


@given(st.integers(0, 10**9))
def test_a_duration_survives_being_written(seconds):
    assert parse_duration(duration_text(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("1h30m", 5_400), ("0s", 0), ("2 m", 120)],
)
def test_durations(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["5", "", "m", "5 minutes", "-5s", "1.5h", 5, True, None, "99999999d"])
def test_wrong_durations(text):
    with pytest.raises(ValueError, match="15m"):
        parse_duration(text)


def test_a_wrong_setting_leaves_the_base_as_it_was():
    wrong = Wrong()
    assert read_policy({"settle": "x", "ivr_min": "3s"}, Policy(), (), wrong) == Policy(ivr_min=timedelta(seconds=3))
    assert len(wrong.found) == 1


# Secrets


def vault(tmp_path: Path, **environ: str) -> Vault:
    return Vault(environ=environ, folder=tmp_path, stored={"token": "kept"}.get)


def connection(body: str):
    return parse(f'[connections.pbx]\nplugin = "asterisk"\n{body}\n').connections["pbx"]


def test_secrets_are_looked_up_when_the_connection_is_opened(tmp_path):
    (tmp_path / "secret.txt").write_text("from a file\n", encoding="utf-8")
    pbx = connection(
        'secret = { env = "PBX" }\ntoken = { stored = "token" }\ncdr = { url = { file = "secret.txt" }, table = "cdr" }\n'
        'plain = "text"\nlist = [{ env = "PBX" }, 5]'
    )
    assert pbx.options["secret"] == {"env": "PBX"}
    assert pbx.resolved(vault(tmp_path, PBX="hush")) == {
        "secret": "hush",
        "token": "kept",
        "cdr": {"url": "from a file", "table": "cdr"},
        "plain": "text",
        "list": ["hush", 5],
    }


def test_every_secret_that_cannot_be_found_is_named(tmp_path):
    (tmp_path / "empty").touch()
    pbx = connection(
        'a = { env = "NOT_SET" }\nb = { file = "nowhere" }\nc = { stored = "nothing" }\nd = { file = "empty" }'
    )
    with pytest.raises(ConfigError) as error:
        pbx.resolved(vault(tmp_path))
    told = {mistake.key: mistake.problem for mistake in error.value.mistakes}
    assert list(told) == [f"connections.pbx.{key}" for key in "abcd"]
    assert "NOT_SET is not set" in told["connections.pbx.a"]
    assert re.search("nowhere cannot be read", told["connections.pbx.b"])
    assert "stored" in told["connections.pbx.c"]
    assert "is empty" in told["connections.pbx.d"]


def test_the_database_is_a_file_below_data_unless_a_url_is_given(tmp_path):
    assert parse("", Path("/srv/config.toml")).database_url(vault(tmp_path)) == "sqlite:////srv/var/hub.db"
    assert (
        parse("[hub]\ndatabase = 'postgresql+psycopg://h/d'\n").database_url(vault(tmp_path))
        == "postgresql+psycopg://h/d"
    )
    secret = parse("[hub]\ndatabase = { env = 'URL' }\n")
    assert secret.database == Secret("env", "URL")
    assert secret.database_url(vault(tmp_path, URL="sqlite://")) == "sqlite://"
    with pytest.raises(ConfigError, match="URL is not set"):
        secret.database_url(vault(tmp_path))
