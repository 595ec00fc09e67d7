"""What the sandbox's page is made of: its files, and the endpoints that it asks."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from airflow_provider_segment.resources import KINDS
from airflow_provider_segment.sandbox import Sandbox, protocols
from airflow_provider_segment.sandbox.clock import iso
from airflow_provider_segment.sandbox.control import PAGE
from airflow_provider_segment.sandbox.event_search import LOOKED_AT
from airflow_provider_segment.sandbox.faults import Fault
from airflow_provider_segment.sandbox.kinds import kinds_of
from airflow_provider_segment.sandbox.outcomes import WHY_DROPPED
from airflow_provider_segment.sandbox.scripts import Script
from airflow_provider_segment.sandbox.stored_events import Delivery
from airflow_provider_segment.sandbox.totals import NAMES, OTHER_NAMES, Named, Totals
from tests.harness.sandbox_api import Api


@pytest.fixture
def http(segment_sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=segment_sandbox.url, timeout=600) as client:
        yield client


@pytest.fixture
def api(segment_sandbox: Sandbox) -> Iterator[Api]:
    with httpx.Client(**to_public_api(segment_sandbox)) as client:
        yield Api(client)


def to_public_api(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "base_url": sandbox.url,
        "headers": {"Authorization": f"Bearer {sandbox.token}"},
        "timeout": 600,
    }


def send(http: httpx.Client, *events: dict[str, Any], **more: Any) -> None:
    body = {"batch": events, "writeKey": Sandbox.write_key, **more}
    assert http.post("/v1/batch", json=body).status_code == 200


def get(http: httpx.Client, path: str, /, **query: Any) -> Any:
    answer = http.get(f"/_sandbox/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


ORDER = {
    "type": "track",
    "userId": "u1",
    "event": "Order Completed",
    "messageId": "m1",
    "properties": {"city": "Øslo", "quote": 'a "b"'},
}
HOME = {"type": "page", "anonymousId": "a1", "name": "Home", "messageId": "m2"}
NAMELESS = {"type": "track", "userId": "u1", "messageId": "m3"}


@pytest.fixture
def sent(http: httpx.Client) -> httpx.Client:
    """A client of a sandbox that was sent an order, a page, the order again, and a track without a name."""
    for event in (ORDER, HOME, ORDER, NAMELESS):
        send(http, event)
    return http


# --- the files -------------------------------------------------------------------------------------------


def test_a_browser_is_led_to_the_page_and_a_program_is_not(
    http: httpx.Client, segment_sandbox: Sandbox
) -> None:
    led = http.get("/", headers={"Accept": "text/html,*/*"})
    assert (led.status_code, led.headers["Location"]) == (307, "/_sandbox")
    assert segment_sandbox.requests == []
    token = {"Authorization": f"Bearer {segment_sandbox.token}"}
    for headers in ({}, {"Accept": "application/json"}, {"Accept": "text/html, */*"}):
        answer = http.get("/", headers={**token, **headers})
        assert (answer.status_code, list(answer.json()["data"])) == (200, ["workspace"])
    assert http.get("/").status_code == 401
    assert [each["path"] for each in segment_sandbox.requests] == ["/"] * 4


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("", "text/html"), *((f"/page/{file.name}", "") for file in sorted(PAGE.iterdir()))],
)
def test_its_files(http: httpx.Client, path: str, media_type: str) -> None:
    answer = http.get(f"/_sandbox{path}")
    assert answer.status_code == 200
    assert media_type in answer.headers["Content-Type"]
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy


@pytest.mark.parametrize("name", ["nothing.js", "..%2fcontrol.py", "../control.py", "%2e%2e/control.py"])
def test_it_has_no_other_files(http: httpx.Client, name: str) -> None:
    assert http.get(f"/_sandbox/page/{name}").status_code == 404


def test_nothing_is_loaded_from_elsewhere() -> None:
    for file in PAGE.iterdir():
        addresses = set(re.findall(r"""["'(](?:https?:)?//[^"')\s]+""", file.read_text()))
        assert {address[1:] for address in addresses} <= {"http://www.w3.org/2000/svg"}, file.name
        assert "innerHTML" not in file.read_text()


@pytest.mark.parametrize(("form", "base"), [("fault", Fault), ("sync", Script)])
def test_the_kinds_that_it_offers_exist(form: str, base: Any) -> None:
    part = (PAGE / "index.html").read_text().partition(f'<form id="{form}"')[2].partition("</form>")[0]
    offered = re.search(r'<select name="kind">(.*?)</select>', part, re.DOTALL)
    assert offered
    kinds = set(re.findall(r'value="(\w+)"', offered[1]))
    assert kinds
    assert kinds <= dict(kinds_of(base)).keys()


# --- events ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, ["m3", "m1", "m2", "m1"]),
        ({"limit": "1"}, ["m3"]),
        ({"type": "page"}, ["m2"]),
        ({"event": "Home"}, ["m2"]),
        ({"event": "Order Completed"}, ["m1"]),
        ({"user": "u1"}, ["m3", "m1"]),
        ({"user": "a1"}, ["m2"]),
        ({"source": Sandbox.source_id}, ["m3", "m1", "m2", "m1"]),
        ({"source": "another"}, []),
        ({"text": "order"}, ["m1"]),
        ({"text": "Øslo"}, ["m1"]),
        ({"text": 'a "b"'}, ["m1"]),
        ({"outcome": "accepted"}, ["m2", "m1"]),
        ({"outcome": "dropped"}, ["m3", "m1"]),
        ({"outcome": "rejected"}, ["m3"]),
        ({"outcome": "duplicate"}, ["m1"]),
        ({"outcome": "missing_event"}, ["m3"]),
        ({"outcome": "unplanned"}, []),
    ],
)
def test_filters(sent: httpx.Client, query: dict[str, str], ids: list[str]) -> None:
    items = get(sent, "events", **query)["items"]
    assert [item["messageId"] for item in items] == ids


