"""Whole runs, through the real client, in which answers of Kaggle are mutated at every call.

python tests/support/mutated_runs.py --runs 1000 --seed 0

Values are of any kind, bodies are cut, empty, of another form or encoding, statuses and headers
others. Whatever comes, the command ends in a score or in one line, and ``--json`` in its object.
Kernels end at once, with the outputs of kernels that have run.
"""

import argparse
import contextlib
import faulthandler
import gzip
import io
import json
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from werkzeug.wrappers import Request, Response  # noqa: E402 (found by the line above)

from common.manifest import NAME, write_manifest  # noqa: E402
from kernels.local.faults import Faults, Rule  # noqa: E402
from kernels.local.server import Application  # noqa: E402
from kernels.local.session import Sessions  # noqa: E402
from kernels.local.store import Version  # noqa: E402
from support import fault_draws, fault_runs, fault_starts, tiny  # noqa: E402
from support.quick_kaggle import nonce_of  # noqa: E402

LONGEST = 120.0  # seconds of a run; then it hangs
ANY: tuple[Any, ...] = (
    *fault_draws.ODD,
    *(None, 0, -1, 7, 10**30, 1e300, "", "0", "-1", "1e999", "nan", "null", "COMPLETE", "v7"),
    *("2026-11-26T07:00:00+02:00", "0001-01-01T00:00:00Z", "3600", "-1s", "../../x", "/etc/passwd"),
    *("http://127.0.0.1:9/x", "file:///etc/passwd", "[1, null]", '[{"data": 3}]', "a" * 5000),
    *("[/x] [bold]", "\r\n\r\n", "\x00", "\u202e", "\ud800", "line\nline", {"message": {}}),
)
Change = Callable[[bytes, random.Random], bytes]


def some_values(body: bytes, chance: random.Random) -> bytes:
    """From one to three values are of any kind."""
    try:
        value = json.loads(body)
    except ValueError:
        return cut(body, chance)
    for _ in range(chance.randint(1, 3)):
        path = chance.choice(fault_draws.places(value))
        value = fault_draws.put(value, path, chance.choice(ANY))
    return json.dumps(value).encode()


def left_out(body: bytes, chance: random.Random) -> bytes:
    """A field is missing."""
    try:
        value = json.loads(body)
    except ValueError:
        return b""
    if isinstance(value, dict) and value:
        del value[chance.choice(list(value))]
    return json.dumps(value).encode()


def cut(body: bytes, chance: random.Random) -> bytes:
    """Only its beginning."""
    return body[: chance.randint(0, len(body))]


