"""What may be written into a custom field, and how is it read back?"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sandbox.amocrm.account import Account
from sandbox.amocrm.types import Json
from sandbox.amocrm.validation import LATEST_MOMENT, Faults, is_integer, moment

PHONE_CODES = ("WORK", "WORKDD", "MOB", "FAX", "HOME", "OTHER")
EMAIL_CODES = ("WORK", "PRIV", "OTHER")
IM_CODES = ("SKYPE", "ICQ", "JABBER", "GTALK", "MSN", "OTHER")
ADDRESS_PARTS = ("address_line_1", "address_line_2", "city", "state", "zip", "country")

OLD_TYPES = {
    "text": 1, "numeric": 2, "checkbox": 3, "select": 4, "multiselect": 5, "date": 6, "url": 7, "multitext": 8, "textarea": 9,
    "radiobutton": 10, "streetaddress": 11, "smart_address": 13, "birthday": 14, "legal_entity": 15, "items": 16,
    "date_time": 19, "monetary": 20, "price": 20, "category": 17, "tracking_data": 21, "linked_entity": 22, "file": 23,
    "payer": 24, "supplier": 25, "chained_list": 26,
}  # fmt: skip
"""The numbers of the old interface, still used in events."""

DATES = {"date", "date_time", "birthday"}
_CHOSEN = {"select", "radiobutton", "category", "multiselect"}
_SEVERAL = {"multitext", "multiselect", "smart_address", "items", "linked_entity", "chained_list"}


def find(account: Account, kind: str, written: Json) -> Json | None:
    """The field that an item means, by id or by code."""
    fields = account.fields[kind]
    if written.get("field_id") is not None:
        id = written["field_id"]
        return fields.get(id) if is_integer(id) else None
    code = written.get("field_code")
    return next((one for one in fields.values() if code and one["code"] == code), None)


def merge(
    account: Account, kind: str, stored: list[Json] | None, written: Any, path: str, faults: Faults
) -> list[Json] | None:
    """The blocks of a card after `written`: listed fields change, the others stay; None when none is filled."""
    if written is None:
        return None
    if not isinstance(written, list):
        faults.wrong_type(path, "array")
        return stored
    blocks = {block["field_id"]: block for block in stored or ()}
    for index, one in enumerate(written):
        place = f"{path}.{index}"
        if not isinstance(one, dict):
            faults.wrong_type(place, "array")
            continue
        field = find(account, kind, one)
        if field is None:
            faults.add(
                "NotSupportedChoice", f"{place}.{'field_id' if one.get('field_id') is not None else 'field_code'}"
            )
            continue
        values = _values(account, field, one.get("values"), f"{place}.values", faults)
        blocks.pop(field["id"], None) if not values else blocks.update({field["id"]: block_of(field, values)})
    return list(blocks.values()) or None


def block_of(field: Json, values: list[Json]) -> Json:
    return {
        "field_id": field["id"], "field_name": field["name"], "field_code": field["code"], "field_type": field["type"],
        "values": values,
    }  # fmt: skip


def _values(account: Account, field: Json, written: Any, path: str, faults: Faults) -> list[Json]:
    if not written:
        return []
    if not isinstance(written, list):
        faults.wrong_type(path, "array")
        return []
    stored = []
    for index, one in enumerate(written if field["type"] in _SEVERAL else written[:1]):
        place = f"{path}.{index}"
        if not isinstance(one, dict):
            faults.wrong_type(place, "array")
        elif (value := _value(account, field, one, place, faults)) is not None:
            stored.append(value)
    return stored


def _value(account: Account, field: Json, written: Json, path: str, faults: Faults) -> Json | None:
    """What is stored of one value, None for an empty one."""
    type = field["type"]
    if type in _CHOSEN:
        return _chosen(field, written, path, faults)
    if "value" not in written:
        faults.add("FieldMissing", f"{path}.value")
        return None
    if written["value"] is None or written["value"] == "":
        return None
    if type in {"multitext", "smart_address"}:
        return _labelled(field, written, path, faults)
    checked = _PLAIN.get(type, _anything)(account, written["value"], f"{path}.value", faults)
    return None if checked is None else {"value": checked}


def _enum(field: Json, written: Json) -> Json | None:
    """The choice named by id, by code or by its text."""
    enums: list[Json] = field["enums"] or []
    if written.get("enum_id") is not None:
        return next((one for one in enums if one["id"] == written["enum_id"]), None)
    named = written.get("enum_code") or written.get("enum")
    if named is not None:
        return next((one for one in enums if named in (one.get("code"), one["value"], one["id"])), None)
    return next((one for one in enums if one["value"] == written.get("value")), None)


def _chosen(field: Json, written: Json, path: str, faults: Faults) -> Json | None:
    if all(written.get(key) in (None, "") for key in ("value", "enum_id", "enum_code", "enum")):
        return None
    enum = _enum(field, written)
    if enum is None:
        key = next((key for key in ("enum_id", "enum_code", "value") if written.get(key) is not None), "value")
        faults.add("NotSupportedChoice", f"{path}.{key}")
        return None
    return {"value": enum["value"], "enum_id": enum["id"], "enum_code": enum.get("code")}


def _labelled(field: Json, written: Json, path: str, faults: Faults) -> Json | None:
    """A value with a label beside it, WORK when none is given."""
    if isinstance(written["value"], (dict, list, bool)):
        faults.wrong_type(f"{path}.value", "string")
        return None
    labels = {key: written[key] for key in ("enum_id", "enum_code", "enum") if written.get(key) is not None}
    enum = _enum(field, labels) if labels else field["enums"][0]
    if enum is None:
        faults.add("NotSupportedChoice", f"{path}.{'enum_id' if 'enum_id' in labels else 'enum_code'}")
        return None
    return {"value": str(written["value"]), "enum_id": enum["id"], "enum_code": enum.get("code") or enum["value"]}


def _line(account: Account, value: Any, path: str, faults: Faults) -> str | None:
    if isinstance(value, (dict, list, bool)):
        faults.wrong_type(path, "string")
        return None
    return str(value)


def _decimal(account: Account, value: Any, path: str, faults: Faults) -> str | None:
    try:
        finite = math.isfinite(float(value)) and not isinstance(value, bool)
    except (TypeError, ValueError):
        finite = False
    if not finite:
        faults.wrong_type(path, "numeric")
    return str(value) if finite else None


def _flag(account: Account, value: Any, path: str, faults: Faults) -> bool | None:
    if value not in (True, False, 0, 1, "1", "0"):
        faults.wrong_type(path, "bool")
        return None
    return value in (True, 1, "1")


def _instant(account: Account, value: Any, path: str, faults: Faults) -> int | None:
    seconds = moment(value)
    if seconds is None or abs(seconds) > LATEST_MOMENT:
        faults.wrong_type(path, "int")
        return None
    return seconds


def _day(account: Account, value: Any, path: str, faults: Faults) -> int | None:
    """Midnight of the account's day."""
    seconds = _instant(account, value, path, faults)
    if seconds is None:
        return None
    local = datetime.fromtimestamp(seconds, account.timezone)
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())


