"""14 Celebrity Faces (``danupnelson/14-celebrity-faces-dataset``): whose face it is."""

from common.competition import Competition, Published
from common.tasks.classification import Classification

PEOPLE = (
    *("anne_hathaway", "arnold_schwarzenegger", "ben_afflek", "dwayne_johnson", "elton_john"),
    *("jerry_seinfeld", "kate_beckinsale", "keanu_reeves", "lauren_cohan", "madonna"),
    *("mindy_kaling", "simon_pegg", "sofia_vergara", "will_smith"),
)

COMPETITION = Competition(
    name="celebrities",
    slug="danupnelson/14-celebrity-faces-dataset",
    title="14 Celebrity Faces",
    folder="celebrity_faces",
    task=Classification(PEOPLE),
    metric="accuracy",
    submission=None,
    ensemble=("efficientnetlite0",),
    files="data/{train,val}/NAME/*.jpg, or 14-celebrity-faces-dataset.zip with them",
    pictures={"train": 220, "val": 70},
    published=Published({"accuracy": 0.7656}, "49 of 64 of the 70 validation pictures"),
)
