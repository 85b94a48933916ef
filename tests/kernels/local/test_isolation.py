"""A hostile kernel reads nothing of the user's, the solution, other processes or other kernels."""

import os
import subprocess
import sys

import pytest
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus as Status

from kernels.local import confine
from kernels.local.landlock import version
from support import tiny
from support.toy_competition import TOY, log_text, run

SLUG = "alice/some-kernel"
SECRET = "this-is-the-users-own"
confined = pytest.mark.skipif(not version(), reason="this system has no Landlock")
# Tries everything and prints what has worked.
HOSTILE = """
import ctypes, glob, os, shutil, signal, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
def must(answer):
    if answer < 0: raise OSError(ctypes.get_errno(), "refused")
def read(path):
    if not open(path, "rb").read(): raise OSError("empty")
def through(link):
    os.symlink(SOLUTION, link); read(link)
def replaced():
    shutil.rmtree("../working"); os.symlink(os.path.dirname(SOLUTION), "../working")
def others():
    return [p for p in glob.glob("/proc/[0-9]*") if os.stat(p).st_uid == os.getuid()
            and not p.endswith(f"/{os.getpid()}")]
def any_of(*actions):
    errors = []
    for action in actions:
        try: return action()
        except OSError as error: errors.append(error)
    raise errors[0] if errors else OSError("none")
DATA = os.path.realpath("../input/competitions/toy-competition/train.csv")
OTHER = STATE + "/kernels/alice/other-kernel/v1/kaggle/working/out.txt"
ATTEMPTS = {
    "environment of another process": lambda: read(f"/proc/{PID}/environ"),
    "environment of the server": lambda: read(f"/proc/{SERVER}/environ"),
    "environment of any process": lambda: any_of(*(
        lambda p=p: read(p + "/environ") for p in others())),
    "memory": lambda: open(f"/proc/{SERVER}/mem", "rb"),
    "open files": lambda: os.readlink(f"/proc/{SERVER}/fd/1"),
    "its root": lambda: read(f"/proc/{SERVER}/root{SOLUTION}"),
    "its folder": lambda: os.listdir(f"/proc/{SERVER}/cwd/"),
    "the system's memory": lambda: any_of(*(
        lambda p=p: read(p) for p in ("/proc/kcore", "/dev/mem", "/dev/vda", "/dev/sda"))),
    "ptrace": lambda: must(libc.ptrace(16, PID, None, None)),
    "signal": lambda: any_of(*(lambda n=n: os.kill(n, 0) for n in (PID, SERVER, os.getppid()))),
    "credentials": lambda: read(HOME + "/.kaggle/kaggle.json"),
    "home": lambda: os.listdir(HOME),
    "solution": lambda: read(SOLUTION),
    "solution by a link": lambda: through("link.csv"),
    "solution by a hard link": lambda: os.link(SOLUTION, "hard.csv"),
    "solution by a child": lambda: subprocess.run(["cat", SOLUTION], check=True),
    "solution by its folder": lambda: os.listdir(os.path.dirname(SOLUTION)),
    "solution moved here": lambda: os.rename(SOLUTION, "moved.csv"),
    "another kernel's output": lambda: read(OTHER),
    "its own record": lambda: open("../../session.json", "r+"),
    "its own folder": replaced,
    "the state": lambda: os.listdir(STATE),
    "something new in the state": lambda: os.mkdir(STATE + "/submissions/9"),
    "something new at home": lambda: open(HOME + "/.bashrc", "w"),
    "data": lambda: subprocess.run(["sh", "-c", f"echo x >> {DATA}"], check=True),
}
for name, attempt in ATTEMPTS.items():
    try:
        attempt()
        print("worked:", name)
    except (OSError, subprocess.CalledProcessError):
        pass
print("tried", len(ATTEMPTS))
"""
# What kernels and their libraries do.
USUAL = """
import concurrent.futures, multiprocessing, os, shutil, sqlite3, ssl, subprocess, sys, tempfile
from multiprocessing import shared_memory
def double(n): return 2 * n
if __name__ == "__main__":
    for way in ("fork", "spawn"):
        with multiprocessing.get_context(way).Pool(2) as pool:
            print(pool.map(double, [1, 2]))
    memory = shared_memory.SharedMemory(create=True, size=8)
    memory.close(); memory.unlink()
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(folder + "/a/b"); open(folder + "/a/b/c", "w").close()
        os.rename(folder + "/a/b/c", folder + "/c"); shutil.move(folder + "/c", "c.txt")
    print(open("/proc/self/status").read(4), open("/proc/meminfo").read(3))
    open("/dev/null", "w").close()
    print(subprocess.run("echo ok > ok.txt && cat ok.txt", shell=True, capture_output=True).stdout)
    sqlite3.connect("here.db").execute("create table t (x)")
    ssl.create_default_context()
    import matplotlib.pyplot as plt
    plt.plot([1, 2]); plt.title("text"); plt.savefig("figure.png")
    print(open("../input/competitions/toy-competition/train.csv").readline())
"""


