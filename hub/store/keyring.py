"""How are secrets kept, so that a copy of the database gives none of them away?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from hub.errors import AuthFailed, ConfigError, Mistake

VARIABLE = "CRMHUB_KEY"
FILE = "secret.key"


@dataclass(frozen=True)
class Keyring:
    """The keys of one hub: the newest encrypts, each may decrypt, so that a key can be changed without losing anything.

    They stand one a line, the newest first, in `secret.key` of the data folder, or in the variable `CRMHUB_KEY`. A key
    is made when the first secret is stored.
    """

    folder: Path
    environ: Mapping[str, str] = field(repr=False)

    def encrypt(self, secret: str) -> bytes:
        """The secret, unreadable without the key."""
        if not self._written:
            make_key(self.folder / FILE)
            self.__dict__.pop("_written")
        return self._fernet.encrypt(secret.encode())

    def decrypt(self, body: bytes) -> str:
        """The secret again. AuthFailed where no key fits."""
        if not self._written:
            raise AuthFailed(f"stored secrets need their key, and there is none in {self._place}; put it back")
        try:
            return self._fernet.decrypt(bytes(body)).decode()
        except InvalidToken:
            raise AuthFailed(
                f"a stored secret cannot be read with the key in {self._place}; put the key it was stored with there, "
                "on a line of its own, or connect this system anew"
            ) from None

    @property
    def _place(self) -> str:
        return VARIABLE if VARIABLE in self.environ else str(self.folder / FILE)

    @cached_property
    def _written(self) -> list[str]:
        given = self.environ.get(VARIABLE)
        if given is not None:
            return given.replace(",", " ").split()
        file = self.folder / FILE
        return file.read_text(encoding="ascii").split() if file.exists() else []

    @cached_property
    def _fernet(self) -> MultiFernet:
        try:
            return MultiFernet([Fernet(key) for key in self._written])
        except ValueError:
            problem = "holds something that is no key: a key is 32 random bytes in base64"
            raise ConfigError([Mistake(self._place, problem, "crmhub init writes one")], "the key") from None


def make_key(path: Path) -> None:
    """Write a new key that only its owner can read, unless there is one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(file, "wb") as opened:
        opened.write(Fernet.generate_key() + b"\n")
        opened.flush()
        os.fsync(opened.fileno())  # what is encrypted with it is worth no more than the key
