"""Credentials and ids: the same in every sandbox, so that a connection stays valid when it starts again."""

from __future__ import annotations

from typing import Literal

Region = Literal["us", "eu"]

TOKEN = "sandbox-public-api-token"
PROFILE_TOKEN = "sandbox-profile-api-token"
WRITE_KEY = "sandbox-write-key"
OTHER_REGION_WRITE_KEY = "sandbox-other-region-write-key"
SOURCE_ID = "sandboxSource000000001"
SPACE_ID = "spa_sandboxSpace0001"
