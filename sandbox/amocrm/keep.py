"""How does a pretend vendor outlive a restart, if somebody asks for it?"""

from __future__ import annotations

import pickle
from pathlib import Path

from sandbox.amocrm.limits import Limits
from sandbox.amocrm.world import World


def load(path: Path) -> World | None:
    """What was saved; None when there is nothing yet. The file is our own."""
    if not path.exists():
        return None
    world = pickle.loads(path.read_bytes())  # noqa: S301 - written by `save`, on the same machine, for one who asked for it
    assert isinstance(world, World)
    world.limits = Limits()  # its seconds were those of another process
    return world


def save(world: World, path: Path) -> None:
    part = path.with_suffix(path.suffix + ".part")
    part.write_bytes(pickle.dumps(world))
    part.replace(path)
