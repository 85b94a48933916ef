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
    """An option with a value that is given once: of two values one would silently count."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        given = namespace.__dict__.setdefault("given_once", set())
        if option_string and self.dest in given:
            parser.error(f"{option_string} {values}: it is given twice, give it once")
        given.add(self.dest)
        super().__call__(parser, namespace, values, option_string)


def add_request_options(parser: argparse.ArgumentParser) -> None:
    """What to train, with which settings, and on what."""
    parser.register("action", None, _Once)
    parser.add_argument("competition", nargs="?", default="", help="its short name, e.g. petals")
    which = parser.add_argument_group("what to train")
    _add_what_to_train(which)
    _add_what_on(which)


def _add_what_to_train(which: argparse._ArgumentGroup) -> None:
    which.add_argument("--ensemble", action="store_true", help="the competition's default models")
    which.add_argument("--model", action="append", default=[], help="one model (repeatable)")
    which.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a field of the recipes (repeatable)",
    )
    which.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    which.add_argument("--blend", default="mean", help="mean, weighted or greedy (default mean)")
    which.add_argument(
        "--calibrate", action="store_true", help="temper each member before it is blended"
    )
    which.add_argument(
        "--folds",
        type=int,
        metavar="K",
        help="train each model K times, each leaving out another part for validation",
    )
    which.add_argument(
        "--recipe", default="published", help="published, or best for ours (default published)"
    )
    which.add_argument(
        "--audit",
        action="store_true",
        help="look for leaks, copies and broken pictures; alone, trains and submits nothing",
    )


def _add_what_on(which: argparse._ArgumentGroup) -> None:
    which.add_argument(
        "--accelerator",
        help="tpu, gpu or cpu (default: each model's first, most often tpu; cpu for a dry run)",
    )
    which.add_argument(
        "--no-internet", action="store_true", help="switch the kernels' internet off"
    )
    which.add_argument(
        "--weights-source",
        default="",
        metavar="OWNER/SLUG",
        help="a Kaggle data set or model that holds the pretrained weights",
    )
    which.add_argument(
        "--embed", action="store_true", help="each kernel carries the shared code in its own text"
    )
    which.add_argument("--dry-run", action="store_true", help="small settings, on a local Kaggle")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Where and how a run is carried out."""
    where = parser.add_argument_group("where and how")
    where.add_argument("--run-dir", type=Path, help="the run's folder (default: below runs)")
    where.add_argument(
        "--plan", action="store_true", help="show what would be done, check it, and push nothing"
    )
    where.add_argument(
        "--rehearse",
        action="store_true",
        help="small settings on Kaggle itself, submitting nothing: tells what differs there",
    )
    where.add_argument("--no-submit", action="store_true", help="stop before the submission")
    where.add_argument(
        "--submit-again",
        action="store_true",
        help="send another file although this run has sent one",
    )
    where.add_argument("--fresh", action="store_true", help="a new run that uses nothing of others")
    where.add_argument(
        "--rerun",
        action="store_true",
        help="run finished kernels again that have changed, or that another run has replaced",
    )
    where.add_argument("--follow", action="store_true", help="show every line of the logs")
    where.add_argument("--message", default="", help="what stands beside the submission")
    where.add_argument(
        "--json", action="store_true", help="one JSON object as the last line of stdout"
    )


def add_history_options(parser: argparse.ArgumentParser) -> None:
    """What was done before."""
    past = parser.add_argument_group("what was done")
    past.add_argument(
        "--history", action="store_true", help="the runs below runs, or below --run-dir"
    )
    past.add_argument("--sort", default="newest", help="newest or best first (default newest)")


def add_dry_run_options(parser: argparse.ArgumentParser) -> None:
    """What only a dry run has."""
    dry = parser.add_argument_group("dry run")
    dry.add_argument("--data", type=Path, metavar="DIR", help="this data instead of generated data")
    dry.add_argument(
        "--solution", type=Path, metavar="CSV", help="its hidden labels: id,<target>,Usage"
    )
    dry.add_argument(
        "--full-size",
        action="store_true",
        help="also build each network at full size and hold its parameter count",
    )


def read_request(args: argparse.Namespace) -> "Request":
    """What the options ask for. Raises UserError for what is unknown or does not fit."""
    from common.recipe import split_setting
    from competitions import find_competition
    from kernels.plan.request import Request, choose_models

    competition = find_competition(args.competition)
    settings: dict[str, str] = {}
    for key, value in map(split_setting, args.set):
        if key in settings:
            raise UserError(f"--set {key} is given twice ({settings[key]} and {value}): give one")
        settings[key] = value
    rehearse = getattr(args, "rehearse", False)  # not an option of `kernels build`
    return Request(
        competition,
        choose_models(competition, args.model, args.ensemble, args.audit),
        folds=args.folds,
        settings=settings,
        seed=args.seed,
        blend=args.blend,
        calibrate=args.calibrate,
        recipe=args.recipe,
        accelerator=args.accelerator or ("cpu" if args.dry_run or rehearse else ""),
        internet=not args.no_internet,
        weights_source=args.weights_source,
        dry_run=args.dry_run,
        full_size=getattr(args, "full_size", False),
        rehearse=rehearse,
        embed=args.embed,
        audit=args.audit,
    )
