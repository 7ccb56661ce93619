"""What deploy/monitoring watches is there: every metric of the alerts and of the dashboard, on a
server that has done some work."""

import json
import re
import unittest

from support import ROOT, mock_llm, system_test

FOLDER = ROOT / "deploy/monitoring"
METRIC = re.compile(r"\b(parley_[a-z_]+|process_[a-z_]+)\b")
PROMETHEUS_OWN = {"up"}


def bare(metric):
    """The name of a histogram's series without what Prometheus appends."""
    return re.sub(r"_(bucket|sum|count)$", "", metric)


def alert_rules():
    """Name and expression of each; the file is plain enough for that."""
    text = (FOLDER / "alerts.yml").read_text()
    found = re.findall(r"- alert: (\w+)\n +expr: (.*?)\n +for:", text, re.S)
    if len(found) != text.count("- alert:"):
        raise AssertionError("an alert has no expression, or no `for`")
    return found


class MonitoringTest(system_test):
    def families(self):
        """Name to (kind, labels) of what /metrics has."""
        text = self.metrics_with("parley_tokens_total")
        kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
        labels = {}
        for name, given in re.findall(r"^([a-z_]+)(?:\{(.*)\})? \S+$", text, re.M):
            labels.setdefault(bare(name), set()).update(re.findall(r'(\w+)="', given))
        return kinds, labels

    def work(self):
        mock = self.keep(mock_llm(self.folder))
        self.server.options += ["--upstream-retries-max", "0"]
        self.server.start()
        admin = self.register("ada")
        for model in ("mock-echo", "mock-refuse500"):
            made = self.add_model(admin, mock.base_url, model)
            self.send(admin, self.add_session(admin, made["id"]), "Hello")

    def test_every_metric_exists(self):
        self.work()
        kinds, labels = self.families()
        dashboard = json.loads((FOLDER / "dashboard.json").read_text())
        asked = [target["expr"] for panel in dashboard["panels"]
                 for target in panel.get("targets", [])]
        asked += [expression for _, expression in alert_rules()]
        self.assertGreater(len(asked), 30)
        seen = set()
        for expression in asked:
            for metric in METRIC.findall(expression):
                with self.subTest(metric=metric, expression=expression):
                    seen.add(bare(metric))
                    kind = kinds.get(metric) or kinds[bare(metric)]
                    is_histogram = metric != bare(metric) and metric not in kinds
                    self.assertEqual(is_histogram, kind == "histogram")
            for group in re.findall(r"by \(([^)]*)\)", expression):
                metric = METRIC.search(expression)[1]
                for label in group.split(", "):
                    if label not in ("instance", "le"):
                        self.assertIn(label, labels[bare(metric)], expression)
        # And what exists is shown.
        self.assertEqual(set(), set(kinds) - seen)

    def test_a_turn_is_counted(self):
        self.work()
        found = self.values()
        self.assertGreater(found['parley_tokens_total{direction="in"}'], 0)
        self.assertGreater(found['parley_tokens_total{direction="out"}'], 0)
        self.assertEqual(
            1, found['parley_provider_first_token_seconds_count{provider="openai"}'])
        self.assertEqual(1, sum(value for name, value in found.items()
                                if name.startswith("parley_provider_failures_total")))
        self.assertEqual(2, found['parley_http_requests_total'
                                   '{route="POST /api/chat/stream",status="2xx"}'])

    def values(self):
        text = self.metrics_with("parley_tokens_total")
        return {name: float(value)
                for name, value in re.findall(r"^([^#\s]\S*(?: [^ \n]+\})?) (\S+)$", text, re.M)}

    def test_every_alert_has_its_test(self):
        tests = (FOLDER / "alerts_test.yml").read_text()
        for name, _ in alert_rules():
            self.assertIn(f"alertname: {name}\n        exp_alerts:\n", tests, name)


if __name__ == "__main__":
    unittest.main()
