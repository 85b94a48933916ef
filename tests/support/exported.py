"""What kernels with ``export=yes`` have written of their files, made up."""

from typing import Any

from common.networks.export import KERAS, KINDS

SHARES = {"float32": 1.0, "float16": 0.5, "int8": 0.27}  # of the weights


def exports(
    weights: float, trainable: int, score: float, losses: tuple[float, ...] = (0.0, 0.0, -0.014)
) -> list[dict[str, Any]]:
    """As ``metrics.json`` has it, of a network whose ``weights`` are so many bytes."""
    counts = {"total_parameters": round(weights / 4), "trainable_parameters": trainable}
    own = {"score": score, "interval": [score - 0.1, score + 0.08], "n": 70}
    sizes = {"bytes": weights, "bytes_with_optimizer": weights + 8 * trainable}
    found: list[dict[str, Any]] = [{"kind": KERAS, **counts, **sizes, **own}]
    for kind, loss in zip(KINDS, losses, strict=True):
        ends = [score + loss - 0.1, score + loss + 0.08]
        change = {"over": KERAS, "difference": loss, "interval": [loss - 0.02, loss + 0.02]}
        size, took = weights * SHARES[kind], weights * SHARES[kind] / 1e6
        one = {"kind": kind, "bytes": size, "score": score + loss, "interval": ends, "n": 70}
        time = {"milliseconds": took, "quartiles": [took * 0.9, took * 1.2], "threads": 1}
        found.append({**one, "change": change, **time, "machine": "AMD EPYC, 2 cores"})
    return found
