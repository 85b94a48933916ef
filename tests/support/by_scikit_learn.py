"""A competition's score as scikit-learn computes it, from the two tables alone."""

import numpy as np
import pandas as pd
import sklearn.metrics as sk

from common.competition import Competition

_MEASURES = {
    "accuracy": sk.accuracy_score,
    "rmse": sk.root_mean_squared_error,
    "quadratic_weighted_kappa": lambda a, b: sk.cohen_kappa_score(a, b, weights="quadratic"),
}


def by_scikit_learn(competition: Competition, true: pd.DataFrame, sent: pd.DataFrame) -> float:
    """The competition's metric of two tables with the same rows."""
    task, name = competition.task, competition.metric
    columns = list(competition.submission.columns(task))
    true, sent = true[columns], sent[columns]
    if name == "log_loss" and task.name == "classification" and len(columns) > 1:
        shares = sent.div(sent.sum(axis=1), axis=0)
        return float(sk.log_loss(true.to_numpy().argmax(axis=1), shares, labels=range(task.units)))
    if name == "log_loss":
        return float(np.mean([sk.log_loss(true[c], sent[c], labels=[0, 1]) for c in columns]))
    if name == "roc_auc":
        return float(np.mean([sk.roc_auc_score(true[c], sent[c]) for c in columns]))
    answers, cells = true[columns[0]], sent[columns[0]]
    if name == "map@5":
        ranked = zip(answers, cells.str.split(), strict=True)
        return float(np.mean([1 / (best.index(a) + 1) if a in best else 0 for a, best in ranked]))
    if name == "micro_f1":
        tables = (
            column.str.get_dummies(" ").reindex(columns=list(task.classes), fill_value=0)
            for column in (answers, cells)
        )
        return float(sk.f1_score(*tables, average="micro"))
    return float(_MEASURES[name](answers, cells))
