"""Does the page about commands name every command, option and exit code, and no other?"""

import re
from pathlib import Path

import pytest
import typer

from hub.cli import app as program

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `crmhub (\w+)`\n(.*?)(?=^### |\Z)", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS = typer.main.get_command(program.app).commands
EVERYWHERE = {"--help", "--json"}


def options_of(command):
    return {
        name for option in command.params for name in [*option.opts, *option.secondary_opts] if name.startswith("--")
    }


def test_every_command_has_its_heading():
    assert set(SECTIONS) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_section_names_every_option_of(name):
    named = set(re.findall(r"`(--[a-z-]+)", SECTIONS[name]))
    assert named == options_of(COMMANDS[name]) - EVERYWHERE


def test_every_exit_code_has_its_row():
    told = dict(re.findall(r"^ *(\d)  (.+)$", program.__doc__, re.MULTILINE))
    assert dict(re.findall(r"^\| `(\d)` \| (.+) \|$", PAGE, re.MULTILINE)) == told
