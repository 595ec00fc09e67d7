"""Millions of a shop's orders, half of them in Parquet and half as events in JSON Lines, made in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

NIGHT = datetime(2026, 11, 19, tzinfo=timezone.utc)
SPACING = timedelta(milliseconds=10)
KINDS = ("parquet", "jsonl")
FILES = 2  # of each kind
ROW_GROUP = 5_000


def make_large_night(folder: Path, orders: int) -> None:
    """Write orders 0 to `orders`, in `folder`/parquet and `folder`/jsonl, in few large files."""
    share = -(-orders // (2 * FILES))
    spans = [range(start, min(start + share, orders)) for start in range(0, orders, share)]
    for kind in KINDS:
        (folder / kind).mkdir(parents=True)
    for number, span in enumerate(spans):
        if number % 2:
            with (folder / "jsonl" / f"orders-{number:02}.jsonl").open("w", encoding="utf-8") as file:
                file.writelines(lines(span))
        else:
            write_parquet(folder / "parquet" / f"orders-{number:02}.parquet", span)


def lines(span: range) -> Iterator[str]:
    for number in span:
        moment = (NIGHT + number * SPACING).isoformat(timespec="milliseconds")
        yield (
            f'{{"type":"track","event":"Order Completed","userId":"customer-{number % 99_991}",'
            f'"timestamp":"{moment}","properties":{{"order_id":"{order_id(number)}",'
            f'"total":{number % 20_000 / 100},"currency":"EUR"}}}}\n'
        )


def write_parquet(path: Path, span: range) -> None:
    import polars as pl

    number = pl.int_range(span.start, span.stop, eager=True).alias("number")
    pl.select(
        order_id=pl.format("order-{}", number.cast(pl.String).str.zfill(9)),
        customer=pl.format("customer-{}", number % 99_991),
        ordered_at=pl.lit(NIGHT) + number * pl.lit(SPACING),
        total=(number % 20_000) / 100,
    ).write_parquet(path, row_group_size=ROW_GROUP)


def order_id(number: int) -> str:
    return f"order-{number:09}"
