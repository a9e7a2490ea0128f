internal import Foundation
public import NoemaData

/// Images inside a report: small, as PNG in a `data:` address.
public enum EmbeddedPNG {
  /// Longest edge of an embedded image in pixels: a third more than a page shows, for sharp screens.
  public static let longestEdge = 128

  /// The image as a `data:` address, made smaller if need be.
  public static func address(of image: Image) -> String {
    "data:image/png;base64," + Data(encode(thumbnail(of: image))).base64EncodedString()
  }

  /// The image with its longest edge at most `longestEdge`, each pixel the mean of those that it covers.
  static func thumbnail(of image: Image) -> Image {
    let longest = max(image.width, image.height)
    guard longest > longestEdge else { return image }
    let width = max(1, image.width * longestEdge / longest),
      height = max(1, image.height * longestEdge / longest)
    let channels = image.channelCount
    var pixels = [UInt8](repeating: 0, count: width * height * channels)
    for y in 0..<height {
      let top = y * image.height / height, bottom = max(top + 1, (y + 1) * image.height / height)
      for x in 0..<width {
        let left = x * image.width / width, right = max(left + 1, (x + 1) * image.width / width)
        let count = (bottom - top) * (right - left)
        for channel in 0..<channels {
          var sum = count / 2
          for row in top..<bottom {
            for column in left..<right {
              sum += Int(image.pixels[(row * image.width + column) * channels + channel])
            }
          }
          pixels[(y * width + x) * channels + channel] = UInt8(sum / count)
        }
      }
    }
    return Image(width: width, height: height, channelCount: channels, pixels: pixels)
  }

  /// A PNG file of the image, its pixels stored without compression.
  static func encode(_ image: Image) -> [UInt8] {
    let isGrey = image.channelCount == 1
    var header = bigEndian(UInt32(image.width)) + bigEndian(UInt32(image.height))
    header += [8, isGrey ? 0 : image.channelCount == 4 ? 6 : 2, 0, 0, 0]
    let rowLength = image.width * image.channelCount
    var rows: [UInt8] = []
    rows.reserveCapacity((rowLength + 1) * image.height)
    for y in 0..<image.height {
      rows.append(0)
      rows += image.pixels[(y * rowLength)..<((y + 1) * rowLength)]
    }
    var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    file += chunk("IHDR", header) + chunk("IDAT", stored(rows)) + chunk("IEND", [])
    return file
  }

  /// A zlib stream of stored blocks (RFC 1950 and 1951).
  private static func stored(_ bytes: [UInt8]) -> [UInt8] {
    var stream: [UInt8] = [0x78, 0x01]
    var position = 0
    repeat {
      let length = min(bytes.count - position, 65535)
      let isLast = position + length == bytes.count
      let low = UInt8(length & 0xFF), high = UInt8(length >> 8)
      stream += [isLast ? 1 : 0, low, high, ~low, ~high]
      stream += bytes[position..<(position + length)]
      position += length
    } while position < bytes.count
    var a: UInt32 = 1, b: UInt32 = 0
    for byte in bytes {
      a = (a + UInt32(byte)) % 65521
      b = (b + a) % 65521
    }
    return stream + bigEndian(b << 16 | a)
  }

  private static func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
    let content = Array(name.utf8) + data
    return bigEndian(UInt32(data.count)) + content + bigEndian(checksum(content))
  }

  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    var sum: UInt32 = 0xFFFF_FFFF
    for byte in bytes { sum = table[Int((sum ^ UInt32(byte)) & 0xFF)] ^ (sum >> 8) }
    return ~sum
  }

  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
  }

  private static func bigEndian(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }
}
