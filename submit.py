"""From one line to a scored Kaggle submission.

python submit.py petals --ensemble --dry-run
python submit.py petals --ensemble
"""

import argparse
import dataclasses
import json
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from common.errors import UserError, machine_faults, show
from kernels.plan.options import (
    add_dry_run_options,
    add_history_options,
    add_request_options,
    add_run_options,
    read_request,
)

EPILOG = """\
examples:
  python submit.py petals --ensemble --dry-run           everything, on this machine's CPU
  python submit.py petals --ensemble --plan              what would be done, and the checks
  python submit.py petals --ensemble                     the real thing
  python submit.py petals --audit                        leaks, copies and broken pictures
  python submit.py petals --model densenet201 --set epochs=3 --no-submit
  python submit.py --history petals --sort best          what was run, and what it scored
  python submit.py petals --ensemble --run-dir runs/X --blend weighted
                                                         blend run X again, train nothing; a
                                                         dry run X wants its --dry-run again
"""


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="submit.py",
        description="Train a competition's kernels on Kaggle, blend, check, submit once, score.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_request_options(parser)
    add_run_options(parser)
    add_dry_run_options(parser)
    add_history_options(parser)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    args = build_parser().parse_args(arguments)
    args.given = [w for w in (sys.argv[1:] if arguments is None else arguments) if w != "--fresh"]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with machine_faults():
            return _run(args)
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except UserError as error:
        show(error)
        _print_json(args, {"state": "failed", "error": str(error)})
        return 1
    except KeyboardInterrupt:
        print("interrupted before anything was pushed", file=sys.stderr)
        _print_json(args, {"state": "interrupted"})
        return 130


def _run(args: argparse.Namespace) -> int:
    from kernels.plan.planned import plan_kernels

    if args.history:
        return _show_history(args)
    request = read_request(args)
    kernels = plan_kernels(request)
    _check_options(args, request.competition)
    follow = _show_plan if args.plan else _carry_out
    return follow(args, request, kernels)


def _carry_out(args: argparse.Namespace, request: Any, kernels: Any) -> int:
    from kernels.kaggle.client import Kaggle
    from kernels.pipeline import run_pipeline
    from kernels.results.terminal import show_result
    from kernels.run.display import open_display

    signed_in = None if args.dry_run else Kaggle()
    asked = {**request.facts, "data": args.data and str(args.data.resolve())}
    run = _pick_run(args, asked)
    args.run_dir = run.folder
    with open_display() as display:
        going_on = "going on with" if run.kernels else "run folder"
        display.say(f"{going_on} {run.folder}")
        try:
            with (
                run.attempt(asked),
                _findings_told(args, request.competition, kernels, run, display.say),
                _kaggle(signed_in, args, request, run, display.say) as kaggle,
            ):
                options = _run_options(args, request)
                result = run_pipeline(request, kernels, options, kaggle, run, display)
        except KeyboardInterrupt:
            _say_interrupted(args, run, display)
            _print_json(args, {"state": "interrupted"})
            return 130
    print(show_result(result), file=sys.stderr if args.json else sys.stdout)
    _print_json(args, {**dataclasses.asdict(result), **_differences(args, run)})
    return 0


def _run_options(args: argparse.Namespace, request: Any) -> Any:
    from kernels.run.options import RunOptions

    return RunOptions(
        submit=bool(request.models) and not (args.no_submit or args.rehearse),
        submit_again=args.submit_again,
        message=args.message,
        fresh=args.fresh,
        rerun=args.rerun,
        follow=args.follow,
        poll=0.3 if args.dry_run else 15.0,
    )


def _differences(args: argparse.Namespace, run: Any) -> dict[str, Any]:
    """What a rehearsal found otherwise than believed."""
    if not args.rehearse:
        return {}
    from kernels.results.rehearsal import NAME

    findings = json.loads((run.folder / NAME).read_text("utf-8"))
    return {"differs": [finding for finding in findings if not finding["right"]]}


def _pick_run(args: argparse.Namespace, asked: dict[str, Any]) -> Any:
    from kernels.run.state import STATE, open_run, pick_run

    if not args.run_dir:
        return pick_run(Path("runs"), args.competition, args.dry_run, asked, args.fresh)
    if args.fresh and (args.run_dir / STATE).exists():
        raise UserError(f"--fresh begins a new run, and {args.run_dir} is one: name a new folder")
    return open_run(args.run_dir, args.competition, args.dry_run)


def _show_history(args: argparse.Namespace) -> int:
    from competitions import find_competition
    from kernels.results.result import best_first, read_history
    from kernels.results.terminal import show_history

    if args.sort not in ("newest", "best"):
        raise UserError(f"--sort {args.sort}: newest or best")
    name = find_competition(args.competition).name if args.competition else ""
    folder = args.run_dir or Path("runs")
    entries = read_history(folder, name)
    if not entries:
        raise UserError(f"no runs{f' of {name}' if name else ''} in {folder}: name their --run-dir")
    entries = best_first(entries) if args.sort == "best" else entries
    if args.json:
        print(json.dumps({"runs": [dataclasses.asdict(entry) for entry in entries]}))
    else:
        show_history(entries)
    return 0