def test_counts_and_chart_are_of_all_that_came(sent: httpx.Client) -> None:
    answer = get(sent, "events", limit=0)
    assert (answer["total"], answer["searched"], answer["found"], answer["items"]) == (4, 4, 4, [])
    assert {tuple(each.values()) for each in answer["counts"]} == {
        ("track", "Order Completed", 1, 1),
        ("page", "Home", 1, 0),
        ("track", "", 0, 1),
    }
    assert (sum(answer["chart"]["accepted"]), sum(answer["chart"]["dropped"])) == (2, 2)


def test_counts_and_chart_of_a_filter_are_of_what_it_found(sent: httpx.Client) -> None:
    answer = get(sent, "events", outcome="accepted", limit=1)
    assert (answer["searched"], answer["found"], len(answer["items"])) == (2, 2, 1)
    assert {each["name"] for each in answer["counts"]} == {"Order Completed", "Home"}
    assert (sum(answer["chart"]["accepted"]), sum(answer["chart"]["dropped"])) == (2, 0)


@pytest.mark.parametrize(
    ("query", "count"),
    # The body of a duplicate is not kept, and so not its user.
    [({}, 14), ({"user": "u1"}, 8), ({"outcome": "accepted"}, 8), ({"outcome": "duplicate"}, 6)],
)
def test_older_ones_page_by_page(http: httpx.Client, query: dict[str, str], count: int) -> None:
    for n in range(7):
        send(http, {**ORDER, "messageId": f"m{n}"}, {**ORDER, "messageId": f"m{n - 1}"})
    expected = [item["messageId"] for item in get(http, "events", **query)["items"]]
    ids: list[str] = []
    before: str | None = ""
    while before is not None:
        answer = get(http, "events", **query, limit=3, before=before)
        ids += [item["messageId"] for item in answer["items"]]
        before = answer["older"]
    assert ids == expected
    assert len(ids) == count


