"""What the fault runs draw: faults of Kaggle, answers of any kind, and what befalls a run."""

import gzip
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Request, Response

from kernels.local.faults import Faults, Rule
from kernels.local.server import Application

CHANGES = ("SaveKernel", "CreateSubmission", "StartSubmissionUpload", "upload")
READS = (
    *("GetKernel", "GetKernelSessionStatus", "ListKernelSessionOutput", "GetCompetition"),
    *("GetSubmissionLimits", "GetSubmission", "ListSubmissions", "GetAcceleratorQuotaStatistics"),
    *("DownloadDataFile", "ListDataFiles"),
)
FILES = ("download",)
# Fault → the calls that it is drawn for, and how often it is injected at most.
POOL: dict[str, tuple[tuple[str, ...], int]] = {
    "refuse": ((*READS, *CHANGES, *FILES, "log"), 5),
    "drop": ((*READS, *CHANGES, *FILES, "log"), 3),
    "lose": ((*READS, *CHANGES, *FILES), 2),
    "cut": ((*READS, *CHANGES, *FILES, "log"), 2),
    "late": (("SaveKernel", "CreateSubmission"), 1),
    "slow": (("SaveKernel", "CreateSubmission", "upload"), 1),
    "replace": ((*READS, *CHANGES, *FILES), 3),
    "delay": ((*READS, *CHANGES, *FILES), 2),
    "drip": ((*READS, *CHANGES, *FILES), 2),
    "duplicate": ((*READS[:3], *READS[4:7]), 2),
    "endless": (("ListKernelSessionOutput", "ListDataFiles", "ListSubmissions"), 2),
    "state": (("GetKernelSessionStatus", "GetSubmission"), 3),
    "corrupt": (FILES, 2),
    "truncate": (FILES, 2),
    "session_limit": (("SaveKernel",), 3),
    "vanish": (("GetKernelSessionStatus", "GetKernel", "ListKernelSessionOutput"), 6),
    "stale": (("GetKernelSessionStatus",), 2),
    "unlisted": (("ListSubmissions",), 4),
    "pending": (("GetSubmission",), 3),
}
REFUSALS = (400, 401, 403, 404, 408, 409, 413, 429, 429, 429, 500, 502, 503, 504)
STATUSES = (200, 200, 200, 204, 301, 302, 400, 401, 403, 404, 408, 409, 429, 500, 502, 503, 504)
STATES = ('"PREEMPTED"', "99", "null", '"RESCORING"', '"complete?"', "{}", "[]")
FIREWALL = "<html><head><title>Blocked</title></head>\n<body>\x1b[31mYour request</body></html>"
BODIES = (
    *("", "{}", "[]", "null", "0", "true", '"yes"', FIREWALL, "[" * 9999, '{"a":' * 999),
    *('{"error": "no"}', '{"error": {"message": 3}}', '{"error": []}', '{"message": null}'),
    *('["error"]', '{"status": 99}', '{"status": null}', '{"ref": "seven"}', '{"ref": -1}'),
    *('{"ref": 1e999}', '{"versionNumber": "two"}', '{"versionNumber": null}', '{"files": [null]}'),
    *('{"submissions": {}}', '{"submissions": [null]}', '{"log": "[1, null, []]"}', '{"url": 7}'),
    *('{"nextPageToken": []}', '{"deadline": "2026-11-26T07:00:00+02:00"}', '{"numToday": "5"}'),
    *('{"gpuQuota": "none"}', '{"metadata": []}', '{"blob": {"source": 7}}', "x" * 3_000_000),
)
ODD: tuple[Any, ...] = ({}, [], [None], {"a": [1]}, "maybe", 0.5, True, [[]], "\x1b]8;;x\x07", "é")


def draw_rule(chance: random.Random) -> Rule:
    """One rule of any fault in the pool."""
    fault = chance.choice(sorted(POOL))
    calls, most = POOL[fault]
    drawn: dict[str, Any] = {"after": chance.randint(0, 3), "times": chance.randint(1, most)}
    call = chance.choice(calls)
    if fault == "refuse":
        drawn |= {"code": chance.choice(REFUSALS), "message": chance.choice(("no", FIREWALL, ""))}
        again = {"retry_after": chance.choice((0, 1)), "dated": chance.random() < 0.5}
        drawn |= again if drawn["code"] in (429, 503) and chance.random() < 0.5 else {}
    if fault in ("delay", "drip", "unlisted", "slow", "late"):
        drawn["seconds"] = chance.choice((0.3, 1.5))
    if fault in ("late", "slow") and call == "CreateSubmission":
        drawn["seconds"] = chance.choice((0.3, 1.5, 4.0))
    if fault == "late":
        drawn["code"] = chance.choice((408, 429, 502, 504))
    if fault == "replace":
        drawn |= {"status": chance.choice(STATUSES), "message": chance.choice(BODIES)}
    if fault == "state":
        drawn["message"] = chance.choice(STATES)
    return Rule(call, fault, **drawn)


