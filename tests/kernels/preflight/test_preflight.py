"""The checklist before the first push, and ``--plan``: what cannot end does not start."""

import contextlib
import io
import json
import math
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import requests
from kagglesdk.competitions.types import competition_api_service as competition_api
from kagglesdk.kernels.types import kernels_api_service as kernel_api

import kernels.kaggle.client
from common.errors import UserError
from kernels.bundle.build import Bundle
from kernels.kaggle import answers, decode
from kernels.kaggle.answers import KaggleError, NoAnswerError
from kernels.kaggle.client import Kaggle
from kernels.plan.find import find_competition
from kernels.preflight import show_plan
from kernels.preflight.checklist import run_checks
from kernels.preflight.kaggle_checks import Subject, ask_kaggle
from support import tiny, warm
from support.every_kernel import NAMES
from support.planned import bundles, request
from support.toy_competition import connect, point_client_at, push

NOW = datetime(2026, 11, 22, 17, 30)
TINY = find_competition("tiny")
REQUEST = request("tiny", "left", accelerator="gpu")
SILENT = NoAnswerError("Kaggle answered 503: Service Unavailable", 503)


@dataclass
class Go:
    """``go(*arguments)``: the command in this process, against a local Kaggle with ``options``."""

    folder: Path
    data: tuple[Path, Path]
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    opened: ExitStack

    def kaggle(self, **options: Any) -> Kaggle:
        """The client of this process, pointed at a new Kaggle."""
        served = tiny.local_kaggle(self.folder, self.data, **options)
        server, env = self.opened.enter_context(served)
        self.url, self.store = server.url, server.store
        point_client_at(self.monkeypatch, server.url, self.folder)
        for name, value in env.items():
            self.monkeypatch.setenv(name, value)
        client = Kaggle(server.url)
        self.monkeypatch.setattr(kernels.kaggle.client, "Kaggle", lambda: client)
        return client

    def __call__(self, *arguments: object, **options: Any) -> Any:
        if not hasattr(self, "url"):
            self.kaggle(**options)
        on = () if "--accelerator" in arguments else ("--accelerator", "cpu")
        return tiny.submit_here(self.capsys, "tiny", "--ensemble", *on, *arguments)


@pytest.fixture
def go(tmp_path: Path, tiny_data: tuple, monkeypatch: Any, capsys: Any) -> Iterator[Go]:
    with ExitStack() as opened:
        yield Go(tmp_path, tiny_data, monkeypatch, capsys, opened)


def test_a_plan_is_the_checklist_and_the_graph_and_pushes_nothing(go: Go, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = go("--plan", "--run-dir", run)
    assert done.returncode == 0, done.stderr
    checks, graph = done.stdout.split("\n\n", 1)
    assert re.sub(r"(in |has |until ).*", r"\1", checks).splitlines() == [
        "ok   signed in ",
        "ok   competition tiny-digits: Tiny Digits",
        "ok   rules of tiny-digits are accepted",
        "ok   open until ",
        "ok   takes files",
        "ok   5 of 5 submissions left today; the next day begins at 00:00 UTC, in ",
        "ok   submission LabelColumn fits sample_submission.csv",
        "ok   CPU alone: no quota needed",
        "ok   machine shapes: CPU",
        "ok   titles and slugs agree",
        "ok   the longest text has ",
        "--   not audited for leaks and broken pictures: add --audit",
    ]
    slugs = re.findall(r"^\d  (\S+)", graph, re.MULTILINE)
    assert slugs == ["tinycommon", "tiny-left", "tiny-right", "tiny-ensemble"]
    assert "reads  tinycommon, tiny-left, tiny-right, tiny-digits\n" in graph
    done = go("--plan", "--json", "--set", "epochs=3")
    plan = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, plan["state"], plan["run_dir"]) == (0, "planned", None)
    assert all(check["ok"] and check["found"] for check in plan["checks"])
    left = next(kernel for kernel in plan["kernels"] if kernel["name"] == "left")
    assert (left["epochs"], left["sources"]) == (3, ["tinycommon", "tiny-digits"])
    assert plan["hours"]["cpu"]["unknown"] == ["left", "right"]
    assert go.store.kernels() == []
    assert not run.exists()


