"""What is wrong before a request is sent is one kind of error, which shows no secret; nothing is sent."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections import UserDict
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
import yarl
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment import errors
from airflow_provider_segment.api.base_urls import read_base_url
from airflow_provider_segment.api.client import AsyncSegmentClient, SegmentClient
from airflow_provider_segment.api.documents import MAX_NESTING, read, write
from airflow_provider_segment.api.paths import fill_path
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.hooks.segment import SegmentHook
from tests.harness.fake_clock import FakeClock
from tests.harness.scripted_api import ScriptedAPI

pytestmark = pytest.mark.core

SECRET = "the-very-secret-value"
HALF = "\ud83d"


def nested(levels: int, innermost: Any = SECRET) -> Any:
    for _ in range(levels):
        innermost = [innermost]
    return innermost


def circular() -> Any:
    document: dict[str, Any] = {"secret": SECRET}
    document["inner"] = document
    return document


def requests_of(method: Any, path: Any, **options: Any) -> tuple[int, str | None]:
    """Send it with both clients: the number of requests, and what the error says if there was one."""
    sent = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"data": {}})

    given = Settings(public_api_token="token")  # type: ignore[arg-type]
    said = set()
    for kind in (SegmentClient, AsyncSegmentClient):
        client: Any = kind(given, transport=httpx.MockTransport(handler), clock=FakeClock())
        try:
            answer = client.request(method, path, **options)
            if inspect.isawaitable(answer):
                asyncio.run(answer)  # type: ignore[arg-type]
            said.add(None)
        except errors.SegmentConfigurationError as error:
            assert error.__cause__ is None and (error.__suppress_context__ or error.__context__ is None)
            said.add(str(error))
        assert not client.retried
    (one,) = said
    return len(sent), one


WRONG_PATHS = [
    *(
        "",
        "sources",
        "//host/x",
        "https://host/x",
        "/a\nb",
        "/a\r\nX: y",
        "/a b",
        "/a\tb",
        "/a\x00b",
        "/a\x7fb",
    ),
    *(
        "/..",
        "/../x",
        "/a/../b",
        "/a/./b",
        "/a/%2e%2e/b",
        "/a/%2E./b",
        "/a?b=c",
        "/a#b",
        "/a\\b",
        "/ä",
        "/\u2028",
    ),
    *(f"/{HALF}", f"/{HALF}\ude00", None, 5, b"/a", ["/a"], "/" + "x" * 70_000, "/" + "x" * 10_000_000),
]


@pytest.mark.parametrize("path", WRONG_PATHS, ids=lambda path: ascii(path)[:30])
def test_a_path_that_leads_elsewhere_or_nowhere(path: Any) -> None:
    sent, said = requests_of("GET", path)
    assert sent == 0 and said and len(said) < 500


@pytest.mark.parametrize(
    "path", ["/", "/sources", "/sources/", "/a-b_c.~:@!$&'()*+,;=", "/a%2Fb%3F", "/x" * 2000]
)
def test_a_path_that_is_well(path: str) -> None:
    assert requests_of("GET", path) == (2, None)


@pytest.mark.parametrize("method", ["", "GET /x", "GET\r\n", "G\u0415T", None, 5, b"GET", HALF])
def test_a_method_that_is_none(method: Any) -> None:
    sent, said = requests_of(method, "/x")
    assert sent == 0 and said


WRONG_BODIES: list[tuple[Any, str]] = [
    ({"settings": {"list": [1, {SECRET}]}}, "settings.list[1] is of type set"),
    ({"a": object()}, "a is of type object"),
    ({"a": [SECRET.encode()]}, "a[0] is of type bytes"),
    ({"a": datetime(2026, 1, 2)}, "a is of type datetime"),
    ({"a": Decimal("1.5")}, "a is of type Decimal"),
    ({"a": UUID(int=0)}, "a is of type UUID"),
    ({"a": UserDict(secret=SECRET)}, "a is of type UserDict"),
    ({"a": math.nan}, "a is no finite number"),
    ({"a": [math.inf]}, "a[0] is no finite number"),
    ({"a": 10**5000}, "a is a number of more than"),
    ({"a": SECRET + HALF}, "a holds half of a character"),
    ({"a": {f"b{HALF}": SECRET}}, "a has a name that holds half of a character"),
    ({"a": {(1, 2): SECRET}}, "a has a name of type tuple"),
    ({"a": nested(1_000)}, f"nested more than {MAX_NESTING} levels"),
    ({"a": nested(100_000)}, f"nested more than {MAX_NESTING} levels"),
    ({"a": nested(MAX_NESTING)}, f"nested more than {MAX_NESTING} levels"),
    (circular(), f"nested more than {MAX_NESTING} levels"),
    (lambda: SECRET, "the document is of type function"),
    ((item for item in [SECRET]), "the document is of type generator"),
]


@pytest.mark.parametrize(("body", "said"), WRONG_BODIES, ids=[said for _, said in WRONG_BODIES])
def test_a_body_that_is_not_json(body: Any, said: str) -> None:
    sent, error = requests_of("POST", "/sources", json=body)
    assert sent == 0 and error and said in error
    assert SECRET not in error and len(error) < 500


def test_a_body_of_a_hundred_levels() -> None:
    assert requests_of("POST", "/sources", json=nested(MAX_NESTING)) == (2, None)


WRONG_QUERIES: list[Any] = [
    *([], "a=b", 5, {"a": {SECRET}}, {"a": SECRET.encode()}, {"a": math.nan}, {"a": [math.inf]}, {"a": HALF}),
    *({HALF: "a"}, {"a": object()}, {"a": nested(1_000)}, circular(), {"a": 10**5000}, {"a": "x" * 70_000}),
    {"a": ["x" * 100] * 10_000},
]


@pytest.mark.parametrize("query", WRONG_QUERIES, ids=range(len(WRONG_QUERIES)))
def test_a_query_that_cannot_be_written(query: Any) -> None:
    sent, said = requests_of("GET", "/sources", query=query)
    assert sent == 0 and said and SECRET not in said


def test_dates_in_a_query_are_iso_8601() -> None:
    from airflow_provider_segment.api.paths import query_pairs

    moment = datetime(2026, 1, 2, 3, tzinfo=timezone.utc)
    assert query_pairs({"startTime": moment}) == [("startTime", "2026-01-02T03:00:00+00:00")]


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"X-Y": f"{SECRET}\r\nX: y"}},
        {"headers": {"X-Y": SECRET + "ä"}},
        {"headers": {"X-Y": HALF}},
        {"headers": {"X\nY": SECRET}},
        {"headers": {"X Y": SECRET}},
        {"headers": {"": SECRET}},
        {"headers": {5: SECRET}},
        {"headers": {"X": 5}},
        {"headers": [SECRET]},
        {"media_type": "application/json\r\nX: y"},
        {"media_type": 5},
        {"api": "elsewhere"},
        {"api": None},
        {"api": ["public"]},
    ],
    ids=str,
)
def test_options_that_cannot_be_sent(options: dict[str, Any]) -> None:
    sent, said = requests_of("GET", "/sources", **options)
    assert sent == 0 and said and SECRET not in said


@pytest.mark.parametrize("value", [None, True, 1.5, b"s", ["s"], HALF, 10**5000], ids=range(7))
def test_an_id_that_is_none(value: Any) -> None:
    with pytest.raises(errors.SegmentConfigurationError, match="sourceId"):
        fill_path("/sources/{sourceId}", {"sourceId": value})


@pytest.mark.parametrize(
    "pages", [{"page_size": 0}, {"page_size": "5"}, {"page_size": True}, {"page_size": 1 << 40}]
)
@pytest.mark.parametrize("limit", [None, 1])
def test_pages_of_no_size(scripted_api: ScriptedAPI, pages: Any, limit: Any) -> None:
    with pytest.raises(errors.SegmentConfigurationError, match="page_size"):
        list(SegmentHook().paginate("/sources", **pages, limit=limit))


@pytest.mark.parametrize("path", WRONG_PATHS, ids=lambda path: ascii(path)[:30])
def test_the_hook_sends_nothing_either(scripted_api: ScriptedAPI, path: Any) -> None:
    hook = SegmentHook()
    for ask in (lambda: hook.request("GET", path), lambda: list(hook.paginate(path))):
        with pytest.raises(errors.SegmentConfigurationError):
            ask()
    assert not scripted_api.requests


# Whatever comes

TEXT = st.text(max_size=20) | st.text(st.characters(categories=["Cs", "Cc", "Lu", "Po"]), max_size=10)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.binary(max_size=3) | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXT | st.integers(), inner, max_size=3)
        | st.tuples(inner)
        | st.sets(st.integers(), max_size=1)
    ),
    max_leaves=10,
)


@given(
    method=st.sampled_from(["GET", "post", "PATCH"]) | TEXT,
    path=TEXT.map("/".__add__) | TEXT | VALUES,
    options=st.fixed_dictionaries(
        {},
        optional={
            "query": st.dictionaries(TEXT, VALUES, max_size=3) | VALUES,
            "json": VALUES,
            "headers": st.dictionaries(TEXT, TEXT, max_size=2) | VALUES,
            "media_type": TEXT | VALUES,
            "api": st.sampled_from(["public", "profile"]) | VALUES,
        },
    ),
)
def test_any_request_is_sent_or_refused(method: Any, path: Any, options: dict[str, Any]) -> None:
    settings = Settings(public_api_token="t", profile_api_token="p")  # type: ignore[arg-type]
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"data": {}}))
    client = SegmentClient(settings, transport=transport, clock=FakeClock())
    try:
        client.request(method, path, **options)
    except errors.SegmentConfigurationError as error:
        assert "Traceback" not in str(error)


@given(document=VALUES)
def test_any_document_is_written_or_named(document: Any) -> None:
    try:
        content = write(document)
    except ValueError as error:
        assert type(error) is ValueError and str(error)
    else:
        assert write(read(content)) == content


HOSTS = [
    *(
        "http://[",
        "http://[::1",
        "http://]",
        "http://::1",
        "http://[::1]x",
        "http://[zz]",
        "[v1.a]",
        "http://x:99999",
    ),
    *(
        "http://x:-1",
        "http://x:0",
        "http://x:port",
        "http://a b",
        "http://a\nb",
        "http://a\x00",
        "http://a..b",
        "http://.a",
    ),
    *(
        "http://-a",
        "http://a-",
        "http://a,b",
        "http://a%20b",
        "http://a;b",
        "http://" + "a" * 64,
        "http://" + "a." * 127 + "a",
    ),
    *(
        "http://\ud83d",
        "http://xn--a",
        "http://a\u2100b",
        "http://\u00ad",
        "http:///x",
        "http://",
        "://x",
        "ftp://x",
    ),
    *(
        "http://x?a=b",
        "http://x/#y",
        "http://x?",
        "http://x#",
        "http://x\\y",
        "user:secret@x",
        "http://@x",
    ),
    *("http://x/v1", "http://x/v1/batch", "http://x/v1/batch/", "x/v1/t", "http://x:80/gate/v1/track"),
    *("http://1.2.3.4.5..", "http://x/\u2028", "javascript:alert(1)", "http://x:80:80", "x:80:80", " ", "/"),
]


@pytest.mark.parametrize("base_url", HOSTS, ids=ascii)
def test_a_base_url_that_is_none(base_url: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_base_url(base_url)
    assert "secret" not in str(caught.value) and type(caught.value) is ValueError


@pytest.mark.parametrize(
    "base_url",
    [
        *(
            "http://127.0.0.1:8765",
            "https://gate.example.com/",
            "gate",
            "gate:8080",
            "my_gate.local",
            "http://[::1]:80",
        ),
        *(
            "https://gate/segment",
            "https://bücher.example",
            "HTTP://GATE",
            "http://gate./",
            "http://gate:8080/a/b/",
        ),
        *("https://xn--bcher-kva.example", "gate/v1/segment", "https://[fe80::1]"),
    ],
)
def test_a_base_url_that_is_one(base_url: str) -> None:
    assert httpx.URL(read_base_url(base_url)).host


@given(
    base_url=TEXT
    | TEXT.map("http://{}".format)
    | st.from_regex(r"https?://[^/]{1,20}(:\d+)?(/.{0,5})?", fullmatch=True)
)
def test_any_base_url_is_refused_or_can_be_connected_to(base_url: str) -> None:
    try:
        url = read_base_url(base_url)
    except ValueError as error:
        assert type(error) is ValueError
        return
    httpx.URL(url + "/sources").raw_host.decode().encode("idna")
    assert yarl.URL(str(httpx.URL(url + "/sources"))).host
