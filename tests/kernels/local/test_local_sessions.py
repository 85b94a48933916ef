"""A kernel on the local Kaggle: where it runs, what it finds, how it ends."""

import contextlib
import errno
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus as Status

from kernels.local import LocalKaggle, session, store
from support import ROOT
from support import toy_competition as toy
from support.tiny import KEY
from support.toy_competition import TOY, WAITS, log_text, output, push, run, status, wait_for

SLUG = "alice/some-kernel"
# Prints every file below /kaggle, by the path that it has there.
LISTS = """
import os
root = os.path.dirname(os.environ["KAGGLE_CACHE_MOUNT_FOLDER"])
for parent, _, names in os.walk(root):
    for name in names:
        print(os.path.relpath(os.path.join(parent, name), root))
"""


def wait(happened: Callable[[], object]) -> None:
    for _ in range(3000):
        if happened():
            return
        time.sleep(0.02)
    raise AssertionError("it never happened")


def is_free(path: Path) -> bool:
    """Whether no process has a lock on ``path``: all that had one are gone."""
    with open(path) as file, contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


# Keeps a lock on a file of its output, and so do a child, one that leaves the session, and one
# that leaves it and whose parent has ended.
LOCKS = """
import fcntl, os, subprocess, sys, time
file = open("lock", "w")
fcntl.flock(file, fcntl.LOCK_EX)
sleep = "import time; print(1, flush=True); time.sleep(600)"
leave = "import os, sys; os.setsid(); os.fork() and sys.exit(); os.setsid(); " + sleep
inherit = {"pass_fds": [file.fileno()], "stdout": subprocess.PIPE}
for options in ({}, {"start_new_session": True}, {"daemon": True}):
    code = leave if options.pop("daemon", False) else sleep
    subprocess.Popen([sys.executable, "-c", code], **inherit, **options).stdout.read(1)
print("locked", flush=True)
"""


def lock_of(kaggle: LocalKaggle, version: int = 1) -> Path:
    return kaggle.store.root / "kernels" / SLUG / f"v{version}" / "kaggle" / "working" / "lock"


def until(path: Path) -> str:
    """A line that waits for a file."""
    return f"import os, time\nwhile not os.path.exists({str(path)!r}): time.sleep(0.01)\n"


# Where it runs, and what it finds


def test_a_script_runs_as_on_kaggle_with_nothing_of_the_user(serve, tmp_path, monkeypatch):
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "MY_SECRET", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "given-away")
    _, client = serve()
    text = """
import importlib.util, os, sys
print(os.path.relpath(os.getcwd(), os.path.dirname(os.environ["KAGGLE_CACHE_MOUNT_FOLDER"])))
print(os.path.relpath(__file__), __name__, sys.argv == [__file__], sys.path[0] in __file__)
print(os.environ["KAGGLE_KERNEL_RUN_TYPE"], os.environ["MPLBACKEND"])
print([importlib.util.find_spec(name) for name in ("common", "kernels")])
"""
    text += LISTS + "print(dict(os.environ)); print(os.listdir(os.path.expanduser('~')))"
    assert run(client, SLUG, text, competition_data_sources=[TOY.slug]) is Status.COMPLETE
    log = log_text(client, SLUG)
    assert log.splitlines()[:4] == [
        "working",
        "../src/script.py __main__ True True",
        "Batch Agg",
        "[None, None]",
    ]
    assert f"{TOY.slug}/train.csv" in log
    for secret in ("given-away", "KAGGLE_KEY", "answers.csv", str(tmp_path / "toy" / "hidden")):
        assert secret not in log


@pytest.mark.parametrize("layout", ["2026", "2025"])
def test_inputs_are_mounted_where_kaggle_mounts_them(serve, layout):
    kaggle, client = serve(layout=layout)
    for folder in ("datasets/alice/some-data", "models/google/some-model/keras/small/1"):
        (kaggle.store.root / folder).mkdir(parents=True)
        (kaggle.store.root / folder / "weights.txt").write_text("w")
    run(client, "alice/source-kernel", "open('out.txt', 'w').write('1')")
    text = "import os; os.mkdir('pack'); open('pack/__init__.py', 'w').write('A = 7')"
    run(client, "alice/shared-code", text, category_ids=["utility script"])
    sources = {
        "competition_data_sources": [TOY.slug],
        "dataset_data_sources": ["alice/some-data", "alice/some-data"],
        "kernel_data_sources": ["alice/source-kernel", "alice/shared-code"],
        "model_data_sources": ["google/some-model/keras/small/1"],
    }
    assert run(client, SLUG, LISTS, **sources) is Status.COMPLETE
    today = layout == "2026"
    data = f"input/{'competitions/' * today}{TOY.slug}"
    assert set(log_text(client, SLUG).splitlines()) == {
        "src/script.py",
        *(f"{data}/{name}" for name in ("train.csv", "sample_submission.csv")),
        *(f"{data}/test/{name}.txt" for name in toy.IDS),
        f"input/{'datasets/alice/' * today}some-data/weights.txt",
        f"input/{'models/google/' * today}some-model/keras/small/1/weights.txt",
        f"input/{'notebooks/alice/' * today}source-kernel/out.txt",
        f"usr/lib/{'notebooks/alice/shared-code' if today else 'shared_code'}/pack/__init__.py",
    }