def _entity(account: Account, value: Any, path: str, faults: Faults) -> Any:
    if not isinstance(value, dict):
        faults.wrong_type(path, "array")
        return None
    if not value.get("name"):
        faults.add("FieldMissing", f"{path}.name")
    return value


def _anything(account: Account, value: Any, path: str, faults: Faults) -> Any:
    return value


_PLAIN: dict[str, Callable[[Account, Any, str, Faults], Any]] = {
    "text": _line, "textarea": _line, "url": _line, "streetaddress": _line, "tracking_data": _line, "numeric": _decimal,
    "price": _decimal, "monetary": _decimal, "checkbox": _flag, "date": _day, "birthday": _day, "date_time": _instant,
    "legal_entity": _entity,
}  # fmt: skip


def definition(account: Account, kind: str, name: str, type: str, **more: Any) -> Json:
    """A field as the dictionary shows it, with the keys that its kind of card adds."""
    own = {
        "is_computed": False,
        "hidden_statuses": [],
        "chained_lists": None,
        "currency": None,
        "tracking_callback": None,
    }
    field = {
        "id": more.pop("id", None) or account.ids.next("fields"), "name": name, "type": type, "account_id": account.id,
        "code": None, "sort": 500 + len(account.fields.get(kind, ())), "is_api_only": False, "enums": None,
        "group_id": None, "required_statuses": [], "is_deletable": True, "is_predefined": False, "entity_type": kind,
        "remind": None, **(own if kind == "leads" else {}),
    }  # fmt: skip
    return field | more
