"""What follows from a change, whoever made it? The audit log remembers it, and the subscribed webhooks hear of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.amocrm.account import Account
from sandbox.amocrm.fields import OLD_TYPES
from sandbox.amocrm.types import LOST, SINGULAR, WON, Json


def add(account: Account, kind: str, row: Json, by: int) -> None:
    """A new card or task; of a hidden one nobody hears before it is accepted."""
    account.table(kind).add(row)
    if not row.get("is_unsorted"):
        _announce(account, kind, row, by)


def reveal(account: Account, kind: str, row: Json, by: int) -> None:
    """A hidden card is accepted."""
    new = {"is_unsorted": False, "responsible_user_id": by, "updated_by": by, "updated_at": account.now()}
    account.table(kind).change(row, new | {"group_id": account.group_of(by)})
    _announce(account, kind, row, by)


def _announce(account: Account, kind: str, row: Json, by: int) -> None:
    note = [] if kind == "tasks" else [{"note": {"id": account.ids.next("notes")}}]
    account.record(f"{SINGULAR[kind]}_added", kind, row["id"], by, after=note)
    if kind == "tasks":
        soonest_task(account, row)
    account.hooks.tell(account, f"add_{SINGULAR[kind]}", kind, "add", row)


def change(account: Account, kind: str, row: Json, written: Json, by: int) -> None:
    """Write into a card: `updated_at` and `updated_by` follow unless they are written, too."""
    new = {"updated_by": by, "updated_at": account.now()} | written
    if kind == "leads":
        new |= _closing(account, row, new)
    if new.get("responsible_user_id", row["responsible_user_id"]) != row["responsible_user_id"]:
        new["group_id"] = account.group_of(new["responsible_user_id"])
    before = {key: row[key] for key in new}
    account.table(kind).change(row, new)
    for type, after, earlier in _events(kind, before, row):
        account.record(type, kind, row["id"], by, after=after, before=earlier)
    _tell(account, kind, row, before)


def delete(account: Account, kind: str, row: Json, by: int) -> None:
    """Into the trash, as in the interface; the public API has no such verb."""
    account.table(kind).delete(row)
    row |= {"is_deleted": True, "updated_at": account.now(), "updated_by": by}
    account.record(f"{SINGULAR[kind]}_deleted", kind, row["id"], by)
    account.hooks.tell(account, f"delete_{SINGULAR[kind]}", kind, "delete", row)
    if kind == "tasks":
        soonest_task(account, row)


def restore(account: Account, kind: str, row: Json, by: int) -> None:
    row |= {"is_deleted": False, "updated_at": account.now(), "updated_by": by}
    account.table(kind).restore(row)
    account.record(f"{SINGULAR[kind]}_restored", kind, row["id"], by)
    account.hooks.tell(account, f"restore_{SINGULAR[kind]}", kind, "restore", row)


def merge(account: Account, kind: str, winner: Json, loser: Json, by: int) -> None:
    """The loser vanishes; its links, notes, tasks and missing values go to the winner. The log names only the winner."""
    for other, metadata in list(account.links.all_of((kind, loser["id"])).items()):
        account.links.add((kind, winner["id"]), other, **metadata)
    account.links.drop((kind, loser["id"]))
    for name in ("notes", "tasks"):
        for row in account.table(name).rows.values():
            if (row["entity_type"], row["entity_id"]) == (kind, loser["id"]):
                row["entity_id"] = winner["id"]
    account.table(kind).delete(loser)
    account.table(kind).trash.pop(loser["id"])
    blocks = _joined(winner["custom_fields_values"], loser["custom_fields_values"])
    change(account, kind, winner, {"custom_fields_values": blocks}, by)
    account.record("entity_merged", kind, winner["id"], by)
    account.hooks.tell(account, f"delete_{SINGULAR[kind]}", kind, "delete", loser)


def tag(account: Account, kind: str, row: Json, names: list[str], by: int) -> None:
    """Replace the tags of a card; unknown names become tags."""
    before = account.tagged.get((kind, row["id"]), [])
    after = [tag_id(account, kind, name) for name in dict.fromkeys(names)]
    account.tagged[kind, row["id"]] = after
    known = account.tags[kind]
    for id in after:
        if id not in before:
            account.record("entity_tag_added", kind, row["id"], by, after=[{"tag": {"name": known[id]["name"]}}])
    for id in before:
        if id not in after:
            account.record("entity_tag_deleted", kind, row["id"], by, before=[{"tag": {"name": known[id]["name"]}}])


def tag_id(account: Account, kind: str, name: str, color: str | None = None) -> int:
    """The id of a tag, new when nobody has used the name."""
    known = account.tags[kind]
    id = next((id for id, one in known.items() if one["name"] == name), None)
    if id is None:
        id = account.ids.next("tags")
        known[id] = {"id": id, "name": name, "color": color if kind == "leads" else None}
    return id


def tag_names(account: Account, kind: str, id: int) -> list[str]:
    return [account.tags[kind][one]["name"] for one in account.tagged.get((kind, id), ())]


def link(account: Account, one: tuple[str, int], other: tuple[str, int], by: int, **metadata: Any) -> None:
    if account.links.add(one, other, **metadata):
        _record_link(account, "linked", one, other, by)


def unlink(account: Account, one: tuple[str, int], other: tuple[str, int], by: int) -> None:
    if account.links.remove(one, other):
        _record_link(account, "unlinked", one, other, by)


def _record_link(account: Account, what: str, one: tuple[str, int], other: tuple[str, int], by: int) -> None:
    key = "link" if what == "linked" else "unlink"
    for (kind, id), (to_kind, to_id) in ((one, other), (other, one)):
        if kind in SINGULAR and to_kind in SINGULAR:
            value = [{key: {"entity": {"type": SINGULAR[to_kind], "id": to_id}}}]
            account.record(f"{SINGULAR[to_kind]}_{what}", kind, id, by, after=value)


def soonest_task(account: Account, task: Json) -> None:
    """The card's `closest_task_at` after a change of one of its tasks."""
    kind, id = task["entity_type"], task["entity_id"]
    card = account.table(kind).rows.get(id) if kind else None
    if card is None:
        return
    mine = (row for row in account.table("tasks").rows.values() if (row["entity_type"], row["entity_id"]) == (kind, id))
    card["closest_task_at"] = min((row["complete_till"] for row in mine if not row["is_completed"]), default=None)


