"""Where a sign-in is found, what is taken off it, and what is said of one that cannot be sent."""

import json
import re
from pathlib import Path

import pytest

from common.errors import UserError
from kernels.kaggle.credentials import find_credentials

TOKEN = "_".join(("KGAT", "0123456789abcdef" * 2))
KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
STORED = {"username": "alice", "key": KEY}
LOGIN = {"refresh_token": "r", "access_token": TOKEN, "username": "alice"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without any sign-in; return its ``.kaggle``."""
    for name in ("API_TOKEN", "USERNAME", "KEY", "CONFIG_DIR"):
        monkeypatch.delenv(f"KAGGLE_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kaggle").mkdir()
    return tmp_path / ".kaggle"


def as_json(value: object, encoding: str = "utf-8") -> bytes:
    return json.dumps(value).encode(encoding)


@pytest.mark.parametrize("text", [f"{TOKEN}\r\n", f' "{TOKEN}" ', f"\ufeff{TOKEN}", f"'{TOKEN}'\n"])
def test_what_surrounds_a_token_or_a_key_is_taken_off(
    text: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", text)
    assert find_credentials().token == TOKEN
    assert find_credentials().source == "KAGGLE_API_TOKEN"
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv("KAGGLE_USERNAME", "alice\n")
    monkeypatch.setenv("KAGGLE_KEY", text)
    found = find_credentials()
    assert (found.username, found.key, found.source) == ("alice", TOKEN, "KAGGLE_KEY")
    assert TOKEN not in repr(found)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["access_token", "access_token.txt", "mine"])
def test_a_file_is_read_as_editors_and_powershell_write_it(
    name: str, encoding: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / name).write_bytes(f"{TOKEN}\r\n".encode(encoding))
    if name == "mine":
        monkeypatch.setenv("KAGGLE_API_TOKEN", str(home / name))
    assert find_credentials().token == TOKEN
    (home / name).unlink()
    monkeypatch.delenv("KAGGLE_API_TOKEN", raising=False)
    (home / "kaggle.json").write_bytes(as_json({**STORED, "key": f"{KEY}\n"}, encoding))
    assert find_credentials().key == KEY
    monkeypatch.setenv("KAGGLE_KEY", "")  # an empty variable is none
    assert find_credentials().source == str(home / "kaggle.json")
    (home / "kaggle.json").write_bytes(as_json({"path": "/data"}, encoding))  # other settings
    (home / "credentials.json").write_bytes(as_json(LOGIN, encoding))
    assert (find_credentials().token, find_credentials().stored) == (TOKEN, LOGIN)


@pytest.mark.parametrize("text", [f"{TOKEN} more", f"{TOKEN[:9]}\n{TOKEN[9:]}", f"{TOKEN}€", "{}",
                                  TOKEN * 300, "\x00\x01"])  # fmt: skip
@pytest.mark.parametrize("source", ["KAGGLE_API_TOKEN", "KAGGLE_KEY", "access_token"])
def test_what_no_header_can_carry_is_named_and_not_shown(
    source: str, text: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = text.replace("\0", "")
    monkeypatch.setenv("KAGGLE_USERNAME", "alice")
    if source.isupper():
        monkeypatch.setenv(source, text)
    else:
        (home / source).write_text(text)
    with pytest.raises(UserError) as caught:
        find_credentials()
    said = str(caught.value)
    assert re.search(rf"{source} (holds|has) .* https://www.kaggle.com/settings$", said)
    assert len(said) < 250
    assert text == "{}" or text[:9] not in said


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("access_token", b"\xff\xe9", "is not text in UTF-8: write it again"),
        ("access_token", b"\r\n", r"no Kaggle credentials \(.*access_token is empty\): sign in"),
        ("kaggle.json", b"\xff\xe9", "is not text in UTF-8"),
        ("kaggle.json", as_json(["alice", KEY]), "holds a list instead of an object"),
        ("kaggle.json", as_json(KEY), "holds a single value instead of an object"),
        ("kaggle.json", as_json(STORED)[:-9], "is not JSON: download it again"),
        ("kaggle.json", b"[" * 99999, "is not JSON"),
        ("kaggle.json", b"", r"no Kaggle credentials \(.*kaggle.json is empty\): sign in with"),
        ("kaggle.json", b'{"username": "al"}', r"credentials \(.*kaggle.json has no key\): sign"),
        ("kaggle.json", as_json({**STORED, "key": 123456}), "its key is not text"),
        (
            "credentials.json",
            as_json([LOGIN]),
            "holds a list .*: sign in again with `kaggle auth login --force`",
        ),
        (
            "credentials.json",
            b"",
            "has no refresh_token: sign in again with `kaggle auth login --force`",
        ),
        (
            "credentials.json",
            as_json(LOGIN)[:-9],
            "is not JSON: sign in again with `kaggle auth login --force`",
        ),
    ],
)
def test_a_file_that_holds_no_sign_in_is_named(
    name: str, data: bytes, said: str, home: Path
) -> None:
    (home / name).write_bytes(data)
    with pytest.raises(UserError, match=said) as caught:
        find_credentials()
    assert "\n" not in str(caught.value)
    assert str(home / name) in str(caught.value)
    assert KEY[:9] not in str(caught.value)


def test_a_folder_or_a_locked_file_is_named(home: Path) -> None:
    (home / "access_token").mkdir()
    with pytest.raises(UserError, match="access_token cannot be read: Is a directory"):
        find_credentials()
