"""A base URL, which stands for all of Segment's hosts: a sandbox, proxy or private gateway."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

import httpx

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_ENDPOINT = re.compile(r"/v1(/(track|identify|page|screen|group|alias|batch|import|[tipsgab]))?$")


def read_base_url(value: str) -> str:
    """The base URL as it was given: a host or a URL. Without a scheme, it is an https URL.

    :raises ValueError: it is none; without the value, which may hold a password
    """
    text = value if "://" in value else f"https://{value}"
    if not text.isprintable() or set(text) & set(" \\"):
        raise ValueError("holds white space or other characters that no URL has")
    try:
        url = urlsplit(text)
        port = url.port
        if not re.fullmatch(r"(\[[^][]+\]|[^][:]+)(:\d*)?", url.netloc.rpartition("@")[2]):
            raise ValueError
    except ValueError:
        raise ValueError("is not an http or https URL, or its port is not a number up to 65535") from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("is not an http or https URL")
    if "@" in url.netloc:
        raise ValueError("holds user information, which would replace Segment's credential")
    if url.query or url.fragment or text[-1] in "?#":
        raise ValueError("holds a query or a fragment: a path is added to it")
    if port == 0 or not _is_host(url.hostname, bracketed=url.netloc.startswith("[")):
        raise ValueError("names no host and port to connect to")
    path = url.path.rstrip("/")
    if found := _ENDPOINT.search(path):
        raise ValueError(f"ends with {found[0]}, the path of an endpoint: give only what comes before it")
    return url.geturl()


def goes_in_clear_text(base_url: str) -> bool:
    """Whether requests to it leave this machine without encryption."""
    url = urlsplit(base_url)
    host = (url.hostname or "").removesuffix(".")
    if url.scheme != "http" or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True


def with_port(base_url: str, port: int) -> str:
    """A base URL with the port that Airflow keeps in a field of its own."""
    scheme, separator, rest = base_url.rpartition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host}:{port}{slash}{path}"


def _is_host(name: str, *, bracketed: bool) -> bool:
    try:
        if bracketed:
            return bool(IPv6Address(name))
        url = httpx.URL(scheme="https", host=name)
        # Some names can be written, but not be read again, which happens where proxies are chosen.
        ascii_name = url.raw_host.decode("ascii") if url.host else ""
    except (httpx.InvalidURL, ValueError):
        return False
    labels = ascii_name.removesuffix(".").split(".")
    return len(ascii_name) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
