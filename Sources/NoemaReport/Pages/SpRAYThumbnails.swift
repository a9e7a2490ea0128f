internal import Foundation
public import NoemaData

/// Many small pictures in one, for a page that shows whichever the reader points at.
///
/// Pictures are added one after the other, so that no more than one is in memory at its full size. Cells are as large
/// as their number allows: 64 pixels up to 4,096 pictures, 40 for 10,000.
public struct SpRAYThumbnails: Sendable {
  /// The pixels of a cell's edge.
  public let cell: Int
  /// The cells of a row.
  public let columnCount: Int
  /// How many pictures there is room for.
  public let capacity: Int
  /// How many pictures were added.
  public private(set) var count = 0
  private var pixels: [UInt8]
  private var isGrey = true

  /// The most pixels of a sheet: more is shown by no phone.
  static let pixelLimit = 16 << 20
  /// The longest edge of a cell.
  static let longestEdge = 64
  /// Sheets of up to this many pixels keep their colours exactly.
  private static let exactLimit = 1 << 18

  /// Makes an empty sheet.
  ///
  /// - Parameters:
  ///   - capacity: how many pictures will be added.
  ///   - longestEdge: the longest edge of the pictures, in pixels; none is enlarged.
  public init(capacity: Int, longestEdge: Int) {
    let capacity = max(1, capacity)
    // Cells of whole JPEG blocks do not bleed into one another.
    let wanted = (min(max(longestEdge, 1), Self.longestEdge) + 7) / 8 * 8
    let possible = Int(Double(Self.pixelLimit / capacity).squareRoot()) / 8 * 8
    cell = min(wanted, max(8, possible))
    let columns = Int(Double(capacity).squareRoot().rounded(.up))
    columnCount = columns
    self.capacity = capacity
    let rows = (capacity + columns - 1) / columns
    pixels = [UInt8](repeating: 255, count: 3 * cell * cell * columns * rows)
  }

  private var rowCount: Int { (capacity + columnCount - 1) / columnCount }

  /// Adds a picture, made smaller to fit its cell.
  ///
  /// - Throws: `ReportError` when the sheet is full, `DataError` when the image is empty.
  public mutating func add(_ image: Image) throws {
    guard count < capacity else {
      throw ReportError(.input("a sheet of \(capacity) thumbnails is full"))
    }
    isGrey = isGrey && image.channelCount == 1
    let small = try fitted(image).convertedToRGB()
    let left = count % columnCount * cell + (cell - small.width) / 2
    let top = count / columnCount * cell + (cell - small.height) / 2
    let stride = 3 * columnCount * cell
    for row in 0..<small.height {
      let from = 3 * row * small.width, to = (top + row) * stride + 3 * left
      pixels.replaceSubrange(to..<to + 3 * small.width, with: small.pixels[from..<from + 3 * small.width])
    }
    count += 1
  }

  private func fitted(_ image: Image) throws -> Image {
    let longest = max(image.width, image.height)
    guard longest > cell || longest == 0 else { return image }
    return try image.resized(
      height: max(1, image.height * cell / max(longest, 1)),
      width: max(1, image.width * cell / max(longest, 1)),
      filter: .box)
  }

  /// The sheet as one image.
  var image: Image {
    let (width, height) = (columnCount * cell, rowCount * cell)
    guard isGrey else { return Image(width: width, height: height, channelCount: 3, pixels: pixels) }
    let grey = stride(from: 0, to: pixels.count, by: 3).map { pixels[$0] }
    return Image(width: width, height: height, channelCount: 1, pixels: grey)
  }

  /// The sheet as a `data:` address.
  ///
  /// - Throws: `ImageError` or `DataError` of the encoder.
  func address() throws -> String {
    let image = self.image
    if image.width * image.height <= Self.exactLimit {
      return "data:image/png;base64," + Data(try PNGFile.encode(image)).base64EncodedString()
    }
    return "data:image/jpeg;base64," + Data(try JPEGFile.encode(image, quality: 82)).base64EncodedString()
  }
}