@dataclass
class Change:
    """A change of the answers ``after`` + 1 to ``after`` + ``times`` to a call, of the harness."""

    call: str
    how: str
    after: int
    times: int

    def due(self, name: str) -> bool:
        """Whether this answer is one of them; counts it."""
        if name != self.call:
            return False
        self.after -= 1
        return -self.times <= self.after < 0


def draw_change(chance: random.Random) -> Change:
    """One change of an answer."""
    how, call = chance.choice(sorted(ANSWERS)), chance.choice((*READS, *CHANGES[:3]))
    if how == "spaced":
        return Change("ListSubmissions", how, 0, 99)
    return Change(call, how, chance.randint(0, 3), chance.randint(1, 2))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path to a value inside ``value``, itself too."""
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """Return ``value`` with ``odd`` at ``path``."""
    if not path:
        return odd
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = put(value[path[0]], path[1:], odd)
    return changed


def wrong_type(answer: Response, chance: random.Random) -> None:
    """One value is of a type that no reader takes for what it was."""
    try:
        body = json.loads(answer.get_data())
    except ValueError:
        return
    path = chance.choice(places(body))
    old = body
    for key in path:
        old = old[key]
    taken = (type(old), *((float,) if isinstance(old, str) else ()))  # a score may be a number
    others = [odd for odd in ODD if not isinstance(odd, taken)]
    if others and path:
        answer.set_data(json.dumps(put(body, path, chance.choice(others))))


def compressed(answer: Response, _: random.Random) -> None:
    """It is compressed, and says so."""
    answer.set_data(gzip.compress(answer.get_data()))
    answer.headers["Content-Encoding"] = "gzip"


def said_compressed(answer: Response, _: random.Random) -> None:
    """It says that it is compressed, and is not."""
    answer.headers["Content-Encoding"] = "gzip"


def spaced(answer: Response, _: random.Random) -> None:
    """Descriptions have other white space than was sent."""
    try:
        body = json.loads(answer.get_data())
        for sent in body.get("submissions", []):
            sent["description"] = f" {sent['description'].replace(' ', '  ')} \n"
    except (ValueError, AttributeError, KeyError, TypeError):
        return
    answer.set_data(json.dumps(body))


ANSWERS: dict[str, Callable[[Response, random.Random], None]] = {
    one.__name__: one for one in (wrong_type, compressed, said_compressed, spaced)
}


class Disturbed(Faults):
    """Faults that can also change answers, and end the client while a call is carried out."""

    def __init__(self, chance: random.Random):
        rules = [draw_rule(chance) for _ in range(chance.randint(0, 6))]
        super().__init__(rules, chance.randint(0, 1 << 30))
        self.changes = [draw_change(chance) for _ in range(chance.choice((0, 0, 1, 2)))]
        self.end: Callable[[], None] = lambda: None
        self.moment = ("", "")  # which call, and whether it ``arrives`` or is ``done``
        self.hold = 0.0  # seconds that such a call is carried out later
        self._chance, self._busy = chance, 0

    def answer(self, application: Application, request: Request) -> Response:
        """Have the application answer, with whatever befalls it."""
        name = request.path.rpartition("/")[2] if request.path.startswith("/api") else "transfer"
        if request.method == "POST":
            request.get_data()  # before the client is ended
        self._busy += 1
        try:
            if self.moment == (name, "arrives"):
                self._end()
                time.sleep(self.hold)
            answer = super().answer(application, request)
            for change in [one for one in self.changes if one.due(name)]:
                if answer.content_length and not answer.is_streamed:
                    ANSWERS[change.how](answer, self._chance)
                    self.injected.append((name, change.how))
            if self.moment == (name, "done"):
                self._end()
            return answer
        finally:
            self._busy -= 1

    def _end(self) -> None:
        self.moment = ("", "")
        self.end()

    def wait(self) -> None:
        """Wait until nothing is still to be carried out."""
        while self._busy or any(isinstance(one, threading.Timer) for one in threading.enumerate()):
            time.sleep(0.02)
