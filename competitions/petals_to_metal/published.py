"""The published recipe: what its three networks have in common, and how its source is read.

All of it is as published. ``--recipe best`` has what we would rather do (``BEST``).

Two places of the source say something else than they seem to:

- The resize before the random crop is written to ``331*30``; read as 331 + 30, as the crop is of
  331 and no picture is of 9,930 pixels.
- ``+ LR_MIN`` stands on a line of its own, where Python adds it to nothing; read as the end of the
  schedule's formula. On eight replicas the rate then goes from 1e-5 to 4e-4 in five epochs, and
  down to 1.56e-5 in the last of 25.
"""

from typing import Any

SETTINGS: dict[str, Any] = {
    "image_size": 331,
    "crop_margin": 30,
    "interpolation": "nearest",
    "evaluation": "whole",
    "preprocessing": "1/255",  # for all three, whatever their ImageNet weights expect
    "batch_size": 16,  # 128 on the eight cores of a TPU
    # 12,753 // 128 = 99 batches, of the refit's 16,465 pictures too. The source draws them from
    # one endless shuffle; here each epoch is drawn anew.
    "pictures_per_epoch": 12_672,
    "epochs": 25,
    # The callback of the schedule sets the rate of all three networks, Xception's too: the 5e-4
    # that its RMSprop is made with lasts for no step.
    "schedule": "ramp",
    "lr_start": 1e-5,
    "lr_max": 5e-5,  # 4e-4 on eight replicas
    "lr_min": 1e-5,
    "lr_ramp_epochs": 5,
    "lr_sustain_epochs": 0,
    "lr_decay": 0.8,
    "horizontal_flip": 0.5,
    "vertical_flip": 0.5,
    "rot90_probability": 0.2,
    "transpose_probability": 0.25,
    "refit": True,
    "refit_fresh": True,
    "refit_epochs": None,
}

# Cosine, eight views and the centre, which is at the scale of training's crops, helped a small
# network (docs/log.md); pretrained weights expect their own preprocessing; 99 batches leave out a
# quarter of the refit's pictures an epoch. None of it is measured at full size.
BEST: dict[str, Any] = {
    "schedule": "cosine",
    "tta": 8,
    "evaluation": "centre",
    "preprocessing": "backbone",
    "pictures_per_epoch": None,
}
