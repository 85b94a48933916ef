"""How a run is carried out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RunOptions:
    """Options of a run, whatever it runs.

    Attributes:
        submit: send the submission.
        submit_again: send another file although the run has sent one.
        message: the submission's description at Kaggle, before the run's nonce.
        fresh: use no finished kernel of an earlier run.
        rerun: push kernels again that are finished or running, if they have changed or another
            run has pushed a later version.
        follow: show every line of the logs.
        poll: longest pause between questions to Kaggle, in seconds; the first are shorter.
        patience: seconds that Kaggle may be unreachable while kernels run.
        score_limit: seconds to wait for a score.
    """

    submit: bool = True
    submit_again: bool = False
    message: str = ""
    fresh: bool = False
    rerun: bool = False
    follow: bool = False
    poll: float = 15.0
    patience: float = 3600.0
    score_limit: float = 3600.0
