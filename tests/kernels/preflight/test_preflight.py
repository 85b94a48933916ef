"""The checklist before the first push, and ``--plan``: what cannot end does not start."""

import http.server
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from kagglesdk.competitions.types import competition_api_service as competition_api
from kagglesdk.kernels.types import kernels_api_service as kernel_api

from competitions import find_competition
from kernels.bundle.build import Bundle, build_bundles
from kernels.kaggle.answers import KaggleError, NoAnswerError
from kernels.kaggle.client import Kaggle
from kernels.kaggle.lookup import (
    Allowance,
    CompetitionFacts,
    Quota,
    read_allowance,
    read_competition,
    read_quota,
)
from kernels.local import HostedCompetition, LocalKaggle
from kernels.plan.planned import plan_kernels
from kernels.plan.request import Request, choose_models
from kernels.preflight.bundle_checks import (
    check_images,
    check_internet,
    check_machine_shapes,
    check_names,
    check_sizes,
)
from kernels.preflight.checklist import (
    check_allowance,
    check_competition,
    check_credentials,
    check_quota,
    check_source,
    preflight,
)
from support import tiny
from support.toy_competition import connect, point_client_at, push

NOW = datetime(2026, 11, 22, 17, 30)
tiny.add_tiny()
TINY = find_competition("tiny")
REQUEST = Request(TINY, ("left",))
COMMAND = ("tiny", "--ensemble")


@contextmanager
def served(tmp_path: Path, data: tuple[Path, Path], **options: object) -> Iterator[LocalKaggle]:
    hosted = HostedCompetition(TINY, *data, **options)  # type: ignore[arg-type]
    with LocalKaggle(tmp_path / "kaggle", [hosted]) as server:
        yield server


Go = Callable[..., SimpleNamespace]


@pytest.fixture
def go(tmp_path: Path, tiny_data: tuple[Path, Path]) -> Go:
    """The command against a Kaggle with ``options``: exit status, output, what was pushed."""

    def run(*arguments: object, prepare: Callable = lambda server: None, **options: object):
        with served(tmp_path, tiny_data, **options) as server:
            prepare(server)
            env = tiny.real_environment(server.url, tmp_path / "home")
            on = () if "--accelerator" in arguments else ("--accelerator", "cpu")
            done = tiny.submit(*COMMAND, *on, *arguments, env=env)
            pushed = server.store.kernels()
        last = (done.stderr.splitlines() or [""])[-1]
        return SimpleNamespace(
            status=done.returncode, out=done.stdout, err=done.stderr, last=last, pushed=pushed
        )

    return run


