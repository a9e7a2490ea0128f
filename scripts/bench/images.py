"""The images of the concept studies, drawn with a fixed seed: PNG files of 224 x 224.

`class` (24), `concepts/{stripes,dots,checks}` (24 each), `sets/set0…set3` (24 each), `pool` (240), `searched` (100).
"""

import os

import numpy as np
from PIL import Image

SIZE, COUNT = 224, 24
rows, columns = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)


def two_colours(mask, random):
    first, second = random.uniform(0, 255, 3), random.uniform(0, 255, 3)
    return mask[..., None] * first + (1 - mask[..., None]) * second


def stripes(random):
    angle, period = random.uniform(0, np.pi), random.uniform(8, 40)
    return two_colours((np.sin((rows * np.sin(angle) + columns * np.cos(angle)) * 2 * np.pi / period) + 1) / 2, random)


def dots(random):
    period, radius = random.uniform(16, 48), random.uniform(0.2, 0.4)
    distance = np.hypot(rows % period - period / 2, columns % period - period / 2)
    return two_colours((distance < radius * period).astype(np.float32), random)


def checks(random):
    period = random.uniform(8, 40)
    return two_colours(((rows // period + columns // period) % 2).astype(np.float32), random)


def scene(random):
    """Rectangles and discs of random colours over a gradient."""
    image = two_colours(rows / SIZE, random)
    for _ in range(12):
        y, x, h, w = random.uniform(0, SIZE, 4)
        inside = (abs(rows - y) < h / 4) & (abs(columns - x) < w / 4)
        if random.uniform() < 0.5:
            inside = np.hypot(rows - y, columns - x) < h / 4
        image[inside] = random.uniform(0, 255, 3)
    return image


def draw(folder):
    folders = {"class": (scene, COUNT), "pool": (scene, 240)}
    folders |= {f"concepts/{kind.__name__}": (kind, COUNT) for kind in (stripes, dots, checks)}
    folders |= {f"sets/set{index}": (scene, COUNT) for index in range(4)}
    for number, (name, (kind, count)) in enumerate([*sorted(folders.items()), ("searched", (scene, 100))]):
        path = os.path.join(folder, name)
        if os.path.isdir(path) and len(os.listdir(path)) == count:
            continue
        os.makedirs(path, exist_ok=True)
        random = np.random.default_rng(number)
        for index in range(count):
            pixels = np.clip(kind(random) + random.normal(0, 8, (SIZE, SIZE, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(os.path.join(path, f"{index:03}.png"))
