extension Image {
  /// The image in one channel: luma by ITU-R BT.601 weights in 16 bits, as `convert("L")` of Pillow.
  public func convertedToGrey() -> Image {
    guard channelCount == 3 else { return self }
    let grey = [UInt8](unsafeUninitializedCapacity: width * height) { target, count in
      pixels.withUnsafeBufferPointer { source in
        for pixel in target.indices {
          let red = UInt32(source[3 * pixel]), green = UInt32(source[3 * pixel + 1])
          let blue = UInt32(source[3 * pixel + 2])
          let sum = red &* 19595 &+ green &* 38470 &+ blue &* 7471 &+ 0x8000
          target[pixel] = UInt8(truncatingIfNeeded: sum >> 16)
        }
      }
      count = width * height
    }
    return Image(width: width, height: height, channelCount: 1, pixels: grey)
  }

  /// The image in three equal channels where it had one.
  public func convertedToRGB() -> Image {
    guard channelCount == 1 else { return self }
    let rgb = [UInt8](unsafeUninitializedCapacity: pixels.count * 3) { target, count in
      for (pixel, value) in pixels.enumerated() {
        target[3 * pixel] = value
        target[3 * pixel + 1] = value
        target[3 * pixel + 2] = value
      }
      count = pixels.count * 3
    }
    return Image(width: width, height: height, channelCount: 3, pixels: rgb)
  }
}
