/// How a camera held its sensor: which way up stored pixels are to be shown.
///
/// - Source: EXIF 2.32, tag 0x0112.
public enum EXIFOrientation: UInt16, Sendable, CaseIterable {
  case upright = 1
  case mirrored = 2
  case rotatedHalfTurn = 3
  case flipped = 4
  case transposed = 5
  case rotatedClockwise = 6
  case transverse = 7
  case rotatedCounterclockwise = 8

  /// The image turned so that it is the right way up, as `PIL.ImageOps.exif_transpose` does.
  public func applied(to image: Image) -> Image {
    guard self != .upright, !image.pixels.isEmpty else { return image }
    let width = image.width, height = image.height, channels = image.channelCount
    let isTurned = rawValue >= EXIFOrientation.transposed.rawValue
    let newWidth = isTurned ? height : width, newHeight = isTurned ? width : height
    let (start, columnStep, rowStep) = walk(width: width, height: height)
    let pixels = [UInt8](unsafeUninitializedCapacity: image.pixels.count) { target, count in
      image.pixels.withUnsafeBufferPointer { source in
        var written = 0
        for row in 0..<newHeight {
          var pixel = start + row * rowStep
          for _ in 0..<newWidth {
            for channel in 0..<channels { target[written + channel] = source[pixel * channels + channel] }
            written += channels
            pixel += columnStep
          }
        }
        count = written
      }
    }
    return Image(width: newWidth, height: newHeight, channelCount: channels, pixels: pixels)
  }

  /// The stored pixel shown at the top left, and the steps to those shown right of and below it.
  private func walk(width: Int, height: Int) -> (start: Int, columnStep: Int, rowStep: Int) {
    let bottomLeft = (height - 1) * width, bottomRight = height * width - 1
    return switch self {
    case .upright: (0, 1, width)
    case .mirrored: (width - 1, -1, width)
    case .rotatedHalfTurn: (bottomRight, -1, -width)
    case .flipped: (bottomLeft, 1, -width)
    case .transposed: (0, width, 1)
    case .rotatedClockwise: (bottomLeft, -width, 1)
    case .transverse: (bottomRight, -width, -1)
    case .rotatedCounterclockwise: (width - 1, width, -1)
    }
  }
}

extension EXIFOrientation {
  /// The orientation in an APP1 segment's payload; nil where there is none or the payload is broken.
  ///
  /// Metadata that cannot be read is no reason to refuse a picture, so nothing here throws.
  init?(app1 payload: ArraySlice<UInt8>) {
    guard payload.starts(with: [0x45, 0x78, 0x69, 0x66, 0, 0]) else { return nil }
    let tiff = payload.dropFirst(6)
    let isLittleEndian = tiff.starts(with: [0x49, 0x49])
    guard isLittleEndian || tiff.starts(with: [0x4D, 0x4D]) else { return nil }

    func integer(at offset: Int, byteCount: Int) -> Int? {
      guard offset >= 0, offset <= tiff.count - byteCount else { return nil }
      let first = tiff.startIndex + offset
      let bytes = tiff[first..<first + byteCount]
      return isLittleEndian
        ? bytes.reversed().reduce(0) { $0 << 8 | Int($1) } : bytes.reduce(0) { $0 << 8 | Int($1) }
    }

    guard integer(at: 2, byteCount: 2) == 42, let directory = integer(at: 4, byteCount: 4),
      let entryCount = integer(at: directory, byteCount: 2)
    else { return nil }
    for entry in 0..<entryCount {
      let offset = directory + 2 + entry * 12
      guard let tag = integer(at: offset, byteCount: 2) else { return nil }
      guard tag == 0x0112 else { continue }
      // Writers in the wild use 8-, 16- and 32-bit integers; the value stands left-aligned in its field.
      let widths = [1: 1, 3: 2, 4: 4]
      guard let type = integer(at: offset + 2, byteCount: 2), let byteCount = widths[type],
        integer(at: offset + 4, byteCount: 4) == 1,
        let value = integer(at: offset + 8, byteCount: byteCount)
      else { return nil }
      self.init(rawValue: UInt16(truncatingIfNeeded: min(value, 9)))
      return
    }
    return nil
  }
}