def test_a_search_looks_at_so_many_and_the_next_goes_on(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LOOKED_AT >= 2_500  # a whole batch
    monkeypatch.setattr("airflow_provider_segment.sandbox.event_search.LOOKED_AT", 10)
    send(http, {**ORDER, "messageId": "rare", "userId": "rare"})
    send(http, *({**ORDER, "messageId": f"m{n}"} for n in range(15)))
    first = get(http, "events", user="rare")
    assert (first["searched"], first["found"], first["total"]) == (10, 0, 16)
    second = get(http, "events", user="rare", before=first["older"])
    assert [item["messageId"] for item in second["items"]] == ["rare"]
    assert (second["searched"], second["older"]) == (6, None)


@pytest.mark.parametrize(
    "event", [1, "text", [], {"type": [], "userId": {}, "event": 5}, {"type": "🙂"}, None]
)
def test_any_event_is_listed(http: httpx.Client, event: Any) -> None:
    send(http, event)
    for query in ({}, {"text": "x"}, {"user": "u"}):
        get(http, "events", **query)
    [item] = get(http, "events", outcome="rejected")["items"]
    history = get(http, "event", message_id=item["messageId"])
    assert history["items"][0]["event"] is not None


def test_what_became_of_an_event(sent: httpx.Client, segment_sandbox: Sandbox) -> None:
    segment_sandbox.faults.add("reset", when="after", next=1)
    with pytest.raises(httpx.TransportError):
        send(sent, {**ORDER, "messageId": "lost"})
    found = get(sent, "event", message_id="m1")
    first, again = found["items"]
    assert (first["outcome"], first["because"], first["event"]["event"]) == (
        "accepted",
        None,
        "Order Completed",
    )
    assert (again["outcome"], again["event"]) == ("duplicate", None)
    assert again["because"] == WHY_DROPPED["duplicate"]
    assert first["request"]["status"] == 200
    assert first["request"]["requestId"] != again["request"]["requestId"]
    [lost] = get(sent, "event", message_id="lost")["items"]
    assert (lost["outcome"], lost["request"]["status"], lost["request"]["fault"]) == (
        "accepted",
        None,
        "reset",
    )
    answer = sent.get("/_sandbox/event?message_id=nothing")
    assert answer.status_code == 404
    assert "nothing" in answer.json()["error"]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("no object", "not_an_object"),
        ({"type": "x", "userId": "u"}, "unknown_type"),
        ({"type": "track", "userId": "u", "event": "E", "messageId": "m" * 101}, "message_id_too_long"),
        ({"type": "identify"}, "no_user_anon_id"),
        ({"type": "alias", "previousId": "p"}, "missing_user_id"),
        ({"type": "alias", "userId": "u"}, "missing_previous_id"),
        ({"type": "track", "userId": "u"}, "missing_event"),
        ({"type": "group", "userId": "u"}, "missing_group_id"),
        ({"type": "identify", "userId": "gone"}, "suppressed_user"),
    ],
)
def test_each_reason_is_explained(
    http: httpx.Client, segment_sandbox: Sandbox, event: Any, reason: str
) -> None:
    segment_sandbox.state.suppressed.add("gone")
    send(http, event)
    [item] = get(http, "events", outcome=reason)["items"]
    assert item["outcome"] == reason
    assert get(http, "event", message_id=item["messageId"])["items"][0]["because"] == WHY_DROPPED[reason]


def test_the_reasons_of_protocols_are_explained() -> None:
    assert set(protocols.REASONS) < WHY_DROPPED.keys()


# --- requests, workspace, overview, code -----------------------------------------------------------------


