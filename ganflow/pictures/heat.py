"""Single examples as heat maps: a colour for each value, with a scale (document 001).

Grey values that differ by little look alike; here 0, which is between black and white, has a
colour of its own, and values beyond [-1, 1] can be seen.
"""

from collections.abc import Mapping

import numpy as np

from ganflow.pictures import canvas

_SIDE_PIXELS = 300  # of a map
_TITLE_PIXELS, _SCALE_PIXELS = 70, 90
_COLOURS = "viridis"  # its lightness grows evenly, so colour-blind readers can follow it too


def heat_maps(images: Mapping[str, np.ndarray], title: str) -> np.ndarray:
    """Images side by side, each channel a map of its own below, on one scale for all.

    Args:
      images: float [h, w, c] by what is written above; NaN stays white.
      title: above the picture.

    Returns:
      uint8 [height, width, 3].
    """
    channels = max(image.shape[2] for image in images.values())
    width = len(images) * _SIDE_PIXELS + _SCALE_PIXELS
    figure = canvas.figure(width, channels * _SIDE_PIXELS + _TITLE_PIXELS, layout="constrained")
    axes = figure.subplots(channels, len(images), squeeze=False)
    finite = np.concatenate([image[np.isfinite(image)] for image in images.values()])
    low, high = min(-1.0, finite.min(initial=0)), max(1.0, finite.max(initial=0))
    for column, (name, image) in enumerate(images.items()):
        axes[0, column].set_title(name, fontsize=10)
        for channel in range(channels):
            place = axes[channel, column]
            place.axis("off")
            if channel < image.shape[2]:
                values = image[:, :, channel]
                drawn = place.imshow(values, cmap=_COLOURS, vmin=low, vmax=high)
                spread = (values.min(), values.mean(), values.max())
                told = "least {:.2f}, mean {:.2f}, greatest {:.2f}".format(*spread)
                place.text(0.5, -0.02, told, transform=place.transAxes, ha="center", va="top")
    figure.colorbar(drawn, ax=axes, label="value (-1 black, 1 white)")
    figure.suptitle(title, fontsize=11)
    return canvas.rendered(figure)
