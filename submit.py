"""From one line to a scored Kaggle submission.

python submit.py petals --ensemble --dry-run
python submit.py petals --ensemble
"""

import argparse
import dataclasses
import json
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from common.errors import UserError, machine_faults, show
from common.output import hide_in_output, refuse_secrets
from common.text import discard, prepare_streams, say, warn
from kernels.plan.options import (
    Parser,
    add_request_options,
    add_run_options,
    check_options,
    read_request,
)

EPILOG = """\
examples:
  python submit.py petals --ensemble --dry-run           everything, on this machine's CPU
  python submit.py petals --ensemble --plan              what would be done, and the checks
  python submit.py petals --ensemble                     the real thing
  python submit.py petals --audit                        leaks, copies and broken pictures
  python submit.py petals --model densenet201 --set epochs=3 --no-submit
  python submit.py petals --model efficientnetlite0 --sweep image_size=160,224 --dry-run
                                                         compare recipes: one table, one figure
  python submit.py --history petals --sort best          what was run, and what it scored
  python submit.py petals --ensemble --run-dir runs/X --blend weighted
                                                         blend run X again, train nothing; a
                                                         dry run X wants its --dry-run again
"""
Outcome = dict[str, Any]  # what --json shows


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        prog="submit.py",
        description="Train a competition's kernels on Kaggle, blend, check, submit once, score.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_request_options(parser)
    add_run_options(parser)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    prepare_streams()
    hide_in_output()
    words = sys.argv[1:] if arguments is None else arguments
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt_once)
    # What is known of a command whose options cannot be read.
    args = argparse.Namespace(competition="", run_dir=None, json="--json" in words, run=None)
    try:
        with machine_faults():
            build_parser().parse_args(words, args)
            outcome = _act(args, words)
    except ModuleNotFoundError as error:  # of an installation that is not complete
        fault = UserError(f"the package {error.name} is not installed: run make setup")
        show(fault)
        outcome = {"state": "failed", "error": str(fault)}
    except BrokenPipeError:  # whoever read the output has seen enough
        discard(sys.stdout)
        return 1
    except UserError as error:
        show(error)
        outcome = {"state": "failed", "error": str(error)}
    except KeyboardInterrupt:
        nothing = "interrupted before anything was pushed"
        warn(_interrupted(args, words, args.run) if args.run else nothing)
        outcome = {"state": "interrupted"}
    return _end(args, outcome)


