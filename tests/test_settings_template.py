"""Is a new configuration valid whatever was answered, and is the shipped one what `crmhub init` would write?

`python tests/test_settings_template.py` writes the shipped `config.toml` anew.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from hub.core.policy import Policy
from hub.settings import Answers, Draft, Entry, Person, draft, load, parse, template
from hub.settings.meanings import GROUPS, MEANINGS
from hub.settings.policy import names
from hub.settings.template import key_of, toml

SHIPPED = Path(__file__).parents[1] / "config.toml"

PBX = Draft(
    name="pbx",
    plugin="asterisk",
    active=False,
    remark="A PBX. Take the # away, put your own values in, export PBX_SECRET, then: crmhub check pbx",
    entries=(
        Entry("host", '"10.0.0.5"', "address of the PBX"),
        Entry("port", "5038", "of its manager interface"),
        Entry("username", '"crmhub"', "an account of manager.conf"),
        Entry("secret", '{ env = "PBX_SECRET" }', "its secret: the name of a variable"),
        Entry("timezone", '"Europe/Moscow"', "the clock of the PBX, for CDR"),
        Entry("trunk_channels", '["PJSIP/trunk"]', "how channels to the operator begin"),
        Entry("queues", '{ sales = ["101", "102", "103"] }', "who is in a queue"),
        Entry("cdr", '"/var/log/asterisk/cdr-csv/Master.csv"', "repairs gaps", set=False),
    ),
)
ANSWERS = Answers(
    remarks="en",
    lines=("74950010100",),
    team=(
        Person(name="Борис Смирнов", extension="102"),
        Person(name="Анна Петрова", extension="101", mobile="+79990000101"),
        Person(name="Вера Орлова", extension="103"),
    ),
    days={"mon-fri": "09:00-18:00", "sat": "10:00-15:00"},
    connections=(
        Draft(
            name="files",
            plugin="records",
            remark="The hub's own format: crmhub import --connection files records.jsonl, or a signed webhook.",
            entries=(
                Entry("secret", '{ env = "RECORDS_SECRET" }', "the sender of a webhook signs with it", set=False),
            ),
        ),
        PBX,
    ),
)


def test_the_shipped_configuration_is_what_init_writes():
    assert SHIPPED.read_text(encoding="utf-8") == template(ANSWERS), f"renew it: python {Path(__file__).name}"


def test_the_shipped_configuration_is_valid_and_needs_no_secret():
    shipped = load(SHIPPED)
    assert shipped.rules.group_of("+7 495 001-01-00").head == "boris"
    assert [member.name for member in shipped.team.members.values()] == [person.name for person in ANSWERS.team]
    assert list(shipped.connections) == ["files"]
    assert shipped.policy == Policy()
    assert shipped.calendars["office"].production


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_line_is_explained_beside_it_or_above(language):
    lines = template(replace(ANSWERS, remarks=language)).splitlines()
    values = [(above, line) for above, line in pairwise(lines) if re.match(r"(# )?[a-z_]+ = ", line)]
    assert [line for above, line in values if "  # " not in line and not above.startswith("# ")] == []
    assert [line for line in lines if len(line) > 120] == []


def test_the_shipped_connection_that_is_switched_off_would_be_valid():
    on = template(replace(ANSWERS, connections=(replace(PBX, active=True),)))
    pbx = parse(on).connections["pbx"]
    assert pbx.plugin == "asterisk"
    assert pbx.options["queues"] == {"sales": ["101", "102", "103"]}


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_line_that_is_switched_off_is_valid_once_it_is_on(language):
    text = template(replace(ANSWERS, remarks=language, connections=()))
    for number, line in enumerate(text.splitlines()):
        if not line.startswith("# ") or " = " not in line or line.startswith("# database"):
            continue
        lines = text.splitlines()
        lines[number] = line.removeprefix("# ")
        try:
            tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError:
            continue  # a sentence, not a setting; or a key that stands already
        parse("\n".join(lines))


def test_a_file_without_any_answer_is_valid():
    empty = parse(template(Answers()))
    assert empty.team.members == {}
    assert empty.rules.groups["sales"].lines == ()


def test_remarks_are_in_the_language_asked_for():
    assert "рабочего времени" in template(Answers(language="ru"))
    assert "working time" in template(Answers(language="en", country="DE", timezone="Europe/Berlin"))


def test_every_setting_has_its_meaning_in_both_languages_and_its_place():
    told = [name for _, _, group in GROUPS for name in group]
    inside = {"episode_gap_chat", "episode_gap_email", "batch_window"}  # written as part of another
    assert sorted(told) == sorted(MEANINGS) == sorted(set(names()) - inside)
    assert all(english and russian for english, russian in MEANINGS.values())


TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.builds(Person, name=TEXT, extension=st.none() | st.from_regex(r"[0-9]{3}", fullmatch=True)), max_size=4,
                unique_by=lambda person: person.extension), st.lists(TEXT, max_size=3, unique_by=str.lower))  # fmt: skip
def test_whatever_is_answered_gives_a_valid_file(team, lines):
    read = parse(template(Answers(team=tuple(team), lines=tuple(lines))))
    assert [member.name for member in read.team.members.values()] == [person.name for person in team]
    assert read.rules.groups["sales"].lines == tuple(lines)


@given(
    st.recursive(
        st.booleans() | st.integers(-9, 9) | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)
    )
)
def test_a_value_is_written_as_toml_reads_it(value):
    assert tomllib.loads(f"x = {toml(value)}")["x"] == value


@pytest.mark.parametrize(
    ("name", "key"),
    [("Анна Петрова", "anna"), ("Щукин", "shchukin"), ("O'Neil", "oneil"), ("李", "member"), (" ", "member")],
)
def test_a_key_is_made_of_the_first_name(name, key):
    assert key_of(name) == key


def test_people_of_the_same_name_have_keys_of_their_own():
    text = template(Answers(team=(Person(name="Анна А."), Person(name="Анна Б."), Person(name="Анна А."))))
    assert list(parse(text).team.members) == ["anna", "anna2", "anna3"]


class Model(BaseModel):
    host: str = Field(description="address of the server")
    secret: SecretStr = Field(description="its secret", examples=[{"env": "SECRET"}])
    port: int = 5038


def test_a_connection_is_written_from_the_plugins_own_model():
    text = template(Answers(connections=(draft("x", "plug", Model, {"host": "h", "secret": {"env": "S"}}),)))
    assert parse(text).connections["x"].options == {"host": "h", "secret": {"env": "S"}}
    assert "# address of the server" in text
    assert "# port = 5038" in text


if __name__ == "__main__":
    SHIPPED.write_text(template(ANSWERS), encoding="utf-8")
