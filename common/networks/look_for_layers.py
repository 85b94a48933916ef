"""Whether a network has the layers that recipes unfreeze, in a process of its own.

    python -m common.networks.look_for_layers MobileNet conv_pw_13.. input+7..input+11

It imports Keras, which who plans a run must not.
"""

import sys

from common.errors import end_process, shown_in_one_line
from common.networks.backbones import build_backbone
from common.networks.unfreeze import backbone_layers, unfrozen

_SIZE = 224  # pixels: every network takes it, and its layers are the same at any size


def look(backbone: str, texts: list[str]) -> None:
    """Build a backbone with random weights. Raises UserError for layers that it has not."""
    network = build_backbone(backbone, None, _SIZE)
    layers = backbone_layers(network)
    for text in texts:
        unfrozen(layers, text, network.name)


if __name__ == "__main__":
    with shown_in_one_line():
        look(sys.argv[1], sys.argv[2:])
    end_process(0)
