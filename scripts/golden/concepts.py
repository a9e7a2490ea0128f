#!/usr/bin/env python3
"""Writes Tests/NoemaConceptsTests/Fixtures/concepts: what scikit-image and scikit-learn make of small data.

    scripts/golden/concepts.py

`segments.npz` holds two photographs of scikit-image's (the astronaut of NASA's and the cat of the library's own, both
free of rights), made small, and their superpixels and quickshift segments. `factors.npz` holds handwritten digits and
the error of scikit-learn's non-negative factors after some numbers of iterations. Needs scikit-image,
scikit-learn and Pillow.
"""

import pathlib
import platform
import warnings
from importlib import metadata

import numpy as np
from PIL import Image
from skimage import color, data, segmentation
from sklearn import datasets, decomposition

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "Tests/NoemaConceptsTests/Fixtures/concepts"
PACKAGES = ["scikit-image", "scikit-learn", "numpy", "pillow"]
LARGEST_FILE = 100_000
SUPERPIXELS = [(15, 20, 1), (50, 20, 1), (80, 20, 1), (100, 10, 0)]
SHIFTS = [(5, 10, 1.0), (3, 6, 0.5)]
FACTORS = [(8, 10), (8, 60), (20, 10)]


def stretched(image):
    """0 and 255 both occur, so that taking the range to 0…1 changes nothing."""
    image = image.astype(np.float64)
    return np.round((image - image.min()) / (image.max() - image.min()) * 255).astype(np.uint8)


def segments():
    photographs = {"astronaut": data.astronaut()[:320, 60:380], "cat": data.chelsea()[:, 60:400]}
    arrays = {}
    for name, image in photographs.items():
        image = stretched(np.asarray(Image.fromarray(image).resize((104, 88), Image.BOX)))
        arrays[f"{name}/image"] = image
        grey = stretched(color.rgb2gray(image))
        arrays[f"{name}/grey"] = grey
        for count, compactness, sigma in SUPERPIXELS:
            found = segmentation.slic(image, n_segments=count, compactness=compactness, sigma=sigma, start_label=0)
            arrays[f"{name}/slic{count}"] = found.astype(np.uint8)
        found = segmentation.slic(color.gray2rgb(grey), n_segments=50, compactness=20, sigma=1, start_label=0)
        arrays[f"{name}/greySlic50"] = found.astype(np.uint8)
        for size, distance, ratio in SHIFTS:
            found = segmentation.quickshift(image, kernel_size=size, max_dist=distance, ratio=ratio)
            arrays[f"{name}/quickshift{size}"] = found.astype(np.uint8)
    return arrays


def factors():
    rows = datasets.load_digits().data[:300]
    arrays = {"rows": rows.astype(np.uint8)}
    for count, iterations in FACTORS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = decomposition.NMF(count, max_iter=iterations, tol=0, random_state=0).fit(rows)
        arrays[f"error{count}x{iterations}"] = np.float64(model.reconstruction_err_)
    return arrays


def main():
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for name, arrays in {"segments": segments(), "factors": factors()}.items():
        path = OUTPUT / f"{name}.npz"
        np.savez_compressed(path, **arrays)
        if path.stat().st_size > LARGEST_FILE:
            raise SystemExit(f"concepts.py: {path.name} has {path.stat().st_size} bytes")
    versions = ", ".join(f"{package} {metadata.version(package)}" for package in PACKAGES)
    (OUTPUT / "README.md").write_text(
        "# Segments and factors by other tools\n\n"
        "Written by `scripts/golden/concepts.py`: never edit them.\n\n"
        f"{versions}; Python {platform.python_version()}.\n\n"
        "The astronaut is a photograph of NASA's in the public domain, the cat one by Stéfan van der Walt under CC0; "
        "both\ncome with scikit-image. The digits are of the UCI Machine Learning Repository, under CC BY 4.0.\n")


if __name__ == "__main__":
    main()
