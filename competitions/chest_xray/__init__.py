"""Chest X-Ray Images (Pneumonia) (``paultimothymooney/chest-xray-pneumonia``): two classes.

Children of one to five years from Guangzhou; Kermany et al., 2018 (Identifying Medical Diagnoses
and Treatable Diseases by Image-Based Deep Learning).
"""

from common.competition import Competition, Published
from common.tasks.classification import Classification

COMPETITION = Competition(
    name="pneumonia",
    slug="paultimothymooney/chest-xray-pneumonia",
    title="Chest X-Ray Images (Pneumonia)",
    folder="chest_xray",
    task=Classification(("NORMAL", "PNEUMONIA")),
    metric="balanced_accuracy",
    submission=None,
    ensemble=("efficientnetlite0",),
    files="{train,val,test}/{NORMAL,PNEUMONIA}/*.jpeg",
    pictures={"train": 5_216, "val": 16, "test": 624},
    validation="about a fifth of train + val is validation, by patient and with copies together",
    published=Published(
        {"accuracy": 0.9716}, "879 of all 5,856 pictures at random: patients are on both sides"
    ),
)
