"""A stored case lives on while the facts that make it are told better (design 7)."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hub.core.cases import Case
from hub.core.reconcile import Reconciled, StoredCase, reconcile
from tests.core.timelines import at


def case(evidence: str, minute: int = 0, kind: str = "missed_call", group: str = "sales") -> Case:
    opened = at("10:00") + timedelta(minutes=minute)
    refs = tuple(f"src/call/{name}" for name in evidence.split())
    return Case(
        kind=kind,
        line_group=group,
        priority="normal",
        state="open",
        resolution=None,
        opened_at=opened,
        opened_by=refs[0],
        evidence=refs,
        due_at=None,
        breached=None,
        late_by=None,
        last_attempt_at=opened,
        contact_id=1,
        started_at=opened,
    )


def stored(id_: int, evidence: str, minute: int = 0, taken: str = "", **more) -> StoredCase:
    opened: datetime = at("10:00") + timedelta(minutes=minute)
    refs = tuple(f"src/call/{name}" for name in evidence.split())
    return StoredCase(id_, "missed_call", "sales", opened, refs, frozenset(taken.split()), **more)


def kept(found: Reconciled) -> dict[int, str]:
    return {update.id: update.case.key for update in found.updates}


def test_one_to_one_is_an_update():
    found = reconcile([stored(7, "a", taken="3/gleb")], [case("a b")])
    assert kept(found) == {7: "missed_call:src/call/a"}
    assert found.updates[0].taken == {"3/gleb"}
    assert not found.new
    assert not found.voids


def test_a_late_miss_that_opens_earlier_keeps_the_row():
    assert kept(reconcile([stored(7, "b", 5)], [case("a b")])) == {7: "missed_call:src/call/a"}


def test_of_several_rows_for_one_case_the_earliest_stays_and_counts_all_steps():
    found = reconcile([stored(1, "b", 9, "1/anna"), stored(2, "a", 0, "3/gleb")], [case("a b")])
    assert kept(found) == {2: "missed_call:src/call/a"}
    assert found.updates[0].taken == {"1/anna", "3/gleb"}
    assert [(void.id, void.because, void.into) for void in found.voids] == [(1, "merged", 2)]


def test_of_several_cases_for_one_row_the_earliest_keeps_it_and_the_others_inherit_its_steps():
    found = reconcile([stored(1, "a b", taken="3/gleb")], [case("b", 9), case("a")])
    assert kept(found) == {1: "missed_call:src/call/a"}
    assert [(new.case.key, new.taken) for new in found.new] == [("missed_call:src/call/b", {"3/gleb"})]


def test_a_row_without_a_case_is_no_miss():
    found = reconcile([stored(1, "a", taken="3/gleb")], [])
    assert [(void.id, void.because, void.into, void.taken) for void in found.voids] == [
        (1, "not_a_miss", None, {"3/gleb"})
    ]


def test_a_void_row_that_matches_again_revives():
    found = reconcile([stored(1, "a", void="not_a_miss")], [case("a")])
    assert kept(found) == {1: "missed_call:src/call/a"}
    assert found.updates[0].revived


def test_an_undone_merge_revives_the_row_that_was_merged():
    rows = [stored(1, "a b"), stored(2, "b", 9, void="merged", merged_into=1)]
    assert kept(reconcile(rows, [case("a"), case("b", 9)])) == {
        1: "missed_call:src/call/a",
        2: "missed_call:src/call/b",
    }


def test_rows_of_another_kind_or_group_are_others():
    found = reconcile([stored(1, "a")], [case("a", kind="lost_in_transfer"), case("a", group="support")])
    assert len(found.new) == 2
    assert [void.id for void in found.voids] == [1]


NAMES = st.sets(st.sampled_from("abcdefgh"), min_size=1, max_size=4).map(lambda names: " ".join(sorted(names)))
STORED = st.lists(
    st.tuples(NAMES, st.integers(0, 5), st.sampled_from(["", "1/anna", "3/gleb 1/anna"])), max_size=5
).map(lambda rows: [stored(number, *row) for number, row in enumerate(rows)])


@st.composite
def partitions(draw):
    """Derived cases of one kind and group never share evidence."""
    owner = draw(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 3), min_size=1))
    groups: dict[int, list[str]] = {}
    for name, number in sorted(owner.items()):
        groups.setdefault(number, []).append(name)
    return [case(" ".join(names), number) for number, names in sorted(groups.items())]


@given(STORED, partitions(), st.randoms())
def test_no_order_of_anything_matters(rows, cases, random):
    shuffled_rows, shuffled_cases = list(rows), list(cases)
    random.shuffle(shuffled_rows)
    random.shuffle(shuffled_cases)
    assert reconcile(rows, cases) == reconcile(shuffled_rows, shuffled_cases)


def after(rows: list[StoredCase], found: Reconciled) -> list[StoredCase]:
    """What is stored after the answer was carried out."""
    kept_rows = {row.id: row for row in rows}
    for void in found.voids:
        old = kept_rows[void.id]
        kept_rows[void.id] = StoredCase(
            old.id, old.kind, old.line_group, old.opened_at, old.evidence, old.taken, void.because, void.into
        )
    fresh = [(max(kept_rows, default=-1) + 1 + number, new.case, new.taken) for number, new in enumerate(found.new)]
    for id_, told, taken in [*((u.id, u.case, u.taken) for u in found.updates), *fresh]:
        kept_rows[id_] = StoredCase(id_, told.kind, told.line_group, told.opened_at, told.evidence, taken)
    return list(kept_rows.values())


@given(STORED, partitions())
def test_asking_again_changes_nothing(rows, cases):
    once = after(rows, reconcile(rows, cases))
    again = reconcile(once, cases)
    assert not again.new
    assert not again.voids
    assert after(once, again) == once


@given(STORED, partitions())
def test_every_case_has_one_row_and_every_row_one_fate(rows, cases):
    found = reconcile(rows, cases)
    fates = [*(update.id for update in found.updates), *(void.id for void in found.voids)]
    assert len(fates) == len(set(fates))
    assert len(found.updates) + len(found.new) == len(cases)
    assert set(fates) == {row.id for row in rows}


@given(STORED, partitions())
def test_no_step_is_forgotten(rows, cases):
    """Whatever was told about evidence of a case is not told again."""
    found = reconcile(rows, cases)
    told = {told.case.key: told.taken for told in (*found.updates, *found.new)}
    for row in rows:
        for one in cases:
            if set(row.evidence) & set(one.evidence):
                assert row.taken <= told[one.key]
