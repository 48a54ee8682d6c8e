"""Does the page about settings name every setting, with the default that the program has?"""

import re
import tomllib
from pathlib import Path

import pytest

from hub.core.policy import Policy
from hub.settings import policy, schema
from hub.settings.mistakes import Wrong

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
POLICY = dict(re.findall(r"^### `(\w+)`\nDefault `([^`]+)`\.", PAGE, re.MULTILINE))
TABLES = {
    "[hub]": schema.HubTable,
    "[web]": schema.WebTable,
    "[reports]": schema.ReportsTable,
    "[calendars.NAME]": schema.CalendarTable,
    "[lines.NAME]": schema.LineTable,
    "[team.KEY]": schema.MemberTable,
    "[connections.NAME]": schema.ConnectionTable,
}
HIDDEN = {"episode_gap_chat", "episode_gap_email", "batch_window"}
"""Written as parts of `episode_gap` and `batch_alerts`."""


def test_every_setting_of_the_policy_has_its_heading_and_no_other_has():
    assert set(POLICY) == set(policy.names()) - HIDDEN


@pytest.mark.parametrize("name", POLICY)
def test_the_page_tells_the_default_of(name):
    written = POLICY[name] if POLICY[name][0] in '"{' or POLICY[name] in {"true", "false"} else f'"{POLICY[name]}"'
    written = POLICY[name] if POLICY[name].isdigit() else written
    mistakes = Wrong()
    read = policy.read_policy(tomllib.loads(f"{name} = {written}"), Policy(), ("policy",), mistakes)
    assert (read, mistakes.found) == (Policy(), [])


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_of_the_table_has_a_row(heading):
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    [text] = [part for part in section if part.startswith(f"`{heading}`")]
    rows = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    fields = TABLES[heading].model_fields.items()
    assert rows == {info.alias or name for name, info in fields}
