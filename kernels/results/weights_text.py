"""What a data set of a run's weights says of itself, in Markdown: for people who find it later."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from common.competition import Competition
from common.errors import UserError
from common.recipes.hours import refit_epochs
from common.recipes.words import describe_recipe
from common.secrets import hide
from common.text import printable_lines
from kernels.kaggle.datasets import DatasetText
from kernels.plan.request import in_short
from kernels.results.result import Member, Result
from kernels.results.scores import looked
from kernels.run.weights import KernelWeights

_CLASSES = 400  # named at most
_LONGEST = 20_000  # characters of a line of classes
_MADE_BY = "Made by `submit.py`: from one line to a scored Kaggle submission."
_LICENCE = (
    "Licence: other. Besides yours, the rules of the competition and the licence of the pretrained "
    "weights that a network began with apply."
)


def weights_text(
    competition: Competition, result: Result, left: Sequence[KernelWeights], ref: str
) -> DatasetText:
    """Return title, subtitle and description; they name no folder, machine or user but the owner.

    ``ref`` is where it is published.
    """
    names = in_short(one.bundle.kernel.name for one in left)
    title = competition.title if len(competition.title) <= 41 else competition.name
    subtitle = f"Weights of {names}, trained on {title}"
    subtitle = subtitle if len(subtitle) <= 80 else f"Weights of {len(left)} networks on {title}"
    small = any(one.network.recipe.get("miniature") for one in left)
    paragraphs = [
        f"Weights of **{names}**, trained on [{competition.title}]({competition.url}).",
        *(["They are of a dry run."] * result.dry_run),
        *(["They are of miniatures, which show that the path works."] * small),
        "\n".join(_table(competition, result, left)),
        *_scores(competition, result, left),
        *(words for one in _first_of_each(left) for words in _training(competition, result, one)),
        *_use(competition, result, left, ref),
        *_classes(competition),
        _LICENCE,
        f"{_MADE_BY} The run began on {result.started[:10]}.",
    ]
    description = hide(printable_lines("\n\n".join(filter(None, paragraphs)), _LONGEST))
    # Kaggle takes a title once from each user, like a name.
    return DatasetText(ref.partition("/")[2].replace("-", " ").capitalize(), subtitle, description)


def _table(
    competition: Competition, result: Result, left: Sequence[KernelWeights]
) -> Iterator[str]:
    """A row for each network."""
    metric = competition.scoring.title
    yield f"| weights | network | pictures | parameters | learnt from | validation {metric} |"
    yield "|---|---|---|---|---|---|"
    for one in left:
        network, member = one.network, _member(result, one)
        size = f"{network.image_size} x {network.image_size}" if network.image_size else "vectors"
        cells = [
            *(f"`{network.file}`", network.network, size, f"{network.parameters:,}"),
            *(network.trained_on, str(member) if member else ""),
        ]
        yield f"| {' | '.join(cells)} |"


def _scores(
    competition: Competition, result: Result, left: Sequence[KernelWeights]
) -> Iterator[str]:
    """What the figures are of, and the blend."""
    metric = competition.scoring
    better = "higher" if metric.greater_is_better else "lower"
    words = f"{metric.title[:1].upper()}{metric.title[1:]}: {better} is better; in parentheses the "
    words += "95 % interval and the number of pictures."
    if any(refit_epochs(_recipe(one)) for one in left):
        words += " It was measured before a network learnt from validation, too."
    yield words
    yield " ".join(f"{warning[:1].upper()}{warning[1:]}." for warning in result.warnings)
    blend = (
        f"Their blend ({result.blend.get('method', 'mean')}) has {result} on validation."
        if (result.short and len(result.members) > 1)
        else ""
    )
    test = f"On test: {result.test}, {looked(result.looks)}." if result.test.short else ""
    kaggle = {"public": result.public_score, "private": result.private_score}
    known = [
        f"{part} {result.rounded(score)}" for part, score in kaggle.items() if score is not None
    ]
    yield " ".join(filter(None, [blend, f"Kaggle: {', '.join(known)}." if known else "", test]))


def _training(competition: Competition, result: Result, one: KernelWeights) -> Iterator[str]:
    """How one network was trained."""
    kernel, network, member = one.bundle.kernel, one.network, _member(result, one)
    yield f"### How {kernel.script} was trained"
    rows = describe_recipe(_recipe(one), loss=competition.task.loss_in_words)
    versions = ", ".join(f"{name} {version}" for name, version in network.versions.items())
    rows |= {"seed": str(kernel.parameters.seed), "versions": versions}
    rows |= {"accelerator": member.accelerator} if member else {}
    yield "\n".join(f"- **{name}**: {words}" for name, words in rows.items())


def _first_of_each(left: Sequence[KernelWeights]) -> list[KernelWeights]:
    """Return one network of each script: folds and the like are trained alike."""
    return list({one.bundle.kernel.script: one for one in reversed(left)}.values())[::-1]


def _use(
    competition: Competition, result: Result, left: Sequence[KernelWeights], ref: str
) -> Iterator[str]:
    """How to go on from them."""
    blended = (one for one in left if _member(result, one) in result.members)
    kernel = next(blended, left[0]).bundle.kernel
    yield "### How to use them"
    yield "A training that begins with them:"
    yield (
        f"```sh\npython submit.py {competition.name} --model {kernel.script} "
        f"--weights-source {ref}\n```"
    )
    yield (
        "Or in Python: build the network as its kernel does, and give it the file with Keras' "
        "`load_weights`. Each `.network.json` has the recipe, the classes and the file's SHA-256."
    )


def _classes(competition: Competition) -> Iterator[str]:
    classes = competition.task.classes
    if classes:
        yield f"### {competition.task.classes_word.capitalize()}"
        named = (f"{number} {name}" for number, name in enumerate(classes[:_CLASSES]))
        more = f" and {len(classes) - _CLASSES:,} more" if len(classes) > _CLASSES else ""
        yield f"{', '.join(named)}{more}."


def _recipe(one: KernelWeights) -> Any:
    """Return what a network was trained with; its kernel's, where that has other fields now."""
    with suppress(TypeError, UserError):
        return replace(one.bundle.kernel.recipe, **one.network.recipe)
    return one.bundle.kernel.recipe


def _member(result: Result, one: KernelWeights) -> Member | None:
    name = one.bundle.kernel.name
    return next((m for m in (*result.members, *result.others) if m.name == name), None)
