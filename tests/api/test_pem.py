"""A private key as people paste, store and mount it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_segment.api.pem import read_private_key

KEY = "\n".join(
    (
        "-----BEGIN PRIVATE KEY-----",
        *(base64.b64encode(bytes(range(n, n + 48))).decode() for n in range(0, 144, 48)),
        "TWFu",
        "-----END PRIVATE KEY-----",
    )
)
"""No key, but written like one: whether it can sign is seen where it does."""


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"\n {KEY}\n\n",
        KEY.replace("\n", "\r\n"),
        KEY.replace("\n", " "),
        KEY.replace("\n", ""),
        KEY.replace("\n", "\\n"),
        KEY.replace("\n", "\\r\\n"),
        f"Bag Attributes\n  friendlyName: segment\n{KEY}",
        f"{KEY.replace('PRIVATE KEY', 'CERTIFICATE')}\n{KEY}",
    ],
)
def test_however_it_was_pasted_it_is_the_same_key(text: str) -> None:
    assert read_private_key(text) == KEY


@given(st.integers(1, 200), st.sampled_from([" ", "\n", "\t", "\r\n", "\\n"]))
def test_lines_of_any_length(length: int, between: str) -> None:
    begin, *content, end = KEY.split("\n")
    joined = "".join(content)
    lines = [joined[n : n + length] for n in range(0, len(joined), length)]
    assert read_private_key(between.join((begin, *lines, end))) == KEY


def test_a_key_of_the_older_format_stays_one() -> None:
    older = KEY.replace("PRIVATE KEY", "RSA PRIVATE KEY")
    assert read_private_key(older) == older


def test_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "segment.pem"
    file.write_text(KEY)
    assert read_private_key(str(file)) == KEY
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_private_key("~/segment.pem") == KEY


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("s3cr3t-and-no-pem", "neither a private key"),
        ("s3cr3t" * 10_000, "neither a private key"),
        ("s3cr3t\0", "neither a private key"),
        ("~nobody-here/s3cr3t", "neither a private key"),
        ("-----BEGIN PRIVATE KEY-----\ns3cr3t", "cut off"),
        (KEY.replace("PRIVATE KEY", "PUBLIC KEY"), "no private key but a public key"),
        (KEY.replace("PRIVATE KEY", "CERTIFICATE"), "no private key but a certificate"),
        (KEY.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), "encrypted"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\ns3cr3t\n"
            "-----END RSA PRIVATE KEY-----",
            "encrypted",
        ),
        ("-----BEGIN PRIVATE KEY-----\ns3cr3t!\n-----END PRIVATE KEY-----", "not base64"),
        ("-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----", "not base64"),
    ],
)
def test_what_is_none_is_said_without_it(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        read_private_key(text)
    assert "s3cr3t" not in str(caught.value) and KEY.split("\n")[1] not in str(caught.value)


def test_a_file_without_a_key(tmp_path: Path) -> None:
    file = tmp_path / "other.txt"
    file.write_text("s3cr3t")
    with pytest.raises(ValueError, match="holds no private key") as caught:
        read_private_key(str(file))
    assert "s3cr3t" not in str(caught.value)
    with pytest.raises(ValueError, match="neither"):
        read_private_key(str(tmp_path))
