"""The kernels by themselves: build their folders, serve the local Kaggle, clean up at Kaggle.

python -m kernels build petals --owner alice --out DIR
python -m kernels serve --port 7777
python -m kernels clean petals
"""

import argparse
import re
import sys
import tempfile
import threading
from functools import partial
from pathlib import Path

from common.errors import UserError, shown_in_one_line
from common.output import hide_in_output, refuse_secrets
from common.text import prepare_streams, say, warn
from kernels.plan.options import Parser, add_request_options, read_request


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(prog="python -m kernels", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="write folders that `kaggle kernels push -p` takes")
    build.add_argument("--owner", required=True, help="the Kaggle user who will push them")
    build.add_argument("--out", required=True, type=Path, help="the folder to write them into")
    add_request_options(build)
    serve = commands.add_parser("serve", help="a local Kaggle for the raw `kaggle` command")
    serve.add_argument(
        "--port", default="7777", help="on 127.0.0.1 (default 7777; 0 is a free one)"
    )
    serve.add_argument("--state", type=Path, help="its folder (default a new temporary one)")
    serve.add_argument("--layout", choices=("2026", "2025"), default="2026", help="of the mounts")
    serve.add_argument(
        "--faults", type=Path, help="inject this file's faults: see docs/reference.md"
    )
    clean = commands.add_parser("clean", help="this tool's kernels at Kaggle: list, delete")
    clean.add_argument("competition", nargs="?", default="", help="only this one's, e.g. petals")
    clean.add_argument(
        "--delete", action="append", default=[], metavar="NAME", help="this one (repeatable)"
    )
    clean.add_argument("--all", action="store_true", help="delete all that are listed")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    prepare_streams()
    hide_in_output()
    words = sys.argv[1:] if arguments is None else arguments
    with shown_in_one_line():
        refuse_secrets(words)
        try:
            args = build_parser().parse_args(words)
            return {"build": _build, "serve": _serve, "clean": _clean}[args.command](args)
        except KeyboardInterrupt:
            return 130


def _build(args: argparse.Namespace) -> int:
    from kernels.bundle.build import build_bundles, write_bundle
    from kernels.plan.layers import check_layers
    from kernels.plan.plan import plan_kernels

    if not re.fullmatch(r"[A-Za-z0-9_-]+", args.owner):
        raise UserError(f"--owner {args.owner!r}: a Kaggle user name, as in kaggle.com/alice")
    args.ensemble = args.ensemble or not (args.model or args.audit or args.sweep)
    request = read_request(args)
    kernels = plan_kernels(request)
    check_layers(request, kernels)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--out {args.out} cannot be a folder ({error.strerror}): name another one"
        ) from None
    for bundle in build_bundles(request.competition, kernels, args.owner):
        say(write_bundle(bundle, args.out / bundle.kernel.slug))
    return 0


def _serve(args: argparse.Namespace) -> int:
    from kernels.local import HostedCompetition, LocalKaggle
    from kernels.local.confine import unconfined
    from kernels.local.dry_run import generated_data
    from kernels.local.faults import read_faults
    from kernels.local.server import USER
    from kernels.plan.find import all_competitions, modules

    if not re.fullmatch("[0-9]{1,5}", args.port) or int(args.port) > 65535:
        raise UserError(f"--port {args.port!r}: a number from 0 to 65535, where 0 is a free port")
    if warning := unconfined():
        warn(warning)
    port = int(args.port)
    faults = read_faults(args.faults, warn) if args.faults else None
    state = args.state or Path(tempfile.mkdtemp(prefix="local-kaggle-"))
    hosted = []
    for competition in all_competitions().values():
        if "generated" not in modules(competition):
            warn(f"{competition.name} has no generated.py: it is not served")
            continue
        folder = state / "generated" / competition.name
        data = folder / competition.slug
        solution = folder / "solution.csv" if competition.submission else None
        generate = partial(generated_data, competition, folder, 0, warn)
        hosted.append(HostedCompetition(competition, data, solution, generate=generate))
    with LocalKaggle(state, hosted, port=port, layout=args.layout, faults=faults) as server:
        print(f"# local Kaggle at {server.url}, state in {state}; point the client at it with")
        print(f"export KAGGLE_API_ENVIRONMENT=LOCALHOST KAGGLE_USERNAME={USER}")
        # As a token too: the client prefers one, and would send the user's own from its file.
        print(f"export KAGGLE_KEY={server.key} KAGGLE_API_TOKEN={server.key}")
        print(f"export HTTP_PROXY={server.url} NO_PROXY= no_proxy=", flush=True)
        threading.Event().wait()
    return 0


def _clean(args: argparse.Namespace) -> int:
    from common.recipe import nearest
    from kernels.kaggle.client import Kaggle
    from kernels.kaggle.lookup import tools_kernels
    from kernels.plan.find import all_competitions, find_competition

    one, kaggle = args.competition, Kaggle()
    names = [find_competition(one).name] if one else list(all_competitions())
    known = tools_kernels(kaggle, names)
    owned = f"{kaggle.owner}/"  # as the list shows them
    doomed = list(known) if args.all else [slug.removeprefix(owned) for slug in args.delete]
    for slug in doomed:
        if slug not in known:
            hint = nearest(slug, known)
            raise UserError(f"--delete {slug}: this tool has no such kernel: {hint}")
    for slug in doomed:
        kaggle.delete(slug)
    for slug, last in known.items():
        say(f"{'deleted' if slug in doomed else 'kept   '}  {last}  {kaggle.owner}/{slug}")
    if not known:
        print(f"{kaggle.owner} has no kernels of this tool")
    elif not doomed:
        print("delete with --delete NAME, or --all; their outputs and versions go with them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
