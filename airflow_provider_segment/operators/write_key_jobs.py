"""Jobs of write keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, conf

from airflow_provider_segment.api.clock import Clock
from airflow_provider_segment.api.media_types import ALPHA
from airflow_provider_segment.api.resources import Source
from airflow_provider_segment.tasks.base import SegmentBaseOperator
from airflow_provider_segment.tasks.declarative import Arg, option
from airflow_provider_segment.tasks.memory import Memory

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

OLD_KEYS, HANDED_OVER = "old_write_keys", "write_key_handed_over"
"""Names of notes, which hold fingerprints of write keys, never the keys."""


class SegmentRotateWriteKeyOperator(SegmentBaseOperator):
    """Replaces a source's write keys: creates one, hands it over, removes the old ones after a grace period.

    The new key is passed only to ``hand_over``, and masked in logs. If that fails, the new key is removed and
    the old ones stay. A retry continues where the last try stopped (Airflow 3.3 and later); on earlier
    versions it creates another key, and removes all that existed before.

    Returns the source's id and the last four characters of the new key.

    :param source_id: the source; the token needs Source Admin access to it
    :param hand_over: called with the new key and the task's context; stores the key where its users find it
    :param grace: how long both keys are valid
    :param deferrable: wait for the end of the grace period in the triggerer
    """

    source_id: Arg[str]
    hand_over: Callable[[str, Any], Any] = option(templated=False)
    grace: timedelta = option(default=timedelta(hours=1), templated=False)
    deferrable: Arg[bool] = conf.getboolean("operators", "default_deferrable", fallback=False)

    def perform(self, arguments: dict[str, Any], context: Context) -> Any:
        """Create the new key, hand it over, wait."""
        source_id, grace = arguments["source_id"], arguments["grace"]
        memory = Memory(context)
        keys, old = self._keys(source_id), memory.get(OLD_KEYS)
        new = [] if old is None else [key for key in keys if fingerprint(key) not in old]
        if old is None or not new:
            old = [fingerprint(key) for key in keys]
            with memory.before_request(**{OLD_KEYS: old, HANDED_OVER: None}):
                keys = self._make_key(source_id)
            new = [key for key in keys if fingerprint(key) not in old]
        if len(new) != 1:
            raise AirflowFailException(f"source {source_id} has {len(new)} new write keys instead of one")
        if not memory.get(HANDED_OVER):
            try:
                arguments["hand_over"](new[0], context)
            except Exception:
                self._remove(source_id, new[0])
                raise
            self.log.info("New write key •••%s of source %s was handed over", new[0][-4:], source_id)
            memory.note(**{HANDED_OVER: True})
        if arguments["deferrable"] and grace:
            from airflow_provider_segment.waiting.condition import Later

            self.defer_until(
                Later(moment=Clock().now() + grace, result=old),
                poll_interval=min(60.0, grace.total_seconds()),
                max_poll_failures=0,
                timeout=grace.total_seconds() * 2 + 60,
            )
        Clock().sleep(grace.total_seconds())
        return self._finish(source_id, old)

    def resume(self, context: Context, event: Any = None) -> Any:
        """Remove the old keys."""
        from airflow_provider_segment.triggers.segment import read_event

        verdict, arguments = read_event(event), self.arguments()
        if verdict.state != "done":
            raise AirflowException(verdict.message)
        return self.finish(arguments, self._finish(arguments["source_id"], verdict.result), context)

    def _finish(self, source_id: str, old: list[str]) -> dict[str, str]:
        keys = self._keys(source_id)
        kept = [key for key in keys if fingerprint(key) not in old]
        if not kept:
            raise AirflowFailException(f"source {source_id} no longer has the new write key; old ones stay")
        for key in keys:
            if fingerprint(key) in old:
                self._remove(source_id, key)
                self.log.info("Old write key •••%s of source %s was removed", key[-4:], source_id)
        return {"source_id": source_id, "write_key": f"•••{kept[-1][-4:]}"}

    def _keys(self, source_id: str) -> list[str]:
        from airflow_provider_segment.errors import SegmentConfigurationError

        try:
            return self.hook.get_write_keys(source_id)
        except SegmentConfigurationError as error:
            raise AirflowFailException(str(error)) from error

    def _make_key(self, source_id: str) -> list[str]:
        from airflow_provider_segment.api.paths import fill_path

        path = fill_path("/sources/{id}/writekey", {"id": source_id})
        answer = self.hook.request("POST", path, media_type=ALPHA, shape={"source": Source})
        return self.hook.visible_write_keys(answer.data["source"])

    def _remove(self, source_id: str, key: str) -> None:
        from airflow_provider_segment.api.paths import fill_path
        from airflow_provider_segment.errors import SegmentNotFoundError

        path = fill_path("/sources/{id}/writekey/{key}", {"id": source_id, "key": key})
        try:
            self.hook.request("DELETE", path, media_type=ALPHA, shape={"status": str})
        except SegmentNotFoundError as error:
            if not error.repeated:  # otherwise it was removed, and the answer lost
                raise


def fingerprint(key: str) -> str:
    """Identifies a key without revealing it."""
    return blake2b(key.encode(), digest_size=8).hexdigest()
