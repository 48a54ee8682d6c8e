"""Do the same seeds bring the same misfortunes?"""

import pytest

from sandbox import faults


def struck(rules, requests, seed=1):
    active = faults.Faults(faults.read(rules), seed)
    return [[fault.kind for fault in active.meet(method, path)] for method, path in requests]


def test_a_rule_strikes_what_fits_its_method_and_path():
    rules = [{"kind": "status", "status": 504, "method": "get", "path": "/api/v4/contacts*"}]
    requests = [
        ("GET", "/api/v4/contacts"),
        ("POST", "/api/v4/contacts"),
        ("GET", "/api/v4/contacts/5/notes"),
        ("GET", "/api/v4/leads"),
    ]
    assert struck(rules, requests) == [["status"], [], ["status"], []]


def test_skip_and_count_choose_which_requests():
    assert struck([{"kind": "lost", "skip": 1, "count": 2}], [("GET", "/")] * 5) == [[], ["lost"], ["lost"], [], []]


def test_chances_are_the_same_with_the_same_seed():
    rules, requests = [{"kind": "half", "probability": 0.5}], [("GET", "/")] * 100
    assert struck(rules, requests, 3) == struck(rules, requests, 3) != struck(rules, requests, 4)
    assert 30 < sum(map(bool, struck(rules, requests, 3))) < 70


def test_latency_adds_to_another_fault_but_two_others_do_not_add():
    rules = [{"kind": "latency", "seconds": 1}, {"kind": "status"}, {"kind": "lost"}]
    assert struck(rules, [("GET", "/")]) == [["latency", "status"]]


def test_one_rule_does_not_change_what_another_does():
    rules, requests = [{"kind": "half", "path": "/a", "probability": 0.5}], [("GET", "/a")] * 50
    more = [*rules, {"kind": "lost", "path": "/b", "probability": 0.5}]
    assert struck(rules, requests) == struck(more, requests)


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.toml", '[[fault]]\nkind = "lost"\ncount = 1\n'), ("a.json", '[{"kind": "lost", "count": 1}]')],
)
def test_rules_come_from_a_file(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert faults.load(tmp_path / name) == (faults.Fault("lost", count=1),)


@pytest.mark.parametrize("rule", [{"kind": "nope"}, {}, {"kind": "lost", "pathh": "x"}])
def test_what_is_not_understood_is_refused(rule):
    with pytest.raises(ValueError, match="fault"):
        faults.read([rule])
