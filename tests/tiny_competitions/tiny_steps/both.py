"""The halves together."""

from dataclasses import replace
from pathlib import Path

from common.kernel import KernelRun
from competitions.tiny_steps.data import StepRecipe, leave, load, train

PARAMETERS: dict = {}
RECIPE = StepRecipe()
DRY_RUN: dict = {}
SOURCES = ("half",)


def both(run: KernelRun, data: Path, sources: dict) -> None:
    first, second = load(sources, "half-part0", "half-part1")
    whole = replace(
        first, validation=first.validation + second.validation, test=first.test + second.test
    )
    leave(run, whole, 0.6)


def main() -> None:
    train(RECIPE, PARAMETERS, both)


if __name__ == "__main__":
    main()
