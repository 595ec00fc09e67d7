"""Sends a few events to a server of its own, in an environment without Airflow."""

import gzip
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from threading import Thread

received = []


class Sink(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        received.extend(json.loads(gzip.decompress(body))["batch"])
        answer = b'{"success": true}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


assert find_spec("airflow") is None
began = time.perf_counter()
from airflow_provider_segment import __version__  # noqa: E402
from airflow_provider_segment.sending import send_events  # noqa: E402

server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
Thread(target=server.serve_forever, daemon=True).start()
rows = ({"id": number, "user": f"u{number}"} for number in range(5_000))
report = send_events(
    rows,
    write_key="key",
    base_url=f"http://127.0.0.1:{server.server_port}",
    mapping={"type": "track", "event": "Sent", "userId": "$user"},
    message_id_fields=["id"],
    gzip=True,
)
server.shutdown()
assert (report.read, report.sent, report.rejected_total) == (5_000, 5_000, 0), report
assert len({event["messageId"] for event in received}) == len(received) == 5_000
assert "airflow" not in sys.modules
print(f"imported {__version__} and sent {report.sent:,} events in {time.perf_counter() - began:.1f} s")
