"""Sample events: one of each kind, with every field that Segment knows, and any number of random ones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

Event = dict[str, Any]

PHONE = {
    "app": {"name": "Shop", "version": "5.1.0", "build": "3.0.1.545"},
    "device": {"id": "B5372DB0", "manufacturer": "Acme", "type": "ios", "adTrackingEnabled": True},
    "network": {"wifi": True, "carrier": "Acme Mobile"},
}
BROWSER = {
    "ip": "203.0.113.7",
    "userAgent": "Mozilla/5.0",
    "locale": "de-DE",
    "library": {"name": "analytics.js", "version": "2.1"},
    "page": {
        "path": "/cart/",
        "referrer": "",
        "search": "?q=1",
        "title": "Cart",
        "url": "https://e.com/cart",
    },
    "traits": {"plan": "free"},
}
STORED = {  # the fields of an event that was exported from Segment
    "channel": "server",
    "integrations": {"All": True, "Mixpanel": False},
    "originalTimestamp": "2026-01-02T03:04:05.678Z",
    "receivedAt": "2026-01-02T03:04:06.000Z",
    "sentAt": "2026-01-02T03:04:05.999Z",
    "timestamp": "2026-01-02T03:04:05.111+02:00",
    "version": "1.1",
}
CART = {
    "currency": "EUR",
    "products": [{"sku": "a-1", "price": 18.99, "quantity": 2}, {"sku": "ü/2", "price": 0}],
    "coupon": None,
}
TWICE = {"messageId": "one-message", "anonymousId": "visitor", **STORED}

WITHOUT_ID: list[Event] = [
    {"type": "track", "event": "Button Clicked", "properties": {"features": ["discounts", "dark-mode"]}},
    {"type": "group", "groupId": "acme", "traits": {"name": "Acme", "employees": 329}},
    {"type": "page", "name": "Home", "context": BROWSER},
]
ONE_OF_EACH_KIND: list[Event] = [
    {"type": "track", "userId": "u1", "event": "Order Completed", "properties": CART},
    {"type": "track", "userId": "u1", "event": "Viewed", "context": {"groupId": "acme"}, "properties": {}},
    {"type": "track", "anonymousId": "visitor", "event": "App Opened", "context": PHONE},
    {"type": "track", "userId": "u1", "event": "Paid", "context": BROWSER, "properties": CART, **STORED},
    {"type": "track", "userId": "u1", "event": "Größe gewählt 👟", "properties": {"size": "42½"}},
    {"type": "identify", "userId": "u1", "traits": {"email": "u1@example.com", "age": 26, "tags": ["a"]}},
    {"type": "identify", "userId": "u1", "anonymousId": "visitor", "context": PHONE},
    {"type": "identify", "userId": "u1", "messageId": "ajs-1", "traits": {"address": {"city": "Köln"}}},
    {"type": "group", "userId": "u1", "groupId": "acme", "traits": {"plan": "enterprise"}},
    {"type": "page", "userId": "u1", "category": "Shop", "name": "Cart", "properties": {"url": "/cart"}},
    {"type": "screen", "anonymousId": "visitor", "name": "Cart", "context": PHONE},
    {"type": "alias", "userId": "u1", "previousId": "visitor", **STORED},
    {"type": "page", "userId": "u1", "name": "Docs", **TWICE},
    {"type": "track", "userId": "u1", "event": "Read", **TWICE},
]

REPOSITORIES = ("acme/shop", "acme/site", "acme/etl", "acme/Docs", "acme/q.a_-z")
WORDS = ("Fix", "the", "ETL,", 'a "quoted" word', "naïve", "日本語", "🚀", "\\n", "\t", "a" * 90, "<b>", "'s")
ZONES = tuple(timezone(timedelta(minutes=minutes)) for minutes in (0, 60, 120, -420, -240, 330))


def commits(count: int, *, without_author: int) -> Iterator[Event]:
    """The same pseudo-random commits every time; every `without_author`-th has no author."""
    chance = random.Random(8)
    for number in range(count):
        seconds, zone = chance.randrange(1_300_000_000, 1_780_000_000), chance.choice(ZONES)
        author = "" if number % without_author == 0 else f"u_{chance.randrange(2_500):04}"
        commit = {
            "repository": chance.choice(REPOSITORIES),
            "commit": f"{chance.getrandbits(160):040x}",
            "author": author,
            "authored_at": datetime.fromtimestamp(seconds, zone).isoformat(),
            "parents": str(chance.choice((0, 1, 1, 1, 2))),
            "subject": " ".join(chance.choices(WORDS, k=chance.randrange(1, 12))),
        }
        yield {
            "type": "track",
            "event": "Commit Authored",
            "userId": author,
            "timestamp": commit["authored_at"],
            "properties": commit,
        }
