"""Faults that are injected into the calls of a local Kaggle: rules say which, when and how.

``docs/reference.md`` has an example of a faults file; ``fault_kinds.py`` describes a rule's fields
and, with ``call_faults.py``, every fault. The first rule that fits a call decides; the rules below
do not see that call.
"""

import json
import random
import re
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request, Response

from common.errors import UserError
from common.recipe import by_name, nearest, override
from kernels.local.call_faults import version_before
from kernels.local.fault_kinds import FAULTS, FailingCall, Rule
from kernels.local.server import METHODS, Application

CALLS = (*METHODS, "download", "upload", "log")

_OPTIONS = ("code", "dated", "message", "retry_after", "seconds", "status")


class Faults:
    """Decides which calls of a local Kaggle fail, and remembers which did.

    Args:
        rules: tried in this order.
        seed: of the rules' probabilities.
        say: gets a line for each injected fault.

    ``injected`` has (call, fault) of every fault so far, oldest first.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        seed: int = 0,
        say: Callable[[str], object] = lambda line: None,
    ):
        self.injected: list[tuple[str, str]] = []
        self._rules, self._say = rules, say
        self._draws = [random.Random(f"{seed}/{at}") for at in range(len(rules))]
        self._seen = [0] * len(rules)
        self._done = [0] * len(rules)
        self._lock = threading.Lock()
        self._repeats = any(rule.fault == "duplicate" for rule in rules)
        self._answers: dict[tuple[str, bytes], Response] = {}

    def answer(self, application: Application, request: Request) -> Response:
        """Have the application answer, with a fault or without one."""
        name = _call_name(request.path)
        body = request.get_data() if request.method == "POST" else b""
        asked = (request.path, body)
        earlier = self._answers.get(asked)
        impossible = set() if earlier else {"duplicate"}
        if name == "ListKernelSessionOutput" and not version_before(request):
            impossible.add("stale")
        text = f"{request.path}\n{body.decode('utf-8', 'replace')}"
        if rule := self.next_for(name, text, impossible):
            call = FailingCall(application, request, name, rule, earlier)
            return FAULTS[rule.fault].inject(call)
        answer = application.answer(request)
        if self._repeats and re.match("Get|List", name):
            self._answers[asked] = answer
        return answer

    def next_for(self, call: str, text: str, impossible: Collection[str] = ()) -> Rule | None:
        """The rule whose fault this call gets, or None; it counts as done.

        ``text`` is the call's path and body; ``impossible`` are faults that cannot be injected
        here and now.
        """
        with self._lock:
            for at, rule in enumerate(self._rules):
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


def _call_name(path: str) -> str:
    """The call's name in a rule; empty for an address that is not one of Kaggle's."""
    if path.startswith("/api/v1/kernels/logs/stream/"):
        return "log"
    match = re.fullmatch(r"/api/v1/[\w.]+/(\w+)|/(download|upload)/.+", path)
    return (match[1] or match[2]) if match else ""


def read_faults(path: Path, say: Callable[[str], object]) -> Faults:
    """The faults of a file. Raises UserError: one line with the rule's number."""
    try:
        read = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"the faults {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"the faults {path} are not JSON: {error}") from None
    if not isinstance(read, dict) or not isinstance(read.get("rules"), list):
        raise UserError(f'the faults {path} must be {{"seed": 7, "rules": [...]}}')
    for key in read.keys() - {"seed", "rules"}:
        raise UserError(f"the faults {path}: unknown {key!r}: {nearest(key, ('seed', 'rules'))}")
    seed, rules = read.get("seed", 0), []
    if type(seed) is not int:
        raise UserError(f"the faults {path}: seed={seed!r} is not a whole number")
    for number, entry in enumerate(read["rules"], start=1):
        try:
            rules.append(_read_rule(entry))
        except UserError as error:
            raise UserError(f"the faults {path}, rule {number}: {error}") from None
    return Faults(rules, seed, say)


def _read_rule(entry: Any) -> Rule:
    """A rule of a file. Raises UserError."""
    if not isinstance(entry, dict) or not {"call", "fault"} <= entry.keys():
        raise UserError(f"{entry!r} is not an object with call and fault")
    rule = override(Rule("", ""), entry)
    fault = by_name("fault", rule.fault, FAULTS)
    calls = ["*", *(call for call in CALLS if re.fullmatch(fault.calls, call))]
    if rule.call not in calls:
        raise UserError(f"no call {rule.call!r} of {rule.fault!r}: {nearest(rule.call, calls)}")
    for name in entry.keys() & set(_OPTIONS) - set(fault.options):
        raise UserError(f"{rule.fault!r} reads no {name!r}")
    return rule
