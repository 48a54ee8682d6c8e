"""What does `crmhub sandbox telegram` do? One JSON line, then it serves until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from sandbox import faults
from sandbox.loopback import until_told
from sandbox.telegram.server import TelegramServer


def serve(arguments: Sequence[str]) -> None:
    """Serve until SIGTERM or Ctrl+C, with the options of the command line."""
    options = _parser().parse_args(arguments)
    rules = faults.load(options.faults) if options.faults else ()
    server = TelegramServer(
        port=options.port, rps=options.rps, latency_ms=options.latency_ms, rules=rules, seed=options.seed
    )
    asyncio.run(until_told(server, lambda: json.dumps(server.credentials)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="crmhub sandbox telegram", description="A pretend Telegram on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument(
        "--rps",
        type=float,
        help="sends a second and no other limit, 0 lifts all (as the vendor's: 30, and 1 into a chat)",
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same token and ids (1)")
    parser.add_argument("--latency-ms", type=float, default=0, help="before every answer (0)")
    parser.add_argument("--faults", type=Path, help="a TOML or JSON file of rules, see sandbox/faults.py")
    return parser
