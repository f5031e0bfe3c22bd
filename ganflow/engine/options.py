"""The flags that every run has, whatever the model."""

import dataclasses

from ganflow.base.config import option


@dataclasses.dataclass(frozen=True)
class Options:
    """What every run has, whatever the model."""

    data_dir: str = option("", "the folder or file that holds the data set")
    workdir: str = option("", "the run's folder; empty: runs/MODEL-DATASET")
    seed: int = option(0, "of weights, data order, z and dropout", minimum=0, maximum=2**63 - 1)
    epochs: int = option(0, "train for so many epochs, in place of --steps; 0: --steps", minimum=0)
    init_from: str = option("", "a workdir whose networks of the same names this run starts from")
    ema: float = option(
        0.0, "decay of a moving average of G's weights; 0: none", minimum=0, maximum=0.999999
    )
    num_replicas: int = option(0, "GPUs, or logical CPU devices; 0: all GPUs, else 1", minimum=0)
    steps_per_call: int = option(0, "steps in one call of the engine; 0: by size", minimum=0)
    jit: str = option("auto", "compile with XLA", choices=("auto", "on", "off"))
    enlarge: int = option(1, "each pixel becomes a square of this many by as many", minimum=1)
    image_size: int = option(
        0,
        "of --dataset=folder: each picture's middle square, resized to this side in pixels; 0: the "
        "pictures as they are, all of one size",
        minimum=0,
    )
    channels: int = option(
        0,
        "of --dataset=folder: 1 makes each picture grey, 3 RGB, black where it is transparent; 0: "
        "the pictures as they are, all grey or all RGB",
        minimum=0,
        maximum=3,
    )
    checkpoint_every: int = option(
        0, "steps; 0: at the first summary after a minute without one", minimum=0
    )
    keep_checkpoints: int = option(3, "how many of the newest are kept", minimum=1)
    evaluate_every: int = option(0, "steps between evaluations; 0: none", minimum=0)
    evaluate_num: int = option(2_000, "samples in such an evaluation", minimum=100)
    keep_best: str = option(
        "auto",
        "the figure by which the best evaluation's checkpoint is kept; auto: frechet_distance, of "
        "points sliced_wasserstein; none: no checkpoint is kept for its quality",
    )
    stop_when_worse: int = option(
        0, "stop after so many evaluations in a row without a new best; 0: never", minimum=0
    )
