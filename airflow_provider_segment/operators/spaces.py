"""Spaces (Unify and Engage). Alpha."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import NotRequired, TypedDict

from airflow_provider_segment.api.resources import Resource
from airflow_provider_segment.tasks.declarative import Arg, path
from airflow_provider_segment.tasks.operation import ALPHA, SegmentListOperator, SegmentOperator


class MessagingKey(TypedDict):
    """A user's address on a channel."""

    key: str
    type: Literal["ANDROID_PUSH", "EMAIL", "IOS_PUSH", "SMS", "WHATSAPP"]


class MessagingGroup(TypedDict):
    """A subscription group, and whether the user is in it."""

    name: str
    status: Literal["DID_NOT_SUBSCRIBE", "SUBSCRIBED", "UNSUBSCRIBED"]


class MessagingSubscription(MessagingKey):
    """Whether a user receives messages on a channel."""

    status: NotRequired[Literal["DID_NOT_SUBSCRIBE", "SUBSCRIBED", "UNSUBSCRIBED"] | None]
    groups: NotRequired[list[MessagingGroup] | None]


class SegmentListSpacesOperator(SegmentListOperator):
    """Return all spaces of the workspace."""

    endpoint = "GET /spaces"
    media_type = ALPHA
    returns = "spaces"


class SegmentGetSpaceOperator(SegmentOperator):
    """Return a space."""

    endpoint = "GET /spaces/{spaceId}"
    media_type = ALPHA
    returns = "space"
    answers = Resource | None

    space_id: Arg[str] = path()


class SegmentReplaceMessagingSubscriptionsInSpacesOperator(SegmentOperator):
    """Set who receives messages on which channel; returns ``successes`` and ``failures``.

    Segment retired this with Engage Premier, after 15 December 2025.
    """

    endpoint = "PUT /spaces/{spaceId}/messaging-subscriptions"
    media_type = ALPHA
    answers = {"successes": list[dict[str, Any]], "failures": list[dict[str, Any]]}

    space_id: Arg[str] = path()
    subscriptions: Arg[list[MessagingSubscription]]


class SegmentBatchQueryMessagingSubscriptionsForSpaceOperator(SegmentOperator):
    """Return who receives messages on which channel: ``successes``, ``failures`` and ``errors``.

    Segment retired this with Engage Premier, after 15 December 2025.
    """

    endpoint = "POST /spaces/{spaceId}/messaging-subscriptions/batch"
    media_type = ALPHA
    answers = {
        "successes": list[dict[str, Any]],
        "failures": list[dict[str, Any]],
        "errors": list[dict[str, Any]],
    }

    space_id: Arg[str] = path()
    subscriptions: Arg[list[MessagingKey]]
