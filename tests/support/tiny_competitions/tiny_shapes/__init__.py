"""A data set: pictures of three shapes in a folder for each class, no submission."""

from common.competition import Competition, Published
from common.tasks.classification import Classification

COMPETITION = Competition(
    name="shapes",
    slug="bob/three-shapes",
    title="Three Shapes",
    task=Classification(("cross", "disc", "ring")),
    metric="balanced_accuracy",
    submission=None,
    ensemble=("neighbours",),
    files="train/CLASS/*.png, val/CLASS/*.png and test/CLASS/*.png",
    published=Published({"accuracy": 0.875}, "test, a page on shapes"),
)
