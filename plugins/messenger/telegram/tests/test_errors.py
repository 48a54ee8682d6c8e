"""Who has to act on a refusal of the Bot API?"""

from __future__ import annotations

import httpx
import pytest

from hub.sdk import AuthFailed, HubError, NothingToDo, Rejected, Throttled, Unreachable
from plugins.messenger.telegram.client import Conflict, Moved, Unchanged, Unfit, classify

UNMODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a "
    "current content and reply markup of the message"
)


def judged(code: int, said: str, **parameters: object) -> HubError | None:
    body = {"ok": False, "error_code": code, "description": said, "parameters": parameters}
    return classify(httpx.Response(code, json=body))


@pytest.mark.parametrize(
    ("code", "said", "error"),
    [
        (401, "Unauthorized", AuthFailed),
        (404, "Not Found", AuthFailed),
        (404, "Not Found: method not found", Rejected),
        (400, "Bad Request: chat not found", Unreachable),
        (400, "Bad Request: message text is empty", Rejected),
        (400, "Bad Request: message is too long", Rejected),
        (400, "Bad Request: can't parse entities: Unsupported start tag", Unfit),
        (400, "Bad Request: BUTTON_URL_INVALID", Unfit),
        (400, "Bad Request: inline keyboard button URL 'tel:1' is invalid: Unsupported URL protocol", Unfit),
        (400, UNMODIFIED, Unchanged),
        (400, "Bad Request: message to edit not found", NothingToDo),
        (400, "Bad Request: message can't be edited", NothingToDo),
        (400, "Bad Request: query is too old and response timeout expired or query ID is invalid", NothingToDo),
        (403, "Forbidden: bot was blocked by the user", Unreachable),
        (403, "Forbidden: user is deactivated", Unreachable),
        (403, "Forbidden: bot was kicked from the supergroup chat", Unreachable),
        (409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running", Conflict),
        (429, "Too Many Requests: retry after 7", Throttled),
        (502, "Bad Gateway", type(None)),
    ],
)  # fmt: skip
def test_each_refusal_is_for_whom_it_concerns(code: int, said: str, error: type) -> None:
    assert type(judged(code, said)) is error


def test_a_refusal_for_asking_too_often_says_for_how_long() -> None:
    error = judged(429, "Too Many Requests: retry after 7", retry_after=7)
    assert isinstance(error, Throttled)
    assert error.retry_after == 7


def test_a_group_that_moved_says_where() -> None:
    error = judged(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1001987654321)
    assert isinstance(error, Moved)
    assert error.chat == -1001987654321


@pytest.mark.parametrize("body", [[], 7, {"ok": False}, {"ok": False, "parameters": 7, "description": {}}])
@pytest.mark.parametrize("code", [400, 401, 403, 409, 429])
def test_no_refusal_is_a_bug(code: int, body: object) -> None:
    error = classify(httpx.Response(code, json=body))
    assert error is None or isinstance(error, HubError)