def test_requests_are_filtered(http: httpx.Client, segment_sandbox: Sandbox) -> None:
    segment_sandbox.faults.add("status", status=503, next=1)
    assert http.post("/v1/track", json={}).status_code == 503
    send(http, ORDER)
    assert http.get("/sources").status_code == 401
    paths = [each["path"] for each in get(http, "requests")["items"]]
    assert paths == ["/v1/track", "/v1/batch", "/sources"]
    assert [each["path"] for each in get(http, "requests", newest=True, limit=2)["items"]] == paths[:0:-1]
    searches: list[tuple[dict[str, Any], list[str]]] = [
        ({"api": "public"}, ["/sources"]),
        ({"status": 200}, ["/v1/batch"]),
        ({"failed": True}, ["/v1/track", "/sources"]),
        ({"fault": "status"}, ["/v1/track"]),
        ({"path": "/v1"}, ["/v1/track", "/v1/batch"]),
        ({"path": "/v1", "newest": True, "offset": 1}, ["/v1/track"]),
    ]
    for query, expected in searches:
        assert [each["path"] for each in get(http, "requests", **query)["items"]] == expected, query
    id = segment_sandbox.requests[0]["requestId"]
    assert get(http, "requests", id=id)["items"] == [segment_sandbox.requests[0]]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("events", "type, event, user, source, text, outcome, limit, before"),
        ("requests", "id, api, path, status, fault, failed, newest, limit, offset"),
        ("accepted", "limit, offset"),
        ("dropped", "limit, offset"),
        ("workspace", "kind, id, text, limit"),
    ],
)
@pytest.mark.parametrize("query", ["usr=u1", "limit=-1", "limit=many"])
def test_a_wrong_parameter_is_told(http: httpx.Client, path: str, allowed: str, query: str) -> None:
    answer = http.get(f"/_sandbox/{path}?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(f"Parameters: {allowed}.")
    assert query.partition("=")[0] in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("events?outcome=lost", "outcome is one of accepted, dropped, rejected, duplicate"),
        ("events?before=x", "before"),
        ("requests?api=other", "api"),
        ("requests?status=999", "599"),
        ("workspace?kind=table", "kind"),
        ("event", "message_id"),
        ("overview?x=1", "It takes none."),
        ("snippets?x=1", "It takes none."),
    ],
)
def test_a_wrong_value_is_told(http: httpx.Client, path: str, told: str) -> None:
    answer = http.get(f"/_sandbox/{path}")
    assert answer.status_code == 400
    assert told in answer.json()["error"]


def items_of(http: httpx.Client, kind: str, **query: Any) -> list[dict[str, Any]]:
    [group] = get(http, "workspace", kind=kind, **query)
    return group["items"]


def test_the_workspace(http: httpx.Client, api: Api, segment_sandbox: Sandbox) -> None:
    [source] = items_of(http, "source")
    assert (source["id"], source["facts"]["writeKeys"]) == (Sandbox.source_id, [Sandbox.write_key])
    warehouse_types = segment_sandbox.state.collections["/catalog/warehouses"]
    settings = {"name": "Shop", "password": "a-secret-setting"}
    warehouse = api.id(
        "/warehouses", {"metadataId": next(iter(warehouse_types)), "settings": settings}, status=201
    )
    api("POST", f"/warehouses/{warehouse}/connected-sources/{source['id']}", status=201)
    plan = api.id("/tracking-plans", {"name": "Shop events", "type": "LIVE"})
    api("POST", f"/tracking-plans/{plan}/sources", {"sourceId": source["id"]})

    assert "links" not in source
    [source] = items_of(http, "source", id=source["id"])
    assert source["links"] == [
        {"kind": "warehouse", "id": warehouse},
        {"kind": "tracking-plan", "id": plan},
    ]
    [shop] = items_of(http, "warehouse", id=warehouse)
    assert (shop["name"], shop["links"]) == ("Shop", [{"kind": "source", "id": source["id"]}])
    assert [each["id"] for each in items_of(http, "warehouse", text="sho")] == [warehouse]
    assert items_of(http, "warehouse", text="other") == items_of(http, "warehouse", id="x") == []
    assert items_of(http, "source", id=source["id"], limit=0) == []
    assert "a-secret-setting" not in json.dumps(get(http, "workspace"))


def test_airflows_links_lead_to_what_there_is(http: httpx.Client) -> None:
    shown = {group["kind"] for group in get(http, "workspace")}
    assert {kind.in_sandbox for kind in KINDS if kind.in_sandbox} <= shown


