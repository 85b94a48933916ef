"""Omniglot (``watesoyan/omniglot``): do two drawings show one character, of alphabets never seen?

The data are of Lake, Salakhutdinov and Tenenbaum, 2015 ("Human-level concept learning through
probabilistic program induction"): 1,623 characters of 50 alphabets, each drawn by 20 people.
"""

from common.competition import Competition, Published
from common.tasks.verification import Verification

COMPETITION = Competition(
    name="omniglot",
    slug="watesoyan/omniglot",
    title="Omniglot",
    task=Verification(),
    metric="accuracy",
    submission=None,
    ensemble=("twin",),
    files="images_background (or images_background_small1) and images_evaluation as folders or "
    "zips with ALPHABET/characterNN/NNNN_MM.png",
    validation="pairs of ten alphabets of images_evaluation, and of four people who draw nothing "
    "that is trained on; without images_evaluation of a fifth of the alphabets",
    published=Published({"accuracy": 0.9342}, "a twin network on 10,000 pairs, Koch et al., 2015"),
)

# One-shot accuracy of 20 ways, as Koch et al., 2015, list it (their own is the twin's).
ONE_SHOT = {
    "people": 0.955,
    "Bayesian program learning, Lake et al.": 0.952,
    "twin, Koch et al.": 0.920,
    "nearest pixels, Koch et al.": 0.217,
}
