"""A kernel on the local Kaggle: where it runs, what it finds, how it ends."""

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
from pathlib import Path

import pytest
import requests
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus as Status

from kernels.local import LocalKaggle
from support import ROOT
from support.toy_competition import (
    IDS,
    TOY,
    connect,
    log_text,
    make_toy,
    output,
    point_client_at,
    push,
    run,
    status,
    wait_for,
)

# Prints every file below /kaggle, by the path that it has there.
LISTS = """
import os
root = os.path.dirname(os.environ["KAGGLE_CACHE_MOUNT_FOLDER"])
for parent, _, names in os.walk(root):
    for name in names:
        print(os.path.relpath(os.path.join(parent, name), root))
"""


@pytest.fixture
def toy(tmp_path):
    return make_toy(tmp_path / "toy")


@pytest.fixture(params=["2026"])
def kaggle(request, toy, tmp_path, monkeypatch):
    with LocalKaggle(tmp_path / "state", [toy], layout=request.param, max_parallel=4) as kaggle:
        point_client_at(monkeypatch, kaggle.url, tmp_path)
        yield kaggle


@pytest.fixture
def client(kaggle):
    with connect(kaggle.url) as client:
        yield client


def wait_until_free(path: Path) -> None:
    """Wait until no process holds a lock on ``path``: until all that held one are gone."""
    with open(path, "w") as file:
        for _ in range(3000):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                time.sleep(0.02)
    raise AssertionError(f"{path} is still held")


def holds(path: Path) -> str:
    """A script that holds a lock on ``path``, and whose child process does, too."""
    return f"""
import fcntl, subprocess, sys, time
file = open({str(path)!r}, "w")
fcntl.flock(file, fcntl.LOCK_EX)
child = [sys.executable, "-c", "import time; time.sleep(600)"]
subprocess.Popen(child, pass_fds=[file.fileno()])
print("held", flush=True)
time.sleep(600)
"""


def wait_for_log(client, slug: str, word: str) -> None:
    for _ in range(3000):
        if word in log_text(client, slug):
            return
        time.sleep(0.02)
    raise AssertionError(f"{word} never stood in the log of {slug}")


# Where it runs


def test_a_script_runs_as_on_kaggle(client):
    text = """
import os, sys
print(os.path.relpath(os.getcwd(), os.path.dirname(os.environ["KAGGLE_CACHE_MOUNT_FOLDER"])))
print(os.path.relpath(__file__), __name__, sys.argv == [__file__], sys.path[0] in __file__)
print(os.environ["KAGGLE_KERNEL_RUN_TYPE"], os.environ["MPLBACKEND"])
"""
    assert run(client, "alice/some-kernel", text) is Status.COMPLETE
    assert log_text(client, "alice/some-kernel").splitlines() == [
        "working",
        "../src/script.py __main__ True True",
        "Batch Agg",
    ]


def test_nothing_of_the_users_environment_is_passed_on(client, monkeypatch):
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "MY_SECRET", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "given-away")
    text = "import os; print(dict(os.environ)); print(os.listdir(os.path.expanduser('~')))"
    assert run(client, "alice/some-kernel", text) is Status.COMPLETE
    log = log_text(client, "alice/some-kernel")
    assert "KAGGLE_KERNEL_RUN_TYPE" in log
    assert "given-away" not in log
    assert "KAGGLE_KEY" not in log


def test_the_hidden_labels_are_neither_mounted_nor_named(client, toy):
    text = LISTS + "print(dict(os.environ))"
    run(client, "alice/some-kernel", text, competition_data_sources=[TOY.slug])
    log = log_text(client, "alice/some-kernel")
    assert "train.csv" in log
    assert toy.solution.name not in log
    assert str(toy.solution.parent) not in log


def test_the_project_is_not_importable(client):
    text = "import importlib.util as u; print(u.find_spec('common'), u.find_spec('kernels'))"
    run(client, "alice/some-kernel", text)
    assert log_text(client, "alice/some-kernel") == "None None\n"


# What it finds


