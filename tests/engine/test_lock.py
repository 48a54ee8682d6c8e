"""Is a second process on the same store refused, and is the lock gone with its holder?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hub.engine.lock import Busy, Lock

HOLD = """
import sys, time
from pathlib import Path
from hub.engine.lock import Lock
Lock(Path(sys.argv[1])).acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    with Lock(tmp_path / "hub.lock"), pytest.raises(Busy, match=r"hub\.lock"):
        Lock(tmp_path / "hub.lock").acquire()
    with Lock(tmp_path / "hub.lock"):
        pass


def test_a_lock_ends_with_its_process_even_a_killed_one(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "hub.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(Busy):
        Lock(path).acquire()
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with Lock(path):
        pass


def test_who_has_patience_waits_for_a_holder_who_is_soon_done(tmp_path: Path) -> None:
    path = tmp_path / "hub.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD.replace("sleep(60)", "sleep(0.3)"), str(path)], stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with Lock(path, patience=30):
        pass
    holder.wait()
    holder.stdout.close()
