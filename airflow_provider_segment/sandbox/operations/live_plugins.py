"""Live plugins: the code that a mobile source's devices fetch."""

from __future__ import annotations

from typing import Any

from airflow_provider_segment.sandbox.collection import Handler
from airflow_provider_segment.sandbox.operations.access import OWNER
from airflow_provider_segment.sandbox.public_api_errors import not_found
from airflow_provider_segment.sandbox.received_call import ReceivedCall, new_id
from airflow_provider_segment.sandbox.state import Item


def create_plugin(call: ReceivedCall) -> Any:
    """Creates it, or a new version of it."""
    source = call.item(f"/sources/{call.params['sourceId']}")
    code = call.valid_body({"code": str}, ("code",))["code"]
    known = call.single(f"/sources/{source['id']}/live-plugins", {})
    version = known.get("version", 0) + 1
    known |= {
        "id": known.get("id") or new_id(),
        "sourceId": source["id"],
        "createdAt": call.now(),
        "createdBy": OWNER["id"],
        "downloadURL": f"https://example.com/live-plugins/{source['id']}/{version}.js",
        "version": version,
        "code": code,
    }
    return {"livePlugin": known}


def plugin_of(call: ReceivedCall) -> Item:
    plugin = call.single(f"/sources/{call.params['sourceId']}/live-plugins", {})
    if not plugin.get("code"):
        raise not_found("The source has no live plugin.")
    return plugin


def delete_plugin(call: ReceivedCall) -> Any:
    plugin_of(call)["code"] = None  # its next version goes on counting
    return {"status": "SUCCESS"}


PLUGINS = "/sources/{sourceId}/live-plugins"
SPECIAL: dict[str, Handler] = {
    f"POST {PLUGINS}/create": create_plugin,
    f"GET {PLUGINS}/latest": lambda call: {"livePlugin": plugin_of(call)},
    f"DELETE {PLUGINS}/delete-code": delete_plugin,
}
