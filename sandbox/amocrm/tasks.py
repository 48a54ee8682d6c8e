"""How are tasks listed, set, changed and completed?"""

from __future__ import annotations

from typing import Any

from sandbox.amocrm import changes, php, query
from sandbox.amocrm.account import Account
from sandbox.amocrm.http import Answer, Call, Route, collection, hal, nothing, problem
from sandbox.amocrm.query import Listing, Test
from sandbox.amocrm.types import KINDS, Json
from sandbox.amocrm.validation import (
    Check,
    Faults,
    all_of,
    author,
    boolean,
    choice,
    integer,
    is_integer,
    one_of,
    read,
    request_id,
    require,
    responsible,
    text,
    whole,
)


def task_type(account: Account, value: Any, path: str, faults: Faults) -> int:
    checked = integer(account, value, path, faults)
    if all(one["id"] != checked for one in account.task_types):
        faults.add("NotSupportedChoice", path)
    return checked


def result(account: Account, value: Any, path: str, faults: Faults) -> Any:
    """`[]` or an object with a text: both are read back, so both may be written."""
    if isinstance(value, list) and not value:
        return []
    if not isinstance(value, dict):
        faults.wrong_type(path, "array")
        return []
    return {"text": str(value.get("text") or "")} if value.get("text") else []


CHECKS: dict[str, Check] = {
    "created_by": author, "updated_by": author, "created_at": whole, "updated_at": whole, "responsible_user_id": responsible,
    "entity_id": integer, "entity_type": choice(*KINDS), "duration": whole, "is_completed": boolean,
    "task_type_id": task_type, "text": text, "result": result, "complete_till": whole,
}  # fmt: skip


def _entity_ids(account: Account, node: Any) -> Test:
    wanted = set(php.integers(node))
    return lambda row: row["entity_id"] in wanted


LISTING = Listing(
    {
        "responsible_user_id": query.one_of("responsible_user_id"), "is_completed": query.flag("is_completed"),
        "task_type": query.one_of("task_type_id"), "task_type_id": query.one_of("task_type_id"), "entity_type": query.named("entity_type"), "entity_id": _entity_ids,
    },
    ("created_at", "complete_till", "id", "updated_at"),
    is_bare_range=True,
)  # fmt: skip


def index(call: Call) -> Answer:
    rows, page, limit = query.chosen(call, call.account.table("tasks"), LISTING)
    return query.envelope(call, "tasks", [shown(call, row) for row in rows], page, limit)


def one(call: Call, id: int) -> Answer:
    row = call.account.row("tasks", id)
    return hal(shown(call, row)) if row else nothing()


def shown(call: Call, row: Json) -> Json:
    return {**row, "_links": call.self_link(f"/api/v4/tasks/{row['id']}")}


def create(call: Call) -> Answer:
    """POST of an array; all or nothing."""
    account, items, made = call.account, call.items(), []
    for at, draft in enumerate(all_of(items, lambda item, faults: drafted(account, item, faults, by=call.user_id))):
        row = keep(account, draft, by=call.user_id)
        links = call.self_link(f"/api/v4/tasks/{row['id']}")
        made.append({"id": row["id"], "request_id": request_id(items[at], at), "_links": links})
    return collection(call, "tasks", made)


def drafted(account: Account, item: Json, faults: Faults, *, by: int) -> Json:
    """What an item of a POST will become, still without an id."""
    now = account.now()
    require(item, ("text", "complete_till"), faults)
    given = read(account, item, CHECKS, faults)
    _entity(account, given, faults)
    responsible_id = given.get("responsible_user_id", by)
    return {
        "created_by": by, "updated_by": by, "created_at": now, "updated_at": now, "responsible_user_id": responsible_id,
        "group_id": account.group_of(responsible_id), "entity_id": None, "entity_type": None, "duration": 0,
        "is_completed": False, "task_type_id": 1, "text": "", "result": [], "complete_till": now, "account_id": account.id,
    } | given  # fmt: skip


def keep(account: Account, draft: Json, *, by: int) -> Json:
    """Give the task an id and put it in."""
    row = {"id": account.ids.next("tasks"), **draft}
    changes.add(account, "tasks", row, by)
    return row


def _entity(account: Account, given: Json, faults: Faults) -> None:
    """The card that a task is about must be there."""
    id, kind = given.get("entity_id"), given.get("entity_type")
    if id is None:
        given.pop("entity_type", None)
    elif kind is None:
        faults.add("FieldMissing", "entity_type")
    elif kind in KINDS and id not in account.table(kind).rows:
        faults.add("NotSupportedChoice", "entity_id")


def update_many(call: Call) -> Answer:
    """PATCH of an array; all or nothing."""
    items = call.items()
    planned = all_of(items, lambda item, faults: _planned(call, item.get("id"), item, faults))
    for row, written in planned:
        apply(call.account, row, written, call.user_id)
    done = [_changed(call, row) | {"request_id": request_id(items[at], at)} for at, (row, _) in enumerate(planned)]
    return collection(call, "tasks", done)


def update_one(call: Call, id: int) -> Answer:
    if isinstance(call.json(), list):
        return problem(405, "Method Not Allowed")
    if call.account.row("tasks", id) is None:
        return problem(404, "Task not found")
    row, written = one_of(call.object(), lambda item, faults: _planned(call, id, item, faults))
    apply(call.account, row, written, call.user_id)
    return hal(_changed(call, row))


def _planned(call: Call, id: Any, item: Json, faults: Faults) -> tuple[Json, Json]:
    """The task to change and its new values."""
    row = call.account.row("tasks", id) if is_integer(id) else None
    if row is None:
        faults.add("FieldMissing" if id is None else "NotSupportedChoice", "id")
        return {}, {}
    return row, patch(call.account, row, item, faults)


def patch(account: Account, row: Json, item: Json, faults: Faults) -> Json:
    """The new values of a task; what is wrong is noted in `faults`."""
    if "text" in item:
        require(item, ("text",), faults)
    given = read(account, item, CHECKS, faults)
    if "entity_id" in given or "entity_type" in given:
        _entity(account, {"entity_id": row["entity_id"], "entity_type": row["entity_type"]} | given, faults)
    return given


def apply(account: Account, row: Json, written: Json, by: int) -> None:
    """Write what `patch` planned."""
    before = {"entity_type": row["entity_type"], "entity_id": row["entity_id"]}
    changes.change(account, "tasks", row, written, by)
    changes.soonest_task(account, row)
    changes.soonest_task(account, before)


def _changed(call: Call, row: Json) -> Json:
    return {"id": row["id"], "updated_at": row["updated_at"], "_links": call.self_link(f"/api/v4/tasks/{row['id']}")}


ROUTES = (
    Route("GET", "/api/v4/tasks", index),
    Route("GET", "/api/v4/tasks/{id}", one),
    Route("POST", "/api/v4/tasks", create),
    Route("PATCH", "/api/v4/tasks", update_many),
    Route("PATCH", "/api/v4/tasks/{id}", update_one),
)
