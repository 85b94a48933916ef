"""Learning-rate schedules: plain functions of the epoch."""


def ramp_sustain_decay(
    epoch: int,
    start: float,
    maximum: float,
    minimum: float,
    ramp_epochs: int,
    sustain_epochs: int,
    decay: float,
) -> float:
    """The learning rate of ``epoch`` (from 0).

    Linear from ``start`` to ``maximum`` over ``ramp_epochs``, held for ``sustain_epochs``, then
    ``(maximum - minimum) * decay ** (epoch - ramp_epochs - sustain_epochs) + minimum``. This is
    the schedule of Kaggle's own TPU notebooks for ``tpu-getting-started``.
    """
    if epoch < ramp_epochs:
        return start + (maximum - start) * epoch / ramp_epochs
    if epoch < ramp_epochs + sustain_epochs:
        return maximum
    past = epoch - ramp_epochs - sustain_epochs
    return (maximum - minimum) * decay**past + minimum
