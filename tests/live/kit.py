"""How is a real Asterisk installed, started and driven from a test?

The scripts and the phones live in `asterisk/`; this module gives them folders and free ports.
"""

import importlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).parent / "asterisk"
CACHE = Path(__file__).parents[2] / ".cache"
EXTENSIONS = ("101", "102", "103", "104", "105", "106")
INSTALL_LIMIT = 240.0
"""Seconds for the download of some 60 MB and for unpacking it."""

Scenario = Callable[[Any], Awaitable[Any]]


class NoAsterisk(Exception):
    """A real Asterisk cannot be had here; the text says why, in one line."""


@dataclass(frozen=True)
class Instance:
    """A running Asterisk. `run` is its folder: configuration, logs, CDR and CEL."""

    name: str
    target: Path
    run: Path
    sip: int
    ami: int
    carrier: int
    phones: int

    @property
    def version(self) -> str:
        return (self.target / "version").read_text().split()[1]


def installed(suite: str) -> Path:
    """The folder of Asterisk from Debian's `suite` (sid: 22, bullseye: 16), unpacked on first use.

    Nothing of the system changes. Raises NoAsterisk.
    """
    target = CACHE / f"asterisk-{suite}"
    if (target / "version").is_file() and (target / "version").stat().st_size:
        return target
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise NoAsterisk(f"{program} is needed to unpack it")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    try:
        _script("install.sh", target, suite, timeout=INSTALL_LIMIT)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        shutil.rmtree(target, ignore_errors=True)
        said = (error.stderr or b"no message").decode(errors="replace").strip().splitlines()
        raise NoAsterisk(f"install.sh {suite} failed: {said[-1] if said else 'no message'}") from None
    return target


@contextmanager
def running(name: str, suite: str = "sid") -> Iterator[Instance]:
    """An Asterisk of profile `dev` on free loopback ports, with an empty folder, stopped afterwards."""
    target = installed(suite)
    folder = Path(tempfile.mkdtemp(prefix="crmhub-asterisk-"))
    with _free(socket.SOCK_DGRAM, "127.0.0.1") as sip, _free(socket.SOCK_STREAM, "127.0.0.1") as ami:
        instance = Instance(name, target, folder / "run", sip, ami, _free_port("127.0.0.2"), _phones())
    rtp = 20000 + sip % 8 * 2000
    environment = os.environ | {"AST_CARRIER_PORT": str(instance.carrier)}
    ports = [str(port) for port in (instance.sip, instance.ami, rtp)]
    try:
        try:
            _script("start.sh", target, instance.run, HERE / "profiles" / "dev", *ports, timeout=60, env=environment)
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"Asterisk did not start:\n{error.stdout.decode(errors='replace')}") from None
        yield instance
    finally:
        _script("stop.sh", target, instance.run, timeout=30, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _script(name: str, *arguments: str | Path, timeout: float, check: bool = True, **options: Any) -> None:
    # Output goes to files: a daemon that the script leaves behind would hold a pipe open.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        command = ["bash", HERE / name, *arguments]
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=timeout, **options
        )
        if check and done.returncode:
            out.seek(0)
            err.seek(0)
            raise subprocess.CalledProcessError(done.returncode, name, out.read(), err.read())


def _free_port(host: str) -> int:
    with _free(socket.SOCK_DGRAM, host) as port:
        return port


@contextmanager
def _free(kind: int, host: str) -> Iterator[int]:
    """A port that stays ours until the block ends, so that two searches find two ports."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        yield int(probe.getsockname()[1])


def _phones() -> int:
    """The first of six free neighbouring ports for the phones."""
    for _ in range(100):
        first = _free_port("127.0.0.1")
        try:
            for offset in range(len(EXTENSIONS)):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.bind(("127.0.0.1", first + offset))
        except (OSError, OverflowError):
            continue
        return first
    raise NoAsterisk("no six neighbouring UDP ports are free")


def scenarios() -> dict[str, tuple[str, Scenario]]:
    """The scenarios of the kit by name: what happens, and the function that makes it happen."""
    return {name: (text, play) for name, text, play in _kit("scenarios_dev").SC}


def harness(instance: Instance, out: Path, kind: Callable[[type], type] | None = None) -> Any:
    """The phones and the carrier of an instance, not yet registered. `kind` may derive from the harness."""
    base = _kit("harness").Harness
    source = dict(_kit("scenarios_dev").SOURCE, asterisk=instance.version)
    return (kind(base) if kind else base)(
        str(instance.run),
        str(out),
        "dev",
        str(instance.target),
        sip=instance.sip,
        ami=instance.ami,
        carrier=("127.0.0.2", instance.carrier),
        phone_base=instance.phones,
        source=source,
    )


def _kit(module: str) -> ModuleType:
    """A module of the kit, whose files import each other by bare names."""
    place = str(HERE / "harness")
    if place not in sys.path:
        sys.path.insert(0, place)
    return importlib.import_module(module)