def test_a_plan_says_what_comes_after_the_kernels(go: Go) -> None:
    def steps(*arguments: str) -> list[str]:
        return re.findall(r"^then it (.*)$", go("--plan", *arguments).stdout, re.MULTILINE)

    fetches = "fetches the weights that the kernels have left"
    version = "publishes them as a version of the private data set"
    assert steps() == ["sends submission.csv, once"]
    assert steps("--no-submit", "--fetch-weights") == ["sends nothing", fetches]
    assert steps("--publish")[1:] == [fetches, f"asks, and then {version} tiny-weights"]
    named = ("--plan", "--publish", "alice/my-nets", "--yes", "--json")
    plan = json.loads(go(*named).stdout.splitlines()[-1])
    assert plan["then"][2] == f"{version} alice/my-nets"
    assert plan["checks"][-1]["found"] == "weights can be published as alice/my-nets"
    done = go("--plan", "--publish", "bob/my-nets")
    assert "NO   --publish bob/my-nets: signed in as alice: name a data" in done.stdout
    assert done.returncode == 1
    assert go.store.kernels() == []


def test_the_quota_of_what_kernels_run_on_is_checked(go: Go) -> None:
    done = go("--plan", "--accelerator", "tpu")
    assert "ok   TPU quota: 20.0 of 20.0 h left, refreshes 20" in done.stdout
    assert "the plan needs about 30 min (unknown: right)" in done.stdout
    assert "machine shapes: CPU, TpuV5E8" in done.stdout
    assert "estimated: CPU about 2 min; TPU about 30 min and unknown for right" in done.stdout
    go.store.add_usage("GPU", 29 * 3600)
    gpu = ("--plan", "--accelerator", "gpu")
    done = go(*gpu)
    assert done.returncode == 1
    assert "checks failed: GPU quota: 1.0 of 30.0 h left, refreshes 20" in done.stderr
    assert go(*gpu, "--set", "epochs=1").returncode == 0


@pytest.mark.parametrize(
    ("options", "arguments", "line"),
    [
        ({"entered": False}, (), "rules of tiny-digits are not accepted: accept them at "
         "https://www.kaggle.com/competitions/tiny-digits/rules"),
        ({"submissions_disabled": True}, (),
         "submissions to tiny-digits are disabled: train without one: --no-submit"),
        ({}, ("--weights-source", "bob/nets"), "no data set bob/nets: Kaggle answered 404: "),
    ],
    ids=["rules", "disabled", "dataset"],
)  # fmt: skip
def test_a_check_that_fails_ends_the_run_before_anything_is_pushed(
    go: Go, tmp_path: Path, options: dict, arguments: tuple, line: str
) -> None:
    done = go(*arguments, "--run-dir", tmp_path / "run", "--json", **options)
    assert done.returncode == 1
    *checks, last = done.stderr.splitlines()
    assert sum(text.startswith(f"NO   {line}") for text in checks) == 1
    assert sum(text.startswith("ok   ") for text in checks) >= 8  # all are shown
    assert re.match(rf"error: 1 of \d+ checks failed: {line}.*\(nothing was pushed\)$", last)
    assert json.loads(done.stdout)["error"] == last.removeprefix("error: ")
    assert go.store.kernels() == []
    planned = go(*arguments, "--plan")
    assert (planned.returncode, planned.stderr) == (1, f"{last}\n")
    assert f"NO   {line}" in planned.stdout
    assert (go("--plan", "--no-submit").returncode == 0) is ("entered" not in options)


