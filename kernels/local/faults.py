"""How the local Kaggle is told to fail: rules that say which calls are struck, when, and by what.

A faults file is JSON::

    {"seed": 7, "rules": [
        {"call": "SaveKernel", "fault": "lose"},
        {"call": "download", "fault": "corrupt", "contains": "predictions.npz", "after": 1},
        {"call": "*", "fault": "refuse", "code": 429, "retry_after": 1,
         "times": null, "probability": 0.1}]}

``call`` is a wire method (one of ``CALLS``), ``download``, ``upload`` or ``log`` (the files that
come and go and the live log), or ``*`` for every call that the fault can be done to. ``contains``:
only calls with this text in their path or JSON body. ``after``: pass that many such calls first.
``times``: strike so often, 1 by default, null for ever. ``probability``: at each call, drawn from
a generator of the rule's own, so that the same calls in the same order are struck again.
The first rule that strikes a call has it; the rules below do not see that call.

Any call
    refuse: HTTP ``code`` (503) with ``message``, and a Retry-After of ``retry_after`` seconds.
    drop: the connection is closed before anything was done.
    lose: it is done, and then the connection is closed without an answer.
    cut: it is done, and half of the answer is sent (an empty answer is lost).
    delay: it is done and answered ``seconds`` (1) later.
Get… and List…
    duplicate: the answer that the same request had before, again; nothing before the first.
download
    corrupt: some bytes are wrong. truncate: half of the file, as if it were the whole.
SaveKernel
    session_limit: refused as one session too many. push_error: refused with ``message``; both
    with HTTP 200, as Kaggle does. drop_sources: pushed without its sources, which are named as
    invalid. cap: pushed with a time limit of ``seconds`` (whole ones, at least 1).
GetKernelSessionStatus, GetKernel, ListKernelSessionOutput
    vanish: 404.
    stale: the status is COMPLETE, whatever it is; the output that of the version before the one
    asked for, where there is one. Not for GetKernel.
CreateSubmission, CreateCodeSubmission
    score_error: taken, and then scored ERROR with ``message``.
ListSubmissions
    unlisted: without those sent in the last ``seconds`` (1).
GetSubmission, ListSubmissions
    pending: still PENDING.
GetDatasetStatus
    not_ready: the newest version is still being made.
"""

import dataclasses
import json
import random
import re
import threading
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.recipe import nearest

CALLS = (
    *("SaveKernel", "GetKernel", "GetKernelSessionStatus", "ListKernelSessionOutput"),
    *("ListKernelFiles", "ListKernels", "DownloadKernelOutput", "DeleteKernel"),
    *("GetAcceleratorQuotaStatistics", "GetCompetition", "ListDataFiles", "DownloadDataFile"),
    *("DownloadDataFiles", "StartSubmissionUpload", "CreateSubmission", "CreateCodeSubmission"),
    *("GetSubmissionLimits", "GetSubmission", "ListSubmissions"),
    *("GetDataset", "GetDatasetStatus", "GetDatasetMetadata", "ListDatasetFiles"),
    *("DownloadDataset", "GetModel", "GetModelInstance", "ListModelInstanceVersionFiles"),
    *("DownloadModelInstanceVersion", "IntrospectToken"),
)
ROUTES = ("download", "upload", "log")
_OPTIONS = ("code", "message", "retry_after", "seconds")

# Fault → the calls that it can be done to, and the options that it reads.
FAULTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "refuse": (r"\w+", ("code", "message", "retry_after")),
    "drop": (r"\w+", ()),
    "lose": (r"\w+", ()),
    "cut": (r"\w+", ()),
    "delay": (r"\w+", ("seconds",)),
    "duplicate": (r"(Get|List)\w+", ()),
    "corrupt": ("download", ()),
    "truncate": ("download", ()),
    "session_limit": ("SaveKernel", ()),
    "push_error": ("SaveKernel", ("message",)),
    "drop_sources": ("SaveKernel", ()),
    "cap": ("SaveKernel", ("seconds",)),
    "vanish": ("GetKernelSessionStatus|GetKernel|ListKernelSessionOutput", ()),
    "stale": ("GetKernelSessionStatus|ListKernelSessionOutput", ()),
    "score_error": ("CreateSubmission|CreateCodeSubmission", ("message",)),
    "unlisted": ("ListSubmissions", ("seconds",)),
    "pending": ("GetSubmission|ListSubmissions", ()),
    "not_ready": ("GetDatasetStatus", ()),
}


@dataclass(frozen=True)
class Rule:
    """Which calls are struck, when, and by what: the fields are those of a faults file."""

    call: str
    fault: str
    times: int | None = 1
    after: int = 0
    probability: float = 1.0
    contains: str = ""
    code: int = 503
    message: str = "injected by a rule of the local Kaggle"
    retry_after: int | None = None
    seconds: float = 1.0

    def matches(self, call: str, text: str) -> bool:
        """Whether the rule is about ``call``, whose path and body are ``text``."""
        named = self.call in ("*", call) and re.fullmatch(FAULTS[self.fault][0], call)
        return bool(named) and self.contains in text


