"""Which benchmark, how large? `python -m benchmarks [--scale 0.1] [NAME …]`."""

import argparse
import importlib

NAMES = ("imports", "webhook", "flat", "backfill", "budget", "account", "alerts", "mailbox")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the hub on this machine.")
    parser.add_argument("--scale", type=float, default=1.0, help="size of what is measured (1)")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}; all of them when none is named")
    options = parser.parse_args()
    for name in options.names or NAMES:
        for what, result in importlib.import_module(f"benchmarks.{name}").run(options.scale):
            print(f"{what:32} {result}", flush=True)


if __name__ == "__main__":
    main()
