"""Which files has the bot seen, and what is in them?"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from mimetypes import guess_extension, guess_type
from typing import Any
from urllib.parse import urlsplit

from sandbox.telegram.answers import Answer, bad
from sandbox.telegram.arguments import Upload
from sandbox.telegram.types import Json

MOST_DOWN = 20 * 2**20
MOST_UP = 50 * 2**20
MOST_PHOTO = 10 * 2**20

_PREFIX = {
    "photo": "AgACAgIAAxkB", "voice": "AwACAgIAAxkB", "audio": "CQACAgIAAxkB", "video": "BAACAgIAAxkB",
    "animation": "CgACAgIAAxkB", "video_note": "DQACAgIAAxkB", "sticker": "CAACAgIAAxkB",
}  # fmt: skip
_FOLDER = {
    "photo": "photos", "voice": "voice", "audio": "music", "video": "videos", "animation": "animations",
    "video_note": "video_notes", "sticker": "stickers",
}  # fmt: skip
_ENDING = {
    "photo": ".jpg",
    "voice": ".oga",
    "video": ".mp4",
    "animation": ".mp4",
    "video_note": ".mp4",
    "sticker": ".webp",
}
_SAMPLE = 4096
"""Bytes that a file has whose size is not told."""


@dataclass
class File:
    number: int
    kind: str
    """photo, document, voice …"""
    about: Json
    """As it stands in a message: file_id, file_unique_id, file_size …"""
    content: bytes | None = None
    """None of a file that was only told of: its bytes are made when somebody asks."""

    @property
    def path(self) -> str:
        name = str(self.about.get("file_name", ""))
        plain = re.search(r"\.[A-Za-z0-9]{1,8}$", name)
        ending = plain[0] if plain else guess_extension(str(self.about.get("mime_type"))) or ""
        return f"{_FOLDER.get(self.kind, 'documents')}/file_{self.number}{_ENDING.get(self.kind, ending)}"

    @property
    def size(self) -> int:
        return len(self.content) if self.content is not None else int(self.about.get("file_size", _SAMPLE))


class Files:
    """By file_id."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._known: dict[str, File] = {}

    def learn(self, told: Any) -> None:
        """Know every file that stands anywhere in an update."""
        for kind, about in _found(told, "document"):
            if about["file_id"] not in self._known:
                self._known[about["file_id"]] = File(len(self._known), kind, about)

    def keep(self, kind: str, upload: Upload) -> File:
        """A file that the bot sent."""
        id = _PREFIX.get(kind, "BQACAgIAAxkD") + self._letters(44)
        about: Json = {"file_id": id, "file_unique_id": "AgAD" + self._letters(11), "file_size": len(upload.content)}
        if kind in {"document", "audio", "video", "animation"}:
            about = {"file_name": upload.name or "file", "mime_type": _mime(upload), **about}
        file = File(len(self._known), kind, about, upload.content)
        self._known[id] = file
        return file

    def get(self, id: str) -> File | None:
        return self._known.get(id)

    def by_path(self, path: str) -> File | None:
        return next((file for file in self._known.values() if file.path == path), None)

    def _letters(self, count: int) -> str:
        return "".join(self._dice.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", k=count))


def tell(file: File | None) -> Json:
    """What getFile says; raises Refused."""
    if file is None:
        raise bad("wrong file_id or the file is temporarily unavailable")
    if file.size > MOST_DOWN:
        raise bad("file is too big")
    told = {"file_id": file.about["file_id"], "file_unique_id": file.about.get("file_unique_id", file.about["file_id"])}
    return told | {"file_size": file.size, "file_path": file.path}


def behind(url: str) -> Upload:
    """The file at an address. Nobody goes there: any bytes will do."""
    name = urlsplit(url).path.rpartition("/")[2]
    return Upload(name or "file", guess_type(name)[0] or "application/octet-stream", sha256(url.encode()).digest() * 32)


def download(file: File) -> Answer:
    content = file.content
    if content is None:
        seed = sha256(str(file.about["file_id"]).encode()).digest()
        content = (seed * (file.size // len(seed) + 1))[: file.size]
    return Answer(200, content, "application/octet-stream")


def _found(told: Any, name: str) -> Iterator[tuple[str, Json]]:
    """Every object with a file_id, and the word that it stands under."""
    if isinstance(told, dict):
        if isinstance(told.get("file_id"), str):
            yield name, told
        for key, value in told.items():
            yield from _found(value, key)
    elif isinstance(told, list):
        for value in told:
            yield from _found(value, name)


def _mime(upload: Upload) -> str:
    return upload.content_type.partition(";")[0].strip() or "application/octet-stream"
