"""A run to work with at a Python prompt: `ganflow.build`, and `ganflow.picture` of its samples."""

import dataclasses
import difflib
from pathlib import Path
from typing import Any

from ganflow import data, models
from ganflow.base.config import check
from ganflow.base.errors import InputError
from ganflow.engine.options import Options
from ganflow.engine.run import Run
from ganflow.interface import gans
from ganflow.nn import replicas
from ganflow.trained import sampling


def build(model: str, **settings: Any) -> Run:
    """A model on its data, ready to train; nothing is read from or written to its workdir yet.

    Args:
      model: one of `ganflow.models.names()`, or the path of a file of one's own.
      settings: what `ganflow-train` takes as flags, by the same names: the model's `Config`
        (dataset, batch_size, learning rates) and `ganflow.engine.Options` (seed, workdir).

    Returns:
      A run: `advance(count)`, `train(until)`, `gan.networks`, `save()`, `resume()`.

    Raises:
      InputError: no such model or setting, a value out of bounds, or data that cannot be used.
    """
    module = models.load(model)
    config, options = _with(settings, module.Config(), Options())
    strategy = replicas.make_strategy(options.num_replicas)
    both = data.load_both(config.dataset, options.data_dir or None, **data.shaping(vars(options)))
    return Run(module, config, options, both[0], strategy, both[1])


def picture(run: Run, path: str | Path, num: int = 64) -> None:
    """Write samples of a run as it is now: a .png file.

    Raises:
      InputError: another ending.
      StorageError: it cannot be written.
    """
    if Path(path).suffix != ".png":
        raise InputError(f"{path}: expected a .png file")
    sampler = run.samplers[0]
    count = min([num, *(run.dataset.size(field) for field in run.dataset.fields)])
    fields = {name: data.decoded(array[:count]) for name, array in run.dataset.fields.items()}
    given = gans.given(sampler, run.options.seed, count, fields=fields)
    samples = sampler.generate(given).numpy()
    sampling.write(samples, Path(path), f"{run.model_name}, step {int(run.step):,}")


def _with(settings: dict[str, Any], *configs: Any) -> list[Any]:
    """Each config with those of the settings that are its fields; every one has to be of one."""
    names = [{field.name for field in dataclasses.fields(config)} for config in configs]
    for name in settings:
        if not any(name in known for known in names):
            near = difflib.get_close_matches(name, set().union(*names), 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else "see ganflow-train --helpfull"
            raise InputError(f"{name}={settings[name]!r}: there is no such setting; {hint}")
    made = []
    for config, known in zip(configs, names, strict=True):
        chosen = {name: value for name, value in settings.items() if name in known}
        made.append(dataclasses.replace(config, **chosen))
        check(made[-1])
    return made
