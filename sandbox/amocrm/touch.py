"""What does somebody do who sits before the vendor's own pages? `POST /_ctl/touch` plays him."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.amocrm import changes, drafts, notes, talks, tasks, unsorted
from sandbox.amocrm.account import Account
from sandbox.amocrm.types import LOST, WON, Json
from sandbox.amocrm.validation import Faults


def touch(account: Account, asked: Json, *, by: int) -> Json:
    """One change, several in `changes`, or `count`, `share` of the cards of a kind; answers the ids touched.

    Raises ValueError and KeyError for what cannot be done.
    """
    if "changes" in asked:
        return {"touched": [id for one in asked["changes"] for id in touch(account, one, by=by)["touched"]]}
    kind = str(asked.get("entity", "contacts"))
    if "count" in asked or "share" in asked:
        return {"touched": _many(account, kind, asked, by)}
    action = str(asked.get("action", "set"))
    if kind == "unsorted" and action == "create":
        return {"touched": [_write_in(account, asked, by)]}
    if action == "create":
        return {"touched": [_create(account, kind, asked, by)]}
    if kind == "unsorted":
        return {"touched": [_decide(account, action, asked, by)]}
    if action == "restore":
        row = account.table(kind).trash[asked["id"]]
        changes.restore(account, kind, row, by)
        return {"touched": [row["id"]]}
    row = account.table(kind).rows[asked["id"]]
    if action == "talk":
        return {
            "touched": [
                talks.begin(account, row["id"], asked.get("lead"), str(asked.get("origin", "telegram")))["talk_id"]
            ]
        }
    _ACTIONS[action](account, kind, row, asked, by)
    return {"touched": [row["id"]]}


def _many(account: Account, kind: str, asked: Json, by: int) -> list[int]:
    """Cards evenly spread get another name; a second time others do."""
    ids = account.table(kind).ids
    count = int(asked["count"]) if "count" in asked else round(len(ids) * float(asked["share"]))
    step = max(1, len(ids) // max(1, count))
    chosen = ids[int(asked.get("skip", 0)) :: step][:count]
    for id in chosen:
        row = account.table(kind).rows[id]
        key = "text" if kind == "tasks" else "name"
        changes.change(account, kind, row, {key: f"{row[key]} *"}, by)
    return chosen


def _create(account: Account, kind: str, asked: Json, by: int) -> int:
    """A card with `set` and, for people, a `phone`; a lead may name its `contact`."""
    item: Json = dict(asked.get("set") or {})
    if "name" in asked:
        item["name"] = asked["name"]
    if "phone" in asked:
        item["custom_fields_values"] = [{"field_code": "PHONE", "values": [{"value": asked["phone"]}]}]
    if "contact" in asked:
        item["_embedded"] = {"contacts": [{"id": asked["contact"]}]}
    faults = Faults()
    draft = drafts.draft(account, kind, item, faults, by=by)
    _must_be_right(faults)
    return int(drafts.keep(account, draft, by=by)["id"])


def _must_be_right(faults: Faults) -> None:
    if faults.errors:
        raise ValueError(str(faults.errors))


def _write_in(account: Account, asked: Json, by: int) -> str:
    """Somebody unknown writes into a chat or a mailbox of the company."""
    faults, name = Faults(), str(asked.get("name", "Новая заявка"))
    person: Json = {"name": name}
    if "phone" in asked:
        person["custom_fields_values"] = [{"field_code": "PHONE", "values": [{"value": asked["phone"]}]}]
    parts = {
        "leads": [drafts.draft(account, "leads", {"name": name}, faults, by=by)],
        "contacts": [drafts.draft(account, "contacts", person, faults, by=by)], "companies": [],
    }  # fmt: skip
    _must_be_right(faults)
    pipeline_id = asked.get("pipeline_id", account.main_pipeline()["id"])
    given = {
        "pipeline_id": pipeline_id,
        "source_uid": None,
        "source_name": asked.get("source", "Telegram"),
        "metadata": {},
    }
    return str(unsorted.keep(account, str(asked.get("category", "chats")), given, parts, by=by)["uid"])


def _decide(account: Account, action: str, asked: Json, by: int) -> str:
    row = account.unsorted[asked["uid"]]
    if action == "accept":
        pipeline = account.pipelines[row["pipeline_id"]]
        unsorted.settle(account, row, asked.get("status_id") or drafts.first_status(pipeline), by)
    elif action == "decline":
        unsorted.refuse(account, row, by)
    else:
        raise ValueError(f"unsorted items are accepted or declined, not {action!r}")
    return str(row["uid"])


def _set(account: Account, kind: str, row: Json, asked: Json, by: int) -> None:
    """`set` holds keys as a PATCH has them."""
    written, faults = asked["set"], Faults()
    planned = (
        tasks.patch(account, row, written, faults)
        if kind == "tasks"
        else drafts.patch(account, kind, row, written, faults)
    )
    _must_be_right(faults)
    if kind == "tasks":
        tasks.apply(account, row, planned, by)
    else:
        drafts.apply(account, kind, row, planned, by=by)


def _setting(**keys: str) -> Callable[[Account, str, Json, Json, int], None]:
    """A change of the keys given, each taken from the word of the request beside it."""

    def act(account: Account, kind: str, row: Json, asked: Json, by: int) -> None:
        written = {key: asked[word] for key, word in keys.items() if word in asked}
        _set(account, kind, row, {"set": written}, by)

    return act


def _phone(account: Account, kind: str, row: Json, asked: Json, by: int) -> None:
    """The card's phones become these."""
    phones = asked["phone"] if isinstance(asked["phone"], list) else [asked["phone"]]
    values = [{"value": phone} for phone in phones if phone]
    _set(account, kind, row, {"set": {"custom_fields_values": [{"field_code": "PHONE", "values": values}]}}, by)