def test_inputs_and_finished_outputs_are_read_only(serve):
    kaggle, client = serve()
    text = """
import os, stat
root = os.environ["KAGGLE_CACHE_MOUNT_FOLDER"] + "/competitions/toy-competition/"
print(oct(stat.S_IMODE(os.stat(root).st_mode)), oct(stat.S_IMODE(os.stat(root + "test").st_mode)))
for change in (lambda: open(root + "train.csv", "a"), lambda: open(root + "new", "w"),
               lambda: os.remove(root + "train.csv"), lambda: os.mkdir(root + "folder"),
               lambda: os.rename(root + "train.csv", "moved.csv")):
    try:
        change()
        print("changed")
    except OSError as error:
        print(error.strerror)
open("out.txt", "w").write("1")
"""
    run(client, SLUG, text, competition_data_sources=[TOY.slug])
    lines = log_text(client, SLUG).splitlines()
    assert lines == ["0o555 0o555"] + ["Read-only file system"] * 5
    [path] = kaggle.store.root.rglob("out.txt")
    assert path.stat().st_mode & 0o777 == 0o444


def test_a_consumer_gets_its_sources_last_complete_version(client):
    source, text = "alice/source-kernel", "open('failed.txt', 'w'); raise SystemExit(1)"
    lists = "import os; print(os.listdir('../input/notebooks/alice/source-kernel'))"
    run(client, source, text)
    run(client, SLUG, lists, kernel_data_sources=[source])
    assert log_text(client, SLUG) == "[]\n"  # without a complete version
    run(client, source, "open('first.txt', 'w')")
    run(client, source, text)
    push(client, source, toy.WAITS)
    run(client, SLUG, lists, kernel_data_sources=[source])
    assert log_text(client, SLUG) == "['first.txt']\n"


# The network


@pytest.mark.parametrize("internet", [False, True])
def test_no_kernel_reaches_the_network(serve, internet):
    # What the guard lets through may still fail where there is no such service or name.
    kaggle, client = serve()
    text = f"""
import socket, subprocess, sys
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for attempt in (
    lambda: socket.create_connection(("www.kaggle.com", 443), timeout=5),
    lambda: datagrams.sendto(b"x", ("8.8.8.8", 53)),
    lambda: datagrams.sendmsg([b"x"], [], 0, ("8.8.8.8", 53)),
    lambda: socket.gethostbyname("www.kaggle.com"),
    lambda: socket.getaddrinfo(b"www.kaggle.com", 443),
    lambda: socket.create_connection(("127.0.0.1", {kaggle.url.rpartition(":")[2]}), timeout=5),
    lambda: datagrams.sendto(b"x", ("127.0.0.1", 9)),
    lambda: socket.getaddrinfo("localhost", 80),
):
    try:
        attempt()
    except OSError as error:
        print("the network is off in this kernel: tried" in str(error))
    else:
        print(False)
one, other = socket.socketpair()
one.sendall(b"x")
child = 'import socket; socket.create_connection(("www.kaggle.com", 443), timeout=5)'
print(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stderr)
"""
    assert run(client, SLUG, text, enable_internet=internet) is Status.COMPLETE
    lines = log_text(client, SLUG).splitlines()
    assert lines[:8] == ["True"] * 5 + [str(not internet)] * 3
    assert "PermissionError: the network is off in this kernel: tried www.kaggle.com" in lines


def test_without_its_network_guard_no_kernel_runs(client, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "GUARD", tmp_path)
    assert run(client, SLUG, "print('ran')") is Status.ERROR
    assert "the network guard did not start" in status(client, SLUG).failure_message


