import Foundation
import NoemaData

/// One resize, as the generator of goldens names it.
struct ResizeCase: Hashable, Sendable, CustomStringConvertible {
  let width, height, channelCount, newWidth, newHeight: Int
  let filter: ResizeFilter

  init(
    _ width: Int, _ height: Int, _ channels: Int, _ newWidth: Int, _ newHeight: Int, _ filter: ResizeFilter
  ) {
    (self.width, self.height, channelCount) = (width, height, channels)
    (self.newWidth, self.newHeight, self.filter) = (newWidth, newHeight, filter)
  }

  var description: String { "\(width)×\(height)×\(channelCount) to \(newWidth)×\(newHeight), \(filter)" }
}

extension Image {
  /// The noise of `scripts/golden/common.py`.
  static func noise(width: Int, height: Int, channelCount: Int) -> Image {
    var state = UInt64(width * 31 + height * 17 + channelCount)
    let pixels = (0..<width * height * channelCount).map { index -> UInt8 in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let value = UInt8(state >> 56)
      return index / 64 % 3 != 0 ? value : 255 * (value >> 7)
    }
    return Image(width: width, height: height, channelCount: channelCount, pixels: pixels)
  }

  /// An image of 0, 1, 2 ….
  static func counting(width: Int, height: Int, channelCount: Int = 1) -> Image {
    let pixels = (0..<width * height * channelCount).map { UInt8(truncatingIfNeeded: $0) }
    return Image(width: width, height: height, channelCount: channelCount, pixels: pixels)
  }
}

/// FNV-1a of 64 bits, as in `scripts/golden/common.py`.
func hashed(_ bytes: [UInt8]) -> UInt64 {
  bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
}

/// The bytes of a base64 text; empty if it is none.
func decoded(base64 text: String?) -> [UInt8] {
  text.flatMap { Data(base64Encoded: $0) }.map { Array($0) } ?? []
}

/// The error that a call throws; nil if it does not.
func dataError(of call: () throws -> Void) -> DataError? {
  do {
    try call()
    return nil
  } catch {
    return error as? DataError
  }
}