@confined
def test_a_hostile_kernel_reaches_nothing_outside(serve, tmp_path):
    kaggle, client = serve()
    secrets = tmp_path / ".kaggle"  # HOME is ``tmp_path``
    secrets.mkdir()
    (secrets / "kaggle.json").write_text(SECRET)
    assert run(client, "alice/other-kernel", "open('out.txt', 'w').write('1')") is Status.COMPLETE
    environment = {**os.environ, "KAGGLE_KEY": SECRET}
    with subprocess.Popen(["sleep", "600"], env=environment) as process:
        names = {
            "PID": process.pid,
            "SERVER": os.getpid(),
            "HOME": str(tmp_path),
            "SOLUTION": str(tmp_path / "toy" / "hidden" / "answers.csv"),
            "STATE": str(kaggle.store.root),
        }
        text = "".join(f"{name} = {value!r}\n" for name, value in names.items()) + HOSTILE
        ended = run(client, SLUG, text, competition_data_sources=[TOY.slug])
        assert process.poll() is None
        process.kill()
    log = log_text(client, SLUG)
    assert ended is Status.COMPLETE, log
    assert [line for line in log.splitlines() if line.startswith(("worked", "tried"))] == [
        "tried 25"
    ]
    assert (tmp_path / "toy" / "data" / "train.csv").read_text() == "id,label\nseen,1\n"


def test_a_kernel_does_what_kernels_do(client):
    ended = run(client, SLUG, USUAL, competition_data_sources=[TOY.slug])
    assert ended is Status.COMPLETE, log_text(client, SLUG)
    assert log_text(client, SLUG).splitlines()[:4] == [
        *["[2, 4]"] * 2,
        "Name Mem",
        "b'ok\\n'",
    ]


def test_where_nothing_hidden_is_in_it_a_shared_folder_is_open(tmp_path, monkeypatch):
    from kernels.local.store import Version

    shared, hidden = tmp_path / "shared", tmp_path / "hidden"
    for folder in (shared / "deep", hidden):
        folder.mkdir(parents=True)
    (shared / "file").touch()
    monkeypatch.setattr(confine, "_SHARED", (str(shared),))
    monkeypatch.setattr(confine, "_SYSTEM", (str(shared),))
    at = Version(tmp_path / "kernels", "alice/some-kernel", 1)
    may = confine.allowed(at, [], [hidden])
    assert str(shared) in may["readable"]
    assert str(shared) in may["writable"]
    may = confine.allowed(at, [], [shared / "deep" / "solution.csv"])
    assert str(shared) not in may["readable"] + may["writable"]
    assert str(shared / "file") in may["readable"]
    assert str(shared / "deep") not in may["readable"]


def test_what_cannot_be_had_is_said_once(tmp_path):
    data, solution = tiny.write_data(tmp_path / "files")
    code = f"""
import sys
from pathlib import Path
sys.path[:0] = {[str(tiny.ROOT), str(tiny.ROOT / "tests")]!r}
from support import tiny
tiny.add_tiny()
from kernels.local import confine
from kernels.local.dry_run import local_kaggle
from kernels.plan.find import find_competition
found, here = find_competition("tiny"), Path({str(tmp_path)!r})
for landlock in (0, 2):
    confine.landlock_version = lambda: landlock
    with local_kaggle(found, here / str(landlock), {data!r}, {solution!r}, print):
        print("served")
"""
    code = code.replace("PosixPath", "Path")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [confine.UNCONFINED, "served", "served"]


def test_a_kernels_folder_that_has_become_a_link_is_not_served(tmp_path):
    from kernels.local.files import find_file, list_files

    outside, working = tmp_path / "outside", tmp_path / "kaggle" / "working"
    for folder in (outside, working.parent):
        folder.mkdir()
    (outside / "kaggle.json").write_text(SECRET)
    working.symlink_to(outside)
    assert list_files(working, contained=True) == []
    assert find_file(working, "kaggle.json", contained=True) is None