# How it ends


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("raise SystemExit(0)", ""),
        ("import sys; open('part.txt', 'w').write('1'); sys.exit(3)", "exited with code 3"),
        ("import os; os.abort()", "killed by SIGABRT"),
        ("def (", "exited with code 1: SyntaxError"),
    ],
)
def test_the_exit_status_decides_and_the_output_stays(client, text, failure):
    assert run(client, SLUG, text) is (Status.ERROR if failure else Status.COMPLETE)
    assert (status(client, SLUG).failure_message or "").startswith(failure)
    files = output(client, SLUG).files
    assert [requests.get(f.url, timeout=30).text for f in files] == ["1"] * ("part.txt" in text)


def test_an_exception_is_an_error_with_the_scripts_own_traceback(client):
    text = "def broken():\n    raise ValueError('bad data')\n\nprint('before')\nbroken()\n"
    assert run(client, SLUG, text) is Status.ERROR
    entries = json.loads(output(client, SLUG).log)
    assert [e["data"] for e in entries if e["stream_name"] == "stdout"] == ["before\n"]
    trace = "".join(e["data"] for e in entries if e["stream_name"] == "stderr")
    assert trace.count("File ") == trace.count("script.py") == 2
    failure = status(client, SLUG).failure_message
    assert failure == "exited with code 1: ValueError: bad data"


def test_the_time_limit_stops_the_whole_group_and_keeps_the_output(serve):
    kaggle, client = serve()
    text = "open('part.txt', 'w').close()\n" + LOCKS + WAITS
    state = run(client, SLUG, text, session_timeout_seconds=5)  # a busy machine starts it late
    assert state is Status.CANCEL_ACKNOWLEDGED
    assert is_free(lock_of(kaggle))
    answer = output(client, SLUG)
    assert [file.file_name for file in answer.files] == ["lock", "part.txt"]
    assert "locked" in answer.log


@pytest.mark.parametrize("end", ["", "raise SystemExit(1)", "os.kill(os.getpid(), 9)"])
def test_what_a_kernel_starts_ends_with_it_wherever_it_has_gone(serve, end):
    kaggle, client = serve()
    assert run(client, SLUG, LOCKS + end) is (Status.ERROR if end else Status.COMPLETE)
    assert "locked" in log_text(client, SLUG)
    assert is_free(lock_of(kaggle))
    failure = "killed by SIGKILL" if "kill" in end else "exited with code 1" if end else ""
    assert (status(client, SLUG).failure_message or "") == failure


