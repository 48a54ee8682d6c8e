"""Who has to act on a refusal, and does it say what was wrong?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.sdk import AuthFailed, HubError, Rejected, Throttled

sys.path.insert(0, str(Path(__file__).parent))
from recorded import payload

from plugins.amocrm.client import Heavy, Lacking, UnknownNumber, classify

PROXY = "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body></body></html>"


def judged(status: int, body: Any) -> HubError | None:
    content = {"text": body} if isinstance(body, str) else {"json": body}
    return classify(httpx.Response(status, **content))


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, {}, None),
        (204, "", None),
        (400, payload("error_validation"), Rejected),
        (400, payload("error_call"), UnknownNumber),
        (401, payload("error_token"), AuthFailed),
        (401, payload("error_refresh"), AuthFailed),
        (402, {"title": "Payment Required", "status": 402}, Lacking),
        (403, {"title": "Forbidden", "status": 403}, Lacking),
        (403, {"title": "Forbidden", "status": 403, "code": 113}, AuthFailed),
        (403, PROXY, Throttled),
        (404, {"title": "Not Found", "status": 404, "detail": "Pipeline not found"}, Rejected),
        (404, PROXY, AuthFailed),
        (302, "", AuthFailed),
        (422, {"title": "Unprocessable", "status": 422}, Rejected),
        (429, PROXY, Throttled),
        (500, PROXY, None),
        (502, {"title": "Bad Gateway"}, None),
        (504, PROXY, Heavy),
    ],
)
def test_each_refusal_is_for_whom_it_concerns(status: int, body: Any, error: type[HubError] | None) -> None:
    assert type(judged(status, body)) is (error or type(None))


def test_what_the_validation_says_can_be_read() -> None:
    said = str(judged(400, payload("error_validation")))
    assert "Request validation failed" in said
    assert "custom_fields_values.2.values.0.value: The value you selected is not a valid choice." in said


def test_why_a_token_is_refused_is_told() -> None:
    assert "Token has been revoked" in str(judged(401, payload("error_refresh")))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
@pytest.mark.parametrize(
    "body",
    [
        {"validation-errors": "x"}, {"validation-errors": [None, {"errors": 5}, {"errors": [7, {}]}]}, {"errors": {"a": 1}},
        {"_embedded": 7}, {"_embedded": []}, {"title": {"x": 1}, "detail": None}, 7,
    ],
)  # fmt: skip
def test_no_refusal_is_a_bug(status: int, body: Any) -> None:
    assert isinstance(judged(status, body), HubError)