def test_the_overview(sent: httpx.Client, segment_sandbox: Sandbox) -> None:
    segment_sandbox.faults.add("slow", api="public")
    segment_sandbox.freeze_clock()
    overview = get(sent, "overview")
    assert overview.items() >= segment_sandbox.summary.items()
    assert (overview["region"], overview["frozen"], overview["keepMb"]) == ("us", True, None)
    assert [fault["kind"] for fault in overview["faults"]] == ["slow"]


def test_the_code_to_copy_works(http: httpx.Client, segment_sandbox: Sandbox) -> None:
    code = {each["title"]: each["text"] for each in get(http, "snippets")}
    connection = re.search(r"'(.*)'", code["Airflow's connection"])
    assert connection
    assert json.loads(connection[1]) == segment_sandbox.connection
    exec(code["Python without Airflow"], {})
    subprocess.run(["sh", "-ec", code["A shell"]], check=True, capture_output=True)
    assert [event["event"] for event in segment_sandbox.accepted] == ["Order Completed"] * 2
    for title in ("A task", "A test"):
        compile(code[title], title, "exec")


# --- what is kept ----------------------------------------------------------------------------------------


def test_the_oldest_are_forgotten_but_counted() -> None:
    event = {**ORDER, "properties": {"filler": "x" * 1_000}}
    with Sandbox(keep_mb=1) as sandbox, httpx.Client(base_url=sandbox.url, timeout=600) as http:
        for n in range(40):
            send(http, *({**event, "messageId": f"m{n}-{k}"} for k in range(50)), NAMELESS)
        kept = [each["messageId"] for each in sandbox.accepted]
        assert 300 < len(kept) < 800
        assert kept[-1] == "m39-49"
        assert (sandbox.summary["accepted"], sandbox.summary["dropped"]) == (2_000, {"missing_event": 40})
        assert sandbox.summary["requests"] == 40

        overview = get(http, "overview")
        assert overview["keepMb"] == 1
        assert overview["forgotten"] == 2_040 - len(kept) - len(sandbox.dropped)
        answer = get(http, "events", limit=1)
        assert (answer["total"], answer["forgotten"]) == (2_040, overview["forgotten"])
        assert {each["name"]: each["accepted"] for each in answer["counts"]} == {
            "Order Completed": 2_000,
            "": 0,
        }
        assert len(get(http, "events", outcome="rejected", limit=1000)["items"]) == len(sandbox.dropped)

        now = sandbox.state.clock.now()
        window = {"startTime": iso(now - 3_000), "endTime": iso(now + 60), "granularity": "MINUTE"}
        with httpx.Client(**to_public_api(sandbox)) as client:
            volume = Api(client)("GET", "/events/volume", **window)["result"]
        assert [each["total"] for each in volume] == [2_000]
        send(http, {**event, "messageId": "m0-0"})
        assert sandbox.summary["duplicates"] == 1


def test_a_test_keeps_everything(segment_sandbox: Sandbox) -> None:
    assert segment_sandbox.state.keep_mb is None


def delivery_at(seconds: float) -> Delivery:
    return Delivery(received_at=seconds, source_id=Sandbox.source_id)


def test_names_that_are_all_different_do_not_fill_the_memory() -> None:
    totals = Totals()
    totals.add(delivery_at(0.0), [("track", f"Order {n}", None) for n in range(NAMES + 500)])
    assert len(totals.by_name) == NAMES + 1
    assert totals.by_name[Named("track", OTHER_NAMES, "accepted")] == 500
    assert sum(totals.by_name.values()) == NAMES + 500


def test_the_chart_of_a_long_time_is_coarser_and_true() -> None:
    totals = Totals()
    for n in range(20_000):
        totals.add(delivery_at(n * 10.0), [("track", "E", None)])
    times = list(totals.times())
    assert len(times) < 10_000
    assert sum(count for _, _, count in times) == 20_000
    assert max(times)[0] > 190_000
