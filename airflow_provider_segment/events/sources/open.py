"""Opens the input of a bulk send."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from airflow_provider_segment.errors import SegmentConfigurationError
from airflow_provider_segment.events.formats import FORMATS, ProductFormat
from airflow_provider_segment.events.mapping.template import nearest, read_mapping
from airflow_provider_segment.events.parts import Part
from airflow_provider_segment.events.sources.content import FORMATS as TABLE_FORMATS
from airflow_provider_segment.events.sources.files import FileSource, describe, list_files, open_pieces
from airflow_provider_segment.events.sources.frames import ReaderSource, TableSource, is_reader, is_table
from airflow_provider_segment.events.sources.items import ItemSource
from airflow_provider_segment.events.sources.pieces import Piece
from airflow_provider_segment.events.sources.source import Source


def check_format(name: str) -> str:
    """A format of files.

    :raises ValueError: there is none of that name
    """
    if name not in TABLE_FORMATS and name not in FORMATS:
        raise ValueError(f"{name!r} is no format{nearest(name, [*TABLE_FORMATS, *FORMATS])}")
    return name


def open_source(
    events: Any,
    path: str | Sequence[str] | None,
    part: Part | None = None,
    *,
    format: str | None = None,
    csv: Mapping[str, Any] | None = None,
    message_ids: str | None = None,
    mapping: Any = None,
    keys: Collection[str] | None = None,
    rejects_path: str | None = None,
) -> tuple[Source, Any]:
    """The input (``events``, the files at ``path``, or those of a ``part``), and the mapping: that given, or
    its format's.

    :param keys: columns of the rows that identify an event
    :raises SegmentConfigurationError: none or several are given, or a file is the ``rejects_path``, or the
        part is one of a query, or there are a mapping and a format that has one
    :raises SegmentInputError: there is no file
    """
    if sum(one is not None for one in (events, path, part)) != 1:
        raise SegmentConfigurationError("give either events, path or part")
    if format in FORMATS:
        if mapping is not None:
            raise SegmentConfigurationError(f"give either a mapping or the format {format}, which is one")
        mapping, format = ProductFormat(format, message_ids), None
    elif message_ids is not None:
        raise SegmentConfigurationError("message_ids is for a format that a product exports")
    if events is not None:
        return _source_of(events), mapping
    if part is not None:
        pieces = open_pieces(part, rejects_path=rejects_path)
    else:
        assert path is not None
        pieces = [Piece(file) for file in list_files(path, rejects_path=rejects_path)]
    facts = describe([piece.file for piece in pieces])
    needed = _columns(mapping, keys)
    return FileSource(pieces, facts, format=format, csv=csv, needed=needed), mapping


def _source_of(events: Any) -> Source:
    if is_reader(events):
        return ReaderSource(events)
    return TableSource(events) if is_table(events) else ItemSource(events)


def _columns(mapping: Any, keys: Collection[str] | None) -> set[str] | None:
    """The columns that a mapping needs; None for all."""
    if mapping is None or callable(mapping) or isinstance(mapping, ProductFormat):
        return None
    read = read_mapping(mapping)
    return None if read.has_rest else {*read.names, *(keys or ())}
