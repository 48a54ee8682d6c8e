"""Which words do all parts of the pretend amoCRM share?"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

SINGULAR = {"leads": "lead", "contacts": "contact", "companies": "company", "customers": "customer", "tasks": "task"}
"""Plural in addresses, tasks and links; singular in events, calls and talks."""

PLURAL = {one: many for many, one in SINGULAR.items()}

ELEMENT = {"contacts": 1, "leads": 2, "companies": 3, "tasks": 4, "customers": 12}
"""The numbers of the old interface, still used in webhooks."""

KINDS = ("leads", "contacts", "companies", "customers")

WON, LOST = 142, 143
"""Shared by all pipelines."""
