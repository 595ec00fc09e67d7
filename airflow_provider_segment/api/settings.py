"""A client's settings: region, credentials, timeouts and retries. They are checked here, once."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from airflow_provider_segment.api.base_urls import goes_in_clear_text, read_base_url
from airflow_provider_segment.api.pem import read_private_key
from airflow_provider_segment.api.regions import Api, Region, read_region

DEFAULT_TIMEOUT = 30.0
"""Seconds for each step of a request."""
STEPS = 3
"""A request has as many steps: connecting, sending, answering. All of it takes at most their time."""
LONGEST_TIMEOUT = 86_400.0
MOST_RETRIES = 1_000


class Settings(BaseModel):
    """Settings of a client. Null and blank count as not given; secrets are hidden when printed.

    :param region: of the workspace, ``us`` or ``eu``
    :param base_url: an origin that replaces all of Segment's hosts (sandbox, proxy, private gateway)
    :param public_api_token: token of the Public API
    :param write_key: write key of a source, for the Tracking API
    :param profile_api_token: access token of a space, for the Profile API
    :param oauth_app_id: of an OAuth app, whose tokens are sent with events, and used for the Public API where
        there is no token of its own
    :param oauth_key_id: of the app's public key
    :param oauth_private_key: its other half in PEM, or the path of a file that holds it
    :param workspace: the workspace's slug, for links to Segment's app
    :param timeout: seconds for each step of a request: connecting, sending, answering. All of it, however
        slowly it goes on, has three times as long
    :param retries: retries per request, instead of the defaults in ``retries.py``; waits that Segment asks
        for (429) do not count
    :param log_requests: log each request at INFO instead of DEBUG
    :param name: what messages call the connection
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    region: Region = "us"
    base_url: str | None = None
    public_api_token: SecretStr | None = None
    write_key: SecretStr | None = None
    profile_api_token: SecretStr | None = None
    oauth_app_id: str | None = None
    oauth_key_id: str | None = None
    oauth_private_key: SecretStr | None = None
    workspace: str | None = None
    timeout: Annotated[float, Field(gt=0, le=LONGEST_TIMEOUT, allow_inf_nan=False)] = DEFAULT_TIMEOUT
    retries: Annotated[int, Field(ge=0, le=MOST_RETRIES)] | None = None
    log_requests: bool = False
    name: str | None = None

    @property
    def deadline(self) -> float:
        """Seconds for all of a request."""
        return STEPS * self.timeout

    @property
    def clear_text(self) -> str | None:
        """Why anybody between here and the base URL can read the credentials; None if nobody can."""
        if self.base_url is None or not goes_in_clear_text(self.base_url):
            return None
        return (
            f"{self.base_url} is not encrypted: credentials and events go to it in clear text. Use https, "
            "unless it is on this machine"
        )

    def secret_of(self, api: Api) -> SecretStr | None:
        """The credential for one of Segment's APIs."""
        secrets: dict[Api, SecretStr | None] = {
            "public": self.public_api_token,
            "tracking": self.write_key,
            "profile": self.profile_api_token,
        }
        return secrets[api]

    def uses_oauth(self, api: Api) -> bool:
        """Whether requests to an API carry a token of the OAuth app."""
        if self.oauth_private_key is None:
            return False
        return api == "tracking" or (api == "public" and self.public_api_token is None)

    @property
    def secrets(self) -> list[str]:
        """All secrets that were given, to be masked in logs: whatever is a ``SecretStr``."""
        return [value.get_secret_value() for _, value in self if isinstance(value, SecretStr)]

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, values: dict[str, Any]) -> dict[str, Any]:
        # Airflow's form saves an explicit null, or an empty string, for each field left empty; a secret that
        # comes from a file often ends in a newline.
        stripped = {
            name: value.strip() if isinstance(value, str) else value for name, value in values.items()
        }
        return {name: value for name, value in stripped.items() if value is not None and value != ""}

    @field_validator("region", mode="before")
    @classmethod
    def _region_in_any_case(cls, value: Any) -> Any:
        return read_region(value)

    @field_validator("public_api_token", "write_key", "profile_api_token")
    @classmethod
    def _fit_for_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        secret = value.get_secret_value() if value else ""
        if not (secret.isascii() and secret.isprintable()):
            raise ValueError("contains characters that are not allowed in a token or key")
        return value

    @field_validator("oauth_app_id", "oauth_key_id")
    @classmethod
    def _an_id(cls, value: str | None) -> str | None:
        if value is not None and not (value.isascii() and value.isprintable() and " " not in value):
            raise ValueError("contains characters that no id has")
        return value

    @field_validator("oauth_private_key")
    @classmethod
    def _a_private_key(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else SecretStr(read_private_key(value.get_secret_value()))

    @model_validator(mode="after")
    def _oauth_is_whole(self) -> Settings:
        names = ("oauth_app_id", "oauth_key_id", "oauth_private_key")
        missing = [name for name in names if getattr(self, name) is None]
        if missing and len(missing) < len(names):
            raise ValueError(f"OAuth needs {', '.join(names)}; missing: {', '.join(missing)}")
        return self

    @field_validator("timeout", "retries", mode="before")
    @classmethod
    def _no_bool(cls, value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError("must be a number, not true or false")
        return value

    @field_validator("base_url")
    @classmethod
    def _an_origin(cls, value: str | None) -> str | None:
        return None if value is None else read_base_url(value)