def test_a_deleted_kernel_leaves_no_process(serve):
    kaggle, client = serve()
    push(client, SLUG, LOCKS + WAITS)
    wait(lambda: "locked" in log_text(client, SLUG))
    with open(lock_of(kaggle)) as file:
        toy.ask_kernel(client, "delete_kernel", SLUG)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_kernels_and_their_children_end_with_the_server(serve, tmp_path, monkeypatch):
    kaggle, client = serve()
    push(client, SLUG, LOCKS + WAITS)
    wait(lambda: "locked" in log_text(client, SLUG))
    kaggle.close()
    assert is_free(lock_of(kaggle))
    code = f"""
import time
from collections.abc import Callable
from pathlib import Path
from kernels.local import LocalKaggle
with LocalKaggle(Path({str(tmp_path / "state")!r}), [], key={KEY!r}) as kaggle:
    print(kaggle.url, flush=True)
    time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        url = server.stdout.readline().strip()
        toy.point_client_at(monkeypatch, url, tmp_path)
        with toy.connect(url) as client:
            push(client, SLUG, LOCKS + WAITS)
            wait(lambda: "locked" in log_text(client, SLUG))
        os.kill(server.pid, signal.SIGKILL)
    wait(lambda: is_free(lock_of(kaggle, 2)))
    _, client = serve()
    assert status(client, SLUG).failure_message == "the local Kaggle was stopped"


def test_kernels_wait_for_a_slot(serve, tmp_path):
    _, client = serve(max_parallel=1)
    push(client, "alice/first-kernel", until(tmp_path / "go"))
    push(client, "alice/second-kernel", "print(1)")
    wait_for(client, "alice/first-kernel", Status.RUNNING)
    assert status(client, "alice/second-kernel").status is Status.QUEUED
    (tmp_path / "go").touch()
    for name in ("second", "first"):
        assert wait_for(client, f"alice/{name}-kernel") is Status.COMPLETE


def test_a_client_that_hangs_up_leaves_no_file_open(client):
    """An open file would be a ResourceWarning, which is an error in these tests."""
    run(client, SLUG, "open('out.txt', 'w').write('1' * 1000)")
    [file] = output(client, SLUG).files
    host, _, path = file.url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    for _ in range(5):
        with socket.create_connection((name, int(port))) as connection:
            connection.sendall(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            answer = b""
            while not answer.endswith(b"1" * 1000):
                answer += connection.recv(65536)
            # Closing resets the connection.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert requests.get(file.url, timeout=30).text == "1" * 1000


# Its log


def test_the_log_can_be_read_and_streamed_while_the_kernel_runs(serve, tmp_path):
    kaggle, client = serve()
    text = "open('out.txt', 'w').close(); print('first ä')\n" + until(tmp_path / "aside")
    text += "import sys; print('aside', file=sys.stderr)\n" + until(tmp_path / "go")
    push(client, SLUG, text + "print('last')")
    wait(lambda: "first ä" in log_text(client, SLUG))
    assert not output(client, SLUG).files  # they can be had when it has ended
    url = f"{kaggle.url}/api/v1/kernels/logs/stream/{SLUG}"
    with requests.get(url, auth=("alice", KEY), stream=True, timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        lines = (line for line in answer.iter_lines(decode_unicode=True) if line)
        said = [json.loads(next(lines).removeprefix("data: "))]
        (tmp_path / "aside").touch()
        said.append(json.loads(next(lines).removeprefix("data: ")))
        threading.Timer(0.1, (tmp_path / "go").touch).start()
        said.append(json.loads(next(lines).removeprefix("data: ")))
        assert list(lines) == ["data: END_OF_LOG"]
    assert [entry["data"] for entry in said] == ["first ä\n", "aside\n", "last\n"]
    assert [entry["stream_name"] for entry in said] == ["stdout", "stderr", "stdout"]
    wait_for(client, SLUG)
    assert requests.get(url, auth=("alice", KEY), timeout=30).json() == said
    assert json.loads(output(client, SLUG).log) == said
    assert requests.get(url, timeout=30).status_code == 401


# A full disk


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "session.json")


@pytest.mark.parametrize("what", ["write_json", "append_line"])
def test_an_end_that_finds_no_room_waits_for_some(serve, tmp_path, monkeypatch, caplog, what):
    kaggle, client = serve()
    monkeypatch.setattr(session, "ROOM", 0.05)
    push(client, SLUG, until(tmp_path / "go"), machine_shape="NvidiaTeslaT4")
    wait_for(client, SLUG, Status.RUNNING)
    with monkeypatch.context() as full, caplog.at_level("ERROR"):
        full.setattr(store, what, full_disk)
        (tmp_path / "go").touch()
        wait(lambda: "cannot be written yet" in caplog.text)
        assert status(client, SLUG).status is Status.RUNNING
    assert wait_for(client, SLUG) is Status.COMPLETE
    assert len(kaggle.store.usage()) == 1
    assert caplog.text.count("cannot be written yet: [Errno 28] No space left on device") == 1


def test_a_server_ends_on_a_full_disk_and_the_next_one_writes_the_end(serve, monkeypatch):
    kaggle, client = serve()
    push(client, SLUG, toy.WAITS)
    wait_for(client, SLUG, Status.RUNNING)
    with monkeypatch.context() as full:
        full.setattr(store, "write_json", full_disk)
        kaggle.close()
    _, client = serve()
    assert status(client, SLUG).failure_message == "the local Kaggle was stopped"


def test_what_fills_the_disk_can_be_deleted(serve, monkeypatch, caplog):
    kaggle, client = serve()
    monkeypatch.setattr(session, "ROOM", 0.05)
    with monkeypatch.context() as full, caplog.at_level("ERROR"):
        push(client, SLUG, toy.WAITS)
        wait_for(client, SLUG, Status.RUNNING)
        full.setattr(store, "write_json", full_disk)
        toy.ask_kernel(client, "delete_kernel", SLUG)
    assert kaggle.store.latest(SLUG) is None
    assert run(client, SLUG, "print(1)") is Status.COMPLETE


def test_a_push_that_finds_no_room_can_be_made_again(client, monkeypatch):
    with monkeypatch.context() as full, toy.refused(500, "No space left on device"):
        full.setattr(store, "write_json", full_disk)
        push(client, SLUG, "print(1)")
    assert run(client, SLUG, "print(1)") is Status.COMPLETE
    assert status(client, SLUG, "v1").status is Status.COMPLETE


def test_a_line_is_appended_whole_or_not_at_all(tmp_path):
    path = tmp_path / "log.jsonl"
    code = f"""
import resource
from kernels.local.files import append_line
resource.setrlimit(resource.RLIMIT_FSIZE, (12, 12))
with open({str(path)!r}, "ab", buffering=0) as file:
    for line in ("first", "second and more", "third"):
        try: append_line(file, line)
        except OSError as error: print(error.strerror)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert path.read_text() == "first\nthird\n", done.stderr
    assert done.stdout in ("File too large\n", "No space left on device\n")
