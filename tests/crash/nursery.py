"""A program that starts the real daemon again and again without loading it anew: it forks.

    python nursery.py CONFIG    reads a number a line: the daemon dies by SIGKILL just before its n-th commit, 0: never

Answers `started PID` and, when that process has ended, `ended STATUS`.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from sqlalchemy import Engine, event

from hub import daemon, log, registry


def main() -> None:
    config = Path(sys.argv[1])
    registry.load()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _live(config, int(line))
        print(f"started {child}", flush=True)
        _, status = os.waitpid(child, 0)
        print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)


def _live(config: Path, commits: int) -> None:
    """Be the daemon, up to the commit that must not come."""
    os.dup2(2, 1)  # what it prints belongs into the log
    left = commits

    def count(_connection: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "commit", count)
    log.configure(level="info")
    asyncio.run(daemon.run(config))
    os._exit(0)


main()
