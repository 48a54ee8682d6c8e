"""Can no update, of whatever shape, hold up the others?"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.sdk import Context, Malformed, Stored
from plugins.messenger.telegram.connector import CONNECTOR
from plugins.messenger.telegram.items import raws
from plugins.messenger.telegram.settings import Settings
from plugins.messenger.telegram.tests.recorded import LINE, RECEIVED, UPDATES


def keys(value: Any) -> set[str]:
    """Every key that stands anywhere in it."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {*(value if isinstance(value, dict) else ()), *(key for item in inner for key in keys(item))}


KEYS = sorted(keys(list(UPDATES.values())))
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=5))
ANYTHING = st.one_of(PLAIN, st.lists(PLAIN, max_size=2), st.dictionaries(st.sampled_from(KEYS), PLAIN, max_size=3))


def understood(update: dict[str, Any]) -> None:
    """It becomes items with names, and each is read or refused for a reason."""
    for raw in raws(update, LINE):
        assert raw.id
        item = Stored(raw.kind, raw.id, raw.payload, RECEIVED, raw.group)
        try:
            list(CONNECTOR.parse[raw.kind]([item], Settings(), Context("tg")))
        except Malformed:
            continue


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(UPDATES.values())), st.sampled_from(KEYS), ANYTHING)
def test_a_key_may_hold_anything(update: dict[str, Any], key: str, value: Any) -> None:
    def bent(row: Any) -> Any:
        if isinstance(row, dict):
            return {name: value if name == key else bent(inner) for name, inner in row.items()}
        return [bent(inner) for inner in row] if isinstance(row, list) else row

    understood({**bent(update), "update_id": 1})


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=3))
def test_an_update_may_be_anything(update: dict[str, Any]) -> None:
    understood({**update, "update_id": 1})
