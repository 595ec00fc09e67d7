"""The check behind a connection's Test button: a finding on each credential."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_segment.api.client import SegmentClient
from airflow_provider_segment.api.redaction import write_keys_of
from airflow_provider_segment.api.regions import REGION_NAMES, SANDBOX_REGION, Api
from airflow_provider_segment.api.resources import Source
from airflow_provider_segment.api.tokens import SCOPES
from airflow_provider_segment.errors import SegmentError

if TYPE_CHECKING:
    from airflow_provider_segment.api.settings import Settings


@dataclass(frozen=True)
class Finding:
    """What is known of a part of the connection: a credential, the region, what it warns of."""

    subject: str
    text: str
    well: bool | None
    """Whether it works; None if that is not checked, or there is nothing to check."""

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


def check(client: SegmentClient) -> Iterator[Finding]:
    """The region, and a finding on each credential.

    Segment has no endpoint that validates a write key without sending an event; with a Public API token the
    key is looked up among the sources. A Profile API token cannot be checked without a space.
    """
    settings = client.settings
    yield where(settings)
    found = list(_credentials(client))
    yield from found
    if not found:
        wanted = "fill in a Public API token, a write key or a Profile API token."
        yield Finding("No credential", wanted, well=False)
    if settings.clear_text:
        yield Finding("Warning", settings.clear_text, well=None)


def where(settings: Settings) -> Finding:
    """The region that the requests go to."""
    at = f" at {settings.base_url}" if settings.base_url else ""
    return Finding("Region", f"{REGION_NAMES[settings.region]}{at}", well=None)


def is_well(findings: Sequence[Finding]) -> bool:
    """Whether nothing is known to be wrong."""
    return all(finding.well is not False for finding in findings)


def verdict(findings: Sequence[Finding]) -> str:
    """Whether the connection works, in a sentence."""
    wrong = [finding.subject for finding in findings if finding.well is False]
    if wrong:
        return f"Does not work: {', '.join(wrong)}."
    return "Works." if any(finding.well for finding in findings) else "Nothing is known to be wrong."


def as_text(findings: Sequence[Finding]) -> str:
    """The verdict, then a line for each finding, for the button."""
    return "\n".join((verdict(findings), *(f"{finding};" for finding in findings))).removesuffix(";")


def _credentials(client: SegmentClient) -> Iterator[Finding]:
    settings = client.settings
    works = False
    if settings.public_api_token is not None:
        token = _public_api(client, "Public API token")
        works = token.well is True
        yield token
    for api, granted in _tokens(client).items():
        if api == "public" and granted.well:
            granted = _public_api(client, granted.subject)
            works = granted.well is True
        yield granted
    if settings.write_key is not None:
        unknown = Finding("write key", "not checked: that needs access to the Public API", well=None)
        yield _write_key(client) if works else unknown
    elif settings.oauth_private_key is not None:
        wanted = "none: events need one with OAuth, too, unless a task names their source"
        yield Finding("write key", wanted, well=None)
    if settings.profile_api_token is not None:
        yield Finding("Profile API token", "not checked: that needs a space", well=None)


def _tokens(client: SegmentClient) -> dict[Api, Finding]:
    """Whether the OAuth app is granted a token for each API that would use one."""
    refusals: dict[Api, str] = {}
    used: list[Api] = [api for api in SCOPES if client.settings.uses_oauth(api)]
    for api in used:
        try:
            client.get_new_token(api)
        except SegmentError as error:
            refusals[api] = str(error)
    # An app need not have the scopes of both.
    refused = False if len(refusals) == len(used) else None
    return {
        api: Finding(
            f"OAuth {SCOPES[api]}", refusals.get(api, "token granted"), refused if api in refusals else True
        )
        for api in used
    }


def _public_api(client: SegmentClient, credential: str) -> Finding:
    try:
        answer = client.request("GET", "/", shape={"workspace": {"name": str}})
    except SegmentError as error:
        return Finding(credential, str(error), well=False)
    works, ours = f"works for workspace {answer.data['workspace']['name']!r}", client.settings.region
    # Segment's hosts differ by region, and refuse a token of the other one. A sandbox stands for all of them.
    theirs = answer.headers.get(SANDBOX_REGION, ours)
    if theirs != ours:
        return Finding(credential, f"{works}, a sandbox of the region {theirs}: set that region", well=False)
    return Finding(credential, works, well=True)


def _write_key(client: SegmentClient) -> Finding:
    assert client.settings.write_key is not None
    write_key = client.settings.write_key.get_secret_value()
    hidden = 0
    try:
        for source in client.paginate("/sources", key="sources", item=Source):
            keys = write_keys_of(source)
            if write_key in keys:
                enabled = bool(source.get("enabled", True))
                state = "" if enabled else ", which is disabled"
                return Finding("write key", f"belongs to source {source.get('slug')!r}{state}", well=enabled)
            hidden += not keys
    except SegmentError as error:
        return Finding("write key", f"not checked: {error}", well=None)
    if hidden:
        text = f"not found; the token cannot see the write keys of {hidden} sources"
        return Finding("write key", text, well=None)
    return Finding("write key", "belongs to no source of this workspace", well=False)
