"""Writes Tests/NoemaDataTests/Images/ResizeGoldens.swift from what Pillow makes of known noise.

    pip install pillow==13.0.0 numpy
    python scripts/golden/resize.py > Tests/NoemaDataTests/Images/ResizeGoldens.swift
"""

import base64

from PIL import Image, __version__

from common import hashed, noise

FILTERS = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
# (source width, source height, channels, new width, new height)
SMALL = [(13, 17, 3, 5, 7), (9, 6, 1, 11, 13)]
LARGE = [
    (13, 17, 3, 31, 29), (23, 9, 1, 10, 40), (64, 48, 3, 17, 48), (64, 48, 3, 64, 5), (101, 77, 3, 1, 1),
    (1, 1, 3, 4, 3), (3, 200, 1, 7, 3), (255, 129, 3, 224, 224), (150, 150, 3, 28, 28), (10, 10, 1, 25, 25),
]


print(f"// Written by scripts/golden/resize.py with Pillow {__version__}.\n")
print("import NoemaData\n")
print("/// What Pillow makes of noise: every byte of small images, a hash of larger ones.")
print("enum ResizeGoldens {")
print("  static let bytes: [ResizeCase: String] = [")
for kind in ("bytes", "hashes"):
    if kind == "hashes":
        print("  ]\n\n  static let hashes: [ResizeCase: UInt64] = [")
    for width, height, channels, new_width, new_height in SMALL if kind == "bytes" else LARGE:
        image = Image.fromarray(noise(width, height, channels))
        for name in FILTERS:
            data = image.resize((new_width, new_height), Image.Resampling[name.upper()]).tobytes()
            value = f'"{base64.b64encode(data).decode()}"' if kind == "bytes" else f"0x{hashed(data):016X}"
            key = f"ResizeCase({width}, {height}, {channels}, {new_width}, {new_height}, .{name})"
            if kind == "hashes":
                print(f"    {key}: {value},")
                continue
            text = value.strip('"')
            print(f'    {key}: """')
            for start in range(0, len(text), 96):
                print("      " + text[start:start + 96] + ("\\" if start + 96 < len(text) else ""))
            print('      """,')
grey = Image.fromarray(noise(64, 48, 3)).convert("L").tobytes()
print(f"  ]\n\n  /// 64 × 48 RGB noise in grey.\n  static let grey: UInt64 = 0x{hashed(grey):016X}\n}}")
