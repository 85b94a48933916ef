"""No channel of a command shows a secret, though Kaggle and its kernels say it everywhere."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernels.local import kernels_service, server
from kernels.local.fault_kinds import Rule
from kernels.local.faults import Faults
from support import tiny, warm
from support.ways import WAYS

pytestmark = pytest.mark.slow
USERS = {
    "HF_TOKEN": "hf_AbCdEfGhIjKlMnOpQr/StUvWx+Yz012345",
    "SOME_PASSWORD": "pa%ss\"wörd'<12>&",
    "FTP_PROXY": "http://bob:sw0rd%2Ffish7@nowhere.example:80",
}
SECRETS = (tiny.KEY, USERS["HF_TOKEN"], USERS["SOME_PASSWORD"], "sw0rd%2Ffish7", "sw0rd/fish7")
LEAK = " ".join(way(secret) for secret in SECRETS for way in WAYS.values())


def shown_in(texts: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Every place and way in which a secret is shown."""
    for place, text in texts.items():
        for name, way in WAYS.items():
            yield from ((place, name) for secret in SECRETS if way(secret).strip() in text)


def test_no_channel_shows_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = kernels_service.log_blocks
    said = [{"data": f"{way(secret)}\n"} for secret in SECRETS for way in WAYS.values()]

    def leaking(log: Path, start: int = 0) -> Iterator[tuple[list[str], int]]:
        for entries, end in blocks(log, start):
            yield ([*map(json.dumps, said), *entries] if start == 0 else entries), end

    for module in (kernels_service, server):
        monkeypatch.setattr(module, "log_blocks", leaking)
    warm.fork_kernels(monkeypatch)
    message = LEAK.replace("\n", " ")
    rules = [
        Rule("GetKernelSessionStatus", "refuse", code=503, message=message, retry_after=0, times=3),
        Rule("GetKernelSessionStatus", "replace", message=message),
        Rule("CreateSubmission", "score_error", message=message),
    ]
    command = ("tiny", "--ensemble", "--accelerator", "cpu", "--json")
    with tiny.local_kaggle(tmp_path, faults=Faults(rules)) as (_, env):
        env |= USERS
        done = tiny.submit(*command, "--follow", env=env, cwd=tmp_path)
        again = tiny.submit(*command, "--no-submit", env=env, cwd=tmp_path)
        history = tiny.submit("--history", env=env, cwd=tmp_path)
    assert "[secret]" in done.stdout
    assert "[secret]" in done.stderr
    assert (done.returncode, again.returncode) == (1, 0), again.stderr[-3000:]
    texts = {"stdout": done.stdout + again.stdout + history.stdout}
    texts["stderr"] = done.stderr + again.stderr + history.stderr
    for path in (tmp_path / "runs").rglob("*"):
        if path.is_file():
            texts[path.name] = path.read_bytes().decode("utf-8", "replace")
    assert {"state.json", "left.log", "report.html"} <= texts.keys()
    assert list(shown_in(texts)) == []


@pytest.mark.parametrize(
    "option", ["--set", "--message", "--run-dir", "--data", "--seed", "--name"]
)
def test_a_secret_on_the_command_line_is_refused_before_anything_is_written(
    option: str, tmp_path: Path
) -> None:
    value = f"epochs={SECRETS[1]}" if option == "--set" else SECRETS[1]
    env = {**tiny.real_environment("http://127.0.0.1:9", tmp_path / "home"), **USERS}
    done = tiny.submit("tiny", "--ensemble", "--json", option, value, env=env, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert option in done.stderr
    assert list(shown_in({"stdout": done.stdout, "stderr": done.stderr})) == []
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
