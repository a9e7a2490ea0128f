extension Image {
  /// The longest side that is resized from or to.
  static let sideLimit = 1 << 20

  /// The image at another size, bit for bit as `Image.resize` of Pillow 13 makes it.
  ///
  /// Along one axis, then along the other, each in 22-bit fixed point and rounded to bytes; filters are widened
  /// when the image shrinks (antialiasing). Rows come first where the height shrinks by more than twice what the
  /// width does, in pixels; columns otherwise. Pillow 12 and before always take columns first, which for such
  /// images changes bytes by a few with the filters that overshoot (bicubic, Lanczos).
  ///
  /// - Throws: ``DataError`` for a size without area, an image without pixels, or more pixels than
  ///   ``ImageFile/pixelLimit``.
  /// - Complexity: O(pixels × filter taps).
  public func resized(
    height newHeight: Int, width newWidth: Int, filter: ResizeFilter = .bilinear
  ) throws(DataError) -> Image {
    guard newHeight > 0, newWidth > 0 else {
      throw DataError(.parameters("size of \(newWidth) × \(newHeight) pixels; both must be at least 1"))
    }
    guard width > 0, height > 0 else { throw DataError(.empty("the image to resize")) }
    if newHeight == height, newWidth == width { return self }
    // The second check is of the image between the passes.
    for (rows, columns) in [(newHeight, newWidth), (height, newWidth), (newHeight, width)] {
      try ImageFile.checkExtents(width: columns, height: rows, at: "resize")
    }
    guard max(width, height, newWidth, newHeight) <= Self.sideLimit else {
      throw DataError(.tooLarge("resize from or to a side of more than \(Self.sideLimit) pixels"))
    }
    if filter == .nearest { return nearestResized(height: newHeight, width: newWidth) }

    let rows = newHeight == height ? nil : AxisWeights(from: height, to: newHeight, filter: filter)
    if let rows, height - newHeight > 0, height - newHeight > 2 * (width - newWidth) {
      let bytes = Self.resizedRows(pixels, rowLength: width * channelCount, firstRow: 0, weights: rows)
      let flat = Image(width: width, height: newHeight, channelCount: channelCount, pixels: bytes)
      return newWidth == width
        ? flat : try flat.resized(height: newHeight, width: newWidth, filter: filter)
    }
    let used = rows?.span ?? 0..<height
    var bytes = pixels, first = 0
    if newWidth != width {
      bytes = resizedColumns(AxisWeights(from: width, to: newWidth, filter: filter), rows: used)
      first = used.lowerBound
    }
    if let rows {
      bytes = Self.resizedRows(bytes, rowLength: newWidth * channelCount, firstRow: first, weights: rows)
    }
    return Image(width: newWidth, height: newHeight, channelCount: channelCount, pixels: bytes)
  }

  /// The image with its shorter side of a length and the other in proportion, rounded down, as torchvision's
  /// `Resize(length)`.
  ///
  /// - Throws: As ``resized(height:width:filter:)``.
  public func resized(shorterSide length: Int, filter: ResizeFilter = .bilinear) throws(DataError) -> Image {
    guard width > 0, height > 0 else { throw DataError(.empty("the image to resize")) }
    guard length > 0, length <= Self.sideLimit else {
      throw DataError(.parameters("shorter side of \(length) pixels; expected 1 to \(Self.sideLimit)"))
    }
    return width <= height
      ? try resized(height: length * height / width, width: length, filter: filter)
      : try resized(height: length, width: length * width / height, filter: filter)
  }

  private func nearestResized(height newHeight: Int, width newWidth: Int) -> Image {
    let columns = Self.nearestPositions(from: width, to: newWidth)
    let rows = Self.nearestPositions(from: height, to: newHeight)
    let channels = channelCount
    let bytes = [UInt8](unsafeUninitializedCapacity: newHeight * newWidth * channels) { target, count in
      pixels.withUnsafeBufferPointer { source in
        for row in rows {
          for column in columns {
            let pixel = (row * width + column) * channels
            for channel in 0..<channels { target[count + channel] = source[pixel + channel] }
            count += channels
          }
        }
      }
    }
    return Image(width: newWidth, height: newHeight, channelCount: channels, pixels: bytes)
  }

  /// The old pixel of each new one. Positions are summed, not multiplied: where a centre falls on the border
  /// of two pixels, the sum's rounding decides as it does in Pillow.
  private static func nearestPositions(from oldSize: Int, to newSize: Int) -> [Int] {
    let step = Double(oldSize) / Double(newSize)
    var position = step * 0.5
    return (0..<newSize).map { _ in
      defer { position += step }
      return min(Int(position), oldSize - 1)
    }
  }

  private func resizedColumns(_ weights: AxisWeights, rows: Range<Int>) -> [UInt8] {
    let newWidth = weights.starts.count, channels = channelCount
    let half = Int32(1) << (AxisWeights.fractionBits - 1)
    return [UInt8](unsafeUninitializedCapacity: rows.count * newWidth * channels) { buffer, total in
      guard var target = buffer.baseAddress else { return }
      pixels.withUnsafeBufferPointer { pixels in
        weights.weights.withUnsafeBufferPointer { taps in
          for row in rows {
            let line = pixels.baseAddress! + row * width * channels
            for column in 0..<newWidth {
              let tap = taps.baseAddress! + column * weights.stride
              let count = weights.counts[column]
              var source = line + weights.starts[column] * channels
              if channels == 3 {
                var red = half, green = half, blue = half
                for index in 0..<count {
                  let weight = tap[index]
                  red &+= Int32(source[0]) &* weight
                  green &+= Int32(source[1]) &* weight
                  blue &+= Int32(source[2]) &* weight
                  source += 3
                }
                target[0] = Self.byte(red)
                target[1] = Self.byte(green)
                target[2] = Self.byte(blue)
              } else {
                for channel in 0..<channels {
                  var sum = half
                  for index in 0..<count { sum &+= Int32(source[index * channels + channel]) &* tap[index] }
                  target[channel] = Self.byte(sum)
                }
              }
              target += channels
            }
          }
        }
      }
      total = buffer.count
    }
  }

  /// Sums whole rows, so that the inner loop runs over contiguous memory.
  private static func resizedRows(
    _ bytes: [UInt8], rowLength: Int, firstRow: Int, weights: AxisWeights
  ) -> [UInt8] {
    let half = Int32(1) << (AxisWeights.fractionBits - 1)
    var sums = [Int32](repeating: 0, count: rowLength)
    return [UInt8](unsafeUninitializedCapacity: weights.starts.count * rowLength) { buffer, total in
      bytes.withUnsafeBufferPointer { bytes in
        sums.withUnsafeMutableBufferPointer { sums in
          for row in weights.starts.indices {
            sums.update(repeating: half)
            for tap in 0..<weights.counts[row] {
              let weight = weights.weights[row * weights.stride + tap]
              let line = bytes.baseAddress! + (weights.starts[row] - firstRow + tap) * rowLength
              for index in 0..<rowLength { sums[index] &+= Int32(line[index]) &* weight }
            }
            let target = buffer.baseAddress! + row * rowLength
            for index in 0..<rowLength { target[index] = byte(sums[index]) }
          }
        }
      }
      total = buffer.count
    }
  }

  private static func byte(_ sum: Int32) -> UInt8 {
    UInt8(truncatingIfNeeded: min(max(sum &>> AxisWeights.fractionBits, 0), 255))
  }
}
