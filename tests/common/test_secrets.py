"""Every way to write a secret is found, and nothing else is changed."""

import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.live import Live

from common import secrets
from common.errors import UserError
from common.output import HidingStream, refuse_secrets
from common.secrets import find_secret, hide, learn_secrets
from support.ways import WAYS

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
LOGIN = "_".join(("KGAT", "first0123456789"))


LONG = st.text(st.sampled_from("abXY09+/=-_.~%\"'\\<&>:@ é€\U0001f600"), min_size=8, max_size=80)
SECRETS = st.one_of(
    LONG,
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=9, max_size=60),
    st.from_regex(r"KGAT[_][0-9a-f]{32}", fullmatch=True),
    st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
).map(lambda text: text.strip(secrets._AROUND))


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without secrets."""
    monkeypatch.setattr(secrets, "_known", {})


def learn(secret: str, name: str = "KAGGLE_KEY") -> None:
    secrets._known.clear()
    learn_secrets({name: secret, "HOME": "/nowhere"})


def same(text: str) -> str:
    """What is left of a text when a terminal has wrapped it."""
    return "".join(text.replace("|", "").split())


@settings(deadline=None)
@given(SECRETS, st.sampled_from(sorted(WAYS)))
@example('"KGAT"+/"0123456789', "json in json")
@example("abc\\ndefgh12", "json")
@example("\\" * 40 + "a1b2c3d4é" * 9, "json in json")
@example("%27" * 20 + "a1b2", "percent")
@example("0000000\\<", "plus")
@example("0000000`<", "percent")
def test_no_way_of_writing_shows_a_secret(secret: str, way: str) -> None:
    learn(secret)
    assume(secrets._known)  # it is not an ordinary text
    assume(not (secret[0] in "{[" or len(secret.split()) > 1))  # of which only parts are secret
    text = WAYS[way](secret)
    for before, after in (("", ""), ("Authorization: Bearer ", "\n"), ('{"error": "', '"}')):
        shown = hide(before + text + after)
        assert secrets.SHOWN in shown
        assert same(text) not in same(shown)
        assert secret not in shown
    assert find_secret(text) == "KAGGLE_KEY"


@settings(deadline=None)
@given(SECRETS, st.text(), st.text())
@example("nabcdef12", "line\nabcdef12 ", "")
@example("9" * 26, "É", "")
@example("\\ 000000<", "", "")
def test_json_stays_json(secret: str, before: str, after: str) -> None:
    learn(secret)
    for text in (json.dumps([before, f"{before}{secret}{after}", 1.5, {"a": after}]), "[1.25]"):
        json.loads(hide(text))


@pytest.mark.parametrize(
    "value",
    ["", "1", "true", "alice", "local", "validation", "2026-11-26T10:46:44Z", "0.12345678901234567",
     "20261126101216", "https://www.kaggle.com/settings", str(Path(__file__))],
)  # fmt: skip
def test_an_ordinary_value_hides_nothing(value: str) -> None:
    learn(value)
    assert hide(f"the {value} of 1 true 0.123") == f"the {value} of 1 true 0.123"


@pytest.mark.parametrize(
    ("name", "value", "hidden", "kept"),
    [
        ("HTTPS_PROXY", "http://bob:hunter2@h:80", ["bob:hunter2@h", "//x:hunter2@y"], "hunter"),
        ("all_proxy", "socks5://bob:pw@h:80", ["bob:pw@h", "//x:pw@y"], "bob pw @"),
        ("http_proxy", "http://bob:sw0rd%2Ffish@h:80", ["sw0rd/fish", "sw0rd%2Ffish"], "http://h"),
        ("ALL_PROXY", "bob:sw0rd/f@ish@h:80", ["sw0rd/f@ish"], "bob h:80"),
        ("HTTP_PROXY", "http://bob:sw0rdfish1", ["as 'sw0rdfish1'"], "http://bob"),
        ("HTTP_PROXY", "http://proxy.example:31280", [], "http://proxy.example:31280"),
        ("DATABASE_URL", "postgres://a:sw0rdfish1@h/db", ["sw0rdfish1"], "postgres://h/db"),
        ("KAGGLE_API_TOKEN", f"{KEY[:16]}\n{KEY[16:]}", [KEY, KEY[:16], KEY[16:]], "0f1e"),
        ("GCP_CREDENTIALS", json.dumps({"type": "service_account", "private_key": KEY}), [KEY],
         "service_account"),
        ("MY_SECRETS", f'{{"key": "{KEY}", "na', [KEY], "na"),
        ("SECRETS_PROVIDER", "tpu-getting-started", [], "tpu-getting-started"),
        ("SSH_KEY_NAME", KEY, [KEY], "0f1e"),
        ("DB_PASSWORD", "horse-battery-staple", ["horse-battery-staple"], "horse"),
        ("HOME_DIR", KEY, [], KEY),
    ],
)  # fmt: skip
def test_what_is_secret_of_a_variable(name: str, value: str, hidden: list[str], kept: str) -> None:
    learn(value, name)
    for text in hidden:
        assert text not in hide(f"it is {text} there")
    assert hide(kept) == kept


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_secrets_of_kaggles_files_are_known(encoding: str, tmp_path: Path) -> None:
    until = "2026-11-26T10:46:44.123456+00:00"
    files = {
        ".kaggle/access_token": LOGIN,
        ".kaggle/kaggle.json": json.dumps({"username": "alice1234", "key": KEY}),
        ".kaggle/credentials.json": json.dumps(
            {
                "refresh_token": "second0123456789",
                "access_token_expiration": until,
                "username": "al",
            }
        ),
        "other/kaggle.json": json.dumps(["alice1234", "third0123456789"]),
        "mine": "fourth0123456789\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode(encoding))
    folder, mine = str(tmp_path / "other"), str(tmp_path / "mine")
    learn_secrets({"HOME": str(tmp_path), "KAGGLE_CONFIG_DIR": folder, "KAGGLE_API_TOKEN": mine})
    said = hide(f"{LOGIN} {KEY} second0123456789 third0123456789 fourth0123456789")
    assert said == " ".join([secrets.SHOWN] * 5)
    assert hide(f"{until} {mine}") == f"{until} {mine}"
    assert find_secret(KEY) == str(tmp_path / ".kaggle/kaggle.json")


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["abc", "\n", KEY[:9], KEY[9:20], KEY[20:], KEY, ""])),
    st.randoms(use_true_random=False),
)
@example(["abc", KEY], random.Random(3))
def test_a_secret_that_is_printed_in_pieces_is_hidden(pieces: list[str], draw: Any) -> None:
    learn(KEY)
    file = io.StringIO()
    stream = HidingStream(file)
    for piece in pieces:
        stream.write(piece)
        if draw.random() < 0.5:
            stream.flush()
    stream._finish()
    assert KEY not in file.getvalue()
    if secrets.SHOWN not in file.getvalue():
        assert file.getvalue() == "".join(pieces)


def test_what_is_printed_arrives_at_once_and_whole() -> None:
    learn(KEY)
    file = io.StringIO()
    stream = HidingStream(file)
    print("a line", 1, file=stream)
    assert file.getvalue() == "a line 1\n"
    print("no end", end="", file=stream, flush=True)
    assert file.getvalue() == "a line 1\nno end"
    assert (stream.isatty(), stream.closed) == (False, False)


def test_a_live_table_arrives_whole() -> None:
    for secret in ("hf_AbCdEfGhIjKl01", "mAbCdEfGhIjKl01", "lAbCdEfGhIjKl01"):
        learn(secret)
        hiding, plain = HidingStream(io.StringIO()), io.StringIO()
        for stream in (hiding, plain):
            console = Console(file=stream, force_terminal=True, width=40)
            with Live(console=console, auto_refresh=False) as live:
                live.update(f"[red]{secret[0]}", refresh=True)
        assert hiding.getvalue() == plain.getvalue()


@pytest.mark.parametrize("length", [17, 25, len(KEY) - 1])
def test_a_long_secret_whose_end_is_cut_off_is_hidden(length: int) -> None:
    learn(KEY)
    assert hide(f"{KEY[:length]}…") == f"{secrets.SHOWN}…"
    assert hide(f"{KEY[:9]}…") == f"{KEY[:9]}…"


def test_a_long_text_is_hidden_in_pieces() -> None:
    learn(KEY)
    text = f"é{'a' * 70000} {KEY}\n" * 3 + f"{KEY}\n" * 9000
    assert hide(text) == text.replace(KEY, secrets.SHOWN)


def test_a_command_with_a_secret_is_refused_without_showing_it() -> None:
    learn(KEY)
    refuse_secrets(["petals", "--set", "epochs=3"])
    for words in (["--set", f"x={KEY}"], [f"--message={KEY}"], [f"--{KEY}"], [KEY]):
        with pytest.raises(UserError, match="has the secret of KAGGLE_KEY in it") as caught:
            refuse_secrets(["petals", *words])
        assert KEY not in str(caught.value)
    assert str(caught.value).startswith("an argument has")
