"""Are there customers beside leads, and of which kind? Their cards are those of cards.py."""

from __future__ import annotations

from sandbox.amocrm.http import Answer, Call, Route, hal, problem

MODES = ("segments", "dynamic", "periodicity")


def change_mode(call: Call) -> Answer:
    """The body comes back; 402 where the tariff lacks customers."""
    call.must_be_admin()
    asked, settings = call.object(), call.account.settings
    if settings["customers_mode"] == "unavailable":
        return problem(402, "Покупатели недоступны на вашем тарифе")
    if asked.get("mode") not in MODES or not isinstance(asked.get("is_enabled"), bool):
        return problem(400, "Request validation failed")
    settings["customers_mode"] = asked["mode"] if asked["is_enabled"] else "disabled"
    return hal(asked)


ROUTES = (Route("PATCH", "/api/v4/customers/mode", change_mode),)
