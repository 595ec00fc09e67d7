"""Sessions of Spark on this machine, which send to the sandbox."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pyspark = pytest.importorskip("pyspark")
if not shutil.which("java"):
    pytest.skip("Java is not installed", allow_module_level=True)

from airflow_provider_segment.sandbox.constants import WRITE_KEY  # noqa: E402
from airflow_provider_segment.spark import PRIVATE_KEY_ENV, WRITE_KEY_ENV, SegmentDataSource  # noqa: E402

ROOT = Path(__file__).parents[2]
__all__ = ["PRIVATE_KEY_ENV", "ROOT", "WRITE_KEY", "WRITE_KEY_ENV", "printed", "session", "write"]

KEY_CONF = f"spark.executorEnv.{WRITE_KEY_ENV}"


@contextmanager
def output_to(file: Path) -> Iterator[None]:
    """Have processes that are started meanwhile print to a file, for as long as they run."""
    kept = os.dup(1), os.dup(2)
    with file.open("ab") as stream:
        try:
            for descriptor in (1, 2):
                os.dup2(stream.fileno(), descriptor)
            yield
        finally:
            for descriptor, before in zip((1, 2), kept, strict=True):
                os.dup2(before, descriptor)
                os.close(before)


@contextmanager
def session(master: str, output: Path, **conf: Any) -> Iterator[Any]:
    """A session with the data source; one at a time.

    :param output: gets what its processes print
    :param conf: further settings, with ``__`` for dots
    """
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.executorEnv.PYTHONPATH": str(ROOT),
        KEY_CONF: WRITE_KEY,
        **{name.replace("__", "."): value for name, value in conf.items()},
    }
    builder = pyspark.sql.SparkSession.builder.master(master)
    for name, value in settings.items():
        builder = builder.config(name, value)
    with output_to(output):
        spark = builder.getOrCreate()
    spark.dataSource.register(SegmentDataSource)
    try:
        yield spark
    finally:
        spark.stop()
        _end_java()


def _end_java() -> None:
    """End what Spark keeps for the next session, which has other output."""
    context: Any = pyspark.SparkContext
    gateway, context._gateway, context._jvm = context._gateway, None, None
    gateway.shutdown()
    gateway.proc.stdin.close()  # it ends with its input
    gateway.proc.wait()


def printed(output: Path, text: str) -> str:
    """All that was printed, once a text is there: Spark passes on what its workers print, in a thread."""
    for _ in range(600):
        if text in (all_of_it := output.read_text()):
            return all_of_it
        time.sleep(0.1)
    raise AssertionError(f"{text!r} was not printed")


def write(frame: Any, **options: Any) -> None:
    """Send a DataFrame."""
    frame.write.format("segment").options(**options).mode("append").save()