def _closing(account: Account, row: Json, new: Json) -> Json:
    """Moving to the end closes a lead, moving back opens it."""
    was, will = row["status_id"] in {WON, LOST}, new.get("status_id", row["status_id"]) in {WON, LOST}
    if was == will or "closed_at" in new:
        return {}
    return {"closed_at": account.now() if will else None}


def _events(kind: str, before: Json, row: Json) -> Iterator[tuple[str, list[Json], list[Json]]]:
    """Type, values after and before, of what changed."""

    def changed(*keys: str) -> bool:
        return any(key in before and before[key] != row[key] for key in keys)

    if changed("status_id", "pipeline_id"):
        if kind == "leads":
            yield "lead_status_changed", [_status(row)], [_status(row | before)]
        else:
            yield (
                "customer_status_changed", [{"customer_status": {"id": row["status_id"]}}],
                [{"customer_status": {"id": before["status_id"]}}],
            )  # fmt: skip
    if changed("responsible_user_id"):
        user = [{"responsible_user": {"id": one["responsible_user_id"]}} for one in (row, before)]
        yield "entity_responsible_changed", user[:1], user[1:]
    if kind == "tasks":
        yield from _task_events(changed, before, row)
        return
    for key, type in (("name", "name"), ("price", "sale")):
        if changed(key):
            value = [{f"{type}_field_value": {type: one[key]}} for one in (row, before)]
            yield f"{type}_field_changed", value[:1], value[1:]
    if changed("custom_fields_values"):
        yield from _field_events(before["custom_fields_values"], row["custom_fields_values"])


def _task_events(changed: Any, before: Json, row: Json) -> Iterator[tuple[str, list[Json], list[Json]]]:
    for key, what, inner in (
        ("text", "task", "text"), ("task_type_id", "task_type", "id"), ("complete_till", "task_deadline", "timestamp"),
    ):  # fmt: skip
        if changed(key):
            type = {"task": "task_text_changed"}.get(what, f"{what}_changed")
            yield type, [{what: {inner: row[key]}}], [{what: {inner: before[key]}}]
    if changed("is_completed") and row["is_completed"]:
        yield "task_completed", [], []
    if changed("result") and row["result"]:
        yield "task_result_added", [{"note": {"id": row["id"]}}], []


def _field_events(before: list[Json] | None, after: list[Json] | None) -> Iterator[tuple[str, list[Json], list[Json]]]:
    old, new = ({block["field_id"]: block for block in blocks or ()} for blocks in (before, after))
    for id in {**old, **new}:
        if old.get(id) != new.get(id):
            yield f"custom_field_{id}_value_changed", _field_values(new.get(id)), _field_values(old.get(id))


def _field_values(block: Json | None) -> list[Json]:
    if block is None:
        return []
    old_type = OLD_TYPES.get(block["field_type"], 1)
    return [
        {
            "custom_field_value": {
                "field_id": block["field_id"], "field_type": old_type, "enum_id": value.get("enum_id"),
                "text": str(value["value"]),
            }
        }
        for value in block["values"]
    ]  # fmt: skip


def _status(row: Json) -> Json:
    return {"lead_status": {"id": row["status_id"], "pipeline_id": row["pipeline_id"]}}


def _tell(account: Account, kind: str, row: Json, before: Json) -> None:
    """Tell the hooks: a move and a new responsible have settings of their own beside the update."""
    one = SINGULAR[kind]
    old = {f"old_{key}": value for key, value in before.items() if key in _TOLD and value != row[key]}
    if kind == "leads" and ("old_status_id" in old or "old_pipeline_id" in old):
        moved = {"old_status_id": before.get("status_id", row["status_id"])}
        moved["old_pipeline_id"] = before.get("pipeline_id", row["pipeline_id"])
        old |= moved
        account.hooks.tell(account, "status_lead", kind, "status", row, old)
    if "old_responsible_user_id" in old:
        account.hooks.tell(account, f"responsible_{one}", kind, "responsible", row, old)
    closed = (
        {"action_close": 1} if kind == "tasks" and row["is_completed"] and not before.get("is_completed", True) else {}
    )
    account.hooks.tell(account, f"update_{one}", kind, "update", row, old | closed)


_TOLD = {"status_id", "pipeline_id", "responsible_user_id"}


def _joined(winner: list[Json] | None, loser: list[Json] | None) -> list[Json] | None:
    """Values of both, each once; single values stay the winner's."""
    blocks = {block["field_id"]: block for block in winner or ()}
    for block in loser or ():
        mine = blocks.get(block["field_id"])
        if mine is None:
            blocks[block["field_id"]] = block
        elif block["field_type"] == "multitext":
            known = {value["value"] for value in mine["values"]}
            more = [value for value in block["values"] if value["value"] not in known]
            blocks[block["field_id"]] = {**mine, "values": [*mine["values"], *more]}
    return list(blocks.values()) or None