def test_without_submissions_left_another_run_does_not_start(
    go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm.fork_kernels(monkeypatch)
    first = go("--run-dir", tmp_path / "first", max_daily_submissions=1)
    assert first.returncode == 0, first.stderr
    pushed = go.store.kernels()
    [sent] = (go.store.root / "submissions").glob("*.json")
    record = json.loads(sent.read_text())
    # Of the same day, also where the day ends between the two runs.
    sent.write_text(json.dumps({**record, "date": record["date"] + 600}))
    other = ("--set", "sharpness=2", "--run-dir", tmp_path / "second")
    done = go(*other)
    assert done.returncode == 1
    assert "NO   no submission left of 1 today: the next day begins at 00:00 UTC" in done.stderr
    assert {go.store.latest(ref).number for ref in pushed} == {1}
    assert go(*other, "--no-submit", "--plan").returncode == 0
    # The first run has sent its own: it is complete, and goes on from where it was.
    again = go("--run-dir", tmp_path / "first")
    assert again.returncode == 0, again.stderr


def test_every_source_is_asked_for(go: Go) -> None:
    kaggle = go.kaggle()
    for name in ("datasets/bob/nets", "models/bob/net/keras/small/1"):
        (go.store.root / name).mkdir(parents=True)
    with connect(go.url) as client:
        push(client, "alice/embeddings", "print(1)")
    pushed = built(
        dataset_sources=["bob/nets"],
        model_sources=["bob/net/keras/small/1", "bob/net/kerra/small/1"],
        kernel_sources=["alice/embeddings", "bob/secret"],
        competition_sources=["tiny-digits", "tiny-digit"],
    )
    checks = run_checks(ask_kaggle(kaggle, REQUEST, pushed, frozenset(), True))
    found = [check.line for check in checks if check.name == "source"]
    said = (
        "ok   data set bob/nets is ready",
        "ok   model bob/net/keras/small/1 is there",
        "NO   no model bob/net/kerra/small/1: there is no framework 'kerra': ",
        "ok   kernel alice/embeddings is there",
        "NO   no kernel bob/secret: Kaggle answered 403: ",
        "NO   no competition tiny-digit: Kaggle answered 404: ",
    )
    assert [line[: len(begin)] for line, begin in zip(found, said, strict=True)] == list(said)


def test_a_competition_whose_data_alone_are_used_has_rules_and_no_submissions(go: Go) -> None:
    kaggle = go.kaggle(entered=False, submissions_disabled=True, solution=None)
    asked = replace(REQUEST, competition=replace(TINY, submission=None))
    checks = run_checks(ask_kaggle(kaggle, asked, built(), frozenset(), asked.submits))
    names = [check.name for check in checks]
    assert names[:4] == ["credentials", "competition", "rules", "submission"]
    assert not {"open", "kind", "submissions"} & set(names)
    assert [check.name for check in checks if not check.ok] == ["rules"]


def test_a_silent_kaggle_is_waited_for_once() -> None:
    silent = mock.Mock(owner="alice", ask=mock.Mock(side_effect=SILENT))
    checks = run_checks(ask_kaggle(silent, REQUEST, built(), frozenset(), True))
    assert silent.ask.call_count == 1
    failing = [check.name for check in checks if not check.ok]
    assert failing == ["credentials", "competition", "quota"]


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_plan_does_not_wait_for_a_silent_kaggle(
    go: Go, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    go.kaggle()
    monkeypatch.setattr(show_plan, "PATIENCE", 0.5)
    monkeypatch.setattr(decode, "TIMEOUT", (3.0, 3.0))
    monkeypatch.setenv("HTTP_PROXY", silent)
    done = go("--plan")
    assert done.returncode == 1
    assert "NO   competition tiny-digits: no answer from Kaggle within 0 s: give the" in done.stdout
    assert "ok   titles and slugs agree" in done.stdout
    assert done.stdout.endswith("nothing was pushed\n")
    assert done.stderr.startswith("error: 2 of 6 checks failed: not known whether signed in as ")


@pytest.mark.parametrize("why", ["refused", "silent"])
def test_a_plan_without_signing_in_is_whole(
    go: Go, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    def sign_in() -> None:
        if why == "silent":
            with contextlib.redirect_stdout(io.StringIO()):
                threading.Event().wait()
        raise UserError("no Kaggle credentials: put a token there")

    go.kaggle()
    monkeypatch.setattr(show_plan, "PATIENCE", 0.5)
    monkeypatch.setattr(kernels.kaggle.client, "Kaggle", sign_in)
    done = go("--plan", "--accelerator", "tpu")
    first, second, *others = done.stdout.splitlines()
    assert (
        first
        == {
            "refused": "NO   no Kaggle credentials: put a token there",
            "silent": "NO   no answer from Kaggle within 0 s: give the same command again when "
            "that is mended",
        }[why]
    )
    assert second.startswith("NO   Kaggle was not asked for: competition, rules, open, kind, subm")
    assert others[:2] == ["ok   machine shapes: CPU, TpuV5E8", "ok   titles and slugs agree"]
    assert "estimated: CPU about 2 min; TPU about 30 min and unknown for right" in others
    assert done.returncode == 1
    assert done.stderr.startswith("error: 2 of 5 checks failed: ")
    plan = json.loads(go("--plan", "--json").stdout.splitlines()[-1])
    assert plan["state"] == "failed"
    assert [kernel["name"] for kernel in plan["kernels"]] == ["shared", "left", "right", "ensemble"]
    assert [check["name"] for check in plan["checks"] if not check["ok"]] == [
        "credentials",
        "not asked",
    ]


def test_the_cause_is_told_when_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise requests.ConnectionError("Connection refused")

    monkeypatch.setattr(answers, "pause", lambda *_: None)
    with pytest.raises(NoAnswerError, match="Kaggle cannot be reached: Connection refused"):
        answers.at_most(60, lambda: answers.read(fail))
    assert len(calls) == 8
    monkeypatch.setattr(answers, "pause", lambda *_: time.sleep(0.2))
    with pytest.raises(NoAnswerError, match="Kaggle cannot be reached: Connection refused"):
        answers.at_most(0.6, lambda: answers.read(fail))
    assert len(calls) < 12
    assert answers._patience == math.inf


def test_a_plan_shows_sizes_schedules_and_hours(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("--dry-run", "--plan", "--set", "miniature=no")
    done = tiny.submit_here(capsys, "petals", "--ensemble", *asked)
    assert done.stdout.startswith("no checks: a dry run asks nothing of Kaggle\n")
    assert "\n\n1  petalscommon " in done.stdout
    assert "parameters  18,521,768 in all, 18,292,712 trainable\n" in done.stdout
    assert "refit       1 epoch of the trained network on train + val\n" in done.stdout
    assert "schedule    ramp, lr_max 0.006 x 1: 0.001 in the first epoch, 0.006 in" in done.stdout
    # Of small settings no script states hours, and none are shown as if they were.
    assert "hours" not in done.stdout
    assert "\nnot estimated: how long it takes on this machine with" in done.stdout
    full = tiny.submit_here(capsys, "petals", "--ensemble", *asked[:2], "--full-size")
    assert "full size   built, too, and its parameters counted\n" in full.stdout
    best = tiny.submit_here(capsys, "tiny", "--model", "left", *asked[:2], "--recipe", "best")
    assert "\nthe best recipes\n" in best.stdout
    shared = tiny.submit_here(capsys, "pneumonia", "--ensemble", *asked[:2])
    assert "split       about a fifth of train + val is validation, by patient" in shared.stdout


# Kaggle's answers that the local one does not give, as kagglesdk reads them.


def facts(**fields: object) -> Any:
    known = {"title": "Tiny", "userHasEntered": True, "maxDailySubmissions": 5}
    return competition_api.ApiCompetition.from_dict({**known, **fields})


def allowance(**fields: object) -> Any:
    return competition_api.ApiSubmissionLimits.from_dict(fields)


def quota(**gpu: object) -> Any:
    answer = {"gpuQuota": gpu, "quotaRefreshTime": "2026-11-28T00:00:00Z"} if gpu else {}
    return kernel_api.ApiGetAcceleratorQuotaStatisticsResponse.from_dict(answer)


def gpu(used: str, reserved: str = "0s") -> Any:
    return quota(timeUsed=used, totalTimeAllowed="108000s", timeReserved=reserved)


def built(**changes: object) -> list[Bundle]:
    """The bundles of a run on GPU, ``changes`` in the metadata of one."""
    found = bundles("tiny", "left", accelerator="gpu")
    left = replace(found["left"], metadata={**found["left"].metadata, **changes})
    return list({**found, "left": left}.values())


def with_hours(hours: float | None) -> list[Bundle]:
    return [replace(one, kernel=replace(one.kernel, hours=hours)) for one in built()]


def lines(name: str, **changes: Any) -> list[str]:
    """The lines of one check, ``changes`` in what it looks at."""
    subject = Subject(
        owner="alice",
        request=REQUEST,
        bundles=changes.pop("bundles", None) or built(),
        to_run=frozenset({"left"}),
        submit=True,
        quota=gpu("0s"),
        facts=facts(),
        allowance=allowance(numAllowedNow=5),
        header=["id", "label"],
        sources={},
        now=NOW,
    )
    checks = run_checks(replace(subject, **changes))
    return [check.line for check in checks if check.name == name]


TURN = "the next day begins at 00:00 UTC, in 6 h 30 min"
REFRESH = "refreshes 2026-11-28 00:00 UTC; the plan needs about"
OPEN, LATE = ({"facts": facts(deadline=f"{day}T23:59:00Z")} for day in ("2026-12-01", "2016-10-31"))
ONLY_KERNELS = {"facts": facts(isKernelsSubmissionsOnly=True)}
NO = {code: KaggleError(f"Kaggle answered {code}: no", code) for code in (401, 403, 404)}
LONG = "x" * 51
ANSWERS: list[tuple[str, dict, str]] = [
    ("open", OPEN, "ok   open until 2026-12-01 23:59 UTC"),
    ("open", LATE, "ok   closed on 2016-10-31: a late submission is not ranked"),
    ("open", {}, "ok   takes submissions; its deadline is not given by Kaggle"),
    ("kind", ONLY_KERNELS, "ok   takes the output of a kernel, no files"),
    ("submissions", {}, f"ok   5 of 5 submissions left today; {TURN}"),
    ("submissions", {"allowance": allowance(numToday=5, numTotal=5)},
     f"NO   no submission left of 5 today: {TURN}; or give --no-submit"),
    # Kaggle counts nothing, not even what is allowed, for a user who has no team yet.
    ("submissions", {"allowance": allowance()}, "ok   no submission sent so far, 5 a day; the n"),
    ("submissions", {"allowance": allowance(numTotal=100, limitedByTotal=True)},
     "NO   no submission left in tiny-digits, after 100 in all: "),
    ("submissions", {**LATE, "allowance": allowance(numTotal=9)},
     "NO   tiny-digits closed on 2016-10-31 and takes nothing late: train without"),
    ("submissions", LATE, "ok   5 of 5 submissions left"),
    ("submission", {"header": ["id", "class"]}, "NO   the sample lacks label and has class"),
    ("submission", {"header": NO[404]}, "NO   tiny-digits has no file sample_submission.csv: name"),
    ("submission", {"header": None, "request": request("painter")},
     "ok   submission ProbabilityColumn: submission_info.csv is the table of pairs"),
    ("quota", {"quota": gpu("0.5s", "3600s"), "bundles": with_hours(4.5)},
     f"ok   GPU quota: 29.0 of 30.0 h left, {REFRESH} 4.5 h"),
    ("quota", {"quota": gpu("90000.5s", "3600s"), "bundles": with_hours(4.5)},
     f"NO   GPU quota: 4.0 of 30.0 h left, {REFRESH} 4.5 h: wait for it, or ask for less with"),
    ("quota", {"quota": gpu("108000s"), "bundles": with_hours(None)}, "NO   GPU quota: 0.0"),
    ("quota", {"quota": gpu("108000s"), "to_run": frozenset()}, "ok   GPU quota: 0.0"),
    ("quota", {"quota": quota(timeUsed="0s", totalTimeAllowed="0s")},
     f"NO   GPU quota: 0.0 of 0.0 h left, {REFRESH} 2.0 h: verify your phone at https://www.kaggle.com/settings"),
    ("quota", {"quota": quota()}, "ok   GPU quota: not given by Kaggle; the plan needs about 2.0"),
    ("source", {"sources": {("model", "bob/net/keras/small/2"): 1}},
     "NO   model bob/net/keras/small/2 is not there: its newest version is 1"),
    ("source", {"sources": {("model", "bob/net/keras/small"): 1}},
     "NO   model bob/net/keras/small names no version, and a kernel's model must: write bob"),
    ("source", {"sources": {("dataset", "bob/nets"): "BLOBS"}},
     "NO   data set bob/nets is not ready: BLOBS: wait until Kaggle has prepared it"),
    # What Kaggle does not answer fails with what it said; a refusal knows who asks.
    ("credentials", {"quota": SILENT}, "NO   not known whether signed in as alice: Kaggle ans"),
    ("credentials", {"quota": NO[403]}, "ok   signed in as alice"),
    ("credentials", {"quota": NO[401]},
     "NO   not signed in as alice: Kaggle answered 401: no: make a new API token at https://www."),
    ("competition", {"facts": NO[404]},
     "NO   no competition tiny-digits: Kaggle answered 404: no: see whether https://www.kaggle."),
    ("competition", {"facts": SILENT}, "NO   competition tiny-digits: Kaggle answered 503: "),
    ("submissions", {"allowance": SILENT}, "NO   submissions left in tiny-digits: Kaggle ans"),
    ("quota", {"quota": SILENT}, "NO   GPU quota: Kaggle answered 503: Service Unavailable: give"),
    ("source", {"sources": {("dataset", "bob/nets"): SILENT}}, "NO   data set bob/nets: Kaggle a"),
    ("machine shape", {}, "ok   machine shapes: CPU, NvidiaTeslaT4"),
    ("internet", ONLY_KERNELS, "ok   the submitted kernel has internet off"),
    ("names", {"bundles": built(title="Tiny Left")}, "ok   titles and slugs agree"),
    ("names", {"bundles": built(title="tiny right")},
     "NO   kernel left: Kaggle makes 'tiny-right' of the title 'tiny right': its slug 'tiny-left'"),
    ("names", {"bundles": built(title="left")}, "NO   kernel left: its title 'left' has 4 char"),
    ("names", {"bundles": built(title=LONG)}, f"NO   kernel left: its title '{LONG}' has 51 char"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "changes", "line"),
    ANSWERS,
    ids=[f"{name}-{n}" for n, (name, *_) in enumerate(ANSWERS)],
)
def test_a_line_of_the_checklist(name: str, changes: dict, line: str) -> None:
    found = lines(name, **changes)
    assert len(found) == 1
    assert found[0].startswith(line)


@pytest.mark.parametrize("name", NAMES)
def test_a_text_is_smaller_than_kaggle_takes(name: str) -> None:
    *others, last = bundles(name, embed=True).values()
    assert lines("size", bundles=[*others, last])[0].startswith("ok   the longest text has ")
    # One byte less than 1 MiB is taken, 1 MiB is not.
    before, after = last.page
    said = {1024**2 - 1: "ok   the longest", 1024**2: "NO   kernel ensemble: its"}
    for length, begin in said.items():
        comment = "#" * (length - len(last.text.encode()))
        line = lines("size", bundles=[*others, replace(last, page=(before, after + comment))])[0]
        assert line.startswith(f"{begin} text has {length:,} bytes, and Kaggle takes less than 1,0")
