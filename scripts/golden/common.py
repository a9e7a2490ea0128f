"""What the generators of image fixtures share; the tests repeat both functions in Swift."""

import numpy as np


def noise(width, height, channels):
    """Bytes of a linear congruential generator, with flat black and white runs that make filters overshoot."""
    state, out = width * 31 + height * 17 + channels, []
    for index in range(width * height * channels):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        value = state >> 56
        out.append(value if index // 64 % 3 else 255 * (value >> 7))
    shape = (height, width, 3) if channels == 3 else (height, width)
    return np.array(out, np.uint8).reshape(shape)


def hashed(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value
