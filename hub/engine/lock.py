"""Is another process working on this store: an exclusive lock that ends with the process."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class Busy(Exception):
    """Somebody else holds the lock."""


class Lock:
    """Held from `acquire` to `release` or to the end of the process, also a violent one."""

    def __init__(self, path: Path, patience: float = 0.0) -> None:
        """patience: seconds to wait for a holder who will soon be done."""
        self.path = path
        self.patience = patience
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise Busy once patience is over."""
        until = time.monotonic() + self.patience
        while True:
            try:
                self._take()
            except Busy:
                if time.monotonic() >= until:
                    raise
                time.sleep(0.05)
            else:
                return

    def _take(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if sys.platform == "win32":
                msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise Busy(f"{self.path} is held by a running hub") from None
        self._file = file

    def release(self) -> None:
        """Let go."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
