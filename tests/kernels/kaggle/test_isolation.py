"""A dry run cannot reach the real Kaggle, use real credentials, or touch kagglehub's real cache."""

import os
import subprocess
import sys
from pathlib import Path

from support import tiny

TOKEN = "_".join(("KGAT", "0123456789abcdef" * 2))
KEY = "fedcba9876543210" * 2
GUARD = """
import sys
def guard(event, args):
    if event in ("socket.connect", "socket.sendto") and isinstance(args[1], tuple):
        host = str(args[1][0])
    elif event == "socket.getaddrinfo":
        host = str(args[0])
    else:
        return
    if host not in ("127.0.0.1", "localhost", "::1", "", "None"):
        with open({log!r}, "a") as file:
            file.write(f"{{event}} {{host}}\\n")
sys.addaudithook(guard)
"""


def test_real_credentials_are_neither_used_nor_written(dry: list, tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "connections.txt"
    (home / ".kaggle").mkdir(parents=True)
    (home / ".kaggle" / "access_token").write_text(TOKEN)
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD.format(log=str(log)))
    environment = {
        "HOME": str(home),
        "PYTHONPATH": str(tmp_path / "guard"),
        "KAGGLE_API_TOKEN": TOKEN,
        "KAGGLE_USERNAME": "alice",
        "KAGGLE_KEY": KEY,
        "KAGGLE_API_ENVIRONMENT": "PROD",
        "HTTP_PROXY": "http://203.0.113.9:3128",
        "HTTPS_PROXY": "http://203.0.113.9:3128",
    }
    done = subprocess.run(
        tiny.command(*dry, "--ensemble"),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not log.exists(), log.read_text()
    assert sorted(path.name for path in home.rglob("*")) == [".kaggle", "access_token"]
    for path in (tmp_path / "run").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert TOKEN.encode() not in content, path
            assert KEY.encode() not in content, path
    assert TOKEN not in done.stderr + done.stdout
    assert KEY not in done.stderr + done.stdout


def test_after_isolation_the_real_site_is_refused(tmp_path: Path) -> None:
    code = (
        "import sys, socket; from pathlib import Path;"
        "from kernels.kaggle.signin import isolate;"
        f"isolate(Path({str(tmp_path)!r}));"
        "socket.create_connection(('api.kaggle.com', 443), timeout=2)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tiny.ROOT
    )
    assert done.returncode == 1
    assert "PermissionError" in done.stderr
    assert "api.kaggle.com" in done.stderr
