"""The work of an ensemble kernel: read the members, blend, leave a submission."""

from dataclasses import dataclass
from pathlib import Path

from common.blend import Blend, align, find_blend, mix
from common.blend_figures import draw_blend
from common.competition import Competition
from common.errors import shown_in_one_line
from common.inputs import kernel_output_folder
from common.kernel import KernelRun
from common.manifest import read_manifest, write_json
from common.metrics import accuracy, macro_f1
from common.parameters import Parameters
from common.predictions import Predictions, load_predictions, save_predictions
from common.submission import NAME as SUBMISSION
from common.submission import write_submission

Members = dict[str, Predictions]


@dataclass(frozen=True)
class BlendRecipe:
    """How the members are blended: ``mean``, ``weighted`` or ``greedy`` (``common.blend``)."""

    method: str = "mean"


@shown_in_one_line()
def run_ensemble(competition: Competition, recipe: BlendRecipe, parameters: Parameters) -> None:
    """Read the members, blend, and leave submission, predictions, metrics and figures."""
    with KernelRun(parameters, recipe) as run:
        run.facts["accelerator"] = {"asked": "cpu", "seen": "cpu", "replicas": 1}
        with run.stage("reading", members=len(parameters.sources)):
            members = read_members(parameters)
        with run.stage("blending", method=recipe.method):
            blend, mixed = blend_members(recipe.method, members)
            save_predictions(run.folder, mixed, "blend")
            labels = mixed.test.argmax(axis=1)
            write_submission(run.folder / SUBMISSION, competition, mixed.test_ids.tolist(), labels)
            write_metrics(run.folder, blend, members, mixed)
        with run.stage("figures"):
            draw_blend(run.folder, competition, members, blend, mixed)


def read_members(parameters: Parameters) -> Members:
    """Every source's predictions by member name, rows in the same order.

    Raises UserError for an output that is damaged, unfinished, or another run's.
    """
    folders = {name: kernel_output_folder(source) for name, source in parameters.sources.items()}
    for name, folder in folders.items():
        read_manifest(folder, name, parameters.source_nonces.get(name, ""))
    return align({name: load_predictions(folder, name) for name, folder in folders.items()})


def blend_members(method: str, members: Members) -> tuple[Blend, Predictions]:
    """The blend found on validation, and what it predicts for validation and test."""
    first = next(iter(members.values()))
    validation = [member.validation for member in members.values()]
    blend = find_blend(method, first.validation_labels, validation)
    mixed = Predictions(
        first.validation_ids,
        first.validation_labels,
        mix(blend.weights, validation),
        first.test_ids,
        mix(blend.weights, [member.test for member in members.values()]),
    )
    return blend, mixed


def write_metrics(folder: Path, blend: Blend, members: Members, mixed: Predictions) -> None:
    """``metrics.json``: the blend, its score on validation, and each member's alone."""
    labels = mixed.validation_labels
    write_json(
        folder / "metrics.json",
        {
            "method": blend.method,
            "weights": dict(zip(members, blend.weights, strict=True)),
            "validation_score": blend.validation_score,
            "validation_accuracy": accuracy(labels, mixed.validation.argmax(axis=1)),
            "members": {
                name: macro_f1(labels, member.validation.argmax(axis=1))
                for name, member in members.items()
            },
        },
    )
