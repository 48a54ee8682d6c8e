"""Clients who wait or waited: permanent rows under changing verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from hub.core.calls import instant_text
from hub.core.derive import Window, window
from hub.store import contacts, outbox
from hub.store.bulk import Row, chunks
from hub.store.people import LONG_AGO
from hub.store.schema import calls, cases
from hub.store.schema import contacts as contact_rows

FAR = timedelta(days=90)
"""How far back cases are looked for at first: only a contact with long cases needs more."""


def windows(connection: Connection, changed: Mapping[int, datetime]) -> dict[int, Window]:
    """Contact → what must be read and what of the result may be believed, given its earliest changed fact.

    A call that is not judged yet counts as a case that is open: it must be looked at again.
    """
    spans = _spans(connection, changed, FAR)
    found = {contact: window(since, spans[contact]) for contact, since in changed.items()}
    deep = {contact: since for contact, since in changed.items() if found[contact].read_from < since - FAR}
    if deep:
        spans = _spans(connection, deep, timedelta.max)
        found |= {contact: window(since, spans[contact]) for contact, since in deep.items()}
    return found


def _spans(
    connection: Connection, changed: Mapping[int, datetime], reach: timedelta
) -> dict[int, list[tuple[datetime, datetime | None]]]:
    """Contact → (start, end) of what may hang together with the change, looking back as far as `reach`."""
    found: dict[int, list[tuple[datetime, datetime | None]]] = {contact: [] for contact in changed}
    for part in chunks(changed):
        earliest = min(changed[contact] for contact in part)
        since = earliest - reach if earliest - LONG_AGO > reach else LONG_AGO
        closed = connection.execute(
            select(cases.c.contact_id, cases.c.started_at, cases.c.closed_at).where(
                cases.c.contact_id.in_(part),
                cases.c.state != "void",
                or_(cases.c.state == "open", cases.c.closed_at >= since),
            )
        )
        pending = connection.execute(
            select(calls.c.contact_id, calls.c.started_at).where(calls.c.contact_id.in_(part), calls.c.pending)
        )
        for contact, begun, ended in (*closed, *((row.contact_id, row.started_at, None) for row in pending)):
            found[contact].append((begun, ended))
    return found


def in_play(connection: Connection, since: Mapping[int, datetime]) -> dict[int, list[Any]]:
    """Contact → its stored cases whose first session begins at that moment or later, void ones included."""
    found: dict[int, list[Any]] = {contact: [] for contact in since}
    for part in chunks(since):
        earliest = min(since[contact] for contact in part)
        rows = connection.execute(
            select(cases)
            .where(cases.c.contact_id.in_(part), cases.c.started_at >= earliest)
            .order_by(cases.c.opened_at, cases.c.id)
        )
        for row in rows:
            if row.started_at >= since[row.contact_id]:
                found[row.contact_id].append(row)
    return found


def add(connection: Connection, rows: Sequence[Row]) -> list[int]:
    """Insert cases; their permanent ids, in the same order."""
    if not rows:
        return []
    statement = insert(cases).returning(cases.c.id, sort_by_parameter_order=True)
    return list(connection.scalars(statement, list(rows)))


def renew(connection: Connection, rows: Sequence[Row]) -> None:
    """Overwrite cases by their `id`. Rows share their keys."""
    if rows:
        names = [name for name in rows[0] if name != "id"]
        connection.execute(
            update(cases).where(cases.c.id == bindparam("row_id")).values({name: bindparam(name) for name in names}),
            [{**{name: row[name] for name in names}, "row_id": row["id"]} for row in rows],
        )


def listing(
    connection: Connection,
    /,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    void: bool = False,
    contact: int | None = None,
    newest_first: bool = False,
    limit: int | None = None,
    closed_since: datetime | None = None,
    **wanted: Any,
) -> list[dict[str, Any]]:
    """The rows of `crmhub cases`, by opening, with `closed_since` by closing; `wanted` compares columns (state, kind, line_group, key …)."""
    statement = select(cases, contact_rows.c.name, contact_rows.c.kind.label("contact_kind")).join(
        contact_rows, contact_rows.c.id == cases.c.contact_id
    )
    order = (cases.c.opened_at if closed_since is None else cases.c.closed_at, cases.c.key, cases.c.id)
    statement = statement.order_by(*(column.desc() for column in order) if newest_first else order)
    if since is not None:
        statement = statement.where(cases.c.opened_at >= since)
    if until is not None:
        statement = statement.where(cases.c.opened_at < until)
    if closed_since is not None:
        statement = statement.where(cases.c.closed_at >= closed_since)
    if contact is not None:
        statement = statement.where(cases.c.contact_id == contact)
    if not void:
        statement = statement.where(cases.c.state != "void")
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(cases.c[name] == value)
    if limit is not None:
        statement = statement.limit(limit)
    rows = connection.execute(statement).all()
    own = contacts.handles_of(connection, list({row.contact_id for row in rows}))
    effects = outbox.states(connection, [row.id for row in rows])
    for number, into in _merged(connection, rows).items():
        effects.setdefault(into, []).extend(outbox.states(connection, [number]).get(number, []))
    return [_shown(row, own.get(row.contact_id, []), effects.get(row.id, [])) for row in rows]


def _merged(connection: Connection, rows: Sequence[Any]) -> dict[int, int]:
    """Void row → the one of these that took it over, steps taken and all."""
    told = {row.id: row.contact_id for row in rows if row.taken}
    found: dict[int, int] = {}
    for part in chunks(told):
        own = select(cases.c.id, cases.c.merged_into).where(
            cases.c.contact_id.in_([told[number] for number in part]), cases.c.merged_into.in_(part)
        )
        found.update({row.id: row.merged_into for row in connection.execute(own)})
    return found


def _shown(row: Any, handles: list[str], effects: list[Any]) -> dict[str, Any]:
    """One row of `crmhub cases`: the verdict, the client, and what became of each step."""
    body = dict(row.row)
    body["contact"] = {"id": row.contact_id, "name": row.name, "handles": handles}
    body["steps"] = _as_told(body["steps"], effects, frozenset(row.taken))
    return body


_STATES = {"sending": "planned", "unknown": "sent", "dead": "dropped"}
"""States of an effect in the words of a step (model.md 4): what may have arrived was sent, what never will was not."""


def _as_told(steps: list[dict[str, Any]], effects: list[Any], taken: frozenset[str]) -> list[dict[str, Any]]:
    """The steps as they happened: each step fires once, also for somebody who would not be told any more.

    taken: names `step/recipient` of those that were taken, here or by a case that this one was part of.
    """
    notices = {name: effect for effect in effects if (name := _step_of(effect)) is not None}
    fired = {name.partition("/")[0] for name in (*notices, *taken)}
    found = [
        {**step, "state": "sent"} if name not in notices and name in taken else step
        for step in _with_states(steps, effects)
        if (name := f"{step['step']}/{step['to']}") in taken or name in notices or str(step["step"]) not in fired
    ]
    shown = {f"{step['step']}/{step['to']}" for step in found}
    others = (
        {"step": int(step), "at": instant_text(effect.at), "to": to, "state": _STATES.get(effect.state, effect.state)}
        for name, effect in notices.items()
        for step, _, to in [name.partition("/")]
        if name not in shown and step.isdecimal()
    )
    return sorted([*found, *others], key=lambda step: (step["step"], step["at"]))


def _with_states(steps: list[dict[str, Any]], effects: list[Any]) -> list[dict[str, Any]]:
    became = {name: effect.state for effect in effects if (name := _step_of(effect)) is not None}
    states = ((step, became.get(f"{step['step']}/{step['to']}", step["state"])) for step in steps)
    return [{**step, "state": _STATES.get(state, state)} for step, state in states]


def _step_of(effect: Any) -> str | None:
    """`step/recipient` of a notice; its key is `<case row>/<step>/<recipient>`."""
    return effect.key.partition("/")[2] if effect.kind == "notify" else None


def overlay(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Let rows that were evaluated say what became of their steps, where the same case is stored."""
    ids: dict[str, int] = {}
    for part in chunks(row["key"] for row in rows if row["steps"]):
        found = connection.execute(
            select(cases.c.key, cases.c.id).where(cases.c.key.in_(part), cases.c.state != "void")
        )
        ids.update(found.all())
    effects = outbox.states(connection, list(ids.values()))
    for row in rows:
        if row["key"] in ids:
            row["steps"] = _with_states(row["steps"], effects.get(ids[row["key"]], []))


def row(connection: Connection, number: int) -> Any:
    """The row of that id, or None. A void one is told as it is, also when it became part of another."""
    return connection.execute(select(cases).where(cases.c.id == number)).first()


def standing(connection: Connection, number: int) -> int:
    """The row that a row lives on in: itself, or the one that took it over."""
    seen: set[int] = set()
    while number not in seen:
        seen.add(number)
        into = connection.scalar(select(cases.c.merged_into).where(cases.c.id == number))
        number = into if into is not None else number
    return number


def take(connection: Connection, number: int, step: str) -> None:
    """Note that a step was taken outside the ladder, so that it is amended like the others."""
    found = row(connection, number)
    if found is not None and step not in found.taken:
        statement = update(cases).where(cases.c.id == number)
        connection.execute(statement.values(taken=sorted({*found.taken, step})))


def open_counts(connection: Connection) -> dict[str, int]:
    """Line group → how many clients wait."""
    rows = connection.execute(
        select(cases.c.line_group, func.count()).where(cases.c.state == "open").group_by(cases.c.line_group)
    )
    return dict(rows.all())
