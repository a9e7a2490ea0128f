internal import Foundation

/// Image files: PNG and JPEG, told apart by their first bytes.
public enum ImageFile {
  /// The most pixels an image may have: 2²⁷, that is 384 MiB in RGB.
  public static let pixelLimit = 1 << 27
  /// The most bytes a file may have.
  public static let byteLimit = 1 << 30

  /// Whether a file's name ends as image files' do: `.png`, `.jpg` or `.jpeg` in any case.
  public static func isImage(_ name: String) -> Bool {
    let name = name.lowercased()
    return [".png", ".jpg", ".jpeg"].contains { name.hasSuffix($0) }
  }

  /// Reads and decodes a file.
  ///
  /// - Throws: ``DataError`` naming the file.
  public static func read(path: String) throws(DataError) -> Image {
    try decode(FileBytes.read(path: path, limit: byteLimit), name: path)
  }

  /// Decodes a file's content.
  ///
  /// - Returns: One channel for a grey file, three for a colour file.
  /// - Throws: ``DataError`` naming the file.
  public static func decode(_ bytes: [UInt8], name: String) throws(DataError) -> Image {
    switch try format(of: bytes, name: name) {
    case .jpeg: return try JPEGFile.decode(bytes, name: name)
    case .png:
      do {
        return try PNGFile.decode(bytes, name: name)
      } catch {
        throw dataError(error, name: name)
      }
    }
  }

  /// The extents of a file's image in pixels, without decoding it.
  ///
  /// - Throws: ``DataError`` naming the file.
  public static func size(_ bytes: [UInt8], name: String) throws(DataError) -> (width: Int, height: Int) {
    switch try format(of: bytes, name: name) {
    case .jpeg: return try JPEGFile.size(bytes, name: name)
    case .png:
      // The IHDR chunk comes first: 8 bytes of signature, 8 of chunk header, then width and height.
      guard bytes.count >= 24 else { throw DataError(.malformed("not a whole PNG: no header"), at: name) }
      let width = bytes[16..<20].reduce(0) { $0 << 8 | Int($1) }
      let height = bytes[20..<24].reduce(0) { $0 << 8 | Int($1) }
      return (width, height)
    }
  }

  /// Refuses extents whose pixels would not fit ``pixelLimit``.
  static func checkExtents(width: Int, height: Int, at place: String) throws(DataError) {
    let (count, overflow) = width.multipliedReportingOverflow(by: height)
    guard !overflow, count <= pixelLimit else {
      throw DataError(
        .tooLarge("image of \(width) × \(height) pixels, at most \(pixelLimit) are read; make it smaller"),
        at: place)
    }
  }

  private static func dataError(_ error: any Error, name: String) -> DataError {
    guard let error = error as? ImageError else { return DataError(.malformed("\(error)"), at: name) }
    return switch error.kind {
    case .malformed(let text):
      DataError(.malformed("PNG cannot be decoded: \(text); save the file again"), at: name)
    case .tooLarge(let width, let height):
      DataError(.tooLarge("PNG of \(width) × \(height) pixels, too many for its bytes or memory"), at: name)
    case .unwritable: DataError(.malformed("PNG without pixels"), at: name)
    }
  }

  private enum Format { case png, jpeg }

  private static func format(of bytes: [UInt8], name: String) throws(DataError) -> Format {
    if bytes.isEmpty { throw DataError(.empty("the image file"), at: name) }
    if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return .png }
    if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return .jpeg }
    let others: [(String, [UInt8])] = [
      ("GIF", Array("GIF8".utf8)), ("BMP", Array("BM".utf8)), ("TIFF", [0x49, 0x49, 0x2A, 0]),
      ("TIFF", [0x4D, 0x4D, 0, 0x2A]), ("WebP or another RIFF file", Array("RIFF".utf8)),
      ("JPEG 2000", [0, 0, 0, 12, 0x6A, 0x50]),
    ]
    if let other = others.first(where: { bytes.starts(with: $0.1) }) {
      throw DataError(.unsupported("\(other.0), PNG and JPEG are read; convert it to PNG"), at: name)
    }
    throw DataError(.malformed("neither PNG nor JPEG by its first bytes"), at: name)
  }
}
