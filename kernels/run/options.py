"""How a run is carried out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RunOptions:
    """Options of a run, whatever it runs."""

    submit: bool = True
    submit_again: bool = False  # send another file although the run has sent one
    message: str = ""  # the submission's description at Kaggle, before the run's nonce
    fresh: bool = False  # use no finished kernel of an earlier run
    rerun: bool = False  # run kernels again that have changed, or that another run has replaced
    follow: bool = False  # show every line of the logs
    poll: float = 15.0  # longest pause between looks at Kaggle, in seconds
    patience: float = 3600.0  # seconds that Kaggle may be unreachable while kernels run
    score_limit: float = 3600.0  # seconds to wait for a score
