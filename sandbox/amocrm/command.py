"""What does `crmhub sandbox amocrm` do? One JSON line, then it serves until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
from collections.abc import Sequence
from pathlib import Path

from sandbox import faults
from sandbox.amocrm import keep, seed
from sandbox.amocrm.server import AmoServer, settle_memory
from sandbox.loopback import until_told


def serve(arguments: Sequence[str]) -> None:
    """Serve until SIGTERM or Ctrl+C, with the options of the command line."""
    options = _parser().parse_args(arguments)
    rules = faults.load(options.faults) if options.faults else ()
    gc.disable()
    known = keep.load(options.keep) if options.keep else None
    server = AmoServer(
        world=known, port=options.port, contacts=options.contacts, seed=options.seed, rps=options.rps or None,
        latency_ms=options.latency_ms, rules=rules, redirect_uri=options.redirect_uri,
    )  # fmt: skip
    gc.enable()
    settle_memory()
    asyncio.run(until_told(server, lambda: json.dumps(server.credentials)))
    if options.keep:
        keep.save(server.world, options.keep)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="crmhub sandbox amocrm", description="A pretend amoCRM on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--contacts", type=int, default=30, help="how many there are (30)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same people (1)")
    parser.add_argument(
        "--rps", type=int, default=7, help="requests a second for an integration, 0 lifts the limits (7)"
    )
    parser.add_argument("--latency-ms", type=float, default=0, help="before every answer (0)")
    parser.add_argument("--faults", type=Path, help="a TOML or JSON file of rules, see sandbox/faults.py")
    parser.add_argument("--redirect-uri", default=seed.REDIRECT, help="as registered with the integration")
    parser.add_argument("--keep", type=Path, help="go on with what this file holds, and save into it at the end")
    return parser
