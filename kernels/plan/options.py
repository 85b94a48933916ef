"""The options of the commands; those that say what to train are shared with ``kernels build``.

Imports nothing heavy, so that ``--help`` answers at once.
"""

import argparse
import re
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from common.errors import UserError

if TYPE_CHECKING:
    from common.competition import Competition
    from kernels.plan.request import Request


class Parser(argparse.ArgumentParser):
    """A parser whose errors are UserErrors, in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise UserError with what argparse says, and of a stray KEY=VALUE where it belongs."""
        if stray := re.search(r"^unrecognized arguments:.*? ([a-z]\w*=\S+)", message):
            raise UserError(f"{message}: write --set before each, --set {stray[1]}")
        if unknown := re.search(r"^unrecognized arguments: (--[^\s=]+)", message):
            near = get_close_matches(unknown[1], self._option_string_actions, n=1)
            message += f": did you mean {near[0]}?" if near else ""
        raise UserError(f"{message.removeprefix('argument ')}; --help shows the options")


def whole_number(text: str) -> int:
    """The value of an option. Raises ArgumentTypeError for what is not a whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number") from None


def _named(text: str) -> Path:
    """A path. Raises ArgumentTypeError for no text, as of a shell's variable that is not set."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty")
    return Path(text)


class _Once(argparse._StoreAction):
    """An option with a value that is given once: the second value would replace the first."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        given = namespace.__dict__.setdefault("given_once", set())
        if option and self.dest in given:
            parser.error(f"{option} {values}: it is given twice, give it once")
        given.add(self.dest)
        super().__call__(parser, namespace, values, option)


def _group(parser: argparse.ArgumentParser, title: str) -> Any:
    """A function that adds an option with its help to a new group; without a default, a flag."""
    group = parser.add_argument_group(title)

    def add(name: str, words: str, **how: Any) -> None:
        group.add_argument(name, help=words, **(how or {"action": "store_true"}))

    return add


def add_request_options(parser: argparse.ArgumentParser) -> None:
    """What to train, with which settings, and on what; stored under the fields of a Request."""
    parser.register("action", None, _Once)
    names = "petals, painter, celebrities, pneumonia, faces, omniglot, or your own's name"
    parser.add_argument("competition", nargs="?", default="", help=names)
    add, several = _group(parser, "what to train"), {"action": "append", "default": []}
    add("--ensemble", "the competition's default models")
    add("--model", "one model (repeatable)", **several)
    add("--set", "override a field of the recipes (repeatable)", metavar="KEY=VALUE", **several)
    sweep = "compare recipes: a sweep of the competition, or values of a field (repeatable)"
    sweeps = {"nargs": "?", "const": "", "metavar": "NAME|FIELD=V,V"}
    add("--sweep", sweep, **sweeps, **several)
    add("--seed", "of everything random (default 0)", type=whole_number, default=0)
    seeds = "train each cell of a sweep N times, from --seed on (default: the sweep's, or 1)"
    add("--seeds", seeds, type=whole_number, metavar="N")
    add("--blend", "mean, weighted or greedy (default mean)", default="mean")
    add("--calibrate", "temper each member before it is blended")
    folds = "train each model K times, each validated on another part"
    add("--folds", folds, type=whole_number, metavar="K")
    repeats = "split into folds R times, each time in another way (default 1)"
    add("--repeats", repeats, type=whole_number, metavar="R", default=1)
    add("--recipe", "published, or best for ours (default published)", default="published")
    add("--audit", "look for leaks, copies and broken pictures; alone, trains and submits nothing")
    accelerator = "tpu, gpu or cpu (default: each model's first, most often tpu; cpu if small)"
    add("--accelerator", accelerator, default="")
    offline = "switch the kernels' internet off"
    add("--no-internet", offline, action="store_false", dest="internet")
    weights = "a Kaggle data set or model with the pretrained weights"
    add("--weights-source", weights, default="", metavar="OWNER/SLUG")
    add("--embed", "each kernel carries the shared code in its own text")
    add("--dry-run", "small settings, on a local Kaggle")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Where and how a run is carried out, and what was done before."""
    add = _group(parser, "where and how")
    add("--run-dir", "the run's folder (default: below runs)", type=Path)
    add("--plan", "show what would be done, check it, and push nothing")
    add("--rehearse", "small settings on Kaggle itself, submitting nothing: says what differs")
    add("--no-submit", "stop before the submission")
    add("--submit-again", "send although this run has sent a file, or may have")
    add("--fresh", "a new run that uses nothing of others")
    add("--rerun", "run finished kernels again that have changed, or another run has replaced")
    add("--fetch-weights", "fetch the networks' weights, too; a finished run wants its --run-dir")
    publish = "make or update a private data set of the weights (default: COMPETITION-weights)"
    add("--publish", publish, nargs="?", const="", metavar="OWNER/SLUG")
    add("--yes", "publish without asking")
    add("--follow", "show every line of the logs")
    add("--message", "the submission's description at Kaggle", default="")
    add("--json", "one JSON object as the last line of stdout")
    add = _group(parser, "dry run")
    add("--data", "this data instead of generated data", type=_named, metavar="DIR")
    add("--solution", "its hidden labels: id,<target>,Usage", type=_named, metavar="CSV")
    add("--full-size", "also build each network at full size and check its parameter count")
    add = _group(parser, "what was done")
    add("--history", "the runs below runs, or below --run-dir")
    add("--sort", "newest or best first (default newest)", default="newest")