def test_a_plan_is_the_checklist_and_the_graph_and_pushes_nothing(go: Go, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = go("--plan", "--run-dir", run)
    assert done.status == 0, done.err
    checks, graph = done.out.split("\n\n", 1)
    *lines, audit = checks.splitlines()
    assert {line[:5] for line in lines} == {"ok   "}
    assert audit == "--   not audited for leaks and broken pictures: add --audit"
    assert "ok   signed in as alice" in checks
    assert "ok   competition tiny-digits: Tiny Digits" in checks
    assert "ok   rules of tiny-digits are accepted" in checks
    assert "ok   takes files" in checks
    assert "ok   5 of 5 submissions left today; the next day begins at 00:00 UTC, in " in checks
    slugs = re.findall(r"^\d  (\S+)", graph, re.MULTILINE)
    assert slugs == ["tinycommon", "tiny-left", "tiny-right", "tiny-ensemble"]
    assert "from tinycommon, tiny-left, tiny-right, tiny-digits" in graph
    assert done.pushed == []
    assert not run.exists()


def test_a_plan_as_json_is_the_last_line(go: Go) -> None:
    done = go("--plan", "--json", "--set", "epochs=3")
    told = json.loads(done.out.splitlines()[-1])
    assert (done.status, told["state"], told["run_dir"]) == (0, "planned", None)
    assert all(check["ok"] for check in told["checks"])
    left = next(kernel for kernel in told["kernels"] if kernel["name"] == "left")
    assert left["epochs"] == 3
    assert left["sources"] == ["tinycommon", "tiny-digits"]
    assert told["hours"]["cpu"]["unknown"] == ["left", "right"]


@pytest.mark.parametrize(
    ("options", "arguments", "line"),
    [
        (
            {"entered": False},
            (),
            "NO   rules of tiny-digits are not accepted: accept them at "
            "https://www.kaggle.com/competitions/tiny-digits/rules",
        ),
        (
            {"submissions_disabled": True},
            (),
            "NO   submissions to tiny-digits are disabled: train without one: --no-submit",
        ),
        (
            {},
            ("--weights-source", "bob/nets"),
            "NO   no data set bob/nets: Kaggle answered 404: Could not find data set bob/nets: "
            "check its name, and that you may see it",
        ),
        (
            {},
            ("--weights-source", "bob/net/keras/small/1"),
            "NO   no model bob/net/keras/small/1: Kaggle answered 404",
        ),
    ],
    ids=["rules", "disabled", "dataset", "model"],
)
def test_a_check_that_fails_ends_the_run_before_anything_is_pushed(
    go: Go, tmp_path: Path, options: dict, arguments: tuple, line: str
) -> None:
    done = go(*arguments, "--run-dir", tmp_path / "run", **options)
    assert done.status == 1
    lines = done.err.splitlines()
    assert [text for text in lines if text.startswith(line)], done.err
    assert re.match(r"error: 1 of \d+ checks failed: ", done.last)
    assert line.removeprefix("NO   ") in done.last
    assert done.last.endswith("(nothing was pushed)")
    assert sum(text.startswith("ok   ") for text in lines) >= 8  # the others are told all the same
    assert done.pushed == []
    planned = go(*arguments, "--plan", **options)
    assert planned.status == 1
    assert line in planned.out
    assert planned.last == done.last


def test_a_competition_that_is_not_there(tmp_path: Path) -> None:
    with LocalKaggle(tmp_path / "kaggle", []) as server:
        env = tiny.real_environment(server.url, tmp_path / "home")
        done = tiny.submit(*COMMAND, "--json", "--run-dir", tmp_path / "run", env=env)
        assert server.store.kernels() == []
    assert done.returncode == 1
    assert "NO   no competition tiny-digits: Kaggle answered 404: " in done.stderr
    error = json.loads(done.stdout.splitlines()[-1])["error"]
    assert error.startswith("1 of ")
    assert "https://www.kaggle.com/competitions/tiny-digits" in error


def test_without_submissions_left_another_run_does_not_start(
    tiny_data: tuple[Path, Path], tmp_path: Path
) -> None:
    with served(tmp_path, tiny_data, max_daily_submissions=1) as server:
        env = tiny.real_environment(server.url, tmp_path / "home")
        first = tiny.submit(*COMMAND, "--run-dir", tmp_path / "first", env=env)
        assert first.returncode == 0, first.stderr
        before = [server.store.latest(ref).number for ref in server.store.kernels()]
        other = (*COMMAND, "--set", "sharpness=2", "--run-dir", tmp_path / "second")
        done = tiny.submit(*other, env=env)
        assert done.returncode == 1
        assert re.search(
            r"^NO   no submission left of 1 today: the next day begins at 00:00 UTC, in "
            r"(\d+ h )?\d+ min; or give --no-submit$",
            done.stderr,
            re.MULTILINE,
        )
        assert [server.store.latest(ref).number for ref in server.store.kernels()] == before
        assert tiny.submit(*other, "--no-submit", "--plan", env=env).returncode == 0
        # The first run has sent its own: it is complete, and goes on from where it was.
        again = tiny.submit(*COMMAND, "--run-dir", tmp_path / "first", env=env)
        assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    "options", [{"submissions_disabled": True}, {"max_daily_submissions": 0}], ids=str
)
def test_no_submit_skips_what_concerns_submitting(go: Go, options: dict) -> None:
    assert go("--plan", "--no-submit", **options).status == 0
    assert go("--plan", "--no-submit", entered=False).status == 1


def test_a_quota_that_does_not_suffice(go: Go) -> None:
    gpu = ("--accelerator", "gpu")
    done = go("--plan", *gpu)
    assert "ok   GPU quota: 30.0 of 30.0 h left, refreshes 20" in done.out
    assert "the plan needs about 2.0 h (unknown: right)" in done.out
    assert "estimated: CPU about 2 min; GPU about 2.0 h and unknown for right" in done.out
    done = go(*gpu, prepare=lambda server: server.store.add_usage("GPU", 29 * 3600))
    assert done.status == 1
    assert "checks failed: GPU quota: 1.0 of 30.0 h left, refreshes 20" in done.last
    assert done.pushed == []
    assert go("--plan", *gpu, "--set", "epochs=1").status == 0


def signed_in(monkeypatch: pytest.MonkeyPatch, url: str, home: Path) -> Kaggle:
    """The client of this process, pointed at ``url``."""
    point_client_at(monkeypatch, url, home)
    for name, value in tiny.real_environment(url, home / "home").items():
        monkeypatch.setenv(name, value)
    return Kaggle(url)


