"""What does the CRM look like to its user? Leads in their stages, tasks, people, calls; fresh every few seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from html import escape

from sandbox.amocrm.account import Account
from sandbox.amocrm.http import HTML, Answer, Call
from sandbox.amocrm.pipelines import in_order
from sandbox.amocrm.search import phones
from sandbox.amocrm.types import LOST, WON, Json

_MOST = 25
"""Rows of each kind that are shown, the latest first."""

_HEAD = """<!doctype html>
<html lang="ru"><head><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title><style>
:root{{color-scheme:light dark;--line:light-dark(#d9dee5,#343b45);--card:light-dark(#fff,#1d2229);--soft:light-dark(#5d6875,#9aa6b4);--late:light-dark(#b3261e,#ff9d94);--done:light-dark(#1a7f37,#6fdd8b)}}
*{{box-sizing:border-box}}
body{{font:14px/1.4 system-ui,sans-serif;margin:0 auto;max-width:90rem;padding:1rem;background:light-dark(#f3f5f8,#14171c)}}
h1{{font-size:1.3rem;margin:0}} h2{{font-size:1rem;margin:1.4rem 0 .5rem}} h1 small,h2 small{{color:var(--soft);font-weight:400}}
.board{{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.6rem}}
.stage{{border-top:3px solid var(--stage);background:var(--card);border-radius:.3rem;padding:.5rem;min-width:0}}
.stage h3{{font-size:.85rem;margin:0 0 .4rem}} .deal{{border-top:1px solid var(--line);padding:.35rem 0;overflow-wrap:anywhere}}
.columns{{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:0 1.5rem}}
table{{width:100%;border-collapse:collapse;background:var(--card);border-radius:.3rem}}
td{{padding:.35rem .5rem;border-top:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}} tr:first-child td{{border-top:0}}
.soft{{color:var(--soft)}} .late{{color:var(--late)}} .done{{color:var(--done)}} .when{{white-space:nowrap}} p{{color:var(--soft)}}
</style></head><body>
"""


def show(call: Call) -> Answer:
    """The whole page; everything that was written by somebody is escaped."""
    account = call.account
    parts = [
        _HEAD.format(title=escape(account.name)), f"<h1>{escape(account.name)} <small>{escape(account.host)}</small></h1>",
        '<div class="columns"><section>',
        _section("Задачи", _tasks(account)), _section("Неразобранное", _unsorted(account)), "</section><section>",
        _section("Звонки и примечания", _notes(account)), _section("Контакты", _contacts(account)), "</section></div>",
        *(_board(account, pipeline) for pipeline in account.pipelines.values()), "</body></html>",
    ]  # fmt: skip
    return Answer(200, "".join(parts).encode(), HTML)


def _board(account: Account, pipeline: Json) -> str:
    rows = [row for row in account.table("leads").rows.values() if row["pipeline_id"] == pipeline["id"]]
    stages = (
        _stage(account, stage, [row for row in rows if row["status_id"] == stage["id"]]) for stage in in_order(pipeline)
    )
    return f"<h2>{escape(pipeline['name'])} <small>{len(rows)}</small></h2><div class='board'>{''.join(stages)}</div>"


def _stage(account: Account, stage: Json, rows: list[Json]) -> str:
    latest = sorted(rows, key=lambda row: -row["updated_at"])[: 3 if stage["id"] in {WON, LOST} else 8]
    deals = "".join(_deal(account, row) for row in latest)
    return (
        f"<div class='stage' style='--stage:{escape(stage['color'])}'><h3>{escape(stage['name'])} "
        f"<span class='soft'>{len(rows)}</span></h3>{deals}</div>"
    )


def _deal(account: Account, row: Json) -> str:
    contact = account.main_contact(row["id"])
    who = account.table("contacts").rows.get(contact or 0)
    money = f"{row['price']:,.0f}\u00a0₽".replace(",", "\u00a0") if row["price"] else ""
    soft = " · ".join(
        filter(None, (str(who["name"]) if who else "", money, _user(account, row["responsible_user_id"])))
    )
    return f"<div class='deal'>{escape(row['name'])}<br><span class='soft'>{escape(soft)}</span></div>"


def _section(title: str, rows: Iterable[str]) -> str:
    body = "".join(rows)
    return f"<h2>{title}</h2>" + (f"<table>{body}</table>" if body else "<p>Пока пусто</p>")


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _tasks(account: Account) -> Iterator[str]:
    """Open ones first, the most urgent above."""
    rows = sorted(account.table("tasks").rows.values(), key=lambda row: (row["is_completed"], row["complete_till"]))
    for row in rows[:_MOST]:
        is_late = not row["is_completed"] and row["complete_till"] < account.now()
        state = (
            "<span class='done'>✓ выполнена</span>"
            if row["is_completed"]
            else f"до {_when(account, row['complete_till'])}"
        )
        result = f"<br><span class='soft'>{escape(str(row['result']['text']))}</span>" if row["result"] else ""
        about = f"<br><span class='soft'>{escape(_name(account, row['entity_type'], row['entity_id']))}</span>"
        yield _row(
            f"<span class='when {'late' if is_late else ''}'>{state}</span>", f"{escape(row['text'])}{about}{result}",
            escape(_user(account, row["responsible_user_id"])),
        )  # fmt: skip


def _unsorted(account: Account) -> Iterator[str]:
    waiting = [row for row in account.unsorted.values() if row["is_open"]]
    for row in reversed(waiting[-_MOST:]):
        lead = account.table("leads").rows.get(row["ids"]["leads"][0])
        yield _row(
            _when(account, row["created_at"]),
            escape(lead["name"] if lead else ""),
            escape(str(row["source_name"] or "")),
        )


_MARKS = {"call_in": "☎ входящий", "call_out": "☎ исходящий", "sms_in": "✉ входящее", "sms_out": "✉ исходящее"}


def _notes(account: Account) -> Iterator[str]:
    for id in reversed(account.table("notes").ids[-_MOST:]):
        row = account.table("notes").rows[id]
        params = row["params"] or {}
        told = str(params.get("text") or params.get("phone") or "")
        length = (
            f" · {params['duration'] // 60}:{params['duration'] % 60:02}"
            if isinstance(params.get("duration"), int)
            else ""
        )
        about = f"<br><span class='soft'>{escape(_name(account, row['entity_type'], row['entity_id']))}</span>"
        mark = _MARKS.get(row["note_type"], "")
        yield _row(
            _when(account, row["created_at"]),
            f"{mark} {escape(told)}{length}{about}",
            escape(_user(account, row["created_by"])),
        )


def _contacts(account: Account) -> Iterator[str]:
    for id in reversed(account.table("contacts").updated()[-_MOST:]):
        row = account.table("contacts").rows[id]
        if not row["is_unsorted"]:
            told = ", ".join(phones(row))
            yield _row(
                escape(row["name"] or "Без имени"), escape(told), escape(_user(account, row["responsible_user_id"]))
            )


def _when(account: Account, moment: int) -> str:
    return f"<span class='when'>{datetime.fromtimestamp(moment, account.timezone):%d.%m %H:%M}</span>"


def _user(account: Account, id: int) -> str:
    user = account.users.get(id)
    return str(user["name"]) if user else "Робот"


def _name(account: Account, kind: str | None, id: int | None) -> str:
    row = account.table(kind).rows.get(id or 0) if kind else None
    return str(row["name"]) if row else ""
