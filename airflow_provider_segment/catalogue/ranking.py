"""Which operators answer a question: Okapi's BM25 over the fields of each, after the words are translated.

A word of the question becomes a term with alternatives: itself, and what Segment calls it. A term counts as
much as its best alternative, so that a word with many meanings does not count more than one with one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from math import log
from typing import NamedTuple

from airflow_provider_segment.catalogue.declarations import operation_named, operations, page_of
from airflow_provider_segment.catalogue.operation import Operation
from airflow_provider_segment.catalogue.words import ARTICLES, MEANINGS, STOP

WEIGHTS = {"name": 4.0, "summary": 2.5, "endpoint": 1.0, "page": 1.0, "arguments": 0.7, "description": 0.5}
"""What a word counts in each field."""
LENGTH = {"name": 0.75, "summary": 0.5, "endpoint": 0.5, "page": 0.3, "arguments": 0.6, "description": 0.7}
"""How much a long field makes each of its words count less."""
SATURATION = 0.6
"""At which frequency a word counts half of what it can: BM25's k1."""
COMMON, RARE = 1.4, 2.5
"""What the most common and the rarest word count."""
TRANSLATED, LATER = 0.95, 0.97
"""What a meaning counts, compared with a word that the operator has itself; and each further meaning,
compared with the one before it."""
MISSPELT, NEAR = 0.8, 0.78
"""What the nearest known word counts instead of one that is not known, and how near it must be."""
BESIDE = 0.5
"""How much is taken off an operation all of whose name is beside the question."""
LINK = "connect"
"""Not beside a question that names what is connected."""
PHRASE_WORDS = 4
_ARTICLES = frozenset(ARTICLES.split())


class Alternative(NamedTuple):
    """Stems, all of which are meant, and what they count."""

    stems: tuple[str, ...]
    weight: float


Term = tuple[Alternative, ...]
"""What a word or a phrase may mean."""


def find_operations(words: str, limit: int | None = 10) -> list[Operation]:
    """The operations that answer a question, the best first.

    :param words: in any words, or the name of an operator
    :param limit: how many at most; None for all that have to do with it
    """
    index, terms = _index(), terms_of(words)
    scores = {name: index.score(name, terms) for name in index.documents}
    best = sorted((name for name, score in scores.items() if score > 0), key=lambda name: -scores[name])
    if named := operation_named(words):
        best = [named.name, *(name for name in best if name != named.name)]
    return [operations()[name] for name in best[:limit]]


@dataclass(frozen=True)
class Index:
    """The stems of all operations."""

    names: dict[str, frozenset[str]]
    """By operation: the stems of its name."""
    documents: dict[str, dict[str, float]]
    """By operation: each stem, with its weighted and length-normalised frequency."""
    idf: dict[str, float]

    def score(self, name: str, terms: Iterable[Term]) -> float:
        """How well an operation answers a question: more, if nothing in its name is beside the question."""
        score, meant = 0.0, set[str]()
        for term in terms:
            most, best = max((self._match(name, each), each.stems) for each in term)
            score += self._importance(term) * most
            if most:
                meant.update(best)
        own = self.names[name]
        return score * (1 - BESIDE * len(own - meant - {LINK}) / len(own))

    def _match(self, name: str, alternative: Alternative) -> float:
        """How much of an alternative an operation has: 0 to about 1."""
        document = self.documents[name]
        total = sum(self.idf[stem] for stem in alternative.stems if stem in self.idf)
        found = sum(
            self.idf[stem] * document[stem] / (document[stem] + SATURATION)
            for stem in alternative.stems
            if stem in document
        )
        return alternative.weight * found / total if found else 0.0

    def _importance(self, term: Term) -> float:
        """How much a term tells operations apart."""
        sums = [sum(self.idf.get(stem, 0.0) for stem in each.stems) for each in term]
        return sum(sums) / len(sums)


@cache
def _index() -> Index:
    fields = {name: _fields(operation) for name, operation in operations().items()}
    averages = {
        field: sum(len(each[field]) for each in fields.values()) / len(fields) or 1.0 for field in WEIGHTS
    }
    documents = {}
    for name, each in fields.items():
        document: dict[str, float] = {}
        for field, stems in each.items():
            norm = 1 - LENGTH[field] + LENGTH[field] * len(stems) / averages[field]
            for stem, count in Counter(stems).items():
                document[stem] = document.get(stem, 0.0) + WEIGHTS[field] * count / norm
        documents[name] = document
    found = Counter(stem for document in documents.values() for stem in document)
    total = len(documents)
    idf = {
        stem: min(RARE, max(COMMON, log(1 + (total - count + 0.5) / (count + 0.5))))
        for stem, count in found.items()
    }
    names = {name: frozenset(each["name"]) for name, each in fields.items()}
    return Index(names, documents, idf)