def _close(account: Account, kind: str, row: Json, asked: Json, by: int) -> None:
    written: Json = {"status_id": WON if asked.get("won", True) else LOST}
    if asked.get("loss_reason_id"):
        written["loss_reason_id"] = asked["loss_reason_id"]
    _set(account, kind, row, {"set": written}, by)


def _delete(account: Account, kind: str, row: Json, asked: Json, by: int) -> None:
    changes.delete(account, kind, row, by)


def _merge(account: Account, kind: str, row: Json, asked: Json, by: int) -> None:
    """The card named by `id` swallows the one named by `loser`."""
    changes.merge(account, kind, row, account.table(kind).rows[asked["loser"]], by)


def _complete(account: Account, kind: str, row: Json, asked: Json, by: int) -> None:
    result = {"result": {"text": asked["text"]}} if asked.get("text") else {}
    _set(account, "tasks", row, {"set": {"is_completed": True, **result}}, by)


def _reopen(account: Account, kind: str, row: Json, asked: Json, by: int) -> None:
    _set(account, "tasks", row, {"set": {"is_completed": False}}, by)


def _tag(account: Account, kind: str, row: Json, asked: Json, by: int) -> None:
    _set(
        account,
        kind,
        row,
        {"set": {"tags_to_add": asked.get("add", []), "tags_to_delete": asked.get("remove", [])}},
        by,
    )


def _link(account: Account, kind: str, row: Json, asked: Json, by: int) -> None:
    changes.link(account, (kind, row["id"]), (str(asked["to_entity"]), int(asked["to_id"])), by)
    changes.change(account, kind, row, {}, by)


def _unlink(account: Account, kind: str, row: Json, asked: Json, by: int) -> None:
    changes.unlink(account, (kind, row["id"]), (str(asked["to_entity"]), int(asked["to_id"])), by)
    changes.change(account, kind, row, {}, by)


def _note(account: Account, kind: str, row: Json, asked: Json, by: int) -> None:
    params = asked.get("params") or {"text": asked.get("text", "")}
    notes.keep(account, notes.blank(account, kind, row["id"], asked.get("note_type", "common"), params, by), by)


_ACTIONS: dict[str, Callable[[Account, str, Json, Json, int], Any]] = {
    "set": _set, "rename": _setting(name="name"), "phone": _phone, "responsible": _setting(responsible_user_id="user_id"),
    "stage": _setting(status_id="status_id", pipeline_id="pipeline_id"), "price": _setting(price="price"), "close": _close,
    "delete": _delete, "merge": _merge, "complete": _complete, "reopen": _reopen,
    "deadline": _setting(complete_till="complete_till"), "text": _setting(text="text"), "tag": _tag, "link": _link,
    "unlink": _unlink, "note": _note,
}  # fmt: skip
