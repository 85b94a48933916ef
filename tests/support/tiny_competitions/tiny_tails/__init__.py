"""The five best of nine labels, MAP@5."""

from common.competition import Competition
from common.forms import BestLabels
from common.tasks.classification import Classification

COMPETITION = Competition(
    name="tails",
    slug="tiny-tails",
    title="Tiny Tails",
    task=Classification(tuple(f"w_{number}" for number in range(9))),
    metric="map@5",
    submission=BestLabels("Id", "Image", k=5),
    ensemble=("model",),
    layout="train.csv, test.csv and sample_submission.csv",
)
