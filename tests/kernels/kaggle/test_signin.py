"""Signing in at a local Kaggle, and again when it no longer accepts the sign-in."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from kagglesdk.users.services.account_service import AccountClient
from werkzeug.wrappers import Request

from common.errors import UserError
from kernels.kaggle.answers import KaggleError
from kernels.kaggle.client import Kaggle
from kernels.local import LocalKaggle, door, server
from kernels.local.service import Fields, Service
from support import tiny


class Accounts(Service):
    """Renews the token of ``kaggle auth login``, for whoever shows its refresh token alone."""

    client = AccountClient
    asked: ClassVar[list[str]] = []

    def generate_access_token(self, request: Any) -> Fields:
        """The server's key."""
        Accounts.asked.append(request.refresh_token)
        return {"token": tiny.KEY, "expires_in": 3600}


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls that are answered with 401; each of them once."""
    calls: list[str] = []
    refusal = door.Door.refusal

    def refuse(self: door.Door, request: Request) -> tuple[int, str] | None:
        call = request.path.rpartition("/")[2]
        if call in calls:
            calls.remove(call)
            return 401, "no"
        return refusal(self, request)

    monkeypatch.setattr(door.Door, "refusal", refuse)
    return calls


@pytest.fixture
def kaggle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: list[str]
) -> Iterator[LocalKaggle]:
    """Serve nothing, to whoever signs in; the home folder has no sign-in."""
    for name, value in tiny.real_environment("", tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    for name in ("USERNAME", "KEY", "API_TOKEN", "CONFIG_DIR"):
        monkeypatch.delenv(f"KAGGLE_{name}", raising=False)
    (tmp_path / "home" / ".kaggle").mkdir()
    monkeypatch.setattr(door, "_LINKS", (*door._LINKS, "/api/v1/users.AccountService/"))
    monkeypatch.setitem(server.SERVICES, "users.AccountService", Accounts)
    renewal = ("users.AccountService", "generate_access_token")
    monkeypatch.setitem(server.METHODS, "GenerateAccessToken", renewal)
    monkeypatch.setattr(Accounts, "asked", [])
    with LocalKaggle(tmp_path / "state", [], key=tiny.KEY) as local:
        yield local


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of the user's sign-in."""
    return tmp_path / "home" / ".kaggle"


@pytest.mark.parametrize("token", [True, False])
def test_a_sign_in_that_is_refused_once_is_made_anew(
    token: bool, kaggle: LocalKaggle, refusals: list[str], home: Path
) -> None:
    stored = {"username": "kaggler", "key": tiny.KEY}
    if token:
        (home / "access_token").write_bytes(f"{tiny.KEY}\r\n".encode("utf-16"))
    else:
        (home / "kaggle.json").write_text(json.dumps(stored))
    client = Kaggle(kaggle.url)
    refusals.append("ListKernels")
    assert client.own_kernels() == {}
    assert not refusals


def test_a_sign_in_that_stays_refused_is_named_with_what_to_do(
    kaggle: LocalKaggle, refusals: list[str], home: Path
) -> None:
    (home / "access_token").write_text(tiny.KEY)
    client = Kaggle(kaggle.url)
    refusals += ["ListKernels"] * 9
    with pytest.raises(KaggleError, match="does not accept the token in .*access_token") as caught:
        client.own_kernels()
    assert "put a new token there" in str(caught.value)
    assert caught.value.code == 401
    (home / "access_token").write_text("another")
    with pytest.raises(KaggleError, match="does not accept the token in .*access_token"):
        Kaggle(kaggle.url)


def test_another_user_does_not_go_on_with_a_run(
    kaggle: LocalKaggle, refusals: list[str], home: Path
) -> None:
    (home / "kaggle.json").write_text(json.dumps({"username": "alice", "key": tiny.KEY}))
    client = Kaggle(kaggle.url)
    refusals.append("ListKernels")
    (home / "kaggle.json").write_text(json.dumps({"username": "bob", "key": tiny.KEY}))
    with pytest.raises(UserError, match="is bob's now, and this began as alice's: sign in as alic"):
        client.own_kernels()


@pytest.mark.parametrize("until", ["2099-01-01T00:00:00+00:00", "2001-01-01T00:00:00", "soon"])
def test_the_token_of_a_login_is_renewed_when_it_has_ended_or_is_refused(
    until: str, kaggle: LocalKaggle, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = {"refresh_token": "renew-me", "access_token": tiny.KEY, "username": "alice"}
    path = home / "credentials.json"
    path.write_text(json.dumps({**login, "access_token_expiration": until, "scopes": ["all"]}))
    client = Kaggle(kaggle.url)
    assert client.owner == "alice"
    assert bool(Accounts.asked) == (until[:4] != "2099")  # a local one that has not ended is used
    Accounts.asked.clear()
    # Kaggle ends it before its time: what is in the file is refused, and a new one comes.
    client._signed_in.api.config_values["token"] = "ended"
    ended = {**json.loads(path.read_text()), "access_token": "ended"}
    path.write_text(json.dumps(ended))
    assert client.own_kernels() == {}
    assert Accounts.asked == ["renew-me"]
    assert json.loads(path.read_text())["access_token"] == tiny.KEY
    # The user signs in again in another terminal: that token is used, none is asked for.
    client._signed_in.api.config_values["token"] = "ended"
    assert client.own_kernels() == {}
    assert Accounts.asked == ["renew-me"]


def test_a_login_that_has_ended_says_how_to_sign_in_again(
    kaggle: LocalKaggle, home: Path, refusals: list[str]
) -> None:
    refusals.append("GenerateAccessToken")
    stored = {"refresh_token": "r", "access_token": "", "username": "alice"}
    (home / "credentials.json").write_text(json.dumps(stored))
    with pytest.raises(KaggleError, match="no longer does: sign in again with `kaggle auth login"):
        Kaggle(kaggle.url)
    assert (home / "credentials.json").exists()


@pytest.mark.parametrize(
    "address", ["http://bob:sw0rd/fish@127.0.0.1:80", "http://bob:sw0rdfish@", "bob:sw0rd#fish@h",
                "http://bob:sw0rdfish@h:99999", "http://bob:sw0rdfish@h:x"],
)  # fmt: skip
def test_a_malformed_proxy_is_named_and_not_shown(
    address: str, kaggle: LocalKaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", address)
    with pytest.raises(UserError, match="^https_proxy is not the address of a proxy") as caught:
        Kaggle(kaggle.url)
    assert "sw0rd" not in str(caught.value)


def test_the_clients_import_calls_nobody(kaggle: LocalKaggle, home: Path) -> None:
    (home / "access_token").write_text(tiny.KEY)
    script = "\n".join(
        (
            "import sys",
            "sys.addaudithook(lambda event, _: 'socket.connect' in event and print(event))",
            "from kernels.kaggle.signin import _import_client",
            "print(_import_client().__name__)",
        )
    )
    env = {**os.environ, "HTTP_PROXY": kaggle.url}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tiny.ROOT, env=env, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("KaggleApi\n", "")
