"""Writes Tests/NoemaDataTests/Images/JPEGGoldens.swift: small JPEG files and hashes of what Pillow decodes.

    pip install "pillow<13" numpy
    python scripts/golden/jpeg.py > Tests/NoemaDataTests/Images/JPEGGoldens.swift
"""

import base64
import io

import numpy as np
from PIL import Image, ImageOps, __version__, features

from common import hashed


def picture(width, height):
    rows, columns = np.mgrid[0:height, 0:width]
    red, green, blue = columns * 255 / width, rows * 255 / height, 127 + 100 * np.sin(rows * columns / 9)
    return Image.fromarray(np.stack([red, green, blue], -1).astype(np.uint8))


def saved(image, **options):
    stream = io.BytesIO()
    image.save(stream, "JPEG", **options)
    return stream.getvalue()


def with_orientation(value, order):
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F] = "camera"
    exif[0x0112] = value
    return exif


image = picture(21, 13)
FILES = {
    "colour420": saved(image, quality=85, subsampling=2),
    "colour422": saved(image, quality=90, subsampling=1),
    "colour444": saved(image, quality=75, subsampling=0),
    "progressive": saved(image, quality=60, progressive=True),
    "restarts": saved(image, quality=60, restart_marker_blocks=1),
    "grey": saved(image.convert("L"), quality=80),
    "rgb": saved(image, quality=80, keep_rgb=True),
    "cmyk": saved(image.convert("CMYK"), quality=50),
    "littleEndian": saved(image, quality=70, exif=with_orientation(6, "<")),
    "bigEndian": saved(image, quality=70, exif=with_orientation(6, ">")),
}

print(f"// Written by scripts/golden/jpeg.py with Pillow {__version__},")
print(f"// libjpeg-turbo {features.version_feature('libjpeg_turbo')}.\n")
print("/// Small JPEG files of 21 × 13 pixels as stored, and what Pillow makes of them.")
print("enum JPEGGoldens {")
print("  static let files: [String: String] = [")
for name, data in FILES.items():
    text = base64.b64encode(data).decode()
    print(f'    "{name}": """')
    for start in range(0, len(text), 96):
        print("      " + text[start:start + 96] + ("\\" if start + 96 < len(text) else ""))
    print('      """,')
print("  ]\n")
print("  /// Hashes of the decoded bytes, the right way up.")
print("  static let hashes: [String: UInt64] = [")
for name, data in FILES.items():
    if name != "cmyk":
        print(f'    "{name}": 0x{hashed(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).tobytes()):016X},')
print("  ]\n")
print("  /// Hashes of an image of 3 × 2 RGB pixels 0 to 17 shown in orientations 1 to 8.")
print("  static let orientations: [UInt64] = [")
small = Image.fromarray(np.arange(18, dtype=np.uint8).reshape(2, 3, 3))
for value in range(1, 9):
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = value
    small.save(stream, "PNG", exif=exif)
    turned = ImageOps.exif_transpose(Image.open(stream))
    print(f"    0x{hashed(turned.tobytes()):016X},  // {turned.width} × {turned.height}")
print("  ]\n}")
