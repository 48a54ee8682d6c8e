"""How does a connection that is being made outlast the way to the vendor and back?"""

from __future__ import annotations

import hashlib
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from pydantic import SecretStr

from hub.engine.connecting import Candidate
from hub.engine.hub import Hub, vault_of
from hub.sdk.connector import Tokens
from hub.settings.template import toml
from hub.store import drafts
from hub.store.database import Priority
from hub.store.drafts import Kept

LIFE = timedelta(hours=1)
"""How long a person may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A candidate and the person who makes it.

    state: what the vendor gives back with his consent; nobody can guess it. seat: his browser, None at the command line.
    redirect: where the vendor sends him back to. problem: why the last attempt to sign in failed.
    """

    candidate: Candidate
    seat: str | None = None
    redirect: str = ""
    problem: str = ""
    number: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def signed_in(self, candidate: Candidate) -> Draft:
        """With what the vendor gave."""
        return replace(self, candidate=candidate, problem="", state="")

    def refused(self, problem: str) -> Draft:
        """To be tried again, with another state."""
        return replace(self, problem=problem, state=secrets.token_urlsafe(32))


async def keep(hub: Hub, draft: Draft) -> None:
    """Keep the draft for as long as a person may take."""
    kept = Kept(
        id=draft.number,
        state=_digest(draft.state),
        seat=_digest(draft.seat),
        body=hub.keyring.encrypt(_written(draft)),
        expires_at=hub.now() + LIFE,
    )
    await hub.db.write(Priority.SETTLE, drafts.keep, kept)


async def of_seat(hub: Hub, number: str, seat: str) -> Draft | None:
    """The draft of this browser, None for anybody else's."""
    kept = await hub.db.read(drafts.get, number, hub.now())
    return _read(hub, kept, seat) if kept is not None and kept.seat == _digest(seat) else None


async def by_state(hub: Hub, state: str, seat: str) -> Draft | None:
    """The draft that this state was made for; it is good once, and only in the browser in which it began."""
    kept = await hub.db.write(Priority.SETTLE, drafts.take, _digest(state) or "", _digest(seat), hub.now())
    return _read(hub, kept, None if kept.seat is None else seat) if kept is not None else None


async def given_keys(hub: Hub, state: str, posted: Mapping[str, Any]) -> bool:
    """Take keys that the vendor posted while the person is there; False where nobody waits for any. Raises Malformed."""
    kept = await hub.db.read(drafts.waiting, _digest(state) or "", hub.now())
    if kept is None:
        return False
    draft = _read(hub, kept, None)
    login = draft.candidate.link(vault_of(hub.settings)).login
    if login is None or login.keys is None:
        return False
    candidate = draft.candidate.with_options(login.keys(posted))
    body = hub.keyring.encrypt(_written(replace(draft, candidate=candidate)))
    await hub.db.write(Priority.SETTLE, drafts.rewrite, kept.id, body)
    return True


async def answer(hub: Hub, draft: Draft, query: Mapping[str, str]) -> None:
    """Hand what the vendor sent to the command that waits for it."""
    await hub.db.write(Priority.SETTLE, drafts.answer, draft.number, hub.keyring.encrypt(orjson.dumps(query).decode()))


async def answered(hub: Hub, draft: Draft) -> dict[str, str] | None:
    """What the vendor sent to the redirect page of the running hub, None until it has."""
    body = await hub.db.read(drafts.answered, draft.number)
    return orjson.loads(hub.keyring.decrypt(body)) if body is not None else None


async def anew(hub: Hub, draft: Draft) -> Draft:
    """The draft of a command as it is now: keys may have been added to it."""
    kept = await hub.db.read(drafts.get, draft.number, hub.now())
    return _read(hub, kept, draft.seat) if kept is not None else draft


async def drop(hub: Hub, draft: Draft) -> None:
    """It is saved, or nobody wants it any more."""
    await hub.db.write(Priority.SETTLE, drafts.drop, draft.number)


def _digest(text: str | None) -> str | None:
    """What the store knows of a state or a seat: enough to recognise it, not to use it."""
    return hashlib.sha256(text.encode()).hexdigest() if text else None


def _written(draft: Draft) -> str:
    candidate, pair = draft.candidate, draft.candidate.tokens
    given = {key: value for key, value in candidate.options.items() if value is not None}
    return orjson.dumps(
        {
            "name": candidate.name,
            "plugin": candidate.connector.name,
            "again": candidate.again,
            "options": toml(given),
            "without": sorted(candidate.options.keys() - given.keys()),
            "secrets": candidate.secrets,
            "tokens": pair
            and [
                pair.access.get_secret_value(),
                pair.refresh and pair.refresh.get_secret_value(),
                pair.expires_at,
            ],
            "redirect": draft.redirect,
            "problem": draft.problem,
            "state": draft.state,
        }
    ).decode()


def _read(hub: Hub, kept: Kept, seat: str | None) -> Draft:
    body = orjson.loads(hub.keyring.decrypt(kept.body))
    options: dict[str, Any] = tomllib.loads(f"options = {body['options']}")["options"]
    candidate = Candidate(
        name=body["name"],
        connector=hub.registry.connectors[body["plugin"]],
        again=body["again"],
        options={**options, **dict.fromkeys(body["without"])},
        secrets=body["secrets"],
        tokens=_tokens(body["tokens"]),
    )
    return Draft(
        candidate=candidate,
        seat=seat,
        redirect=body["redirect"],
        problem=body["problem"],
        number=kept.id,
        state=body["state"],
    )


def _tokens(written: list[Any] | None) -> Tokens | None:
    if written is None:
        return None
    access, refresh, expires_at = written
    return Tokens(
        SecretStr(access),
        SecretStr(refresh) if refresh else None,
        datetime.fromisoformat(expires_at) if expires_at else None,
    )
