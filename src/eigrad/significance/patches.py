"""Meta-features of images."""

import numpy as np


def patches(shape: tuple[int, ...], size: int) -> np.ndarray:
    """A label for each pixel: the patch of `size` x `size` pixels it lies in, as "r03-05 c06-08".

    `shape` is (height, width) or (channels, height, width); the channels of a pixel share its
    patch. Where `size` does not divide the image the last patches are smaller. Labels are in the
    order of the flattened image, ready for the `groups` of significance.
    """
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise ValueError(f"shape is {tuple(shape)}; expected (height, width) or (channels, height, width).")
    if size < 1:
        raise ValueError(f"size is {size}; expected at least 1 pixel.")
    rows, columns = (_spans(letter, length, size) for letter, length in zip("rc", shape[-2:], strict=True))
    image = [f"{row} {column}" for row in rows for column in columns]
    return np.tile(np.array(image, dtype=object), shape[0] if len(shape) == 3 else 1)


def _spans(letter: str, length: int, size: int) -> list[str]:
    """The span of pixels, both ends included, that each row or column belongs to."""
    digits = len(str(length - 1))
    starts = [position // size * size for position in range(length)]
    return [f"{letter}{start:0{digits}}-{min(start + size, length) - 1:0{digits}}" for start in starts]