def _fields(operation: Operation) -> dict[str, list[str]]:
    name, page = stems_of(_name(operation.name)), page_of(operation)
    if operation.kind == "sensor" or operation.waits:
        name = [*name, "wait"]
    if page.startswith("events "):
        name = [*name, "event"]  # also Segment's six calls, which are named by a verb
    if operation.kind == "trigger":
        name = [*name, "asset", "watcher"]
    shown = " ".join(f"{one.name} {one.description}" for one in operation.arguments if one.required)
    return {
        "name": name,
        "summary": stems_of(operation.summary),
        "endpoint": stems_of(re.sub(r"{\w*}", " ", operation.endpoint or "")),
        "page": stems_of(page),
        "arguments": stems_of(
            shown + " " + " ".join(one.name for one in operation.arguments if one.name not in _everyones())
        ),
        "description": stems_of(operation.description),
    }


@cache
def _everyones() -> frozenset[str]:
    """The arguments of every operator, or every list, which say nothing of any."""
    from airflow_provider_segment.tasks.operation import SegmentPagedOperator

    return frozenset(SegmentPagedOperator.fields)


def _name(name: str) -> str:
    return name.removeprefix("Segment").removesuffix("Operator").removesuffix("Sensor")


@cache
def terms_of(words: str) -> tuple[Term, ...]:
    """The terms of a question: phrases with a meaning of their own first, then words."""
    stems: list[str | None] = [*_stems_with_stop_words(words)]
    found: list[tuple[int, Term]] = []
    for length in range(PHRASE_WORDS, 0, -1):
        for at in range(len(stems) - length + 1):
            part = [stem for stem in stems[at : at + length] if stem is not None]
            if len(part) < length:
                continue  # a part of a longer phrase
            term = _meanings().get(" ".join(part), ()) if length > 1 else _of_word(part[0])
            if term:
                found.append((at, term))
                stems[at : at + length] = [None] * length
    return tuple(dict.fromkeys(term for _, term in sorted(found)))


def _of_word(stem: str) -> Term:
    if stem in _meanings():
        own = (Alternative((stem,), 1.0),) if stem in _index().idf else ()
        return (*own, *(each for each in _meanings()[stem] if each.stems != (stem,)))
    if stem in _stop():
        return ()
    if stem in _index().idf:
        return (Alternative((stem,), 1.0),)
    if len(stem) > 3 and (near := get_close_matches(stem, _vocabulary(), n=1, cutoff=NEAR)):
        return tuple(Alternative(each.stems, MISSPELT * each.weight) for each in _of_word(near[0]))
    return ()


@cache
def _meanings() -> dict[str, Term]:
    meanings: dict[str, Term] = {}
    for line in MEANINGS.replace("\n    ", " ").split("\n"):
        said, _, meant = line.partition("=")
        term = []
        for rank, alternative in enumerate(meant.split("|")):
            text, _, weight = alternative.partition(":")
            stems = tuple(map(stem, text.split()))
            term.append(Alternative(stems, float(weight or 1) * TRANSLATED * LATER**rank))
        for phrase in said.split(","):
            key = " ".join(_stems_with_stop_words(phrase))
            meanings[key] = (*meanings.get(key, ()), *term)
    return meanings


@cache
def _vocabulary() -> tuple[str, ...]:
    known = {stem for stem in _index().idf if len(stem) > 3 and stem.isalpha()}
    known |= {stem for stem in _stop() if len(stem) > 3}
    return tuple(sorted(known | {phrase for phrase in _meanings() if " " not in phrase and len(phrase) > 3}))


@cache
def _stop() -> frozenset[str]:
    return frozenset(map(stem, STOP.split()))


def stems_of(text: str) -> list[str]:
    """The stems of a text, without words that say nothing."""
    return [each for each in _stems_with_stop_words(text) if each not in _stop()]


def _stems_with_stop_words(text: str) -> list[str]:
    text = re.sub(r"n't\b", " not", text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    text = re.sub(r"'(?:s|re|ve|ll|d|m)\b", "", text)
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text)
    words = re.findall(r"[a-z0-9]+", text.lower())
    return [stem(word) for word in words if word not in _ARTICLES]


@cache
def stem(word: str) -> str:
    """A word without its ending: ``deletes``, ``deleted``, ``deleting`` and ``deletion`` are one."""
    word = word.lower()
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "is")):
        word = word if len(word) > 4 and word.endswith("us") else word[:-1]
    for ending, least in (("ing", 3), ("ed", 3)):
        if word.endswith(ending) and len(word) - len(ending) >= least:
            word = word[: -len(ending)]
            if word[-1] == word[-2] and word[-1] not in "ls":
                word = word[:-1]
            break
    if len(word) > 5 and word.endswith(("tion", "sion")):
        word = word[:-3]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word
