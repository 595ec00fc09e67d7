"""Which operators answer a question: Okapi's BM25 over the fields of each, after the words are translated.

A word of the question becomes a term with alternatives: itself, and what Segment calls it. A term counts as
much as its best alternative, so that a word with many meanings does not count more than one with one.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from math import log

from airflow_provider_segment.catalogue.declarations import operation_named, operations, page_of
from airflow_provider_segment.catalogue.operation import Operation
from airflow_provider_segment.catalogue.words import MEANINGS, STOP

WEIGHTS = {"name": 4.0, "summary": 2.5, "endpoint": 1.0, "page": 1.0, "arguments": 0.7, "description": 0.5}
"""What a word counts in each field."""
SATURATION = 1.2
LENGTH = {"name": 0.75, "summary": 0.5, "endpoint": 0.5, "page": 0.3, "arguments": 0.6, "description": 0.7}
"""How much a long field makes each of its words count less."""
TRANSLATED = 0.85
"""What a translated word counts, compared with one that the operator has itself."""
MISSPELT = 0.8
PHRASE_WORDS = 4

Alternative = dict[str, float]
"""Stems, all of which are meant, with the weight of each."""
Term = list[Alternative]


def find_operations(words: str, limit: int | None = 10) -> list[Operation]:
    """The operations that answer a question, the best first.

    :param words: in any words, or the name of an operator
    :param limit: how many at most; None for all that have to do with it
    """
    index, terms = _index(), terms_of(words)
    scores = {
        name: sum(max(index.score(name, alternative) for alternative in term) for term in terms)
        * focus(name, terms)
        for name in index.documents
    }
    best = sorted((name for name, score in scores.items() if score > 0), key=lambda name: -scores[name])
    if named := operation_named(words):
        best = [named.name, *(name for name in best if name != named.name)]
    return [operations()[name] for name in best[:limit]]


@dataclass(frozen=True)
class Index:
    """The stems of all operations."""

    documents: dict[str, dict[str, float]]
    """By operation: each stem, with its weighted and length-normalised frequency."""
    idf: dict[str, float]

    def score(self, name: str, alternative: Alternative) -> float:
        """How well an operation has the words of an alternative."""
        document = self.documents[name]
        return sum(
            weight * self.idf[stem] * document[stem] / (document[stem] + SATURATION)
            for stem, weight in alternative.items()
            if stem in document
        )


def focus(name: str, terms: tuple[Term, ...]) -> float:
    """More for an operation with a name of which nothing is beside the question."""
    asked = {stem for term in terms for alternative in term for stem in alternative}
    own = stems_of(_name(name))
    return 0.75 + 0.25 * sum(stem in asked for stem in own) / (len(own) or 1)


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
    idf = {stem: log(1 + (total - count + 0.5) / (count + 0.5)) for stem, count in found.items()}
    return Index(documents, idf)


def _fields(operation: Operation) -> dict[str, list[str]]:
    name = stems_of(_name(operation.name))
    if operation.kind == "sensor" or operation.waits:
        name = [*name, "wait"]
    if operation.kind == "trigger":
        name = [*name, "asset", "watcher"]
    shown = " ".join(f"{one.name} {one.description}" for one in operation.arguments if one.required)
    return {
        "name": name,
        "summary": stems_of(operation.summary),
        "endpoint": stems_of(re.sub(r"{\w*}", " ", operation.endpoint or "")),
        "page": stems_of(page_of(operation)),
        "arguments": stems_of(shown + " " + " ".join(one.name for one in operation.arguments)),
        "description": stems_of(operation.description),
    }


def _name(name: str) -> str:
    return name.removeprefix("Segment").removesuffix("Operator").removesuffix("Sensor")


@cache
def terms_of(words: str) -> tuple[Term, ...]:
    """The terms of a question: phrases with a meaning of their own first, then words."""
    stems = _stems_with_stop_words(words)
    terms: list[Term] = []
    at = 0
    while at < len(stems):
        for length in range(min(PHRASE_WORDS, len(stems) - at), 0, -1):
            phrase = " ".join(stems[at : at + length])
            if phrase in _meanings() and not (length == 1 and phrase in _stop()):
                own = dict.fromkeys(stems[at : at + length], 1.0 / length) if length == 1 else None
                terms.append([*([own] if own else []), *_meanings()[phrase]])
                at += length
                break
        else:
            if stems[at] not in _stop():
                terms.append(_of_word(stems[at]))
            at += 1
    return tuple(terms)


def _of_word(stem: str) -> Term:
    if stem in _index().idf:
        return [{stem: 1.0}]
    if len(stem) > 3 and (near := get_close_matches(stem, _vocabulary(), n=1, cutoff=0.78)):
        meanings = _meanings().get(near[0], [])
        return [
            {known: MISSPELT * weight for known, weight in one.items()} for one in ({near[0]: 1.0}, *meanings)
        ]
    return [{}]


@cache
def _meanings() -> dict[str, Term]:
    meanings: dict[str, Term] = {}
    for line in MEANINGS.replace("\n    ", " ").split("\n"):
        said, _, meant = line.partition("=")
        term = []
        for alternative in meant.split("|"):
            weights = [one.partition(":") for one in alternative.split()]
            term.append({stem(word): TRANSLATED * float(weight or 1) for word, _, weight in weights})
        for phrase in said.split(","):
            key = " ".join(_stems_with_stop_words(phrase))
            meanings[key] = [*meanings.get(key, []), *term]
    return meanings


@cache
def _vocabulary() -> tuple[str, ...]:
    known = {stem for stem in _index().idf if len(stem) > 3 and stem.isalpha()}
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
    return [stem(word) for word in re.findall(r"[a-z0-9]+", text.lower())]


@cache
def stem(word: str) -> str:
    """A word without its ending: ``deletes``, ``deleted``, ``deleting`` and ``deletion`` are one."""
    word = word.lower()
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending, least in (("ing", 3), ("ed", 3)):
        if word.endswith(ending) and len(word) - len(ending) >= least:
            word = word[: -len(ending)]
            if word[-1] == word[-2] and word[-1] not in "ls":
                word = word[:-1]
            break
    if len(word) > 5 and word.endswith(("tion", "sion")):
        word = word[:-3]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word
