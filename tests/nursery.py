"""How does a test start `crmhub run` again and again without loading it anew? A process that has loaded it forks.

As a program, `python -m tests.nursery DOOR`, it is that process: it listens on the Unix socket DOOR until its standard
input ends. Who connects sends one line of JSON, {folder, commits}, and is answered by the daemon's process id and, when
that has ended, by its exit code.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event


def environment() -> dict[str, str]:
    """That of this process; the program that is run is the one beside these tests, wherever another is installed."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


def born(folder: Path, commits: int = 0) -> Child:
    """Start `crmhub run` on folder/config.toml; it writes to folder/daemon.log and does not outlive what is returned.

    commits: it dies by SIGKILL just before its n-th commit, 0: never.
    """
    line = socket.socket(socket.AF_UNIX)
    line.connect(_door())
    line.sendall(json.dumps({"folder": str(folder), "commits": commits}).encode() + b"\n")
    answers = line.makefile()
    return Child(int(answers.readline()), line, answers)


@dataclass
class Child:
    """A daemon that was born in the nursery; used as a `subprocess.Popen` is."""

    pid: int
    _line: socket.socket = field(repr=False)
    _answers: Any = field(repr=False)
    _code: int | None = None

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        if self._code is None and select.select([self._line], [], [], 0)[0]:
            self.wait()
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; its exit code. Raises subprocess.TimeoutExpired."""
        if self._code is None:
            if not select.select([self._line], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"daemon {self.pid}", timeout or 0)
            self._code = int(self._answers.readline())
            self._answers.close()
            self._line.close()
        return self._code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@functools.cache
def _door() -> str:
    """The socket of this process's own nursery, which ends with it."""
    folder = tempfile.mkdtemp(prefix="crmhub-nursery-")
    door = f"{folder}/door"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.nursery", door],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
        env=environment(),
    )
    assert process.stdin
    assert process.stdout
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(process.stdin.close)
    assert process.stdout.readline() == b"open\n"
    return door


def main() -> None:
    """Be the nursery; in a process that it forks off, be a daemon."""
    from hub import cli, daemon, registry  # noqa: F401 - the daemon is what takes long to load

    registry.load()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever waits for a daemon leaves nothing behind
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(sys.argv[1])
        door.listen()
        print("open", flush=True)
        while sys.stdin not in select.select([door, sys.stdin], [], [])[0]:
            line, _ = door.accept()
            if os.fork():
                line.close()
                continue
            wanted = json.loads(line.makefile().readline())
            _wait_for_a_child(line)
            line.close()
            door.close()
            _become(**wanted)
            cli.main()
            return


def _wait_for_a_child(line: socket.socket) -> None:
    """Fork: the child returns, the parent tells of its life and ends with it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if not child:
        return
    line.sendall(f"{child}\n".encode())
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if select.select([line], [], [], 0.02)[0]:  # nobody wants to know any more
            os.kill(child, signal.SIGKILL)
            os._exit(0)
    with suppress(OSError):
        line.sendall(f"{os.waitstatus_to_exitcode(ended[1])}\n".encode())
    os._exit(0)


def _become(folder: str, commits: int) -> None:
    """Be where the daemon is, up to the commit that must not come."""
    os.chdir(folder)
    sys.argv = ["crmhub", "--config", "config.toml", "run"]
    log, nothing = (
        os.open("daemon.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
        os.open(os.devnull, os.O_RDONLY),
    )
    for found, standard in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(found, standard)

    def count(_connection: object) -> None:
        nonlocal commits
        commits -= 1
        if commits == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "commit", count)


if __name__ == "__main__":
    main()
