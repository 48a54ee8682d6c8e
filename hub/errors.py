"""Which errors exist, sorted by who has to act on them.

    HubError
    ├── ConfigError     operator       start refused; all mistakes at once, each with its key and a right example
    ├── Forged          nobody         the request is answered 401 and counted
    ├── Temporary       nobody         tried again later (after `retry_after` seconds where the vendor says so)
    │   ├── Throttled   nobody         too many requests: all work of the vendor's account rests for that long
    │   └── Unanswered  nobody         a request left and no answer came: it may have been done
    ├── AuthFailed      operator       this connection pauses, the others go on
    ├── Rejected        operator       this item becomes a dead letter
    │   └── Unreachable operator       this recipient is closed here; he is told by his next channel
    ├── Uncertain       operator       nobody can tell whether this effect happened: it is not repeated by itself
    ├── NothingToDo     nobody         this effect is dropped: it could be done to nothing
    └── Malformed       plugin author  dead letter with the raw payload at hand

Anything else that is raised is a bug of ours: a dead letter with its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class HubError(Exception):
    """What every error that the hub raises on purpose is."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a configuration: where it stands, what is wrong, and what a right value looks like."""

    key: str
    problem: str
    example: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}, {self.key}" if self.line else self.key
        right = f" (for example: {self.example})" if self.example else ""
        return f"{place}: {self.problem}{right}"


class ConfigError(HubError):
    """The configuration cannot be used; `mistakes` holds every mistake, not only the first."""

    def __init__(self, mistakes: Sequence[Mistake], source: str = "config.toml") -> None:
        self.mistakes = tuple(mistakes)
        self.source = source
        lines = "\n".join(f"  {mistake}" for mistake in self.mistakes)
        super().__init__(f"{source}: {len(self.mistakes)} mistake(s)\n{lines}")


class Forged(HubError):
    """A request whose signature or token does not hold."""


class Temporary(HubError):
    """The vendor cannot be reached or is busy; `retry_after` is in seconds, None when unknown."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Throttled(Temporary):
    """The vendor finds that we ask too often: everybody who shares the account rests for `retry_after` seconds.

    None: for a second or so, longer each time. A plugin's `classify` names the time for a ban.
    """


class Unanswered(Temporary):
    """The request left and no answer came: it may have been done. What is not safe to repeat is repeated once at most."""


class AuthFailed(HubError):
    """The vendor refuses our access; the message says what the operator has to renew."""


class Rejected(HubError):
    """The vendor refuses this one item for good."""


class Unreachable(Rejected):
    """The recipient cannot be reached here: he blocked the bot, his mailbox does not exist."""


class Uncertain(HubError):
    """It may have happened or not, and must not happen twice: a person looks, then retries it or leaves it."""


class NothingToDo(HubError):
    """There is nothing at the vendor that the effect could be done to: it was deleted there, or never was."""


class Malformed(HubError):
    """A payload that the plugin's parser does not understand."""
