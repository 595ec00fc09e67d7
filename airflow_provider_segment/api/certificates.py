"""Which certificates are trusted, as the environment says, and what is wrong with one that is not."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache

import httpx

from airflow_provider_segment.errors import SegmentConfigurationError

VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Environment variables that name a file or folder of certificates to trust instead of the usual ones: those
of OpenSSL, requests and curl. All that are set count."""


def ssl_context() -> ssl.SSLContext:
    """The SSL context with the trusted certificates.

    :raises SegmentConfigurationError: a variable of the environment names no certificates
    """
    # Many machines have the same file in several variables.
    named = {path: name for name in reversed(VARIABLES) if (path := os.environ.get(name))}
    return _context(tuple((name, path) for path, name in named.items()))


# Reading the certificates takes some 20 ms; clients come and go with every task and sensor poke.
@lru_cache(maxsize=4)
def _context(named: tuple[tuple[str, str], ...]) -> ssl.SSLContext:
    if not named:
        return httpx.create_ssl_context(trust_env=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name, path in named:
        for part in path.split(os.pathsep) if name == "SSL_CERT_DIR" else [path]:
            folder = os.path.isdir(part)
            try:
                context.load_verify_locations(
                    cafile=None if folder else part, capath=part if folder else None
                )
            except (OSError, ValueError) as error:
                raise SegmentConfigurationError(
                    f"{name} names no certificates that can be read: {part!r}"
                ) from error
    return context


REASONS = {
    10: "has expired",
    9: "is not valid yet",
    62: "is one of another host",
    64: "is one of another host",
}
"""OpenSSL's codes of what is wrong with a certificate; any other means that it is not trusted."""

NO_TLS = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}


def fault_of_certificate(error: BaseException) -> str | None:
    """What is wrong with the server's certificate, and what to do, if that is why a connection failed.

    Time does not mend it.
    """
    seen: BaseException | None = error
    while seen is not None:
        # aiohttp wraps OpenSSL's errors in some that are errors of OpenSSL, too, but say nothing.
        if (code := getattr(seen, "verify_code", None)) is not None:
            return (
                f"the server's certificate {REASONS.get(code, 'is not trusted')} "
                f"({getattr(seen, 'verify_message', '')}). Check the base URL and the clock; if a proxy or "
                f"gateway with a certificate of its own is on the way, name the file of the certificates to "
                f"trust in {VARIABLES[0]}."
            )
        if isinstance(seen, ssl.SSLError) and getattr(seen, "reason", None) in NO_TLS:
            return "the server does not speak TLS. Should the base URL of the connection start with http://?"
        seen = seen.__cause__ or seen.__context__
    return None
