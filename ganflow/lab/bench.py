"""From flags to a lab: new weights, or those of a run."""

import dataclasses
from collections.abc import Set
from pathlib import Path
from typing import Any

import tensorflow as tf

from ganflow import data, models
from ganflow.base.config import option
from ganflow.base.errors import InputError
from ganflow.interface import gans
from ganflow.lab.stepping import Lab
from ganflow.trained import loading


@dataclasses.dataclass(frozen=True)
class Options:
    """What the lab has beside the settings of the model."""

    data_dir: str = option("", "the folder or file that holds the data set")
    workdir: str = option("", "start from this run's newest checkpoint; nothing is written there")
    seed: int = option(
        0,
        "of weights, data order, z and dropout; with --workdir, by default the run's",
        minimum=0,
        maximum=2**63 - 1,
    )
    enlarge: int = option(1, "each pixel becomes a square of this many by as many", minimum=1)
    image_size: int = option(0, "of --dataset=folder: the side of its pictures", minimum=0)
    channels: int = option(0, "of --dataset=folder: 1 for grey, 3 for RGB", minimum=0, maximum=3)
    out: str = option("lab.png", "the picture, drawn again after every command")


def prepare(model: str, config: Any, options: Options, given: Set[str]) -> tuple[Lab, str]:
    """Build what the flags describe; nothing is written.

    Args:
      model: its name, or its file, as `models.load` takes it.
      config: its `Config`.
      options: the lab's own.
      given: names of the flags that were given; with `options.workdir` the model and its settings
        are the run's, and a flag that says otherwise is refused.

    Returns:
      (the lab, where its weights are from).

    Raises:
      InputError: flags that do not fit together; a picture that cannot be written; a workdir
        without a sound checkpoint, or whose data are no longer the same.
    """
    out = Path(options.out)
    if out.suffix != ".png":
        raise InputError(f"--out={out}: found the ending {out.suffix!r}, expected .png")
    if not out.parent.is_dir():
        raise InputError(f"--out={out}: there is no folder {out.parent}; make it first")
    if options.workdir:
        return _from_workdir(model, config, options, given)
    dataset = _load(config, options)
    gan = gans.build(models.load(model), config, dataset.about(), options.seed)
    lab = Lab(Path(model).stem, gan, config, dataset, options.seed)
    return lab, f"new weights of seed {options.seed}"


def _from_workdir(model, config, options, given) -> tuple[Lab, str]:
    gan, manifest, options = of_run(model, config, options, given)
    dataset = _load(gan.config, options)
    refuse_other_data(dataset, manifest, options)
    step = manifest["step"]
    lab = Lab(Path(manifest["model"]).stem, gan, gan.config, dataset, options.seed, step)
    return lab, f"from step {step:,} of {options.workdir}"


def of_run(
    model: str, config: Any, options: Options, given: Set[str]
) -> tuple[tf.Module, dict, Options]:
    """What a lab begins with that starts from a workdir; arguments as of `prepare`.

    Returns:
      (the model as its newest checkpoint has it, that one's manifest, the options with the run's
      own wherever no flag says otherwise).

    Raises:
      InputError: a workdir without a sound checkpoint; a flag of the model that is not the run's.
    """
    gan, manifest = loading.load_trained(Path(options.workdir))
    of_run = {"model": manifest["model"], **dataclasses.asdict(gan.config)}
    asked = {"model": models.reference(models.load(model)), **dataclasses.asdict(config)}
    for name, value in asked.items():
        if name in given and of_run.get(name) != value:
            raise InputError(
                f"--{name}={value}: the model and its settings come from --workdir="
                f"{options.workdir}, where it is {of_run.get(name)}; leave it out"
            )
    kept = {
        "seed",
        "data_dir",
        *data.shaping(vars(options)),
    } - given  # what was not given is as in the run
    of_run = {name: value for name, value in manifest["options"].items() if name in kept}
    return gan, manifest, dataclasses.replace(options, **of_run)


def refuse_other_data(dataset: data.Dataset, manifest: dict, options: Options) -> None:
    """Hold the data against those of the run.

    Raises:
      InputError: they differ.
    """
    if dataset.sha256 != manifest["data_sha256"]:
        raise InputError(
            f"--workdir={options.workdir}: was trained on other data than {dataset.name} now "
            "holds (its SHA-256 differs); give the run's --data_dir"
        )


def _load(config: Any, options: Options) -> data.Dataset:
    return data.load(
        config.dataset, options.data_dir or None, "train", **data.shaping(vars(options))
    )
