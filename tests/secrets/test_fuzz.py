"""Any secret, in any form, that a server echoes."""

from __future__ import annotations

import base64
import json
import traceback

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.api.client import SegmentClient
from airflow_provider_segment.api.redaction import Scrubber
from airflow_provider_segment.api.secrets import SHORTEST, secrets_in
from airflow_provider_segment.api.settings import Settings
from airflow_provider_segment.errors import SegmentAPIError
from tests.harness.fake_clock import FakeClock
from tests.secrets.forms import FORMS

printable = st.characters(min_codepoint=33, max_codepoint=126)
credentials = st.text(printable, min_size=8, max_size=60)
settings = st.text(st.characters(exclude_categories=["Cs"]), min_size=11, max_size=60).filter(
    lambda text: not text.startswith("$.") and "•" not in text
)


@given(credentials, settings, st.sampled_from(list(FORMS)), st.text(max_size=20), st.text(max_size=20))
def test_errors(credential: str, setting: str, form: str, before: str, after: str) -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        said = [f"{before}{FORMS[form](secret)}{after}" for secret in (credential, setting)]
        errors = [
            {"type": one, "message": one, "field": "x" * 1900 + one, "data": {one: [one]}} for one in said
        ]
        return httpx.Response(400, json={"errors": errors}, headers={"X-Request-Id": ascii(said[0])})

    client = SegmentClient(
        Settings(public_api_token=credential, retries=0),
        transport=httpx.MockTransport(echo),
        clock=FakeClock(),
    )
    with pytest.raises(SegmentAPIError) as failure:
        client.request("POST", "/things", json={"settings": {"anything": [setting]}})
    error = failure.value
    text = f"{error}{error!r}{vars(error)}{''.join(traceback.format_exception_only(error))}"
    around = f"{before}{after}" + "Segment answered" + "***"
    for secret in (credential, setting):
        assert FORMS[form](secret) not in text or secret in around


@given(st.binary(max_size=7), credentials, st.binary(max_size=7))
def test_base64_of_any_text_around(before: bytes, secret: str, after: bytes) -> None:
    """At most the first and the last two characters are left of a secret."""
    whole = base64.b64encode(before + secret.encode() + after).decode()
    scrubbed = Scrubber([secret])(whole)
    assert "***" in scrubbed
    left = scrubbed.partition("***")[0]
    readable = base64.b64decode(left[: len(left) // 4 * 4])
    assert secret[:3].encode() not in readable[len(before) :]


names = st.text(st.sampled_from("abcdefghijklmnop"), min_size=1, max_size=8)
trees = st.recursive(
    settings | st.booleans() | st.none() | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names.map(lambda n: f"x{n}x"), inner, max_size=3)
    ),
    max_leaves=12,
)


def leaves(tree: object) -> list[str]:
    if isinstance(tree, dict):
        return [leaf for inner in tree.values() for leaf in leaves(inner)]
    if isinstance(tree, list):
        return [leaf for inner in tree for leaf in leaves(inner)]
    return [tree] if isinstance(tree, str) and len(tree) >= SHORTEST else []


@given(trees, st.booleans())
def test_every_leaf(tree: object, as_text: bool) -> None:
    found = set(
        secrets_in(json.dumps(tree) if as_text and isinstance(tree, (dict, list)) else tree, "settings")
    )
    assert set(leaves(tree)) <= found
