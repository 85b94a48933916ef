"""Eight competitions from one template, one a task and submission form; models of scikit-learn.

They are folders as users have them, written to the temporary folder.
"""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

COMPETITION = '''\
"""{title}."""

from common.competition import Competition
from common.forms import {form_class}
from common.tasks.{module} import {task_class}

COMPETITION = Competition(
    name="{name}",
    slug="tiny-{name}",
    title="{title}",
    task={task},
    metric="{metric}",
    submission={form},
    ensemble={models},
    files="train.csv, test.csv and sample_submission.csv",
)
'''

ENSEMBLE = '''\
"""The ensemble of {title}."""

RECIPE: dict = dict(method="mean", calibrate=False, resamples=50)
PARAMETERS: dict = {{}}

from common.blending.ensemble import BlendRecipe, EnsembleKernel
from competitions.tiny_{name} import COMPETITION

KERNEL = EnsembleKernel(COMPETITION, BlendRecipe(**RECIPE))

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
'''

MODEL = '''\
"""{title} in scikit-learn.

From a clone of the repository: python submit.py {name} --model {model}
"""

RECIPE: dict = dict(
    size={size},
)
PARAMETERS: dict = {{}}

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB

from common.declaration import Kernel
from common.files.predictions import Predictions
from common.kernel import KernelRun
from common.outputs import write_outputs
from common.scoring import kernel_metrics
from competitions.tiny_{name} import COMPETITION

kernel_metrics.__defaults__ = (50,)  # resamples: 500 take seconds

FEATURES = ["x0", "x1", "x2"]


@dataclass(frozen=True)
class TinyRecipe:
    """A model of scikit-learn.

    Attributes:
        size: of the model: trees, or how little it is regularised.
    """

    size: float = {size}


def train(run: KernelRun) -> None:
    """Fit on two thirds of train, predict the rest and test."""
    root = COMPETITION.data_folder(run.parameters.internet)
    table, test = pd.read_csv(root / "train.csv"), pd.read_csv(root / "test.csv")
    labels = np.asarray({labels})
    kept = np.arange(len(table)) % 3 == 0
    columns = labels.T if labels.ndim == 2 else [labels]
    rows = table[FEATURES][~kept]
    models = [{estimator}.fit(rows, column[~kept]) for column in columns]

    def predict(rows: pd.DataFrame) -> np.ndarray:
        if COMPETITION.task.name in ("number", "grades"):
            return models[0].predict(rows)[:, None]
        found = [model.predict_proba(rows) for model in models]
        return found[0] if len(found) == 1 else np.stack([one[:, 1] for one in found], axis=1)

    predictions = Predictions(
        table["id"][kept].to_numpy(str),
        labels[kept],
        predict(table[FEATURES][kept]),
        test["id"].to_numpy(str),
        predict(test[FEATURES]),
    )
    write_outputs(run.folder, COMPETITION, predictions, run.parameters.kernel)


KERNEL = Kernel(COMPETITION, TinyRecipe(**RECIPE), work=train, accelerators=("cpu",))

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
'''

ESTIMATORS = {
    "logistic": ("LogisticRegression(C=run.recipe.size)", 1.0),
    "bayes": ("GaussianNB(var_smoothing=run.recipe.size)", 1e-9),
    "forest": ("RandomForestRegressor(run.recipe.size, random_state=run.parameters.seed)", 20),
    "ridge": ("Ridge(alpha=run.recipe.size)", 1.0),
}
_TABLE = "table[list(COMPETITION.task.classes)]"
_NAMED = "pd.Categorical(table[{!r}], COMPETITION.task.classes).codes.astype(int)"
_LEAVES = '("rust", "scab", "frog")'
ROWS = (  # name, module, task, metric, form, labels, the estimators of ``model`` and ``other``
    ("eyes", "number", 'Grades(("none", "mild", "severe", "worst"))', "quadratic_weighted_kappa",
     'LabelColumn("diagnosis", "id_code")', 'table["diagnosis"]', "forest", "ridge"),
    ("marks", "multilabel", f"MultiLabel({_LEAVES})", "log_loss", "ProbabilityColumns()", _TABLE,
     "logistic"),
    ("names", "classification", 'Classification(("rose", "iris", "lily"))', "accuracy",
     'LabelColumn("label", text=True)', _NAMED.format("label"), "logistic", "bayes"),
    ("odds", "classification", 'Classification(("healthy", "multiple", "rust", "scab"))',
     "roc_auc", 'ProbabilityColumns(id_column="image_id")', f"{_TABLE}.to_numpy().argmax(axis=1)",
     "logistic"),
    ("paws", "number", "Number(1, 100)", "rmse", 'NumberColumn("Pawpularity", "Id")',
     'table["Pawpularity"].to_numpy(float)', "forest"),
    ("spots", "classification", 'Classification(("no", "yes"))', "log_loss",
     'ProbabilityColumn("has_spot")', 'table["has_spot"]', "logistic", "bayes"),
    ("tags", "multilabel", f"MultiLabel({_LEAVES})", "micro_f1", 'LabelList("labels", "image")',
     'COMPETITION.task.encode(table["labels"].str.split().tolist())', "logistic", "bayes"),
    ("tails", "classification", 'Classification(tuple(f"w_{n}" for n in range(9)))', "map@5",
     'BestLabels("Id", "Image", k=5)', _NAMED.format("Id"), "logistic"),
)  # fmt: skip


def files() -> dict[str, str]:
    """Return the text of every file by its path."""
    written = {}
    for name, module, task, metric, form, labels, *estimators in ROWS:
        models = ("model", "other")[: len(estimators)]
        facts = {
            "name": name,
            "title": f"Tiny {name.title()}",
            "module": module,
            "task": task,
            "task_class": task.partition("(")[0],
            "metric": metric,
            "form": form,
            "form_class": form.partition("(")[0],
            "labels": labels,
            "models": models,
        }
        written[f"tiny_{name}/__init__.py"] = COMPETITION.format(**facts)
        written[f"tiny_{name}/ensemble.py"] = ENSEMBLE.format(**facts)
        for model, estimator in zip(models, estimators, strict=True):
            code, size = ESTIMATORS[estimator]
            own = {**facts, "model": model, "estimator": code, "size": size}
            written[f"tiny_{name}/{model}.py"] = MODEL.format(**own)
    return written


def write_competitions() -> Path:
    """Write them once for all processes; return the folder that has theirs."""
    texts = files()
    digest = hashlib.sha256(repr(texts).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"made-competitions-{digest}"
    if not folder.exists():
        partial = folder.with_name(f"{folder.name}.{os.getpid()}")
        for name, text in texts.items():
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            (partial / name).write_text(text)
        try:
            partial.rename(folder)
        except OSError:  # another process was first
            shutil.rmtree(partial)
    return folder
