"""Does the page about settings name every setting, with the default that the program has?"""

import re
from pathlib import Path

import pytest

from hub.settings import policy, schema

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
POLICY = dict(re.findall(r"^### `(\w+)`\nDefault `([^`]+)`\.", PAGE, re.MULTILINE))
TABLES = {
    "[hub]": schema.HubTable,
    "[web]": schema.WebTable,
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
    written = policy.default_text(name)
    assert POLICY[name] in {written, written.strip('"')}


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_of_the_table_has_a_row(heading):
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    [text] = [part for part in section if part.startswith(f"`{heading}`")]
    rows = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    fields = TABLES[heading].model_fields.items()
    assert rows == {info.alias or name for name, info in fields}