def read_request(args: argparse.Namespace) -> "Request":
    """What the options ask for. Raises UserError for what is unknown or does not fit."""
    from common.recipe import split_setting
    from kernels.plan.find import find_competition
    from kernels.plan.request import Request, choose_models
    from kernels.plan.sweeps import choose_sweep

    settings: dict[str, str] = {}
    for key, value in map(split_setting, args.set):
        if key in settings:
            raise UserError(f"--set {key} is given twice ({settings[key]} and {value}): give one")
        settings[key] = value
    competition = find_competition(args.competition)
    named, sweep = args.model, None
    if args.sweep:
        if args.ensemble:
            raise UserError("--ensemble does not go with --sweep, which compares: leave it out")
        seeds = (args.seeds, args.seed)
        sweep = choose_sweep(competition, args.sweep, args.model, *seeds, args.folds)
        named = list(dict.fromkeys(sweep.sweep.models))
    elif args.seeds is not None:
        raise UserError(f"--seeds {args.seeds} is of a --sweep: leave it out")
    models = choose_models(competition, named, args.ensemble, args.audit)
    fields = Request.__dataclass_fields__
    given = {name: value for name, value in vars(args).items() if name in fields}
    found = {"competition": competition, "models": models, "settings": settings, "sweep": sweep}
    return Request(**{**given, **found})


def check_options(args: argparse.Namespace, competition: "Competition") -> None:
    """Raise UserError for options of a run that do not fit each other, or the competition."""
    if competition.submission is None:
        why = f": {competition.name} submits nothing"
        _refuse(args, ("solution", "message", "submit_again"), why)
    _check_sending(args)
    if args.sort != "newest":
        raise UserError(f"--sort {args.sort} belongs to --history; leave it out")
    if args.rehearse and args.dry_run:
        raise UserError("--rehearse runs on Kaggle itself, --dry-run on a local one: drop one")
    _check_accelerator(args)
    _check_publishing(args, competition.name)
    if not args.dry_run:
        _refuse(args, ("data", "solution", "full_size"), " belongs to --dry-run")
    if competition.submission and bool(args.data) != bool(args.solution):
        raise UserError("--data and --solution go together: the pictures and their hidden labels")
    if args.data and not args.data.is_dir():
        file = args.data.exists()
        why = "a file, no folder: give the folder that it is in" if file else "no such folder"
        raise UserError(f"{args.data}: {why}")
    if args.solution and not args.solution.is_file():
        raise UserError(f"{args.solution}: no such file")


def _check_sending(args: argparse.Namespace) -> None:
    """Raise UserError for an option of a submission where none is sent."""
    without = {"--no-submit": args.no_submit, "--rehearse": args.rehearse}
    without["--sweep"] = bool(args.sweep)
    without["--audit alone"] = not (args.model or args.ensemble)
    none = next((name for name, asked in without.items() if asked), "")
    for option, given in (("--message", args.message), ("--submit-again", args.submit_again)):
        if given and none:
            raise UserError(f"{option} goes with a submission, {none} sends none: drop one")


def _refuse(args: argparse.Namespace, names: tuple[str, ...], why: str) -> None:
    """Raise UserError for the first of these options that is given."""
    for name in names:
        if getattr(args, name):
            raise UserError(f"--{name.replace('_', '-')}{why}; leave it out")


def _check_publishing(args: argparse.Namespace, competition: str) -> None:
    """Raise UserError for a name that no data set can have, and for what cannot be asked."""
    from kernels.plan.request import published_name

    if args.yes and args.publish is None:
        raise UserError("--yes answers the question of --publish: leave it out")
    if args.publish is not None and args.rehearse:
        raise UserError("--publish is of weights worth to keep, --rehearse makes none: drop one")
    if args.publish is not None and args.sweep:
        raise UserError("--publish does not go with --sweep, which compares: leave it out")
    if args.publish is not None and not (args.model or args.ensemble):
        raise UserError("--publish: nothing is trained: give --model or --ensemble")
    if args.publish is not None:
        published_name(args.publish, competition)
    asked = args.publish is not None and not (args.yes or args.plan)
    if asked and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UserError("--publish asks before it sends, and nobody can answer here: add --yes")


def _check_accelerator(args: argparse.Namespace) -> None:
    """Raise UserError for an accelerator that a dry run, on this machine, certainly has not."""
    if not args.dry_run or args.accelerator not in ("tpu", "gpu"):
        return
    from common.accelerator import packages_missing

    if package := packages_missing(args.accelerator):
        raise UserError(
            f"--accelerator {args.accelerator}: a dry run is on this machine, where JAX has no "
            f"{package}: leave it out"
        )
