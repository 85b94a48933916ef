"""Competitions whose pictures are three numbers, one a task and form of the submission.

Each copy of this folder, ``tiny_NAME``, is the one of that name; models are of scikit-learn.
"""

from dataclasses import replace

from common.competition import Competition
from common.forms import (
    BestLabels,
    LabelColumn,
    LabelList,
    NumberColumn,
    ProbabilityColumn,
    ProbabilityColumns,
)
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Grades, Number
from common.tasks.pairs import Pairs

FILES = "train.csv, test.csv and sample_submission.csv"
LEAVES = MultiLabel(("rust", "scab", "frog"))
FLOWERS = Classification(("rose", "iris", "lily"))
PLANTS = Classification(("healthy", "multiple", "rust", "scab"))
WHALES = Classification(tuple(f"w_{n}" for n in range(9)))
GRADES = Grades(("none", "mild", "severe", "worst"))
ONE, TWO = ("model",), ("model", "other")
MADE = {
    name: Competition(
        name=name,
        slug=f"tiny-{name}",
        title=f"Tiny {name.title()}",
        task=task,
        metric=metric,
        submission=form,
        ensemble=models,
        files=FILES,
    )
    for name, task, metric, form, models in (
        ("eyes", GRADES, "quadratic_weighted_kappa", LabelColumn("diagnosis", "id_code"), TWO),
        ("marks", LEAVES, "log_loss", ProbabilityColumns(), ONE),
        ("names", FLOWERS, "accuracy", LabelColumn("label", text=True), TWO),
        ("odds", PLANTS, "roc_auc", ProbabilityColumns(id_column="image_id"), ONE),
        ("paws", Number(1, 100), "rmse", NumberColumn("Pawpularity", "Id"), ONE),
        ("spots", Classification(("no", "yes")), "log_loss", ProbabilityColumn("spot"), TWO),
        ("tags", LEAVES, "micro_f1", LabelList("labels", "image"), TWO),
        ("tails", WHALES, "map@5", BestLabels("Id", "Image", k=5), ONE),
        ("twins", Pairs("twin", "twins"), "roc_auc", ProbabilityColumn("same", "index"), ONE),
    )
}
PAIRS = {"files": "train.csv, test.csv and pairs.csv", "sample": "pairs.csv"}
MADE["twins"] = replace(MADE["twins"], **PAIRS)
COMPETITION = MADE.get(__name__.rpartition("tiny_")[2])
