"""What the hub counts about itself, for Prometheus."""

from __future__ import annotations

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest

RECEIVED = Counter("crmhub_received_items", "Items committed to the inbox.", ["connection", "way"])
REFUSED = Counter("crmhub_refused_requests", "Webhook requests that were refused.", ["connection", "why"])
ABSORBED = Counter("crmhub_absorbed_items", "Inbox items that were understood.", ["connection"])
DUPLICATES = Counter("crmhub_duplicate_facts", "Facts that said nothing new.")
DEAD = Counter("crmhub_dead_items", "Inbox items that could not be understood.", ["connection"])
DERIVED = Counter("crmhub_derived_contacts", "Contacts whose calls and cases were derived.")
DELIVERED = Counter("crmhub_delivered_effects", "Effects that were settled.", ["connection", "state"])
LINK_UP = Gauge("crmhub_stream_up", "Whether a live stream is connected.", ["connection", "stream"])
WAITING = Gauge("crmhub_inbox_waiting", "Inbox items that wait to be understood.")
OPEN_CASES = Gauge("crmhub_open_cases", "Clients who wait.", ["line_group"])
STEP_SECONDS = Histogram("crmhub_step_seconds", "How long one step of a lane took.", ["lane"])
REQUEST_SECONDS = Histogram("crmhub_request_seconds", "How long a request to a vendor took.", ["connection", "status"])
BUDGET_SECONDS = Histogram(
    "crmhub_budget_seconds", "How long a request waited for the account's budget.", ["connection"]
)
THROTTLED = Counter("crmhub_throttled_requests", "Requests that the vendor found to be too many.", ["connection"])
REFRESHED = Counter(
    "crmhub_token_refreshes", "Access tokens that were renewed, or could not be.", ["connection", "result"]
)


def exposition() -> bytes:
    """All figures in Prometheus' text format."""
    return generate_latest(REGISTRY)