def flipped(body: bytes, chance: random.Random) -> bytes:
    """Some bytes are others."""
    changed = bytearray(body)
    for _ in range(min(len(changed), chance.randint(1, 4))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def other(body: bytes, chance: random.Random) -> bytes:
    """Another body."""
    return chance.choice(fault_draws.BODIES).encode()


def doubled(body: bytes, chance: random.Random) -> bytes:
    """Twice."""
    return body * 2


def encoded(body: bytes, chance: random.Random) -> bytes:
    """In another encoding."""
    how = chance.choice(("utf-16", "utf-8-sig", "utf-7", "cp037"))
    return (
        gzip.compress(body)
        if chance.random() < 0.2
        else body.decode("utf-8", "replace").encode(how, "replace")
    )


CHANGES: tuple[Change, ...] = (
    *[some_values] * 6,
    *(left_out, cut, flipped, other, doubled, encoded),
)
HEADERS = (
    ("Content-Encoding", "gzip"),
    ("Content-Encoding", "deflate"),
    ("Content-Type", "text/html; charset=utf-32"),
    ("Content-Type", "application/json; charset=nonsense"),
    ("Content-Length", "3"),
    ("Content-Length", "99999"),
    ("Retry-After", "-1"),
    ("Location", "http://127.0.0.1:9/x"),
    ("Content-Range", "bytes x-y/z"),
    ("ETag", '"\xe9"'),
    ("Transfer-Encoding", "chunked"),
)


class Mutated(Faults):
    """Changes each answer with a probability; ``count`` of those that were."""

    def __init__(self, chance: random.Random):
        super().__init__([Rule("*", "drop", times=None, probability=0.01)], chance.randint(0, 99))
        self._chance, self._probability = chance, chance.choice((0.03, 0.1, 0.3, 0.6))
        self.count: Counter[str] = Counter()

    def answer(self, application: Application, request: Request) -> Response:
        """Have the application answer, and change it perhaps."""
        answer = super().answer(application, request)
        if self._chance.random() >= self._probability:
            return answer
        answer.direct_passthrough = False
        with contextlib.closing(answer):
            body = answer.get_data()
        how = self._chance.choice(CHANGES)
        status, headers = answer.status_code, dict(answer.headers)
        headers.pop("Content-Length", None)
        if self._chance.random() < 0.15:
            status = self._chance.choice(fault_draws.STATUSES)
        changed = Response(how(body, self._chance), status, headers)
        if self._chance.random() < 0.1:
            name, value = self._chance.choice(HEADERS)
            changed.headers[name] = value
        self.count[how.__name__] += 1
        return changed


class Finished(Sessions):
    """Sessions that end at once with what the same kernel wrote before."""

    begun: Path

    def start(self, version: Version) -> None:
        """End it."""
        done = self.begun / "kaggle" / "kernels" / version.owner / version.slug / "v1"
        shutil.copytree(done / "kaggle" / "working", version.working, dirs_exist_ok=True)
        shutil.copyfile(done / "log.jsonl", version.log)
        facts = json.loads((version.working / NAME).read_text())
        (version.working / NAME).unlink()
        for name in ("format", "state", "written", "files", "sha256"):
            del facts[name]
        write_manifest(version.working, {**facts, "nonce": nonce_of(version)})
        self._end(version, {"status": "COMPLETE"})


@dataclass(frozen=True)
class Mutations:
    """What one run came to: ``wrong`` is empty when each start ended well or in one line."""

    seed: int
    ends: tuple[str, ...]
    count: Counter[str]
    seconds: float
    wrong: str


@contextlib.contextmanager
def quickly(root: Path, url: str) -> Iterator[None]:
    """Set what makes this process's command use the local Kaggle, and wait for nothing."""
    from kernels.kaggle import answers, decode, downloads

    environment = {**tiny.real_environment(url, root / "home"), "COLUMNS": "200"}
    with (
        mock.patch.dict(os.environ, environment),
        mock.patch.object(answers, "PAUSE", 0.0),
        mock.patch.object(decode, "TIMEOUT", (2.0, 0.5)),
        mock.patch.object(downloads, "_TIMEOUT", 0.5),
        mock.patch("os.fsync", return_value=None),
        mock.patch("time.sleep", partial(nap, time.sleep)),
    ):
        yield


def nap(sleep: Callable[[float], None], seconds: float) -> None:
    """Sleep shortly."""
    sleep(min(seconds, 0.01))


def command(root: Path) -> tuple[str, str]:
    """One start in this process; how it ended, and what is wrong with that."""
    import submit

    out, err = io.StringIO(), io.StringIO()
    words = [*fault_starts.COMMAND, "--run-dir", str(root / "run")]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = submit.main(words)
        except BaseException:
            return "traceback", traceback.format_exc()
    end = fault_starts.End("not", code, out.getvalue(), err.getvalue())
    shown = end.err[max(0, end.err.find("Traceback")) :][-3000:]
    return (end.error or "score"), end.wrong and f"{end.wrong}: {shown} {end.out[-300:]}"


def run_once(seed: int, begun: Path) -> Mutations:
    """One run, started up to three times."""
    import kernels.local
    from kernels.local import HostedCompetition, LocalKaggle
    from kernels.plan.find import find_competition

    chance, start = random.Random(seed), time.monotonic()
    faulthandler.dump_traceback_later(LONGEST, exit=True)
    faults, ends, wrong = Mutated(chance), list[str](), ""
    with tempfile.TemporaryDirectory(prefix=f"mutated-{seed}-") as folder:
        root, files = Path(folder), begun / "files"
        hosted = HostedCompetition(find_competition("tiny"), files / "data", files / "solution.csv")
        kind = type("Finished", (Finished,), {"begun": begun})
        with (
            mock.patch.object(kernels.local, "Sessions", kind),
            LocalKaggle(root / "kaggle", [hosted], key=tiny.KEY, faults=faults) as server,
            quickly(root, server.url),
        ):
            while len(ends) < 3 and not wrong and ends[-1:] != ["score"]:
                end, wrong = command(root)
                ends.append(end)
    faulthandler.cancel_dump_traceback_later()
    return Mutations(seed, tuple(ends), faults.count, time.monotonic() - start, wrong)


def main() -> int:
    """Run them; the exit status is 1 when one ended otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    seeds, count, ends, wrong = (
        range(args.seed, args.seed + args.runs),
        Counter[str](),
        Counter(),
        [],
    )
    with (
        tempfile.TemporaryDirectory(prefix="mutated-begun-") as begun,
        ProcessPoolExecutor(args.jobs, initializer=fault_runs.start_worker) as pool,
    ):
        pool.submit(fault_runs.begin, Path(begun)).result()
        for done, one in enumerate(pool.map(partial(run_once, begun=Path(begun)), seeds), start=1):
            count += one.count
            ends.update(end if end in ("score", "traceback") else "line" for end in one.ends)
            if one.wrong:
                wrong.append(one.seed)
                print(f"seed {one.seed}: {one.wrong}", flush=True)
            if done % 50 == 0:
                print(f"{done}/{args.runs} {count.total()} answers {dict(ends)}", flush=True)
    print(f"{args.runs} runs, {ends}, {count.total()} mutated answers: {dict(count)}")
    print(f"ended otherwise: {wrong or 'none'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
