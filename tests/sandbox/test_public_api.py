"""The sandbox's Public and Profile API, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import httpx
import pytest

from airflow_provider_segment.sandbox import Sandbox
from tests.harness.sandbox_api import Api

pytestmark = pytest.mark.usefixtures("frozen_clock")

SOURCE = {"slug": "shop", "enabled": True, "metadataId": "IqDTy1TpoU"}


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with Sandbox(region="eu") as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server: Sandbox) -> Sandbox:
    server.reset()
    return server


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    with httpx.Client(base_url=sandbox.url, headers=headers, timeout=600) as client:
        yield client


def create(http: httpx.Client, **changes: object) -> dict[str, object]:
    return http.post("/sources", json=SOURCE | changes).json()["data"]["source"]


def test_the_connection_leads_to_this_sandbox(sandbox: Sandbox) -> None:
    assert sandbox.connection == {
        "conn_type": "segment",
        "password": sandbox.token,
        "host": sandbox.url,
        "extra": {
            "region": "eu",
            "secret_write_key": sandbox.write_key,
            "profile_api_token": sandbox.profile_token,
        },
    }


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Bearer", "Basic sandbox-public-api-token"])
def test_without_the_token_it_is_401(sandbox: Sandbox, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}

    answer = httpx.get(f"{sandbox.url}/sources", headers=headers, timeout=600)

    assert answer.status_code == 401
    assert answer.json()["errors"][0]["type"] == "Unauthorized"


def test_the_workspace(http: httpx.Client) -> None:
    assert http.get("/").json()["data"]["workspace"].keys() == {"id", "slug", "name"}


def test_the_life_of_a_source(http: httpx.Client) -> None:
    created = http.post("/sources", json=SOURCE | {"settings": {"a": 1, "b": 2}})
    assert created.status_code == 201
    source = created.json()["data"]["source"]
    assert (source["slug"], source["enabled"], source["metadata"]["id"]) == ("shop", True, "IqDTy1TpoU")
    assert len(source["writeKeys"]) == 1
    path = f"/sources/{source['id']}"

    assert http.get(path).json()["data"] == {"source": source, "trackingPlanId": None}

    changes = {"name": "Shop", "enabled": False, "settings": {"b": 3, "a": None}}
    changed = http.patch(path, json=changes).json()["data"]["source"]
    assert changed == source | {"name": "Shop", "enabled": False, "settings": {"b": 3}}
    assert http.get(path).json()["data"]["source"] == changed
    assert http.patch(path, json={"settings": None}).json()["data"]["source"] == changed

    removed = http.delete(path)
    assert (removed.status_code, removed.json()) == (200, {"data": {"status": "SUCCESS"}})
    for method in ("GET", "PATCH", "DELETE"):
        answer = http.request(method, path)
        assert (answer.status_code, answer.json()["errors"][0]["type"]) == (404, "NotFound")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"enabled": True, "metadataId": "x"}, "slug"),
        (SOURCE | {"enabled": "yes"}, "enabled"),
        (SOURCE | {"settings": []}, "settings"),
    ],
)
def test_a_wrong_body_is_422_and_names_the_field(
    sandbox: Sandbox, http: httpx.Client, body: dict[str, object], field: str
) -> None:
    answer = http.post("/sources", json=body)

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["type"], error["field"]) == ("ValidationFailure", field)
    assert http.get("/sources").json()["data"]["pagination"]["totalEntries"] == 1


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"slug": "\xff"}'])
def test_a_body_that_is_not_a_json_object_is_400(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/sources", content=body)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["type"] == "bad-request"


def test_a_slug_that_is_taken_is_refused(http: httpx.Client) -> None:
    create(http)

    assert http.post("/sources", json=SOURCE).status_code == 400


PAGINATION = {
    "dotted": lambda count, cursor: {"pagination.count": count, "pagination.cursor": cursor},
    "brackets": lambda count, cursor: {"pagination[count]": count, "pagination[cursor]": cursor},
    "json": lambda count, cursor: {"pagination": f'{{"count": {count}, "cursor": "{cursor}"}}'},
}


@pytest.mark.parametrize("form", PAGINATION)
def test_a_list_comes_in_pages(http: httpx.Client, form: str) -> None:
    ids = [source["id"] for source in http.get("/sources").json()["data"]["sources"]]
    ids += [create(http, slug=f"s{n}")["id"] for n in range(6)]

    got, cursor, pages = [], "", []
    while cursor is not None:
        data = http.get("/sources", params=PAGINATION[form](3, cursor)).json()["data"]
        got += [source["id"] for source in data["sources"]]
        pages.append(data["pagination"])
        cursor = data["pagination"].get("next")

    assert got == ids
    assert len(pages) == 3
    assert "previous" not in pages[0]
    assert pages[1]["current"] == pages[0]["next"]
    assert pages[1]["previous"] == pages[0]["current"]
    assert {page["totalEntries"] for page in pages} == {7}


@pytest.mark.parametrize("query", ["pagination=1", "pagination=[1]", "pagination={"])
def test_a_pagination_that_is_no_object_is_422(http: httpx.Client, query: str) -> None:
    assert http.get(f"/sources?{query}").status_code == 422


def test_a_query_that_contradicts_itself_is_400(http: httpx.Client) -> None:
    assert http.get("/sources?pagination=1&pagination.count=1").status_code == 400


def test_a_page_holds_200_unless_asked_otherwise(sandbox: Sandbox, http: httpx.Client) -> None:
    (some,) = sandbox.state.collections["/sources"].values()
    sandbox.state.collections["/sources"] |= {f"id{n}": some | {"id": f"id{n}"} for n in range(1_200)}

    assert len(http.get("/sources").json()["data"]["sources"]) == 200
    assert len(http.get("/sources?pagination.count=1000").json()["data"]["sources"]) == 1_000


@pytest.mark.parametrize(
    "query", ["count=0", "count=1001", "count=x", "cursor=???", "cursor=bm90IGEgbnVtYmVy"]
)
def test_a_wrong_page_is_422(http: httpx.Client, query: str) -> None:
    assert http.get(f"/sources?pagination.{query}").status_code == 422


def test_a_write_key_works_from_its_creation_to_its_removal(sandbox: Sandbox, http: httpx.Client) -> None:
    source = create(http)
    old, new = http.post(f"/sources/{source['id']}/writekey").json()["data"]["source"]["writeKeys"]
    assert [old] == source["writeKeys"]

    def track(key: str) -> None:
        httpx.post(f"{sandbox.url}/v1/track", json={"userId": "u", "event": "E"}, auth=(key, ""), timeout=600)

    track(old)
    track(new)
    assert [event["projectId"] for event in sandbox.accepted] == [source["id"]] * 2

    assert http.delete(f"/sources/{source['id']}/writekey/{old}").json() == {"data": {"status": "SUCCESS"}}
    assert http.delete(f"/sources/{source['id']}/writekey/{old}").status_code == 404
    track(old)
    assert sandbox.summary["dropped"] == {"unknown_write_key": 1}
    assert old not in repr(sandbox.requests)


def test_there_is_one_space_and_none_can_be_made(http: httpx.Client) -> None:
    (space,) = http.get("/spaces").json()["data"]["spaces"]
    assert http.get(f"/spaces/{space['id']}").json()["data"]["space"] == space
    assert http.post("/spaces", json={"name": "x"}).status_code == 405


def test_an_unknown_path_is_404_in_the_envelope(http: httpx.Client) -> None:
    answer = http.get("/no-such-thing")

    assert answer.status_code == 404
    assert answer.json()["errors"][0]["type"] == "NotFound"


def test_an_encoded_slash_is_part_of_an_id(sandbox: Sandbox, http: httpx.Client) -> None:
    assert http.delete(f"/sources/x%2F..%2F{sandbox.source_id}").status_code == 404
    assert http.get(f"/sources/{sandbox.source_id}").status_code == 200


def test_each_answer_has_a_request_id_of_its_own(sandbox: Sandbox, http: httpx.Client) -> None:
    answers = [http.get("/"), http.get("/nothing"), http.post("/sources", content=b"{")]

    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert len(set(ids)) == 3
    assert [record["requestId"] for record in sandbox.requests] == ids


def test_a_rate_limit_counts_down_and_the_429_says_how_long_to_wait(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    assert "X-RateLimit-Remaining" not in http.get("/").headers

    sandbox.limit_rate(2, seconds=30)
    answers = [http.get("/"), http.get("/nothing/here"), http.get("/sources"), http.get("/sources")]

    assert [answer.status_code for answer in answers] == [200, 404, 200, 429]  # no operation, no count
    counts = [answers[n].headers["X-RateLimit-Remaining"] for n in (0, 2, 3)]
    assert counts == ["1", "0", "0"]
    (error,) = answers[3].json()["errors"]
    assert error["type"] == "RateLimited"
    assert 0 < error["data"]["msBeforeNext"] <= 30_000
    assert (error["data"]["remainingPoints"], error["data"]["consumedPoints"]) == (0, 3)
    assert parsedate_to_datetime(answers[3].headers["X-RateLimit-Reset"]).tzinfo is not None
    assert "Retry-After" not in answers[3].headers

    sandbox.advance_clock(30)
    assert http.get("/sources").status_code == 200


def test_the_rate_limit_is_switched_from_outside(http: httpx.Client) -> None:
    assert http.put("/_sandbox/rate_limit", json={"requests": 1, "seconds": 60}).status_code == 200
    assert [http.get("/").status_code for _ in range(2)] == [200, 429]
    assert http.delete("/_sandbox/rate_limit").status_code == 200
    assert http.get("/").status_code == 200


# --- Profile API --------------------------------------------------------------------------------

PROFILE = "/v1/spaces/spa_1/collections/users/profiles/user_id:u%2F1"


@pytest.fixture
def profiles(sandbox: Sandbox) -> Iterator[httpx.Client]:
    sandbox.profiles["spa_1", "users", "user_id:u/1"] = {
        "traits": {f"trait_{n}": n for n in range(12)},
        "events": [{"event": "Order Completed"}],
        "metadata": {"created_at": "2026-01-01T00:00:00Z"},
    }
    with httpx.Client(base_url=sandbox.url, auth=(sandbox.profile_token, ""), timeout=600) as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({"Content-Type": "application/vnd.segment.v1beta+json"}, 200),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({"Accept": "application/vnd.segment.v1alpha+json"}, 200),
        ({"Accept": "text/html, */*;q=0.1"}, 200),
        ({"Accept": "text/html"}, 406),
    ],
)
def test_media_types_are_checked(sandbox: Sandbox, headers: dict[str, str], status: int) -> None:
    headers = {"Authorization": f"Bearer {sandbox.token}", "Content-Type": "application/json", **headers}
    url = f"{sandbox.url}/sources/{sandbox.source_id}"
    assert httpx.patch(url, content=b'{"enabled": false}', headers=headers).status_code == status


def test_the_catalog_takes_another_entry(sandbox: Sandbox, api: Api) -> None:
    body = {"slug": "gate", "enabled": True, "metadataId": "newGate01"}
    api("POST", "/sources", body, status=404)
    sandbox.add_to_catalog("source", "newGate01", "The Gate", [("key", "password", True)])
    assert api("POST", "/sources", body, status=201)["source"]["metadata"]["slug"] == "the-gate"
    sandbox.add_to_catalog("destination", "newGate02", "Gate", actions="open close")
    assert len(api("GET", "/catalog/destinations/newGate02")["destinationMetadata"]["actions"]) == 2
    sandbox.add_to_catalog("warehouse", "newGate03", "Gate")
    assert api("GET", "/catalog/warehouses/newGate03")["warehouseMetadata"]["name"] == "Gate"


def test_a_profile_is_read_part_by_part(profiles: httpx.Client) -> None:
    assert profiles.get(f"{PROFILE}/events").json()["data"] == [{"event": "Order Completed"}]
    assert profiles.get(f"{PROFILE}/external_ids").json()["data"] == []
    assert profiles.get(f"{PROFILE}/metadata").json() == {"metadata": {"created_at": "2026-01-01T00:00:00Z"}}
    assert "Request-Id" in profiles.get(f"{PROFILE}/metadata").headers


def test_traits_come_in_pages_of_ten(profiles: httpx.Client) -> None:
    first = profiles.get(f"{PROFILE}/traits").json()
    assert (len(first["traits"]), first["cursor"]["has_more"]) == (10, True)

    second = profiles.get(f"{PROFILE}/traits", params={"next": first["cursor"]["next"]}).json()
    assert second["traits"] == {"trait_10": 10, "trait_11": 11}
    assert second["cursor"]["has_more"] is False

    assert len(profiles.get(f"{PROFILE}/traits?limit=200").json()["traits"]) == 12


def test_a_profile_that_is_not_there_is_404_and_a_wrong_token_401(
    sandbox: Sandbox, profiles: httpx.Client
) -> None:
    missing = profiles.get("/v1/spaces/spa_1/collections/users/profiles/user_id:nobody/traits")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    assert profiles.get(f"{PROFILE}/friends").status_code == 404

    for auth in (None, ("wrong", ""), (sandbox.token, "")):
        answer = httpx.get(f"{sandbox.url}{PROFILE}/traits", auth=auth, timeout=600)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "authentication_error")
