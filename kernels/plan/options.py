"""The options of the commands; those that say what to train are shared with ``kernels build``.

Imports nothing heavy, so that ``--help`` answers at once.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import UserError

if TYPE_CHECKING:
    from kernels.plan.request import Request


class _Once(argparse._StoreAction):
    """An option with a value that is given once: the second value would replace the first."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        given = namespace.__dict__.setdefault("given_once", set())
        if option and self.dest in given:
            parser.error(f"{option} {values}: it is given twice, give it once")
        given.add(self.dest)
        super().__call__(parser, namespace, values, option)


def add_request_options(parser: argparse.ArgumentParser) -> None:
    """What to train, with which settings, and on what; stored under the fields of a Request."""
    parser.register("action", None, _Once)
    parser.add_argument("competition", nargs="?", default="", help="its short name, e.g. petals")
    add = parser.add_argument_group("what to train").add_argument
    add("--ensemble", action="store_true", help="the competition's default models")
    add("--model", action="append", default=[], help="one model (repeatable)")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a field of the recipes (repeatable)",
    )
    add("--seed", type=int, default=0, help="of everything random (default 0)")
    add("--blend", default="mean", help="mean, weighted or greedy (default mean)")
    add("--calibrate", action="store_true", help="temper each member before it is blended")
    folds = "train each model K times, each validated on another part"
    add("--folds", type=int, metavar="K", help=folds)
    best = "published, or best for ours (default published)"
    add("--recipe", default="published", help=best)
    audit = "look for leaks, copies and broken pictures; alone, trains and submits nothing"
    add("--audit", action="store_true", help=audit)
    accelerator = "tpu, gpu or cpu (default: each model's first, most often tpu; cpu if small)"
    add("--accelerator", default="", help=accelerator)
    offline = "switch the kernels' internet off"
    add("--no-internet", action="store_false", dest="internet", help=offline)
    weights = "a Kaggle data set or model with the pretrained weights"
    add("--weights-source", default="", metavar="OWNER/SLUG", help=weights)
    embed = "each kernel carries the shared code in its own text"
    add("--embed", action="store_true", help=embed)
    add("--dry-run", action="store_true", help="small settings, on a local Kaggle")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Where and how a run is carried out, and what was done before."""
    where = parser.add_argument_group("where and how").add_argument

    def flag(name: str, words: str) -> None:
        where(name, action="store_true", help=words)

    where("--run-dir", type=Path, help="the run's folder (default: below runs)")
    flag("--plan", "show what would be done, check it, and push nothing")
    flag("--rehearse", "small settings on Kaggle itself, submitting nothing: says what differs")
    flag("--no-submit", "stop before the submission")
    flag("--submit-again", "send another file although this run has sent one")
    flag("--fresh", "a new run that uses nothing of others")
    flag("--rerun", "run finished kernels again that have changed, or another run has replaced")
    flag("--follow", "show every line of the logs")
    where("--message", default="", help="the submission's description at Kaggle")
    flag("--json", "one JSON object as the last line of stdout")
    dry = parser.add_argument_group("dry run").add_argument
    dry("--data", type=Path, metavar="DIR", help="this data instead of generated data")
    dry("--solution", type=Path, metavar="CSV", help="its hidden labels: id,<target>,Usage")
    full_size = "also build each network at full size and check its parameter count"
    dry("--full-size", action="store_true", help=full_size)
    past = parser.add_argument_group("what was done").add_argument
    past("--history", action="store_true", help="the runs below runs, or below --run-dir")
    past("--sort", default="newest", help="newest or best first (default newest)")


def read_request(args: argparse.Namespace) -> "Request":
    """What the options ask for. Raises UserError for what is unknown or does not fit."""
    from common.recipe import split_setting
    from kernels.plan.find import find_competition
    from kernels.plan.request import Request, choose_models

    settings: dict[str, str] = {}
    for key, value in map(split_setting, args.set):
        if key in settings:
            raise UserError(f"--set {key} is given twice ({settings[key]} and {value}): give one")
        settings[key] = value
    competition = find_competition(args.competition)
    models = choose_models(competition, args.model, args.ensemble, args.audit)
    fields = Request.__dataclass_fields__
    given = {name: value for name, value in vars(args).items() if name in fields}
    return Request(**{**given, "competition": competition, "models": models, "settings": settings})


def check_options(args: argparse.Namespace) -> None:
    """Raise UserError for options of a run that do not fit each other."""
    without = "--no-submit" if args.no_submit else "--rehearse" if args.rehearse else ""
    if args.message and without:
        raise UserError(f"--message goes with a submission, {without} sends none: drop one")
    if args.rehearse and args.dry_run:
        raise UserError("--rehearse runs on Kaggle itself, --dry-run on a local one: drop one")
    for name in ("data", "solution", "full_size"):
        if getattr(args, name) and not args.dry_run:
            raise UserError(f"--{name.replace('_', '-')} belongs to --dry-run")
    if bool(args.data) != bool(args.solution):
        raise UserError("--data and --solution go together: the pictures and their hidden labels")
    if args.data and not args.data.is_dir():
        raise UserError(f"{args.data}: no such folder")
    if args.solution and not args.solution.is_file():
        raise UserError(f"{args.solution}: no such file")
