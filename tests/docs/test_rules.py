"""Does the page about rules explain every rule of ours in its four parts?"""

import re
from pathlib import Path

from hub.core.rules import RULES

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "rules.md").read_text(encoding="utf-8")


def test_every_rule_has_its_heading_and_no_other_has():
    assert set(re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE)) == {rule.name for rule in RULES}


def test_every_rule_is_told_in_four_parts():
    sections = re.split(r"^### ", PAGE.partition("\n## ")[0], flags=re.MULTILINE)[1:]
    for section in sections:
        assert re.findall(r"^\*\*(\w+)\.\*\*", section, re.MULTILINE) == ["Reason", "Example", "Exceptions", "Related"]
