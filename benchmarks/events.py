"""A night of a shop's events as JSONL: what the benchmarks send."""

from __future__ import annotations

import json
import os
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.environment import CACHE

SEED = 20261119
NIGHT = datetime(2026, 11, 19, tzinfo=timezone.utc)
NIGHT_MS = 24 * 60 * 60 * 1000

FIRST_NAMES = ("Ana", "Björn", "Chloé", "David", "Elif", "Farid", "Grace", "Hiro", "Zoë", "太郎")
LAST_NAMES = ("Müller", "Smith", "Okafor", "García", "Nguyen", "Novák", "Rossi", "Haddad", "Kim", "Ito")
THINGS = ("Kettle", "Lamp", "Blanket", "Notebook", "Backpack", "Teapot", "Speaker", "Chair", "Candle", "Mug")
COLOURS = ("red", "green", "black", "white", "walnut", "steel", "navy", "sand")
PATHS = ("/", "/sale", "/kitchen", "/kitchen/teapots", "/office", "/office/chairs", "/cart", "/checkout")
PLANS = ("free", "plus", "business")
BROWSERS = (
    "(Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15",
    "(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "(Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537",
)


def event_file(count: int) -> Path:
    """Path of a file of `count` events, one a line; written on first use, the same on every machine."""
    path = CACHE / f"events-{count}.jsonl"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".tmp")
        with unfinished.open("w", encoding="utf-8") as file:
            rng = random.Random(SEED)
            for number in range(count):
                event = make_event(rng, number, count)
                file.write(json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n")
        os.replace(unfinished, path)
    return path


def make_event(rng: random.Random, number: int, count: int) -> dict[str, Any]:
    """Event `number` of `count`: about 600 bytes, no messageId, and a timestamp that no other event has."""
    kind = rng.choices((order_completed, product_viewed, page, identify), weights=(45, 35, 12, 8))[0]
    step = NIGHT_MS // count
    moment = NIGHT + timedelta(milliseconds=number * step + rng.randrange(step))
    return {
        **kind(rng, number),
        "userId": f"user-{rng.randrange(10**6):06}",
        "anonymousId": str(UUID(int=rng.getrandbits(128), version=4)),
        "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "context": context(rng),
    }


def order_completed(rng: random.Random, number: int) -> dict[str, Any]:
    products = [product(rng) for _ in range(rng.randint(1, 3))]
    return {
        "type": "track",
        "event": "Order Completed",
        "properties": {
            "order_id": f"order-{number:08}",
            "total": round(sum(p["price"] * p["quantity"] for p in products), 2),
            "currency": rng.choice(("USD", "EUR", "GBP")),
            "coupon": rng.choice((None, None, None, "WINTER10")),
            "products": products,
        },
    }


def product_viewed(rng: random.Random, number: int) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Product Viewed",
        "properties": {
            **product(rng),
            "position": rng.randint(1, 40),
            "list": rng.choice(("search", "category", "recommended", "recently viewed")),
            "in_stock": rng.random() < 0.9,
            "url": f"https://shop.example.com{rng.choice(PATHS)}?ref=newsletter&view={number}",
        },
    }


def page(rng: random.Random, number: int) -> dict[str, Any]:
    path = rng.choice(PATHS)
    return {
        "type": "page",
        "name": rng.choice(("Home", "Category", "Cart", "Checkout")),
        "properties": {
            "path": path,
            "url": f"https://shop.example.com{path}?session={rng.getrandbits(64):016x}",
            "referrer": "https://search.example.com/",
            "title": f"{rng.choice(COLOURS).title()} {rng.choice(THINGS)}s | Example Shop",
        },
    }


def identify(rng: random.Random, number: int) -> dict[str, Any]:
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    return {
        "type": "identify",
        "traits": {
            "firstName": first,
            "lastName": last,
            "email": f"customer{number}@example.com",
            "plan": rng.choice(PLANS),
            "orders": rng.randrange(80),
            "lifetime_value": round(rng.random() * 4000, 2),
            "address": {"city": rng.choice(("Berlin", "São Paulo", "Osaka", "Lagos")), "postalCode": "10115"},
        },
    }


def product(rng: random.Random) -> dict[str, Any]:
    colour, thing = rng.choice(COLOURS), rng.choice(THINGS)
    return {
        "product_id": f"{rng.getrandbits(32):08x}",
        "name": f"{colour.title()} {thing}",
        "category": f"{thing.lower()}s",
        "price": round(rng.random() * 200, 2),
        "quantity": rng.randint(1, 4),
    }


def context(rng: random.Random) -> dict[str, Any]:
    return {
        "ip": f"203.0.113.{rng.randrange(256)}",
        "locale": rng.choice(("en-US", "de-DE", "pt-BR", "ja-JP")),
        "timezone": "Europe/Berlin",
        "userAgent": f"Mozilla/5.0 {rng.choice(BROWSERS)}",
    }
