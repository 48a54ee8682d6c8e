"""What the tests of the command line share: a folder with a config.toml, and the program as a user starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.days import CONFIG
from tests.inside import Done, crmhub

ROOT = Path(__file__).parents[2]

CONNECTIONS = """
[connections.src]
plugin = "records"
"""


@dataclass
class Desk:
    """A folder in which `crmhub` is run."""

    folder: Path

    def run(self, *arguments: str | Path, stdin: bytes = b"") -> Done:
        """The command in this process: a new one costs a second."""
        return crmhub(self.folder, "--config", self.folder / "config.toml", *arguments, stdin=stdin)

    def spawn(self, *arguments: str | Path, stdin: bytes = b"") -> Done:
        """The command as a user starts it."""
        command = [sys.executable, "-m", "hub", "--config", str(self.folder / "config.toml"), *map(str, arguments)]
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            cwd=self.folder,
            input=stdin,
            timeout=120,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def ask(self, *arguments: str | Path) -> Any:
        """The rows of a listing."""
        done = self.run(*arguments, "--json")
        assert done.code == 0, done.err
        return done.rows

    def configure(self, text: str) -> None:
        (self.folder / "config.toml").write_text(text, encoding="utf-8")

    def file(self, records: Sequence[Any], name: str = "records.jsonl") -> Path:
        path = self.folder / name
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in records]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.configure(CONFIG + CONNECTIONS)
    return made


TUESDAY = datetime(2026, 3, 10, 7, tzinfo=UTC)
"""10:00 in Moscow."""


def missed(
    number: str, start: datetime = TUESDAY, client: str | None = "phone:+79211234567", **keys: Any
) -> dict[str, Any]:
    """A call that rang for 40 seconds and that nobody took."""
    end = (start + timedelta(seconds=40)).isoformat()
    leg = {"kind": "member", "to": "ext:101", "started_at": start.isoformat(), "ended_at": end, "result": "no_answer"}
    return {
        "record": "call",
        "id": number,
        "direction": "inbound",
        "client": client,
        "line": "74950010100",
        "final": True,
        "started_at": start.isoformat(),
        "ended_at": end,
        "hangup_by": "client",
        "legs": [leg],
        **keys,
    }


def callback(number: str, start: datetime, client: str = "phone:+79211234567") -> dict[str, Any]:
    """A call of ours that the client took."""
    answered, end = (start + timedelta(seconds=10)).isoformat(), (start + timedelta(seconds=90)).isoformat()
    legs = [
        {
            "kind": "member",
            "to": "ext:101",
            "started_at": start.isoformat(),
            "answered_at": start.isoformat(),
            "ended_at": end,
            "result": "answered",
        },
        {
            "kind": "client",
            "to": client,
            "started_at": start.isoformat(),
            "answered_at": answered,
            "ended_at": end,
            "result": "answered",
        },
    ]
    return {
        "record": "call",
        "id": number,
        "direction": "outbound",
        "client": client,
        "line": "74950010100",
        "final": True,
        "started_at": start.isoformat(),
        "ended_at": end,
        "hangup_by": "client",
        "legs": legs,
    }
