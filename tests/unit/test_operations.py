"""What operators are given speaks of what there is: every metric that a rule or a panel names, and
every alert and setting in the manual."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ringside.api.metrics import REGISTRY
from ringside.service.config import Config

DOCS = Path(__file__).parents[2] / "docs"
RULES = (DOCS / "operations" / "alerts.yml").read_text()
BOARD = json.loads((DOCS / "operations" / "dashboard.json").read_text())
MANUAL = (DOCS / "operators.md").read_text()
NAME = re.compile(r"ringside_[a-z_]+")


def known() -> set[str]:
    """Names of samples, of histograms with their buckets, as Prometheus stores them."""
    found: set[str] = set()
    for family in REGISTRY.collect():
        found.add(family.name)
        found |= {family.name + end for end in ("_total", "_bucket", "_sum", "_count")}
    return found


def test_every_rule_names_metrics_that_there_are():
    named = set(NAME.findall("\n".join(re.findall(r"expr: (.*)", RULES))))
    assert len(named) >= 10
    assert named <= known()


def test_every_panel_names_metrics_that_there_are_and_each_metric_is_on_a_panel():
    exprs = [t["expr"] for panel in BOARD["panels"] for t in panel["targets"]]
    named = set(NAME.findall("\n".join(exprs)))
    assert named <= known()
    shown = {re.sub("_(total|bucket)$", "", name) for name in named}
    unseen = {family.name for family in REGISTRY.collect()} - shown
    assert unseen == {
        "ringside_accepting",  # An operator knows: he set it.
        "ringside_account_reads",
        "ringside_order_groups",
    }


def test_no_two_panels_lie_over_each_other():
    cells = [
        (x, y)
        for panel in BOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))


def test_the_manual_says_what_each_alert_means():
    alerts = re.findall(r"alert: (\w+)", RULES)
    assert len(alerts) >= 10
    assert [name for name in alerts if f"**{name}**" not in MANUAL] == []


def test_the_manual_has_every_setting():
    assert [name for name in Config.model_fields if f"`{name}`" not in MANUAL] == []