class Faults:
    """Decides which calls of a local Kaggle are struck, and remembers which were.

    Args:
        rules: asked in this order.
        seed: of the rules' probabilities.
        tell: is given a line for each strike.

    ``struck`` holds (call, fault) of every strike so far, oldest first. Raises UserError that
    names the number of the first rule (from 1) that cannot be followed.
    """

    def __init__(
        self, rules: Sequence[Rule], seed: int = 0, tell: Callable[[str], object] | None = None
    ):
        for number, rule in enumerate(rules, start=1):
            wrong = _what_is_wrong(rule)
            if wrong:
                raise UserError(f"faults, rule {number}: {wrong}")
        self.rules = tuple(rules)
        self.struck: list[tuple[str, str]] = []
        self._tell = tell or (lambda line: None)
        self._draws = [random.Random(f"{seed}/{at}") for at in range(len(rules))]
        self._seen = [0] * len(rules)
        self._done = [0] * len(rules)
        self._lock = threading.Lock()

    def next_for(self, call: str, text: str, possible: Callable[[Rule], bool]) -> Rule | None:
        """The rule that strikes this call, or None; it counts as done.

        ``text`` is the call's path and body; ``possible`` says whether a rule's fault can be done
        here and now.
        """
        with self._lock:
            for at, rule in enumerate(self.rules):
                if rule.matches(call, text) and self._strikes(at, rule) and possible(rule):
                    self._done[at] += 1
                    self.struck.append((call, rule.fault))
                    self._tell(f"fault: {rule.fault} {call} (rule {at + 1})")
                    return rule
        return None

    def _strikes(self, at: int, rule: Rule) -> bool:
        self._seen[at] += 1
        if self._seen[at] <= rule.after:
            return False
        drawn = self._draws[at].random() < rule.probability  # at each call, whatever comes of it
        return drawn and (rule.times is None or self._done[at] < rule.times)


def read_faults(path: Path, tell: Callable[[str], object] | None = None) -> Faults:
    """The faults that a file asks for. Raises UserError: one line with the rule's number."""
    try:
        told = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"the faults {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"the faults {path} are not JSON: {error}") from None
    if not isinstance(told, dict) or not isinstance(told.get("rules"), list):
        raise UserError(f'the faults {path} must be {{"seed": 7, "rules": [...]}}')
    for key in told.keys() - {"seed", "rules"}:
        raise UserError(f"the faults {path}: unknown {key!r}: {nearest(key, ('seed', 'rules'))}")
    seed = told.get("seed", 0)
    if not _is(seed, int):
        raise UserError(f"the faults {path}: seed={seed!r} is not a whole number")
    try:
        return Faults([_rule(at, given) for at, given in enumerate(told["rules"], 1)], seed, tell)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _rule(number: int, given: Any) -> Rule:
    names = [field.name for field in dataclasses.fields(Rule)]
    if not isinstance(given, dict):
        raise UserError(f"faults, rule {number}: {given!r} is not an object with call and fault")
    for key in given:
        if key not in names:
            raise UserError(f"faults, rule {number}: unknown {key!r}: {nearest(key, names)}")
    for key in ("call", "fault"):
        if key not in given:
            raise UserError(f"faults, rule {number}: it names no {key!r}")
    return Rule(**given)


def _what_is_wrong(rule: Rule) -> str:
    """The first thing wrong with a rule, or nothing."""
    return _wrong_type(rule) or _wrong_name(rule) or _wrong_value(rule)


def _wrong_type(rule: Rule) -> str:
    for name, hint in typing.get_type_hints(Rule).items():
        kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        value = getattr(rule, name)
        if not any(_is(value, kind) for kind in kinds):
            words = ("null" if kind is types.NoneType else kind.__name__ for kind in kinds)
            return f"{name}={value!r} is not of its type: it takes {' or '.join(words)}"
    return ""


def _wrong_name(rule: Rule) -> str:
    known = ("*", *ROUTES, *CALLS)
    if rule.fault not in FAULTS:
        return f"unknown fault {rule.fault!r}: {nearest(rule.fault, FAULTS)}"
    if rule.call not in known:
        return f"unknown call {rule.call!r}: {nearest(rule.call, known)}"
    calls, options = FAULTS[rule.fault]
    if rule.call != "*" and not re.fullmatch(calls, rule.call):
        able = [call for call in known if re.fullmatch(calls, call)]
        return f"{rule.fault!r} cannot be done to {rule.call}: it is for {', '.join(able)}"
    for name in _OPTIONS:
        if getattr(rule, name) != getattr(Rule, name) and name not in options:
            return f"{rule.fault!r} reads no {name!r}"
    return ""


def _wrong_value(rule: Rule) -> str:
    if not 0 <= rule.probability <= 1:
        return f"probability={rule.probability}: it must be between 0 and 1"
    if not 400 <= rule.code <= 599:
        return f"code={rule.code}: it must be between 400 and 599"
    for name in ("times", "after", "retry_after", "seconds"):
        if (getattr(rule, name) or 0) < 0:
            return f"{name}={getattr(rule, name)}: it must not be negative"
    return ""


def _is(value: object, kind: type) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if kind is float else kind)
