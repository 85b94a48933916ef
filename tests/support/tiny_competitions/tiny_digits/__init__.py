"""A competition without a training framework: three classes by one number."""

from common.competition import Competition
from common.forms import LabelColumn
from common.tasks.classification import Classification

COMPETITION = Competition(
    name="tiny",
    slug="tiny-digits",
    title="Tiny Digits",
    folder="tiny_digits",
    task=Classification(("zero", "one", "two")),
    metric="macro_f1",
    submission=LabelColumn("label"),
    ensemble=("left", "right"),
    files="val.csv, test.csv and sample_submission.csv",
)