def test_sources_that_are_there_pass(
    tiny_data: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(tmp_path, tiny_data) as server:
        for name in ("datasets/bob/nets", "models/bob/net/keras/small/1"):
            (server.store.root / name).mkdir(parents=True)
        kaggle = signed_in(monkeypatch, server.url, tmp_path)

        def line(source: str, **metadata: object) -> str:
            built = bundles("cpu", weights_source=source, **metadata)
            checks = preflight(kaggle, REQUEST, built, True, {})
            return next(check.line for check in checks if check.name == "source")

        assert line("bob/nets") == "ok   data set bob/nets is ready"
        assert line("bob/net/keras/small/1") == "ok   model bob/net/keras/small/1 is there"
        assert line("bob/net/keras/small/2") == (
            "NO   model bob/net/keras/small/2 is not there: its newest version is 1"
        )
        assert line("bob/net/keras/small").endswith(
            "names no version, and a kernel's model must: write bob/net/keras/small/1"
        )
        assert line("bob/net/kerra/small/1").startswith(
            "NO   no model bob/net/kerra/small/1: there is no framework 'kerra': "
        )
        with connect(server.url) as client:
            push(client, "alice/embeddings", "print(1)")
        assert (
            line("", kernel_sources=["alice/embeddings"]) == "ok   kernel alice/embeddings is there"
        )
        assert line("", kernel_sources=["bob/secret"]).startswith(
            "NO   no kernel bob/secret: Kaggle answered 403: "
        )
        assert line("", competition_sources=["tiny-digit"]).startswith(
            "NO   no competition tiny-digit: Kaggle answered 404: "
        )


@contextmanager
def refusing(code: int, message: str) -> Iterator[tuple[str, list[str]]]:
    """A Kaggle that answers every question with ``code``: its URL, and what it was asked."""
    asked: list[str] = []

    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.dumps({"error": {"code": code, "message": message}}).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_a_key_that_kaggle_refuses(tmp_path: Path) -> None:
    with refusing(401, "Unauthenticated") as (url, _):
        done = tiny.submit(*COMMAND, "--plan", env=tiny.real_environment(url, tmp_path / "home"))
    assert done.returncode == 1
    assert done.stdout.startswith(
        "NO   not signed in as alice: Kaggle answered 401: Unauthenticated: make a new API token "
        "at https://www.kaggle.com/settings\n"
    )
    assert "a-secret-of-alice" not in done.stdout + done.stderr


def test_a_silent_kaggle_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kernels.kaggle.answers.PAUSE", 0.0)
    with refusing(503, "Service Unavailable") as (url, asked):
        checks = preflight(signed_in(monkeypatch, url, tmp_path), REQUEST, bundles(), True, {})
    assert len(set(asked)) == 1  # one question, again and again; the others were not asked
    failing = [check.name for check in checks if not check.ok]
    assert failing == ["credentials", "competition", "quota"]
    assert all("Service Unavailable" in check.line for check in checks if not check.ok)


def test_a_dry_run_tells_its_checklist_and_its_plan_needs_no_kaggle(
    dry: list, tmp_path: Path
) -> None:
    done = tiny.submit(*dry, "--ensemble")
    assert done.returncode == 0, done.stderr
    assert "ok   CPU alone: no quota needed" in done.stderr
    planned = tiny.submit("tiny", "--ensemble", "--dry-run", "--plan", env={"KAGGLE_KEY": ""})
    assert planned.returncode == 0
    asked, _, graph = planned.stdout.partition("\n\n")
    assert asked.startswith("no checks: a dry run asks nothing of Kaggle")
    assert graph.startswith("1  tinycommon")


def test_a_petals_plan_tells_sizes_schedules_and_hours() -> None:
    done = tiny.submit("petals", "--ensemble", "--dry-run", "--plan", "--set", "miniature=no")
    assert "18,521,768 parameters (18,292,712 trained)" in done.stdout
    assert "5 epochs and 1 of refit; learning rate 0.001, 0.006 in epoch 2," in done.stdout


# Kaggle's answers that the local one does not give, as kagglesdk reads them.


def facts(**fields: object) -> CompetitionFacts:
    known = {"title": "Tiny", "userHasEntered": True, "maxDailySubmissions": 5}
    return read_competition(competition_api.ApiCompetition.from_dict({**known, **fields}))


def limits(**fields: object) -> Allowance:
    return read_allowance(competition_api.ApiSubmissionLimits.from_dict(fields))


def quota(used: str = "0s", total: str = "108000s", **fields: object) -> Quota:
    gpu = {"timeUsed": used, "totalTimeAllowed": total, **fields}
    answer = {"gpuQuota": gpu, "quotaRefreshTime": "2026-11-28T00:00:00Z"}
    return read_quota(kernel_api.ApiGetAcceleratorQuotaStatisticsResponse.from_dict(answer))


def bundles(accelerator: str = "gpu", weights_source: str = "", **changes: object) -> list[Bundle]:
    """The bundles of a run, ``changes`` in the metadata of kernel ``left``."""
    request = replace(REQUEST, accelerator=accelerator, weights_source=weights_source)
    built = build_bundles(TINY, plan_kernels(request), "alice", "n")
    return [
        replace(b, metadata={**b.metadata, **changes}) if b.kernel.name == "left" else b
        for b in built
    ]


def open_line(deadline: str, **fields: object) -> str:
    asked = facts(deadline=deadline, **fields) if deadline else facts(**fields)
    return next(c.line for c in check_competition(TINY, asked, True, NOW) if c.name == "open")


def test_a_deadline() -> None:
    assert open_line("2026-12-01T23:59:00Z") == "ok   open until 2026-12-01 23:59 UTC"
    assert open_line("2016-10-31T23:59:00Z") == (
        "ok   closed on 2016-10-31: a late submission is not ranked"
    )
    assert open_line("") == "ok   takes submissions; its deadline is not told by Kaggle"


def test_the_kind_of_submissions_is_told() -> None:
    lines = [
        c.line for c in check_competition(TINY, facts(isKernelsSubmissionsOnly=True), True, NOW)
    ]
    assert "ok   takes the output of a kernel, no files" in lines


def test_the_allowance_of_a_day() -> None:
    def line(asked: CompetitionFacts, **fields: object) -> str:
        return check_allowance(TINY, asked, limits(**fields), NOW).line

    turn = "the next day begins at 00:00 UTC, in 6 h 30 min"
    assert line(facts(), numAllowedNow=3, numToday=2) == (
        f"ok   3 of 5 submissions left today; {turn}"
    )
    assert line(facts(), numToday=5, numTotal=5) == (
        f"NO   no submission left of 5 today: {turn}; or give --no-submit"
    )
    # Kaggle counts nothing, not even what is allowed, for a user who has no team yet.
    assert line(facts()) == f"ok   no submission sent so far, 5 a day; {turn}"
    assert line(facts(), numTotal=100, limitedByTotal=True).startswith(
        "NO   no submission left in tiny-digits, after 100 in all: "
    )
    late = facts(deadline="2016-10-31T23:59:00Z")
    assert line(late, numTotal=9) == (
        "NO   tiny-digits closed on 2016-10-31 and takes nothing late: "
        "train without a submission: --no-submit"
    )
    assert line(late, numAllowedNow=5, numTotal=9).startswith("ok   5 of 5 submissions left")


def quota_lines(answer: Quota, hours: dict[str, float | None]) -> list[str]:
    return [check.line for check in check_quota(answer, bundles(), hours)]


def test_quotas_of_more_than_a_day_are_read_in_full() -> None:
    assert quota_lines(quota(), {"left": 29.0}) == [
        "ok   GPU quota: 30.0 of 30.0 h left, refreshes 2026-11-28 00:00 UTC; the plan needs about "
        "29.0 h"
    ]
    assert quota_lines(quota(used="90000.5s", timeReserved="3600s"), {"left": 4.5}) == [
        "NO   GPU quota: 4.0 of 30.0 h left, refreshes 2026-11-28 00:00 UTC; the plan needs about "
        "4.5 h: wait for it, or ask for less with --model or --set epochs=N"
    ]
    assert quota_lines(quota(used="108000s"), {"left": None})[0].startswith("NO   GPU quota: 0.0")
    assert quota_lines(quota(used="108000s"), {})[0].startswith("ok   ")  # nothing left to run


def test_a_quota_that_is_not_told_passes() -> None:
    told = read_quota(kernel_api.ApiGetAcceleratorQuotaStatisticsResponse.from_dict({}))
    assert quota_lines(told, {"left": 1.0}) == [
        "ok   GPU quota: not told by Kaggle; the plan needs about 1.0 h"
    ]


def test_what_kaggle_does_not_answer_fails_with_what_it_said() -> None:
    silent = NoAnswerError("Kaggle answered 503: Service Unavailable", 503)
    checks = [
        check_credentials("alice", silent),
        *check_competition(TINY, silent, True, NOW),
        check_allowance(TINY, facts(), silent, NOW),
        *check_quota(silent, bundles(), {}),
        check_source("dataset", "bob/nets", silent),
    ]
    assert len(checks) == 5
    for check in checks:
        assert not check.ok
        assert "Kaggle answered 503: Service Unavailable" in check.line
    denied = KaggleError("Kaggle answered 403: no", 403)
    assert check_credentials("alice", denied).ok  # Kaggle knows who asks


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ("READY", "ok   data set bob/nets is ready"),
        (
            "INDIVIDUAL_BLOBS_COMPRESSED",
            "NO   data set bob/nets is not ready: INDIVIDUAL_BLOBS_COMPRESSED: "
            "wait until Kaggle has prepared it",
        ),
    ],
)
def test_a_data_set_is_ready(status: str, line: str) -> None:
    assert check_source("dataset", "bob/nets", status).line == line


