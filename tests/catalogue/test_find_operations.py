"""The search: the right operator is among the first three, whatever words a question is in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_segment.catalogue import find_operations, operations
from airflow_provider_segment.catalogue.ranking import stem
from airflow_provider_segment.version_compat import watches_assets

pytestmark = pytest.mark.core

PAGE = Path(__file__).parents[2] / "docs" / "questions.md"
SHOWN = 3
LISTED, HELD_OUT = (
    [
        (question, set(re.findall(r"`(\w+)`", answers)))
        for question, answers in re.findall(r"^\| (.+?) \| (`.+`) \|$", part, re.MULTILINE)
    ]
    for part in PAGE.read_text().split("\n## ")
)


def missed(questions: list[tuple[str, set[str]]]) -> list[str]:
    """The questions whose answer is not among the first three."""
    return [
        question
        for question, answers in questions
        if not answers & {one.name for one in find_operations(question, limit=SHOWN)}
    ]


def test_the_questions() -> None:
    assert len(LISTED) == 60
    assert len(missed(LISTED)) <= 5, missed(LISTED)


def test_the_questions_that_the_ranking_was_not_tuned_on() -> None:
    assert len(HELD_OUT) == 40
    assert len(missed(HELD_OUT)) <= 8, missed(HELD_OUT)


def test_the_answers_exist() -> None:
    unknown = {name for _, answers in LISTED + HELD_OUT for name in answers} - operations().keys()
    assert unknown == (set() if watches_assets() else {"SegmentWarehouseSyncedTrigger"})


@pytest.mark.parametrize("name", ["SegmentGetSourceOperator", "get_source", "GetSource"])
def test_a_name_comes_first(name: str) -> None:
    assert find_operations(name)[0].name == "SegmentGetSourceOperator"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("SegmentGetSourceOperatr", "SegmentGetSourceOperator"),
        ("delte a sorce", "SegmentDeleteSourceOperator"),
        ("How do I DELETE my Segment source?!", "SegmentDeleteSourceOperator"),
        ("rename a source's slug", "SegmentUpdateSourceOperator"),
        (
            "don\N{RIGHT SINGLE QUOTATION MARK}t load a column into bigquery any more",
            "SegmentUpdateSelectiveSync",
        ),
    ],
)
def test_spelling(words: str, name: str) -> None:
    assert find_operations(words)[0].name.startswith(name)


def test_every_operator_is_found_by_its_own_words() -> None:
    lost = []
    for name in operations():
        plain = re.sub(r"^Segment|Operator$", "", name)
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", plain).lower()
        if name not in [one.name for one in find_operations(words, limit=5)]:
            lost.append(words)
    assert lost == []


@pytest.mark.parametrize("words", ["", "   ", "the of a", "xyzzyqwk", "!?", "日本語"])
def test_nothing_is_found(words: str) -> None:
    assert find_operations(words) == []


def test_the_limit() -> None:
    assert len(find_operations("source")) == 10
    assert len(find_operations("source", limit=2)) == 2
    assert find_operations("source", limit=2) == find_operations("source")[:2]
    assert len(find_operations("source", limit=None)) > 10


@pytest.mark.parametrize(
    "words",
    [
        ("deletes", "deleted", "deleting", "deletion", "delete"),
        ("sync", "syncs", "synced", "syncing"),
        ("policy", "policies"),
        ("mtu", "mtus"),
        ("stop", "stopped", "stopping"),
    ],
)
def test_stems(words: tuple[str, ...]) -> None:
    assert len({stem(word) for word in words}) == 1
