"""`python -m airflow_provider_segment.sandbox`: Segment on this machine, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import json
import threading
from typing import get_args

from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sandbox.constants import Region


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_segment.sandbox",
        description="Segment's three APIs on this machine, in memory, for tests and demos.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", default=8765, type=int, help="0 picks a free one (default: %(default)s)")
    parser.add_argument(
        "--name", action="append", default=[], help="a host name by which it may be reached; repeatable"
    )
    parser.add_argument("--region", default="us", choices=get_args(Region))
    parser.add_argument(
        "--rate-limits", action="store_true", help="enforce the limits that Segment publishes"
    )
    parser.add_argument(
        "--keep-mb",
        default=1_000,
        type=int,
        help="megabytes of events and requests that are kept; then the oldest are forgotten, but stay counted"
        " (default: %(default)s)",
    )
    options = parser.parse_args()
    try:
        server = Sandbox(
            host=options.host,
            port=options.port,
            region=options.region,
            rate_limits=options.rate_limits,
            names=options.name,
            keep_mb=options.keep_mb,
        )
    except OSError as error:
        parser.error(f"cannot listen on {options.host}:{options.port}: {error.strerror}")
    with server as sandbox:
        print(f"Segment sandbox: {sandbox.url}")
        print(f"See what arrived: {sandbox.url}/_sandbox")
        print(
            f"Connect to it:   export AIRFLOW_CONN_SEGMENT_DEFAULT='{json.dumps(sandbox.connection)}'",
            flush=True,
        )
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
