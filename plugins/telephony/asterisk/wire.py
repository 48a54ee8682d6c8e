"""How do bytes of the manager interface become packets? (contracts: `Key: value` lines, an empty line ends a packet)"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

Packet = dict[str, str]
"""Field → value, names in lower case because their case differs between events; the first of repeated keys counts."""

_END = b"\r\n\r\n"
_STAMP = b"\nTimestamp: "
_BANNER = b"Asterisk Call Manager"
_TOO_LONG = 1 << 20
"""No packet of Asterisk is near a megabyte; more without an end is not the manager interface."""


class NotAmi(ValueError):
    """The bytes are not those of a manager interface."""


def read_fields(block: bytes) -> Packet:
    """The fields of one packet; lines without a colon (the greeting, noise) are passed over."""
    fields: Packet = {}
    text = block.decode("utf-8", "replace")
    for line in text.split("\r\n" if "\r\n" in text else "\n"):
        key, colon, value = line.partition(":")
        if colon:
            name = _lower(key)
            if name not in fields:
                fields[name] = value.removeprefix(" ")
    return fields


def stamp_of(block: bytes) -> int | None:
    """The PBX's own time of a packet, in ms; None where it gives none."""
    at = block.find(_STAMP)
    if at < 0:
        return None
    at += len(_STAMP)
    end = block.find(b"\n", at)
    return read_stamp(block[at : end if end >= 0 else None].decode("ascii", "replace"))


def read_stamp(text: str) -> int | None:
    """Milliseconds of `epoch.µs`; None where it is no such time."""
    text = text.strip()
    return int(float(text) * 1000) if text.replace(".", "", 1).isdigit() else None


@lru_cache(maxsize=4096)
def _lower(key: str) -> str:
    return key.strip().lower()


def event_of(block: bytes) -> str:
    """The name of a packet's event, found without reading the rest; empty for answers."""
    if not block.startswith(b"Event:"):
        at = block.find(b"\nEvent:")
        if at < 0:
            return ""
        block = block[at + 1 :]
    return block[6 : block.find(b"\n") if b"\n" in block else None].strip().decode("ascii", "replace")


class Decoder:
    """Packets out of bytes that come in any pieces; `offset` is where in the stream the rest begins."""

    def __init__(self) -> None:
        self.offset = 0
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        """The packets that `chunk` completes, each with its offset in the stream.

        Raises NotAmi when a megabyte holds no packet, or when the bytes cannot be text of the protocol.
        """
        data = self._rest + chunk if self._rest else chunk
        start = 0
        while (end := data.find(_END, start)) >= 0:
            block = data[start:end]
            if block.startswith(_BANNER):
                skipped = block.find(b"\n") + 1
                yield self.offset + start + skipped, block[skipped:]
            else:
                yield self.offset + start, block
            start = end + len(_END)
        self._rest = data[start:]
        self.offset += start
        if len(self._rest) > _TOO_LONG or (b"\x00" in self._rest and _looks_binary(self._rest)):
            raise NotAmi("no packet of Asterisk's manager interface in what the port sends")

    @property
    def rest(self) -> bytes:
        """What has come of a packet that has not ended."""
        return self._rest


def _looks_binary(data: bytes) -> bool:
    head = data[:512]
    return sum(1 for sign in head if sign < 9 or 13 < sign < 32) > len(head) // 10


def packet(fields: list[tuple[str, str]]) -> bytes:
    """An action as it goes over the wire; line ends in values are struck out."""
    return b"".join(f"{key}: {' '.join(value.splitlines())}\r\n".encode() for key, value in fields) + b"\r\n"
