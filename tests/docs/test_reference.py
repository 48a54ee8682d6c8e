"""Do the reference pages name every metric and hook as the program has it, and no other?"""

import inspect
import re
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from hub import meters
from hub.sdk import hooks

PAGES = Path(__file__).parents[2] / "docs" / "reference"


def headings(page: str) -> set[str]:
    return set(re.findall(r"^### `(.+)`$", (PAGES / page).read_text(encoding="utf-8"), re.MULTILINE))


def test_every_metric_has_its_heading_with_its_labels():
    exposed = set()
    for metric in vars(meters).values():
        if isinstance(metric, MetricWrapperBase):
            [described] = metric.describe()
            name = described.name + ("_total" if described.type == "counter" else "")
            labels = ",".join(metric._labelnames)
            exposed.add(name + (f"{{{labels}}}" if labels else ""))
    assert headings("metrics.md") == exposed


def test_every_hook_has_its_heading_with_its_signature():
    specified = {name: hook for name, hook in vars(hooks).items() if hasattr(hook, "hub_spec")}
    assert headings("hooks.md") == {
        f"{name}{inspect.signature(hook)}".replace("'", "") for name, hook in specified.items()
    }


def test_alerts_and_dashboard_speak_of_metrics_that_exist():
    deploy = PAGES.parents[1] / "deploy"
    texts = [
        path.read_text(encoding="utf-8")
        for path in (deploy / "prometheus" / "alerts.yml", deploy / "grafana" / "dashboard.json")
    ]
    named = {re.sub(r"_bucket$", "", name) for text in texts for name in re.findall(r"\bcrmhub_\w+", text)}
    assert named <= {heading.partition("{")[0] for heading in headings("metrics.md")}
