"""How did a call end, in words?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.texts import N_
from hub.web import words
from hub.web.words import Verdict


def verdict_of(row: Mapping[str, Any]) -> Verdict:
    """The outcome; what the call was left out for comes first."""
    if row.get("excluded"):
        return words.EXCLUDED.get(row["excluded"], Verdict("line", row["excluded"], ""))
    if row["outcome"] is None:
        running = row.get("ended_at") is None
        return Verdict("accent", N_("in progress"), "") if running else Verdict("line", N_("not judged yet"), "")
    table = words.OUTCOMES if row["direction"] == "inbound" else words.OURS
    return table.get(row["outcome"], Verdict("", row["outcome"], ""))