def sources_for(client, kaggle) -> dict:
    """Push and put down one source of each kind."""
    for folder in ("datasets/alice/some-data", "models/google/some-model/keras/small/1"):
        place = kaggle.store.root / folder
        place.mkdir(parents=True)
        (place / "weights.txt").write_text("w")
    run(client, "alice/source-kernel", "open('out.txt', 'w').write('1')")
    text = "import os; os.mkdir('pack'); open('pack/__init__.py', 'w').write('A = 7')"
    run(client, "alice/shared-code", text, category_ids=["utility script"])
    return {
        "competition_data_sources": [TOY.slug],
        "dataset_data_sources": ["alice/some-data"],
        "kernel_data_sources": ["alice/source-kernel", "alice/shared-code"],
        "model_data_sources": ["google/some-model/keras/small/1"],
    }


def mounted(client, kaggle) -> set[str]:
    answer = push(client, "alice/some-kernel", LISTS, **sources_for(client, kaggle))
    assert not answer.error
    assert not answer.invalid_model_sources
    assert wait_for(client, "alice/some-kernel") is Status.COMPLETE
    return set(log_text(client, "alice/some-kernel").splitlines())


def test_inputs_are_mounted_where_kaggle_mounts_them_today(client, kaggle):
    assert mounted(client, kaggle) == {
        "src/script.py",
        f"input/competitions/{TOY.slug}/train.csv",
        f"input/competitions/{TOY.slug}/sample_submission.csv",
        *(f"input/competitions/{TOY.slug}/test/{name}.txt" for name in IDS),
        "input/datasets/alice/some-data/weights.txt",
        "input/models/google/some-model/keras/small/1/weights.txt",
        "input/notebooks/alice/source-kernel/out.txt",
        "usr/lib/notebooks/alice/shared-code/pack/__init__.py",
    }


@pytest.mark.parametrize("kaggle", ["2025"], indirect=True)
def test_the_older_layout_has_the_slug_alone(client, kaggle):
    assert mounted(client, kaggle) >= {
        f"input/{TOY.slug}/train.csv",
        f"input/{TOY.slug}/test/flower0.txt",
        "input/some-data/weights.txt",
        "input/some-model/keras/small/1/weights.txt",
        "input/source-kernel/out.txt",
        "usr/lib/shared_code/pack/__init__.py",
    }


def test_inputs_are_read_only(client, toy):
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
"""
    run(client, "alice/some-kernel", text, competition_data_sources=[TOY.slug])
    assert (
        log_text(client, "alice/some-kernel").splitlines()
        == ["0o555 0o555"] + ["Read-only file system"] * 5
    )
    assert (toy.data / "train.csv").read_text() == "id,label\nseen,1\n"


def test_outputs_are_read_only_once_they_are_complete(client, kaggle):
    run(client, "alice/some-kernel", "open('out.txt', 'w').write('1')")
    [path] = kaggle.store.root.rglob("out.txt")
    assert path.stat().st_mode & 0o777 == 0o444


def test_a_consumer_gets_its_sources_last_complete_version(client):
    source = "alice/source-kernel"
    run(client, source, "open('first.txt', 'w')")
    run(client, source, "open('failed.txt', 'w'); raise SystemExit(1)")
    push(client, source, "import time; open('running.txt', 'w'); time.sleep(600)")
    wait_for(client, source, Status.RUNNING)
    run(client, "alice/some-kernel", LISTS, kernel_data_sources=[source])
    found = log_text(client, "alice/some-kernel").splitlines()
    assert "input/notebooks/alice/source-kernel/first.txt" in found
    assert not [name for name in found if "failed" in name or "running" in name]


def test_a_source_without_a_complete_version_is_an_empty_folder(client):
    run(client, "alice/source-kernel", "open('failed.txt', 'w'); raise SystemExit(1)")
    text = "import os; print(os.listdir('../input/notebooks/alice/source-kernel'))"
    run(client, "alice/some-kernel", text, kernel_data_sources=["alice/source-kernel"])
    assert log_text(client, "alice/some-kernel") == "[]\n"


# The network

TRIES = """
import socket, subprocess, sys
for host in ("www.kaggle.com", "127.0.0.1"):
    try:
        socket.create_connection((host, {port}), timeout=5).close()
        print("reached", host)
    except PermissionError as error:
        print(error)