@pytest.mark.parametrize(
    ("shape", "line"),
    [
        ("NvidiaTeslaT4", "ok   machine shapes: CPU, NvidiaTeslaT4"),
        (
            "NvidiaTeslaP100",
            "NO   kernel left: machine shape NvidiaTeslaP100 is retired: Kaggle would give "
            "NvidiaTeslaT4 for it; use NvidiaTeslaT4 or TpuV5E8",
        ),
        ("TpuV38", "NO   kernel left: machine shape TpuV38 is retired: Kaggle would give TpuV5E8"),
        (
            "TpuV2256",
            "NO   kernel left: machine shape TpuV2256 is retired: Kaggle would give a CPU",
        ),
        ("NvidiaTeslaT5", "NO   kernel left: there is no machine shape NvidiaTeslaT5"),
    ],
)
def test_machine_shapes(shape: str, line: str) -> None:
    assert check_machine_shapes(bundles(machine_shape=shape)).line.startswith(line)


def test_no_docker_image_beside_a_tpu() -> None:
    image = {"docker_image": "gcr.io/kaggle-images/python:v1"}
    assert check_images(bundles("gpu", **image)).ok
    assert check_images(bundles("tpu")).ok
    assert check_images(bundles("tpu", **image)).line == (
        "NO   kernel left names a docker_image beside a TPU: "
        "Kaggle would run it on a CPU; leave the docker_image out"
    )


