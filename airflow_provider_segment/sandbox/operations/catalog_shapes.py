"""The shapes of catalog entries: what all have in common is filled in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from airflow_provider_segment.sandbox.state import Item

Option = tuple[str, str, bool]  # name, type, required


def entry(id: str, slug: str, name: str, options: Iterable[Option] = ()) -> Item:
    return {
        "id": id,
        "slug": slug,
        "name": name,
        "description": f"{name}, as far as the sandbox knows it.",
        "logos": {
            "default": f"https://example.com/logos/{slug}.svg",
            "mark": f"https://example.com/logos/{slug}-mark.svg",
            "alt": f"https://example.com/logos/{slug}-alt.svg",
        },
        "options": [
            {
                "name": option,
                "type": type,
                "defaultValue": "",
                "description": f"{option} of {name}.",
                "required": required,
                "label": option,
            }
            for option, type, required in options
        ],
    }


def source(id: str, slug: str, name: str, category: str, *options: Option, cloud: bool = False) -> Item:
    return {
        **entry(id, slug, name, options),
        "categories": [category],
        "isCloudEventSource": cloud,
        "status": "PUBLIC",
        "partnerOwned": False,
    }


def destination(
    id: str, slug: str, name: str, category: str, options: Iterable[Option] = (), actions: str = ""
) -> Item:
    """Without actions it is a classic one, of which a source may have only one."""
    instances = "MULTIPLE" if actions else "SINGLE"
    methods = dict.fromkeys(("pageview", "identify", "alias", "track", "group"), True)
    return {
        **entry(id, slug, name, options),
        "status": "PUBLIC",
        "previousNames": [name],
        "categories": [category],
        "website": f"https://example.com/{slug}",
        "components": [{"type": "SERVER", "code": f"https://example.com/{slug}.js", "owner": "SEGMENT"}],
        "supportedFeatures": {
            "cloudModeInstances": instances,
            "deviceModeInstances": "NONE",
            "replay": False,
            "browserUnbundling": False,
            "browserUnbundlingPublic": False,
        },
        "supportedMethods": methods,
        "supportedPlatforms": {"browser": False, "server": True, "mobile": False, "warehouse": bool(actions)},
        "actions": [action(id, each) for each in actions.split()],
        "presets": [],
        "contacts": [],
        "partnerOwned": False,
        "supportedRegions": ["us-west-2", "eu-west-1"],
        "regionEndpoints": ["US", "EU"],
        "multiInstanceSupportedVersion": "4.0",
    }


def action(destination_id: str, slug: str) -> Item:
    id = hashlib.sha256(f"{destination_id}/{slug}".encode()).hexdigest()[:22]
    words = re.sub(r"([A-Z])", r" \1", slug).capitalize()
    trigger = 'type = "identify"' if "dentify" in slug or "pdate" in slug else 'type = "track"'
    return {
        "id": id,
        "slug": slug,
        "name": words,
        "description": f"{words}.",
        "platform": "CLOUD",
        "hidden": False,
        "defaultTrigger": trigger,
        "fields": [
            field(id, 0, "user_id", "STRING", "$.userId"),
            field(id, 1, "properties", "OBJECT", "$.properties"),
        ],
    }


def field(action_id: str, order: int, key: str, type: str, default: str) -> Item:
    return {
        "id": f"{action_id[:16]}{order:06}",
        "sortOrder": order,
        "fieldKey": key,
        "label": key,
        "type": type,
        "description": f"{key} of the event.",
        "placeholder": "",
        "defaultValue": {"@path": default},
        "required": False,
        "multiple": False,
        "choices": None,
        "dynamic": False,
        "allowNull": False,
        "hidden": False,
    }
