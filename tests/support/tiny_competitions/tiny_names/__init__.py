"""Text labels and accuracy."""

from common.competition import Competition
from common.forms import LabelColumn
from common.tasks.classification import Classification

COMPETITION = Competition(
    name="names",
    slug="tiny-names",
    title="Tiny Names",
    task=Classification(("rose", "iris", "lily")),
    metric="accuracy",
    submission=LabelColumn("label", text=True),
    ensemble=("model", "other"),
    layout="train.csv, test.csv and sample_submission.csv",
)
