"""What a bench is built from."""

import dataclasses
import io
import tempfile
from collections.abc import Set
from pathlib import Path
from typing import Any

import numpy as np

from ganflow import data, engine, models
from ganflow.base.config import check
from ganflow.base.errors import InputError
from ganflow.lab import bench
from ganflow.storage import workdir

POINTS_FILE = "points.npy"  # of a workdir whose points were drawn


@dataclasses.dataclass(frozen=True, eq=False)
class Setting:
    """A model with its settings, on some data, from some state.

    Attributes:
      model: its name, or its file.
      config: its `Config`.
      options: the engine's; the seed is the run's.
      drawn: points [n, 2] in the place of the data set; None: the data set.
      start: begin at this workdir's newest checkpoint; "": new weights of the seed.
      manifest: of that checkpoint.
      apart: why the state at the start is not what these flags lead to; "" where it is.
    """

    model: str
    config: Any
    options: engine.Options
    drawn: np.ndarray | None = None
    start: str = ""
    manifest: dict | None = None
    apart: str = ""

    def with_settings(self, settings: dict[str, Any]) -> "Setting":
        """The same model with other settings, from new weights.

        Args:
          settings: fields of the config by name, and "seed".

        Raises:
          InputError: no such setting, or a value that it cannot have.
        """
        settings = dict(settings)
        seed = settings.pop("seed", self.options.seed)
        known = {field.name for field in dataclasses.fields(self.config)}
        if unknown := [name for name in settings if name not in known]:
            raise InputError(f"{unknown[0]}: {self.model} has no such setting")
        if "dataset" in settings:
            raise InputError("dataset: start another lab with --dataset, or draw points")
        config = dataclasses.replace(
            self.config, **{name: typed(self.config, name, v) for name, v in settings.items()}
        )
        options = dataclasses.replace(self.options, seed=seed)
        check(config)
        check(options)
        return Setting(self.model, config, options, self.drawn)

    def with_points(self, points: np.ndarray | None) -> "Setting":
        """The same on points that were drawn, or on its own data set again; from new weights."""
        return Setting(self.model, self.config, self.options, points)

    @property
    def trained_config(self) -> Any:
        """The config with the data set that is trained on."""
        return (
            self.config if self.drawn is None else dataclasses.replace(self.config, dataset="npy")
        )

    def flags(self, folder: Path) -> tuple[Any, engine.Options]:
        """(config, options) that repeat the run in this workdir, which holds what was drawn."""
        options = dataclasses.replace(self.options, workdir=str(folder))
        if self.drawn is None:
            return self.config, options
        return self.trained_config, dataclasses.replace(options, data_dir=str(folder / POINTS_FILE))

    def load(self) -> tuple[data.Dataset, data.Dataset | None]:
        """What is trained on, and what is held out: what the flags lead to.

        Raises:
          InputError: the data cannot be used.
        """
        config, options = self.config, self.options
        if self.drawn is None:
            shape = data.shaping(vars(options))
            return data.load_both(config.dataset, options.data_dir or None, **shape)
        with tempfile.TemporaryDirectory() as folder:  # read as a saved workdir's will be
            write_points(Path(folder), self.drawn)
            return data.load_both("npy", str(Path(folder) / POINTS_FILE))


def write_points(folder: Path, points: np.ndarray) -> None:
    """Points [n, 2] as a file that `--dataset=npy` takes."""
    content = io.BytesIO()
    np.save(content, np.asarray(points, np.float32))
    workdir.write_whole(folder / POINTS_FILE, content.getvalue())


def of_flags(model: str, config: Any, options: bench.Options, given: Set[str]) -> Setting:
    """What the lab's flags describe; arguments and errors as of `lab.bench.prepare`."""
    if not options.workdir:
        return Setting(model, config, _engine_options(options, {}))
    gan, manifest, options = bench.of_run(model, config, options, given)
    seed = manifest["options"]["seed"]
    apart = "" if options.seed == seed else f"--seed={options.seed}, where the run's is {seed}"
    own = _engine_options(options, manifest["options"])
    model = models.reference(models.load(manifest["model"]))
    return Setting(model, gan.config, own, None, options.workdir, manifest, apart)


def _engine_options(options: bench.Options, of_run: dict[str, Any]) -> engine.Options:
    known = {field.name for field in dataclasses.fields(engine.Options)}
    own = {name: getattr(options, name) for name in ("seed", "data_dir")}
    own |= data.shaping(vars(options))
    kept = {name: value for name, value in of_run.items() if name in known - {"epochs", "workdir"}}
    return dataclasses.replace(engine.Options(), **(kept | own))


def typed(config: Any, name: str, value: Any) -> Any:
    """A number that came as JSON, as its field has it: 1 for 1.0, a list for a tuple."""
    default = getattr(config, name)
    if isinstance(default, float) and type(value) is int:
        return float(value)
    return tuple(value) if isinstance(default, tuple) and isinstance(value, list) else value
