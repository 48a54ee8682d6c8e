"""What did a PBX say, and what would it have said at another time? A recorded stream, moved to another moment."""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

Fields = list[tuple[str, str]]

# Unix seconds, with or without microseconds, wherever they stand: time stamps, ids of channels, names of files.
_EPOCH = re.compile(r"(?<!\d)1[5-9]\d{8}(?!\d)")
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_IDS = ("Uniqueid", "Linkedid", "DestUniqueid", "DestLinkedid", "UniqueID", "LinkedID")


@dataclass(frozen=True, slots=True)
class Packet:
    """One event, `after` seconds from the beginning of the recording."""

    after: float
    fields: tuple[tuple[str, str], ...]

    def get(self, key: str) -> str:
        """The first value of `key`, empty when there is none."""
        return next((value for name, value in self.fields if name == key), "")


@dataclass(frozen=True)
class Recording:
    """Events of a PBX in the order in which they came; what was answered to somebody's actions is left out."""

    began: float
    packets: tuple[Packet, ...]
    zone: ZoneInfo

    @classmethod
    def load(cls, folder: Path) -> "Recording":
        """Read `ami.jsonl` or `ami.jsonl.gz`; the PBX's zone is that of `source.json`."""
        zone = ZoneInfo(json.loads((folder / "source.json").read_text(encoding="utf-8"))["timezone"])
        rows = [json.loads(line) for line in _lines(folder)]
        began = rows[0]["recv"]
        events = (
            Packet(row["recv"] - began, tuple((key, value or "") for key, value in row["fields"])) for row in rows
        )
        return cls(began, tuple(packet for packet in events if _is_event(packet)), zone)

    @property
    def length(self) -> float:
        """Seconds from the first event to the last."""
        return self.packets[-1].after

    def moved(self, begin: float, run: int = 0) -> Iterator[Packet]:
        """The events as if the recording had begun at `begin` (seconds since the epoch, taken as whole ones).

        From the second `run` on, ids that the PBX did not make from the time get the number of the run, so that no two
        runs share an id.
        """
        by = int(begin) - int(self.began)
        odd = self._odd_ids() if run else None
        for packet in self.packets:
            fields = tuple((key, self._moved(value, by, odd, run)) for key, value in packet.fields)
            yield Packet(packet.after, fields)

    def file(self, folder: Path, name: str, begin: float) -> bytes:
        """A file beside the stream, `cdr.csv` or `cel.csv`, moved like the events."""
        packed = folder / f"{name}.gz"
        content = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / name).read_bytes()
        return self._moved(content.decode(), int(begin) - int(self.began), None, 0).encode()

    def _moved(self, value: str, by: int, odd: re.Pattern[str] | None, run: int) -> str:
        value = _EPOCH.sub(lambda found: str(int(found[0]) + by), value)
        value = _LOCAL.sub(lambda found: self._moved_local(found[0], by), value)
        return odd.sub(lambda found: f"{found[0]}-{run}", value) if odd else value

    def _moved_local(self, text: str, by: int) -> str:
        moment = datetime.fromisoformat(text).replace(tzinfo=self.zone).timestamp() + by
        return datetime.fromtimestamp(moment, self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def _odd_ids(self) -> re.Pattern[str] | None:
        ids = {packet.get(key) for packet in self.packets for key in _IDS} - {"", "none"}
        odd = sorted((text for text in ids if not _EPOCH.search(text)), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, odd))) if odd else None


def _lines(folder: Path) -> Iterator[str]:
    packed = folder / "ami.jsonl.gz"
    text = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / "ami.jsonl").read_bytes()
    return (line for line in text.decode().split("\n") if line)


def _is_event(packet: Packet) -> bool:
    return bool(packet.get("Event")) and (packet.get("Event") == "OriginateResponse" or not packet.get("ActionID"))