def test_the_submitted_kernel_has_internet_off() -> None:
    built = bundles()
    assert built[1].metadata["enable_internet"] is True  # a source may have it on
    assert check_internet(built).ok
    for metadata in ({"enable_internet": True}, {}):
        ensemble = replace(built[-1], metadata=metadata)
        assert check_internet([*built[:-1], ensemble]).line.startswith(
            "NO   kernel ensemble is submitted and has internet on: "
        )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": "Tiny Left"}, None),
        ({"title": "tiny right"}, "Kaggle makes 'tiny-right' of the title 'tiny right'"),
        ({"title": "left"}, "its title 'left' has 4 characters: give it 5 to 50"),
        ({"id": "alice/" + "x" * 51, "title": "x" * 50}, "has 51 characters: give it 5 to 50"),
        ({"id": "bob/tiny-left"}, "its id bob/tiny-left is another user's: write alice/tiny-left"),
    ],
)
def test_titles_and_slugs(changes: dict, said: str | None) -> None:
    check = check_names(bundles(**changes), "alice")
    assert check.ok == (said is None)
    assert (said or "titles and slugs agree") in check.line


@pytest.mark.parametrize("embed", [False, True])
def test_a_text_is_smaller_than_kaggle_takes(embed: bool) -> None:
    for name in ("petals", "painter"):
        competition = find_competition(name)
        request = Request(competition, choose_models(competition, [], True), embed=embed)
        built = build_bundles(competition, plan_kernels(request), "alice", "n")
        assert check_sizes(built).ok
    # One byte less than 1 MiB is taken, 1 MiB is not.
    last, size = built[-1], len(built[-1].text.encode())
    for more, ok in ((-1, True), (0, False)):
        before, after = last.page
        page = (before, f"{after}{'#' * (1024**2 - size + more)}")
        check = check_sizes([*built[:-1], replace(last, page=page)])
        assert check.ok is ok
    assert check.line == (
        "NO   kernel ensemble: its text has 1,048,576 bytes, and Kaggle takes less than 1,048,576: "
        "let its competition's modules import less"
    )
