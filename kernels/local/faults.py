"""Faults that are injected into the calls of a local Kaggle: rules say which, when and how.

``docs/reference.md`` has an example of a faults file; ``fault_kinds.py`` describes a rule's fields
and every fault. The first rule that fits a call decides; the rules below do not see that call.
"""

import json
import math
import random
import re
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request, Response

from common.errors import UserError
from common.recipe import nearest, override
from kernels.local.competitions_service import CompetitionsService
from kernels.local.datasets_service import DatasetsService, ModelsService
from kernels.local.fault_kinds import FAULTS, FailingCall, Rule, version_before, with_body
from kernels.local.kernels_service import KernelsService
from kernels.local.server import Application, OAuthService, closing
from kernels.local.submissions import Submissions
from kernels.local.wire import wire_methods

_SERVICES = (KernelsService, CompetitionsService, DatasetsService, ModelsService, OAuthService)
CALLS = (
    *(name for service in _SERVICES for name in wire_methods(service)),
    *("download", "upload", "log"),
)

_RANGES: dict[str, tuple[float, float]] = {
    "probability": (0, 1),
    "code": (400, 599),
    **dict.fromkeys(("times", "after", "retry_after", "seconds"), (0, math.inf)),
}


class Faults:
    """Decides which calls of a local Kaggle fail, and remembers which did.

    Args:
        rules: tried in this order; each a ``Rule`` or an object of a faults file.
        seed: of the rules' probabilities.
        say: gets a line for each injected fault.

    ``injected`` has (call, fault) of every fault so far, oldest first. Raises UserError that
    names the number of the first rule (from 1) that cannot be followed.
    """

    def __init__(
        self, rules: Sequence[Any], seed: int = 0, say: Callable[[str], object] | None = None
    ):
        self.rules = []
        for number, rule in enumerate(rules, start=1):
            try:
                self.rules.append(_checked_rule(rule))
            except UserError as error:
                raise UserError(f"faults, rule {number}: {error}") from None
        self.injected: list[tuple[str, str]] = []
        self._say = say or (lambda line: None)
        self._draws = [random.Random(f"{seed}/{at}") for at in range(len(rules))]
        self._seen = [0] * len(rules)
        self._done = [0] * len(rules)
        self._lock = threading.Lock()

    def next_for(self, call: str, text: str, impossible: Collection[str] = ()) -> Rule | None:
        """The rule whose fault this call gets, or None; it counts as done.

        ``text`` is the call's path and body; ``impossible`` are faults that cannot be injected
        here and now.
        """
        with self._lock:
            for at, rule in enumerate(self.rules):
                named = rule.call in ("*", call) and re.fullmatch(FAULTS[rule.fault].calls, call)
                if not named or rule.contains not in text or not self._is_due(at, rule):
                    continue
                if rule.fault not in impossible:
                    self._done[at] += 1
                    self.injected.append((call, rule.fault))
                    self._say(f"fault: {rule.fault} {call} (rule {at + 1})")
                    return rule
        return None

    def _is_due(self, at: int, rule: Rule) -> bool:
        self._seen[at] += 1
        if self._seen[at] <= rule.after:
            return False
        drawn = self._draws[at].random() < rule.probability  # at each call, used or not
        return drawn and (rule.times is None or self._done[at] < rule.times)


class FaultyApplication:
    """The WSGI application with faults injected."""

    def __init__(self, application: Application, faults: Faults, submissions: Submissions):
        self._application = application
        self._faults = faults
        self._submissions = submissions
        self._keeps_answers = any(rule.fault == "duplicate" for rule in faults.rules)
        self._answers: dict[tuple[str, bytes], Response] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request (WSGI), or not."""
        return closing(self._respond(environ)(environ, start_response))

    def _respond(self, environ: dict[str, Any]) -> Any:
        request = Request(environ, populate_request=False)
        name, path = _call_name(request.path), request.path
        body = request.get_data() if request.method == "POST" else b""
        if body:
            environ.update(with_body(environ, body))  # to be read again
        earlier = self._answers.get((path, body))

        impossible = set() if earlier else {"duplicate"}
        if name == "ListKernelSessionOutput" and not version_before(body):
            impossible.add("stale")
        text = f"{path}\n{body.decode('utf-8', 'replace')}"
        rule = self._faults.next_for(name, text, impossible) if name else None
        if rule:
            app, submissions = self._application, self._submissions
            call = FailingCall(app, submissions, environ, name, body, rule, earlier)
            return FAULTS[rule.fault].inject(call)
        if not (self._keeps_answers and re.match("Get|List", name)):
            return self._application
        answer = Response.from_app(self._application, environ, buffered=True)
        self._answers[path, body] = answer
        return answer


def _call_name(path: str) -> str:
    """The call's name in a rule; empty for an address that is not one of Kaggle's."""
    if path.startswith("/api/v1/kernels/logs/stream/"):
        return "log"
    match = re.fullmatch(r"/api/v1/[\w.]+/(\w+)|/(download|upload)/.+", path)
    return (match[1] or match[2]) if match else ""


def read_faults(path: Path, say: Callable[[str], object] | None = None) -> Faults:
    """The faults of a file. Raises UserError: one line with the rule's number."""
    try:
        read = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"the faults {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"the faults {path} are not JSON: {error}") from None
    if not isinstance(read, dict) or not isinstance(read.get("rules"), list):
        raise UserError(f'the faults {path} must be {{"seed": 7, "rules": [...]}}')
    for key in read.keys() - {"seed", "rules"}:
        raise UserError(f"the faults {path}: unknown {key!r}: {nearest(key, ('seed', 'rules'))}")
    seed = read.get("seed", 0)
    if type(seed) is not int:
        raise UserError(f"the faults {path}: seed={seed!r} is not a whole number")
    try:
        return Faults(read["rules"], seed, say)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _checked_rule(given: Any) -> Rule:
    """A rule of a file, or one of our own, checked. Raises UserError."""
    if not isinstance(given, Rule | dict):
        raise UserError(f"{given!r} is not an object with call and fault")
    if isinstance(given, dict):
        for key in ("call", "fault"):
            if key not in given:
                raise UserError(f"it names no {key!r}")
    rule = override(Rule("", ""), given) if isinstance(given, dict) else given
    wrong = _wrong_name(rule) or _wrong_value(rule)
    if wrong:
        raise UserError(wrong)
    return rule


def _wrong_name(rule: Rule) -> str:
    known = ("*", *CALLS)
    if rule.fault not in FAULTS:
        return f"unknown fault {rule.fault!r}: {nearest(rule.fault, FAULTS)}"
    if rule.call not in known:
        return f"unknown call {rule.call!r}: {nearest(rule.call, known)}"
    fault = FAULTS[rule.fault]
    if rule.call != "*" and not re.fullmatch(fault.calls, rule.call):
        able = [call for call in CALLS if re.fullmatch(fault.calls, call)]
        return f"{rule.fault!r} cannot be done to {rule.call}: it is for {', '.join(able)}"
    for name in ("code", "message", "retry_after", "seconds"):
        if getattr(rule, name) != getattr(Rule, name) and name not in fault.options:
            return f"{rule.fault!r} reads no {name!r}"
    return ""


def _wrong_value(rule: Rule) -> str:
    for name, (low, high) in _RANGES.items():
        value = getattr(rule, name)
        if value is not None and not low <= value <= high:
            limits = f"between {low} and {high}" if high < math.inf else "at least 0"
            return f"{name}={value}: it must be {limits}"
    return ""
