"""Do all events arrive, each once, while the tokens of OAuth end?

python -m benchmarks.oauth                # 1,000,000 events; a quarter of a minute
python -m benchmarks.oauth --events 200000

The sandbox grants tokens that live for four seconds. At a batch in every 100,000 events, the one that is in
use is revoked, expires or turns out to be of the other region. What was accepted is counted against what was
sent.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

from airflow_provider_segment.sandbox import Sandbox
from airflow_provider_segment.sending import send_events

LIFE_SECONDS = 4
ENDS = ("tokens_revoked", "token_expired", "wrong_region")
EVENTS_OF_END = 100_000
"""More than are in flight: of two tokens refused in a row, the second ends the send."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    count: int = parser.parse_args().events
    with Sandbox() as sandbox:
        app = sandbox.create_oauth_app(expires_in=LIFE_SECONDS)
        sandbox.enforce_oauth(sandbox.source_id)
        for number, event in enumerate(range(EVENTS_OF_END // 2, count, EVENTS_OF_END)):
            kind = ENDS[number % len(ENDS)]
            sandbox.faults.add(kind, api="tracking", contains=f'"n":{event}}}', next=1)
        started = time.monotonic()
        report = send_events(
            ({"type": "track", "event": "E", "userId": "u", "properties": {"n": n}} for n in range(count)),
            write_key=sandbox.write_key,
            base_url=sandbox.url,
            message_id_fields=["properties.n"],
            concurrency=4,
            **{f"oauth_{name}": value for name, value in app.items()},
        )
        seconds = time.monotonic() - started
        numbers = Counter(event["properties"]["n"] for event in sandbox.accepted)
        answers = Counter((each["api"], each["status"]) for each in sandbox.requests)
        (granted,) = (each["granted"] for each in sandbox.oauth_apps)
        print(f"{report.sent:,} of {count:,} sent in {seconds:.0f} s, {report.rejected_total} rejected")
        print(f"{len(numbers):,} arrived; twice: {sum(numbers.values()) - len(numbers)}; ", end="")
        print(f"dropped: {sandbox.summary['dropped']}")
        print(f"{granted} tokens granted; batches with 200: {answers['tracking', 200]:,}, ", end="")
        print(f"with 401: {answers['tracking', 401]}")
        assert numbers == dict.fromkeys(range(count), 1)


if __name__ == "__main__":
    main()
