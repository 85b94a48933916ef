"""Ordered grades, quadratic weighted kappa."""

from common.competition import Competition
from common.forms import LabelColumn
from common.tasks.number import Grades

COMPETITION = Competition(
    name="eyes",
    slug="tiny-eyes",
    title="Tiny Eyes",
    task=Grades(("none", "mild", "severe", "worst")),
    metric="quadratic_weighted_kappa",
    submission=LabelColumn("diagnosis", "id_code"),
    ensemble=("model", "other"),
    layout="train.csv, test.csv and sample_submission.csv",
)