def _show_plan(args: argparse.Namespace, request: Any, kernels: Any) -> int:
    from kernels.kaggle.client import Kaggle
    from kernels.preflight.checklist import require
    from kernels.preflight.show_plan import check_plan, plan_facts, plan_text

    submit = bool(request.models) and not args.no_submit
    runs = args.run_dir.parent if args.run_dir else Path("runs")
    checks = None if args.dry_run else check_plan(request, kernels, Kaggle(), submit)
    plan = plan_facts(request, kernels, checks, runs)
    text = plan_text(request, kernels, checks, plan["audit"])
    print(text, file=sys.stderr if args.json else sys.stdout, flush=True)
    try:
        require(checks or ())
    except UserError as error:
        show(error)
        plan |= {"state": "failed", "error": str(error)}
    _print_json(args, plan)
    return 1 if "error" in plan else 0


def _print_json(args: argparse.Namespace, told: dict[str, Any]) -> None:
    """The last line of stdout, whatever came of the run."""
    if args.json:
        known = {"competition": args.competition, "run_dir": args.run_dir and str(args.run_dir)}
        print(json.dumps({**known, **told}), flush=True)


def _check_options(args: argparse.Namespace, competition: Any) -> None:
    silent = next((o for o in ("no_submit", "rehearse") if getattr(args, o)), "")
    if args.message and silent:
        option = f"--{silent.replace('_', '-')}"
        raise UserError(f"--message stands beside a submission, {option} sends none: drop one")
    if args.rehearse and args.dry_run:
        raise UserError("--rehearse runs on Kaggle itself, --dry-run on a local one: drop one")
    for name in ("data", "solution", "full_size"):
        if getattr(args, name) and not args.dry_run:
            raise UserError(f"--{name.replace('_', '-')} belongs to --dry-run")
    _check_own_data(args, competition)


def _check_own_data(args: argparse.Namespace, competition: Any) -> None:
    """``--data`` and ``--solution`` as they must be, or a competition that makes its own."""
    if bool(args.data) != bool(args.solution):
        raise UserError("--data and --solution go together: the pictures and their hidden labels")
    if args.dry_run and not (args.data or args.plan):
        from kernels.local.dry_run import check_generated

        check_generated(competition)
    for path, what in ((args.data, "folder"), (args.solution, "file")):
        if path and not (path.is_dir() if what == "folder" else path.is_file()):
            raise UserError(f"{path}: no such {what}")
    if args.data:
        from kernels.local.dry_run import check_data

        check_data(competition, args.data, args.solution)
        args.data, args.solution = args.data.resolve(), args.solution.resolve()


@contextmanager
def _findings_told(
    args: argparse.Namespace,
    competition: Any,
    kernels: Any,
    run: Any,
    say: Callable[[str], None],
) -> Iterator[None]:
    """After a rehearsal, however it ended: what differs from what is believed of Kaggle."""
    try:
        yield
    finally:
        if args.rehearse:
            from kernels.results.rehearsal import read_rehearsal, show_rehearsal

            say(show_rehearsal(read_rehearsal(run, competition, kernels)))


@contextmanager
def _kaggle(
    signed_in: Any,
    args: argparse.Namespace,
    request: Any,
    run: Any,
    say: Callable[[str], None],
) -> Iterator[Any]:
    """The real Kaggle, or a local one for as long as the context lasts."""
    if signed_in:
        yield signed_in
        return
    from kernels.kaggle.client import Kaggle
    from kernels.local.dry_run import describe_data, generated_data, local_kaggle

    data, solution = args.data, args.solution
    run.check_data(describe_data(data, solution))
    if data is None:
        data, solution = generated_data(request.competition, run.folder / "data", args.seed, say)
    with local_kaggle(request.competition, run.folder, data, solution) as url:
        yield Kaggle(url)


def _say_interrupted(args: argparse.Namespace, run: Any, display: Any) -> None:
    reached = ", ".join(f"{name} {known.state.lower()}" for name, known in run.kernels.items())
    ended = "its kernels ended with it" if args.dry_run else "its kernels go on at Kaggle"
    display.say(
        f"interrupted; {ended}; reached: {reached or 'nothing yet'}; "
        f"it goes on with: python submit.py {shlex.join(_again(args))}"
    )


def _again(args: argparse.Namespace) -> list[str]:
    """The arguments that pick the run up again."""
    named = any(word.partition("=")[0] == "--run-dir" for word in args.given)
    return [*args.given, *([] if named else ["--run-dir", str(args.run_dir)])]


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