child = 'import socket; socket.create_connection(("www.kaggle.com", 443), timeout=5)'
print(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stderr)
"""


@pytest.mark.parametrize("internet", [False, True])
def test_no_kernel_reaches_the_network(client, kaggle, internet):
    text = TRIES.format(port=kaggle.url.rpartition(":")[2])
    run(client, "alice/some-kernel", text, enable_internet=internet)
    first, second, *child = log_text(client, "alice/some-kernel").splitlines()
    off = "the network is off in this kernel: tried"
    assert first == f"{off} www.kaggle.com"
    assert second == ("reached 127.0.0.1" if internet else f"{off} 127.0.0.1")
    assert f"PermissionError: {off} www.kaggle.com" in child


def test_datagrams_and_look_ups_are_refused_as_well():
    # What the guard lets through may still fail where there is no such service or name.
    text = """
import socket
from kernels.kaggle.offline import forbid_network
forbid_network(loopback=True)
def guarded(attempt):
    try:
        attempt()
    except OSError as error:
        return "the network is off" in str(error)
    return False
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
    print([guarded(attempt) for attempt in (
        lambda: datagrams.sendto(b"x", ("8.8.8.8", 53)),
        lambda: datagrams.sendmsg([b"x"], [], 0, ("8.8.8.8", 53)),
        lambda: socket.gethostbyname("www.kaggle.com"),
        lambda: socket.getaddrinfo(b"www.kaggle.com", 443),
        lambda: datagrams.sendto(b"x", ("127.0.0.1", 9)),
        lambda: socket.getaddrinfo("localhost", 80),
    )])
one, other = socket.socketpair()
one.sendall(b"x"); one.close(); other.close()
"""
    answer = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.stdout.strip() == str([True] * 4 + [False] * 2), answer.stderr


# How it ends


def test_an_exception_is_an_error_with_the_scripts_own_traceback(client):
    text = "def broken():\n    raise ValueError('bad data')\n\nprint('before')\nbroken()\n"
    assert run(client, "alice/some-kernel", text) is Status.ERROR
    entries = json.loads(output(client, "alice/some-kernel").log)
    assert [e["data"] for e in entries if e["stream_name"] == "stdout"] == ["before\n"]
    trace = "".join(e["data"] for e in entries if e["stream_name"] == "stderr")
    assert trace.count("File ") == 2
    assert "script.py" in trace
    assert "runpy" not in trace
    assert status(client, "alice/some-kernel").failure_message == (
        "exited with code 1: ValueError: bad data"
    )


def test_a_syntax_error_is_an_error(client):
    assert run(client, "alice/some-kernel", "def (") is Status.ERROR
    assert "SyntaxError" in status(client, "alice/some-kernel").failure_message


def test_the_exit_status_decides(client):
    assert run(client, "alice/some-kernel", "raise SystemExit(0)") is Status.COMPLETE
    assert run(client, "alice/some-kernel", "import sys; sys.exit(3)") is Status.ERROR
    assert status(client, "alice/some-kernel").failure_message == "exited with code 3"
    assert run(client, "alice/some-kernel", "import os; os.abort()") is Status.ERROR
    assert "SIGABRT" in status(client, "alice/some-kernel").failure_message


def test_partial_output_survives_an_error(client):
    run(client, "alice/some-kernel", "open('part.txt', 'w').write('1'); raise SystemExit(1)")
    [file] = output(client, "alice/some-kernel").files
    assert requests.get(file.url, timeout=30).text == "1"


def test_the_time_limit_stops_the_whole_group_and_keeps_the_output(client, tmp_path):
    text = "open('part.txt', 'w').close()\n" + holds(tmp_path / "held")
    state = run(client, "alice/some-kernel", text, session_timeout_seconds=1)
    assert state is Status.CANCEL_ACKNOWLEDGED
    wait_until_free(tmp_path / "held")
    answer = output(client, "alice/some-kernel")
    assert [file.file_name for file in answer.files] == ["part.txt"]
    assert "held" in answer.log


def test_closing_ends_running_kernels_and_their_children(client, kaggle, tmp_path):
    push(client, "alice/some-kernel", holds(tmp_path / "held"))
    wait_for_log(client, "alice/some-kernel", "held")
    kaggle.close()
    wait_until_free(tmp_path / "held")


def test_kernels_end_when_the_server_is_killed(tmp_path, monkeypatch):
    serve = f"""
