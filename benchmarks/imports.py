"""How many calls a second does `crmhub import` take, end to end, from a file to derived cases?"""

import gzip
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import history

RECORDING = Path(__file__).parents[1] / "plugins" / "telephony" / "asterisk" / "fixtures" / "mixed-stream"
CALLS_OF_RECORDING = 134
DAY = 86_400
# Unix seconds of the recordings, wherever they stand: in receipts, in time stamps, in the ids of channels.
EPOCH = re.compile(rb"\b1[78]\d{8}\b")

PBX = """
[connections.pbx]
plugin = "asterisk"
host = "127.0.0.1"
username = "hub"
secret = "unused"
timezone = "Europe/Moscow"
trunk_channels = ["PJSIP/trunk-"]
queues = { sales = ["101", "102", "103"], support = ["104", "105"] }
outbound_prefix = "8"
company_number = "74950010100"
"""


def run(scale: float) -> Iterator[tuple[str, str]]:
    """Measure an import of records and one of a PBX's recordings, `scale` 1 being 20,000 and some 5,000 calls."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.toml").write_text(history.CONFIG.format(port=0) + PBX, encoding="utf-8")
        count = int(20_000 * scale)
        records = folder / "records.jsonl"
        until = datetime.now(UTC)
        records.write_text(
            "\n".join(history.lines(count, clients=count // 8 + 1, until=until)) + "\n", encoding="utf-8"
        )
        yield "import of records", _rate(count, _import(folder, "src", records))
        days = max(1, int(40 * scale))
        recordings = [_shifted(folder, day) for day in range(days)]
        yield "import of recordings", _rate(days * CALLS_OF_RECORDING, _import(folder, "pbx", *recordings))


def _import(folder: Path, connection: str, *files: Path) -> float:
    """Seconds that the import takes, program start included."""
    command = [sys.executable, "-m", "hub", "import", "--connection", connection, *map(str, files)]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"crmhub import ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return time.perf_counter() - started


def _shifted(folder: Path, day: int) -> Path:
    """The recording as if it had been made `day` days earlier: other moments, other ids, the same calls."""
    place = folder / f"recording-{day}"
    place.mkdir()
    packets = gzip.decompress((RECORDING / "ami.jsonl.gz").read_bytes())
    (place / "ami.jsonl").write_bytes(EPOCH.sub(lambda found: str(int(found[0]) - day * DAY).encode(), packets))
    return place


def _rate(calls: int, seconds: float) -> str:
    return f"{calls:,} calls in {seconds:.1f} s: {calls / seconds:,.0f} calls/s"
