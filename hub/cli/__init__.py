"""The command line: `crmhub`."""

from hub.cli.app import main

__all__ = ["main"]