def _interrupt_once(*_: Any) -> None:
    """Interrupt the work; a second signal does not break off its end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _act(args: argparse.Namespace, words: list[str]) -> Outcome:
    """Do what is asked for. Raises UserError for what does not fit or does not work."""
    refuse_secrets(words)
    if args.history:
        return _show_history(args)
    from kernels.plan.layers import check_layers
    from kernels.plan.plan import plan_kernels
    from kernels.plan.planned import check_weights

    request = read_request(args)
    kernels = plan_kernels(request)
    check_options(args, request.competition)
    if args.publish is not None:
        check_weights(request, kernels)
    check_layers(request, kernels)
    if args.data or (args.dry_run and not args.plan):
        from kernels.local.dry_run import check_data, check_generated, check_records

        if args.data:
            check_data(request.competition, args.data, args.solution, bool(request.models))
            check_records(request.competition, kernels, args.data)
        else:
            check_generated(request.competition)
    return _show_plan(args, request, kernels) if args.plan else _run(args, words, request, kernels)


def _end(args: argparse.Namespace, outcome: Outcome) -> int:
    """Show what came of the command, with ``--json``; its exit status."""
    if args.json:
        known = {"competition": args.competition, "run_dir": args.run_dir and str(args.run_dir)}
        try:
            print(json.dumps({**known, **outcome}), flush=True)
        except OSError as error:  # a full disk, or nobody reads it
            warn(f"standard output cannot be written: {error.strerror}")
            discard(sys.stdout)
            return 1
    return {"failed": 1, "interrupted": 130}.get(outcome.get("state", ""), 0)


def _run(args: argparse.Namespace, words: list[str], request: Any, kernels: Any) -> Outcome:
    from kernels.kaggle import answers
    from kernels.kaggle.client import Kaggle
    from kernels.pipeline import run_pipeline
    from kernels.results.rehearsal import read_rehearsal, show_rehearsal
    from kernels.results.terminal import show_result
    from kernels.run.display import open_display

    if not args.dry_run:
        say("signing in to Kaggle", sys.stderr)
    signed_in = None if args.dry_run else Kaggle()
    facts = {**request.facts, "data": args.data and str(args.data.resolve())}
    run = _pick_run(args, facts)
    options = _run_options(args, request.submits, same=run.request == facts)
    args.run, args.run_dir = run, run.folder
    differs: Outcome = {}
    with open_display() as display:
        answers.say = display.say
        display.say(f"{'going on with' if run.kernels else 'run folder'} {run.folder}")
        kaggle = nullcontext(signed_in) if signed_in else _local(args, request, run, display.say)
        with run.attempt(facts), kaggle as client:
            try:
                result = run_pipeline(request, kernels, options, client, run, display)
            finally:  # however a rehearsal ends, it says what it has found
                if args.rehearse:
                    found = read_rehearsal(run, request.competition, kernels)
                    display.say(show_rehearsal(found))
                    wrong = [one for one in found if not one["right"]]
                    differs = {"differs": wrong}
    say(show_result(result), sys.stderr if args.json else sys.stdout)
    if result.sweep and result.sweep.fault:
        show(UserError(result.sweep.fault))
        differs["error"] = result.sweep.fault
    return {**dataclasses.asdict(result), **differs}


def _run_options(args: argparse.Namespace, submits: bool, same: bool) -> Any:
    """The options that RunOptions has under their names, and what follows from others."""
    from kernels.run.state import RunOptions

    given = {name: value for name, value in vars(args).items() if hasattr(RunOptions, name)}
    submit = submits and not (args.no_submit or args.rehearse)
    return RunOptions(**given, submit=submit, poll=0.3 if args.dry_run else 15.0, same=same)


def _pick_run(args: argparse.Namespace, facts: dict[str, Any]) -> Any:
    from kernels.run.runs import pick_run
    from kernels.run.state import STATE, open_run

    if not args.run_dir:
        root = Path("runs")
        return pick_run(root, args.competition, args.dry_run, facts, args.fresh, warn)
    if args.fresh and (args.run_dir / STATE).exists():
        raise UserError(f"--fresh begins a new run, and {args.run_dir} is one: name a new folder")
    return open_run(args.run_dir, args.competition, args.dry_run)


@contextmanager
def _local(
    args: argparse.Namespace, request: Any, run: Any, say: Callable[[str], None]
) -> Iterator[Any]:
    """A local Kaggle for as long as the context lasts."""
    from kernels.kaggle.client import Kaggle
    from kernels.local.dry_run import describe_data, generated_data, local_kaggle

    run.take_data(describe_data(args.data, args.solution), say)
    if args.data:
        data, solution = args.data.resolve(), args.solution and args.solution.resolve()
    else:
        data, solution = generated_data(request.competition, run.folder / "data", args.seed, say)
    with local_kaggle(request.competition, run.folder, data, solution, say) as url:
        yield Kaggle(url)


def _interrupted(args: argparse.Namespace, words: list[str], run: Any) -> str:
    """How far an interrupted run came, and the command that goes on with it."""
    reached = ", ".join(f"{name} {known.state.lower()}" for name, known in run.kernels.items())
    ended = "its kernels ended with it" if args.dry_run else "its kernels go on at Kaggle"
    typed = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]  # python submit.py
    again = [*typed, *(word for word in words if word != "--fresh")]
    if not any(word.partition("=")[0] == "--run-dir" for word in again):
        again += ["--run-dir", str(args.run_dir)]
    return (
        f"interrupted; {ended}; reached: {reached or 'nothing yet'}; "
        f"it goes on with: {shlex.join(again)}"
    )


def _show_plan(args: argparse.Namespace, request: Any, kernels: Any) -> Outcome:
    from kernels.kaggle.client import Kaggle
    from kernels.preflight.checklist import require
    from kernels.preflight.show_plan import check_plan, plan_facts, plan_text

    options = _run_options(args, request.submits, same=False)
    runs = args.run_dir.parent if args.run_dir else Path("runs")
    checks = None if args.dry_run else check_plan(request, kernels, Kaggle, options)
    plan = plan_facts(request, kernels, checks, runs, options, _audited_data(args))
    text = plan_text(request, kernels, checks, plan)
    say(text, sys.stderr if args.json else sys.stdout)
    try:
        require(checks or ())
    except UserError as error:
        show(error)
        plan |= {"state": "failed", "error": str(error)}
    return plan


def _audited_data(args: argparse.Namespace) -> list[str]:
    """A dry run's data in words, as audits of it have recorded them, with the solution or not."""
    if not args.dry_run:
        return []
    from kernels.local.dry_run import describe_data

    return [describe_data(args.data, solution) for solution in {None, args.solution}]


def _show_history(args: argparse.Namespace) -> Outcome:
    from kernels.plan.find import find_competition
    from kernels.results.result import best_first, read_history
    from kernels.results.terminal import show_history

    if args.sort not in ("newest", "best"):
        raise UserError(f"--sort {args.sort}: newest or best")
    name = find_competition(args.competition).name if args.competition else ""
    folder = args.run_dir or Path("runs")
    entries, unreadable = read_history(folder, name)
    for line in unreadable:
        warn(line)
    if not entries:
        raise UserError(f"no runs{f' of {name}' if name else ''} in {folder}: name their --run-dir")
    entries = best_first(entries) if args.sort == "best" else entries
    if not args.json:
        show_history(entries)
    return {"runs": [dataclasses.asdict(entry) for entry in entries], "unreadable": unreadable}


if __name__ == "__main__":
    sys.exit(main())
