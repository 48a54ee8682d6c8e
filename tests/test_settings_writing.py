"""Does a connection get into config.toml without disturbing anything else in it?"""

from __future__ import annotations

import stat
import sys
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel, Field, SecretStr

from hub.errors import ConfigError
from hub.settings import parse, with_connection, write

TEXT = """\
# Ours.
[hub]
timezone = "Europe/Moscow"   # reports

[connections.crm]            # the old one
plugin = "crm"
address = "a.ru"             # where
# tasks = true               # off for now

# The PBX.
[connections.pbx]
plugin = "asterisk"

[policy]
callback_target = "10m"
"""


class Model(BaseModel):
    """Settings of a connector."""

    address: str = Field(description="the browser's address line")
    secret: SecretStr | None = Field(None, description="the key")
    tasks: bool = Field(default=False, description="write tasks")


def changed(text: str, name: str = "crm", **options: object) -> str:
    return with_connection(text, name, "crm", Model, options)


def test_a_new_connection_stands_at_the_end_with_its_remarks() -> None:
    text = changed(TEXT, "crm2", address="b.ru", secret={"stored": "crm2.secret"})
    assert text.startswith(TEXT.rstrip())
    added = text[len(TEXT.rstrip()) :]
    assert tomllib.loads(added)["connections"]["crm2"] == {
        "plugin": "crm",
        "address": "b.ru",
        "secret": {"stored": "crm2.secret"},
    }
    assert "# the browser's address line" in added
    assert "# tasks = false" in added


def test_a_changed_key_keeps_its_remark() -> None:
    assert changed(TEXT, address="b.ru") == TEXT.replace('"a.ru" ', '"b.ru" ')


def test_a_key_that_is_the_same_changes_nothing() -> None:
    assert changed(TEXT, address="a.ru") == TEXT


def test_a_new_key_takes_the_place_of_the_remark_that_shows_it() -> None:
    assert changed(TEXT, tasks=True) == TEXT.replace(
        "# tasks = true               # off", "tasks = true               # off"
    )


def test_a_new_key_stands_below_the_last_key_and_not_below_the_next_tables_remark() -> None:
    shown = '[connections.pbx]\nplugin = "asterisk"\n'
    assert changed(TEXT, "pbx", secret={"stored": "pbx.secret"}) == TEXT.replace(
        shown, shown + 'secret = {stored = "pbx.secret"}\n'
    )
    lost = TEXT.replace("# tasks = true               # off for now\n", "")
    assert changed(lost, tasks=True) == lost.replace("# where\n", "# where\ntasks = true\n")


def test_several_new_keys_stand_below_each_other() -> None:
    shown = '[connections.pbx]\nplugin = "asterisk"\n'
    text = changed(TEXT, "pbx", address="c.ru", tasks=True)
    assert text == TEXT.replace(shown, shown + 'address = "c.ru"\ntasks = true\n')


def test_a_key_that_is_no_more_is_taken_out() -> None:
    assert changed(TEXT, address=None) == TEXT.replace('address = "a.ru"             # where\n', "")


def test_other_kinds_of_line_ends_stay() -> None:
    text = TEXT.replace("\n", "\r\n")
    for result in (changed(text, "crm2", address="b.ru"), changed(text, "pbx", tasks=True)):
        assert "\n" not in result.replace("\r\n", "")
    assert changed(text, address="b.ru") == changed(TEXT, address="b.ru").replace("\n", "\r\n")


def test_the_result_is_a_right_configuration(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(TEXT, encoding="utf-8")
    write(path, changed(TEXT, "crm2", address="b.ru"))
    assert set(parse(path.read_text(encoding="utf-8"), path).connections) == {"crm", "crm2", "pbx"}


@pytest.mark.skipif(sys.platform == "win32", reason="modes and links are those of POSIX")
def test_link_and_mode_of_the_file_are_kept(tmp_path: Path) -> None:
    file, link = tmp_path / "real.toml", tmp_path / "config.toml"
    file.write_text(TEXT, encoding="utf-8")
    file.chmod(0o640)
    link.symlink_to(file)
    write(link, changed(TEXT, address="b.ru"))
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert '"b.ru"' in file.read_text(encoding="utf-8")
    assert {path.name for path in tmp_path.iterdir()} == {"real.toml", "config.toml"}


def test_a_wrong_text_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(TEXT, encoding="utf-8")
    with pytest.raises(ConfigError):
        write(path, TEXT.replace("10m", "ten"))
    assert path.read_text(encoding="utf-8") == TEXT
    assert list(tmp_path.iterdir()) == [path]
