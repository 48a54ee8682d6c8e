"""How does the whole hub read a large amoCRM account: how fast, at what cost, how politely, and killed on the way?"""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks import history

RATE = 7
"""Requests a second that the vendor allows."""
DEATHS = 5
IS_READ = """
SELECT (SELECT count(*) FROM streams WHERE stream LIKE '%\\_history' ESCAPE '\\' AND CAST(cursor AS TEXT) = '{"windows":[]}') = 5
AND NOT EXISTS (SELECT 1 FROM inbox WHERE state = 'new') AND NOT EXISTS (SELECT 1 FROM contacts WHERE due_at IS NOT NULL)
"""
WHO = "SELECT contact_id, group_concat(value) FROM (SELECT contact_id, value FROM handles ORDER BY value) GROUP BY contact_id"
"""Addresses of each client: who is who."""


def run(scale: float) -> Iterator[tuple[str, str]]:
    """Connect and read an account of `scale` × 100,000 contacts, then 1 % changed; once more, killed five times."""
    contacts = int(100_000 * scale)
    with _vendor(contacts) as vendor, tempfile.TemporaryDirectory() as name:
        calm, killed = Place(Path(name) / "calm", vendor), Place(Path(name) / "killed", vendor)
        calm.connect()
        yield "account: first", _first(calm)
        yield "account: killed five times", _killed(killed, calm)


@dataclass
class Place:
    """A folder with a hub of its own on the vendor's account."""

    folder: Path
    vendor: dict[str, Any]

    def connect(self) -> None:
        """As a person would, by the command line."""
        self.folder.mkdir()
        (self.folder / "config.toml").write_text(history.CONFIG.format(port=0), encoding="utf-8")
        names = ("base_url", "client_id", "client_secret", "redirect_uri")
        code = _control(self.vendor, "tokens")["auth_code"]
        keys = [f"{name}={self.vendor[name]}" for name in names]
        command = ["connect", "amocrm", *keys, "calls=ignore", "--name", "amo", "--code", code, "--yes"]
        subprocess.run([sys.executable, "-m", "hub", *command], cwd=self.folder, check=True, capture_output=True)

    @contextmanager
    def running(self) -> Iterator[int]:
        """The hub, by its process id."""
        command = [sys.executable, "-m", "hub", "run"]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        try:
            yield process.pid
        finally:
            process.kill()
            process.wait()

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "var" / "hub.db")) as store:
            return store.execute(query).fetchall()

    def wait(self, query: str) -> None:
        """Until the query says 1."""
        while not self.rows(query)[0][0]:
            time.sleep(0.2)

    @property
    def cards(self) -> int:
        return int(self.rows("SELECT count(*) FROM records WHERE kind = 'card'")[0][0])


def _first(place: Place) -> str:
    before, begun = _counts(place.vendor), time.monotonic()
    with place.running() as pid:
        place.wait("SELECT count(*) > 0 FROM records WHERE kind = 'card'")
        asked, reading = _counts(place.vendor)["requests"], time.monotonic()
        place.wait(
            "SELECT count(*) = 1 FROM streams WHERE stream = 'contacts_history' AND CAST(cursor AS TEXT) = '{\"windows\":[]}'"
        )
        share = (_counts(place.vendor)["requests"] - asked) / (time.monotonic() - reading) / RATE
        place.wait(IS_READ)
        seconds, cpu, peak = time.monotonic() - begun, _cpu(pid), _peak(pid)
        changed = _changed(place)
    refused = _counts(place.vendor)["refused"] - before["refused"]
    records = place.rows("SELECT count(*) FROM records WHERE connection = 'amo'")[0][0]
    return (
        f"{records:,} records in {seconds:.0f} s: {records / seconds:,.0f}/s, {cpu:.1f} CPU s, RSS {peak:.0f} MB, "
        f"{share:.1%} of {RATE} requests/s, {refused} refused; {changed}"
    )


def _changed(place: Place) -> str:
    """One in a hundred changes: how much is fetched for it."""
    changed = _control(place.vendor, "touch", entity="contacts", share=0.01)["touched"]
    asked = _counts(place.vendor)["requests"]
    place.wait(
        f"SELECT count(*) = {len(changed)} FROM records WHERE kind = 'card' AND CAST(body AS TEXT) LIKE '% *\"%'"
    )
    paths = [path for method, path, _ in _state(place.vendor, "requests")[asked - _counts(place.vendor)["requests"] :]]
    pages = sum(path.startswith("/api/v4/contacts?") for path in paths)
    return f"1 % changed: {len(changed):,} cards by {pages} requests"


def _killed(place: Place, calm: Place) -> str:
    place.connect()
    total, deaths = calm.cards, 0
    for death in range(1, DEATHS + 1):
        with place.running() as pid:
            place.wait(f"SELECT count(*) > {total * death // (DEATHS + 1)} FROM records WHERE kind = 'card'")
            os.kill(pid, 9)
            deaths += 1
    with place.running():
        place.wait(IS_READ)
    same = sorted(row[1] for row in place.rows(WHO)) == sorted(row[1] for row in calm.rows(WHO))
    return f"{deaths} deaths, {place.cards:,} of {total:,} cards, {'the same' if same else 'OTHER'} clients"


@contextmanager
def _vendor(contacts: int) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "hub", "sandbox", "amocrm", "--contacts", str(contacts)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def _control(vendor: dict[str, Any], what: str, **asked: Any) -> Any:
    answer = httpx.post(f"{vendor['base_url']}/_ctl/{what}", json=asked, timeout=60)
    answer.raise_for_status()
    return answer.json()


def _state(vendor: dict[str, Any], part: str) -> Any:
    return _control(vendor, "state", only=part)[part]


def _counts(vendor: dict[str, Any]) -> dict[str, int]:
    return dict(_state(vendor, "counts"))


def _cpu(pid: int) -> float:
    """Seconds of processor time that a process has taken, by Linux's word."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> float:
    """The most memory that it ever held, in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024
