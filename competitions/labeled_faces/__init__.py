"""Labeled Faces in the Wild (``jessicali9530/lfw-dataset``): do two pictures show one person?

View 1, which the authors give for choosing and comparing models (Huang et al., 2007, "Labeled Faces
in the Wild: A Database for Studying Face Recognition in Unconstrained Environments"); ``view2.py``
reports on View 2.
"""

from common.competition import Competition, Published
from common.protocol import Protocol
from common.tasks.verification import Verification

COMPETITION = Competition(
    name="faces",
    slug="jessicali9530/lfw-dataset",
    title="Labeled Faces in the Wild",
    folder="labeled_faces",
    task=Verification(),
    metric="accuracy",
    submission=None,
    ensemble=("lite",),
    files="lfw-deepfunneled/NAME/NAME_0001.jpg, pairsDevTrain.txt and pairsDevTest.txt, or "
    "matchpairsDevTrain.csv, mismatchpairsDevTrain.csv and the same for DevTest",
    pictures={"train": 1_885, "val": 315, "test": 1_000},  # pairs
    validation="a seventh of the pairs of DevTrain, nobody of whom is trained on",
    # Huang and Learned-Miller, 2014, "Labeled Faces in the Wild: Updates and New Reporting
    # Procedures". The pictures' alignment (deep funneling) was learnt without labels.
    protocol=Protocol(
        supervision=("unsupervised", "image-restricted", "unrestricted"),
        outside=("no outside data", "label-free outside data", "labeled outside data"),
    ),
    published=Published({"accuracy": 0.774}, "a twin network on the 1,000 pairs of DevTest"),
)
