"""Credentials that warehouses and sources share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_segment.tasks.creation import SegmentCreateOperator
from airflow_provider_segment.tasks.declarative import NOT_GIVEN, Arg, path
from airflow_provider_segment.tasks.operation import (
    SegmentDeleteOperator,
    SegmentListOperator,
    SegmentOperator,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class SegmentListCredentialsOperator(SegmentListOperator):
    """Return all stored credentials, their secrets masked."""

    endpoint = "GET /credentials"
    returns = "credentials"


class SegmentGetCredentialOperator(SegmentOperator):
    """Return a credential, its secrets masked."""

    endpoint = "GET /credentials/{credentialId}"
    returns = "credential"

    credential_id: Arg[str] = path()


class SegmentUpdateCredentialOperator(SegmentOperator):
    """Change a credential, immediately for everything that uses it."""

    endpoint = "PATCH /credentials/{credentialId}"
    returns = "credential"
    secrets = ("settings",)

    credential_id: Arg[str] = path()
    name: Arg[str | None] = NOT_GIVEN
    settings: Arg[dict[str, Any] | None] = NOT_GIVEN


class SegmentCreateCredentialOperator(SegmentCreateOperator):
    """Store a credential for warehouses and sources to use."""

    endpoint = "POST /credentials"
    returns = "credential"
    secrets = ("settings",)
    natural_key = ("name",)
    listed_by = SegmentListCredentialsOperator
    updated_by = SegmentUpdateCredentialOperator
    merged = ("settings",)
    set_at_creation = ("settings.type",)

    name: Arg[str]
    settings: Arg[dict[str, Any]]


class SegmentDeleteCredentialOperator(SegmentDeleteOperator):
    """Delete a credential.

    Segment refuses (409) while a warehouse or source uses it, even a disabled one.
    """

    endpoint = "DELETE /credentials/{credentialId}"

    credential_id: Arg[str] = path()


class SegmentListCredentialConsumersOperator(SegmentListOperator):
    """Return what uses a credential: ``{"warehouses": [...], "sources": [...]}``.

    Segment pages the two lists separately; ``limit`` applies to each. With ``to_path``, each line is
    ``{"warehouses": {...}}`` or ``{"sources": {...}}``.
    """

    endpoint = "GET /credentials/{credentialId}/consumers"

    credential_id: Arg[str] = path()

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Request one list, then the other."""
        walks = {key: self.walk(arguments, key, f"{key}Pagination") for key in ("warehouses", "sources")}
        if arguments["to_path"] is not None:
            pages = ((key, page) for key, walk in walks.items() for _, page in walk)
            return self.save(arguments, ([{key: item} for item in page] for key, page in pages))
        found = {key: [item for _, page in walk for item in page] for key, walk in walks.items()}
        return self.filtered(arguments, found)