import time
from pathlib import Path
from kernels.local import LocalKaggle
with LocalKaggle(Path({str(tmp_path / "state")!r}), []) as kaggle:
    print(kaggle.url, flush=True)
    time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", serve], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        url = server.stdout.readline().strip()
        point_client_at(monkeypatch, url, tmp_path)
        with connect(url) as client:
            push(client, "alice/some-kernel", holds(tmp_path / "held"))
            wait_for_log(client, "alice/some-kernel", "held")
        os.kill(server.pid, signal.SIGKILL)
    wait_until_free(tmp_path / "held")
    with LocalKaggle(tmp_path / "state", []) as kaggle:
        point_client_at(monkeypatch, kaggle.url, tmp_path)
        with connect(kaggle.url) as client:
            answer = status(client, "alice/some-kernel")
            assert answer.failure_message == "the local Kaggle was stopped"


def test_kernels_wait_for_a_slot(toy, tmp_path, monkeypatch):
    with LocalKaggle(tmp_path / "state", [toy], max_parallel=1) as kaggle:
        point_client_at(monkeypatch, kaggle.url, tmp_path)
        go = tmp_path / "go"
        text = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)"
        with connect(kaggle.url) as client:
            push(client, "alice/first-kernel", text)
            push(client, "alice/second-kernel", "print(1)")
            wait_for(client, "alice/first-kernel", Status.RUNNING)
            assert status(client, "alice/second-kernel").status is Status.QUEUED
            go.touch()
            assert wait_for(client, "alice/second-kernel") is Status.COMPLETE
            assert wait_for(client, "alice/first-kernel") is Status.COMPLETE


def test_a_client_that_hangs_up_leaves_no_file_open(client, kaggle):
    """An open file would be a ResourceWarning, which is an error in these tests."""
    run(client, "alice/some-kernel", "open('out.txt', 'w').write('1' * 1000)")
    [file] = output(client, "alice/some-kernel").files
    host, _, path = file.url.removeprefix("http://").partition("/")
    address = (host.partition(":")[0], int(host.partition(":")[2]))
    for _ in range(5):
        with socket.create_connection(address) as connection:
            connection.sendall(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            answer = b""
            while not answer.endswith(b"1" * 1000):
                answer += connection.recv(65536)
            # Closing resets the connection.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert requests.get(file.url, timeout=30).text == "1" * 1000


# Its log


def test_the_log_can_be_read_while_the_kernel_runs(client, tmp_path):
    go = tmp_path / "go"
    text = f"""
import os, sys, time
open("out.txt", "w").close()
print("first ä")
print("aside", file=sys.stderr)
while not os.path.exists({str(go)!r}): time.sleep(0.01)
print("last")
"""
    push(client, "alice/some-kernel", text)
    wait_for_log(client, "alice/some-kernel", "aside")
    running = output(client, "alice/some-kernel")
    assert "first ä" in log_text(client, "alice/some-kernel")
    assert "last" not in running.log
    assert not running.files  # they can be had when it has ended
    go.touch()
    wait_for(client, "alice/some-kernel")
    entries = json.loads(output(client, "alice/some-kernel").log)
    assert sorted(e["data"] for e in entries) == ["aside\n", "first ä\n", "last\n"]
    assert {e["stream_name"] for e in entries} == {"stdout", "stderr"}
    assert all(e["time"] >= 0 for e in entries)


def test_the_log_is_streamed_up_to_its_end(client, kaggle, tmp_path):
    go = tmp_path / "go"
    text = f"import os, time\nprint('first')\nwhile not os.path.exists({str(go)!r}): \
time.sleep(0.01)\nprint('last')"
    push(client, "alice/some-kernel", text)
    wait_for(client, "alice/some-kernel", Status.RUNNING)
    url = f"{kaggle.url}/api/v1/kernels/logs/stream/alice/some-kernel"
    with requests.get(url, auth=("alice", "key"), stream=True, timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        lines = (line for line in answer.iter_lines(decode_unicode=True) if line)
        assert json.loads(next(lines).removeprefix("data: "))["data"] == "first\n"
        threading.Timer(0.1, go.touch).start()
        assert [json.loads(next(lines).removeprefix("data: "))["data"]] == ["last\n"]
        assert list(lines) == ["data: END_OF_LOG"]
    wait_for(client, "alice/some-kernel")
    ended = requests.get(url, auth=("alice", "key"), timeout=30)
    assert [entry["data"] for entry in ended.json()] == ["first\n", "last\n"]
    assert requests.get(url, timeout=30).status_code == 401
