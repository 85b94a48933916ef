"""The one declaration of a kernel: what its script says once, for whoever needs to know it."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, is_dataclass, replace
from typing import Any, ClassVar

from common.accelerator import KNOWN
from common.competition import Competition
from common.errors import UserError, end_process, show_uncaught, shown_in_one_line
from common.files.predictions import NAME as PREDICTIONS
from common.kernel import KernelRun
from common.parameters import Parameters
from common.recipe import by_name, override, typed
from common.recipes.words import STATED
from common.text import prepare_streams

# Fields with which a network has other parameters than its recipe states (the loss has some of an
# embedding alone), and others to train.
_OF_NETWORK = {"backbone", "pooling", "embedding", "kernel_size", "batchnorm", "head_layers"}
_TRAINED = {"freeze_backbone", "unfreeze"}
# A kernel script that is run by itself; in a notebook there is no file, and no end of its own.
_MAIN = sys.modules["__main__"]
_BY_ITSELF = hasattr(_MAIN, "PARAMETERS") and hasattr(_MAIN, "__file__")
if _BY_ITSELF:
    show_uncaught()


@dataclass(frozen=True)
class Kernel:
    """A kernel script's ``KERNEL``; with ``work`` of its own it may use any framework.

    A kernel of a class that has a ``carry_out`` of its own needs no ``work``.
    """

    competition: Competition
    recipe: Any  # a frozen dataclass of the script's ``RECIPE``, which is what runs when pushed
    _: KW_ONLY
    work: Callable[[KernelRun], None] | None = None  # in the folder, with the recipe of the run
    # The recipe's fields that differ with ``--recipe best`` (None: there is none), and in a dry run
    best: Mapping[str, Any] | None = None
    dry_run: Mapping[str, Any] = field(default_factory=dict)
    accelerators: tuple[str, ...] = KNOWN  # what it can run on, the best first
    hours: Mapping[str, float] = field(default_factory=dict)  # ``common.recipes.hours``
    sources: tuple[str, ...] = ()  # scripts of the competition whose kernels' outputs it reads
    predicts: bool = True  # whether the ensemble can blend its output
    supervision: str = ""  # what it learns from, where the competition has a ``protocol``

    blends: ClassVar[bool] = True  # whether it predicts the rows that the others do
    leaves_weights: ClassVar[bool] = True  # whether it may, for the next run to begin with
    arguments: ClassVar[str] = "no arguments and describes no network"

    def __post_init__(self) -> None:
        """Raise UserError for a declaration that could not run."""
        if not is_dataclass(self.recipe) or isinstance(self.recipe, type):
            raise UserError("recipe= must be of a frozen dataclass: write Recipe(**RECIPE)")
        if self.work is None and type(self).carry_out is Kernel.carry_out:
            raise UserError("work= is missing: give KERNEL the function that does its work")
        for name in (*self.accelerators, *self.hours):
            by_name("accelerator", name, dict.fromkeys(KNOWN))
        for name, hours in self.hours.items():
            if type(hours) not in (int, float) or not hours > 0:
                raise UserError(f"hours= of {name} are {hours!r}: give a number above 0")
        typed(self.recipe, {**(self.best or {}), **self.dry_run})
        if self.supervision and not self.competition.protocol:
            raise UserError("supervision= is of a competition with a protocol: leave it out")

    def setting(self, run: KernelRun) -> str:
        """The setting of the benchmark that a run's result is of; empty where there are none."""
        protocol, begins = self.competition.protocol, getattr(run.recipe, "weights", None)
        if not protocol or not self.supervision:
            return ""
        return protocol.setting(self.supervision, begins, run.parameters.weights_source)

    def resolve(
        self, best: bool = False, small: bool = False, settings: Mapping[str, Any] | None = None
    ) -> Any:
        """The recipe that runs: the published or the ``best`` one, ``small``, the ``settings``.

        Raises UserError for settings that it has not, or that do not fit.
        """
        ours, few = self.best or {} if best else {}, self.dry_run if small else {}
        changes = {**ours, **few, **(settings or {})}
        recipe = override(self.recipe, changes)
        changed = {name for name, value in vars(self.recipe).items() if vars(recipe)[name] != value}
        of_network = {*_OF_NETWORK, *(["loss"] if hasattr(recipe, "embedding") else [])}
        if "flatten" in getattr(recipe, "head_layers", ""):  # of a map, as large as the picture
            of_network.add("image_size")
        unknown = STATED if changed & of_network else STATED[1:] if changed & _TRAINED else ()
        lacking = [name for name in unknown if name in vars(recipe) and name not in changes]
        return replace(recipe, **dict.fromkeys(lacking, 0))

    def main(self, parameters: Mapping[str, Any], arguments: Sequence[str] | None = None) -> None:
        """Run the kernel in the current folder; what only the user can mend ends it with one line.

        ``parameters`` are the script's; ``arguments`` the process's own unless others are named.
        """
        arguments = sys.argv[1:] if arguments is None else arguments
        prepare_streams()
        try:
            with shown_in_one_line():
                if arguments:
                    self.describe(parameters, arguments)
                else:
                    with KernelRun(Parameters.from_dict(parameters), self.recipe) as run:
                        if setting := self.setting(run):
                            run.facts["setting"] = setting
                        self.carry_out(run)
        except SystemExit as end:
            if _BY_ITSELF:
                end_process(end.code if isinstance(end.code, int) else 1)
            raise

    def carry_out(self, run: KernelRun) -> None:
        """Do the kernel's work and write its files to ``run.folder``.

        Raises UserError when it predicts and wrote no predictions.
        """
        assert self.work is not None  # see __post_init__
        self.work(run)
        pairs = self.competition.task.name == "pairs"  # whose kernels write vectors or scores
        if self.predicts and run.primary and not pairs and not (run.folder / PREDICTIONS).is_file():
            raise UserError(
                f"{run.parameters.kernel} has written no {PREDICTIONS} to blend: call "
                f"write_outputs (common/outputs.py), or declare predicts=False"
            )

    def describe(self, parameters: Mapping[str, Any], arguments: Sequence[str]) -> None:
        """Answer a command line. Raises UserError: a kernel of this class takes none."""
        given, plan = " ".join(arguments), f"python submit.py {self.competition.name} --plan"
        raise UserError(
            f"{given}: this kernel takes {self.arguments}; {plan}, with --model, --ensemble or "
            f"--audit, says what it does"
        )
