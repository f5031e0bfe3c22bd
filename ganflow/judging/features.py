"""Features from a user's own network, a SavedModel or a Keras file: Inception, say.

Such a file is a program: load only what you trust. Nothing is ever downloaded.
"""

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging

from ganflow import data
from ganflow.base.errors import InputError

_AT_ONCE = 100  # images: Inception at 299 x 299 pixels takes some hundred MB for these


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """A loaded network that turns images into features."""

    call: Callable[[tf.Tensor], tf.Tensor]
    example_shape: tuple[int | None, int | None, int]  # height and width None: any
    about: dict  # path and SHA-256 of what was loaded

    def read(self, x: np.ndarray) -> np.ndarray:
        """Images, uint8 or float32 in [-1, 1], [n, h, w, c] -> features float32 [n, d].

        The network sees values in [-1, 1]; height and width are resized (bilinear, antialiased),
        and one channel is repeated, to what its input wants.

        Raises:
          InputError: channels that cannot be fitted; features not [n, d], d > 1, or not finite.
        """
        height, width, channels = self.example_shape
        if x.shape[3] not in (1, channels):
            raise InputError(
                f"--features={self.about['path']}: takes {channels} channels, the images have "
                f"{x.shape[3]}; give a network for {x.shape[3]}"
            )
        features = []
        for start in range(0, len(x), _AT_ONCE):
            images = data.decoded(x[start : start + _AT_ONCE])
            size = [height or images.shape[1], width or images.shape[2]]
            if size != images.shape[1:3].as_list():
                images = tf.image.resize(images, size, antialias=True)
            if x.shape[3] != channels:
                images = tf.repeat(images, channels, axis=3)
            features.append(self._checked(images))
        return np.concatenate(features)

    def _checked(self, images: tf.Tensor) -> np.ndarray:
        path = self.about["path"]
        try:
            features = np.asarray(self.call(images))
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise InputError(
                f"--features={path}: fails on images {tuple(images.shape)}: "
                f"{' '.join(str(error).split())[:200]}; give a network that takes such images"
            ) from error
        if features.ndim != 2 or features.shape[0] != len(images) or features.shape[1] < 2:
            raise InputError(
                f"--features={path}: gives the shape {features.shape} for {len(images)} images, "
                "expected [n, d]; end the network in global pooling"
            )
        if not np.isfinite(features).all():
            raise InputError(f"--features={path}: gives features that are not finite; check it")
        return features.astype(np.float32)


def load(path: Path, x_shape: tuple[int, ...]) -> Network:
    """A network from a SavedModel folder (its `serving_default`) or a .keras file.

    Args:
      path: the folder or the file.
      x_shape: the images' height, width and channels, to log how they will be fitted.

    Raises:
      InputError: nothing there, not such a network, or not one input [n, h, w, c].
    """
    if path.is_dir():
        call, shape = _saved_model(path)
    elif path.suffix == ".keras" and path.is_file():
        call, shape = _keras(path)
    else:
        raise InputError(
            f"--features={path}: found no SavedModel folder and no .keras file there; give one"
        )
    if len(shape) != 4 or shape[3] is None:
        raise InputError(
            f"--features={path}: takes the shape {tuple(shape)}, expected images [n, h, w, c]"
        )
    network = Network(call, tuple(shape[1:]), {"path": str(path), "sha256": _sha256(path)})
    logging.info(
        "--features=%s: images %s in [-1, 1] are resized and repeated to %s",
        *(path, " x ".join(map(str, x_shape)), " x ".join(map(str, network.example_shape))),
    )
    return network


def _saved_model(path: Path):
    try:
        loaded = tf.saved_model.load(str(path))
        signature = loaded.signatures["serving_default"]
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        raise InputError(
            f"--features={path}: found no SavedModel with the signature serving_default "
            f"({' '.join(str(error).split())[:200]}); export one"
        ) from error
    inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise InputError(
            f"--features={path}: serving_default has the inputs {', '.join(inputs)} and the "
            f"outputs {', '.join(outputs)}, expected one of each; export such a signature"
        )
    ((name, spec),) = inputs.items()
    (output,) = outputs

    def call(images):
        # The signature lives in `loaded`, which must not be collected before it.
        return loaded.signatures["serving_default"](**{name: tf.cast(images, spec.dtype)})[output]

    return call, [] if spec.shape.rank is None else spec.shape.as_list()


def _keras(path: Path):
    import keras

    try:
        model = keras.models.load_model(path, compile=False)
        (wanted,) = model.inputs
    except Exception as error:  # a damaged file fails in any layer of Keras
        raise InputError(
            f"--features={path}: found no Keras model with one input "
            f"({' '.join(str(error).split())[:200]}); save one with model.save"
        ) from error
    call = tf.function(lambda images: model(images, training=False), reduce_retracing=True)
    return call, list(wanted.shape)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        digest.update(str(file.relative_to(path.parent)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
