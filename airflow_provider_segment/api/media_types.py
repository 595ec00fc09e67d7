"""The versions of the Public API's operations, as media types."""

from __future__ import annotations

STABLE = "application/vnd.segment.v1+json"
BETA = "application/vnd.segment.v1beta+json"
ALPHA = "application/vnd.segment.v1alpha+json"
