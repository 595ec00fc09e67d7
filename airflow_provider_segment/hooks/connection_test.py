"""The check behind a connection's Test button: a finding on each credential."""

from __future__ import annotations

from airflow_provider_segment.api.client import SegmentClient
from airflow_provider_segment.api.redaction import write_keys_of
from airflow_provider_segment.api.regions import REGION_NAMES
from airflow_provider_segment.api.resources import Source
from airflow_provider_segment.errors import SegmentError


def check(client: SegmentClient) -> tuple[bool, str]:
    """Whether no credential is known to be wrong, and a finding on each.

    Segment has no endpoint that validates a write key without sending an event; with a Public API token the
    key is looked up among the sources. A Profile API token cannot be checked without a space.
    """
    settings = client.settings
    findings: list[str] = []
    well = True
    if settings.public_api_token is not None:
        try:
            shape = {"workspace": {"name": str}}
            workspace = client.request("GET", "/", shape=shape).data["workspace"]
            findings.append(f"Public API token: works for workspace {workspace['name']!r}")
        except SegmentError as error:
            well = False
            findings.append(f"Public API token: {error}")
    if settings.write_key is not None:
        known, finding = _find_source(client) if settings.public_api_token and well else (None, "")
        well = well and known is not False
        findings.append(f"write key: {finding or 'not checked: that needs a working Public API token'}")
    if settings.profile_api_token is not None:
        findings.append("Profile API token: not checked: that needs a space")
    if not findings:
        return False, "No credential: fill in a Public API token, a write key or a Profile API token."
    if settings.clear_text:
        findings.append(f"Warning: {settings.clear_text}")
    where = f" at {settings.base_url}" if settings.base_url else ""
    return well, f"Region {REGION_NAMES[settings.region]}{where}: {'; '.join(findings)}"


def _find_source(client: SegmentClient) -> tuple[bool | None, str]:
    assert client.settings.write_key is not None
    write_key = client.settings.write_key.get_secret_value()
    hidden = 0
    for source in client.paginate("/sources", key="sources", item=Source):
        keys = write_keys_of(source)
        if write_key in keys:
            state = "" if source.get("enabled", True) else ", which is disabled"
            return bool(source.get("enabled", True)), f"belongs to source {source.get('slug')!r}{state}"
        hidden += not keys
    if hidden:
        return None, f"not found; the token cannot see the write keys of {hidden} sources"
    return False, "belongs to no source of this workspace"
