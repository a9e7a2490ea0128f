internal import CPNG
public import NoemaTensor

/// An error of reading or writing an image.
public struct ImageError: NoemaError, Equatable {
  /// What went wrong, with the numbers involved.
  public enum Kind: Sendable, Equatable {
    /// The decoder refused the bytes; its own words.
    case malformed(String)
    /// The header asks for more pixels than Noema holds, or than the file's bytes can describe.
    case tooLarge(width: Int, height: Int)
    /// The image cannot be written: empty, or a channel count other than 1 and 3.
    case unwritable(width: Int, height: Int, channelCount: Int)
  }

  /// What went wrong.
  public let kind: Kind
  /// The file's name; may be empty.
  public let name: String

  /// Makes an error of one kind for a file.
  public init(_ kind: Kind, name: String = "") {
    self.kind = kind
    self.name = name
  }

  public var category: ErrorCategory { .badData }

  public var description: String {
    let start = name.isEmpty ? "" : "\(name): "
    switch kind {
    case .malformed(let text):
      return "\(start)not a readable PNG file (\(text)); replace or remove it"
    case .tooLarge(let width, let height):
      return
        "\(start)the header claims \(width)×\(height) pixels, which is over the limit of \(PNGFile.pixelLimit) "
        + "or more than the file's bytes can hold; shrink or remove it"
    case .unwritable(let width, let height, let channels):
      return "\(start)cannot write \(width)×\(height) pixels of \(channels) channels as PNG; "
        + "expected at least 1×1 and 1 (grey) or 3 (RGB) channels"
    }
  }
}

/// Reading and writing PNG files through libpng's simplified interface, which reports errors by value.
public enum PNGFile {
  /// The most pixels an image may have, checked before memory is taken.
  static let pixelLimit = 1 << 28

  /// The file bytes of a grey or RGB image; the same image always gives the same bytes.
  ///
  /// - Throws: `ImageError` if the image is empty or has a channel count other than 1 and 3.
  public static func encode(_ image: Image) throws -> [UInt8] {
    let (width, height, channels) = (image.width, image.height, image.channelCount)
    let unwritable = ImageError(.unwritable(width: width, height: height, channelCount: channels))
    guard width > 0, height > 0, channels == 1 || channels == 3 else { throw unwritable }
    guard width <= pixelLimit, height <= pixelLimit / width else { throw unwritable }
    var header = png_image()
    header.version = UInt32(PNG_IMAGE_VERSION)
    header.width = UInt32(width)
    header.height = UInt32(height)
    header.format = UInt32(channels == 1 ? PNG_FORMAT_GRAY : Int32(bitPattern: PNG_FORMAT_FLAG_COLOR))
    // Rows and their filter bytes, stored uncompressed, with the overhead of zlib blocks and PNG chunks.
    let raw = (width * channels + 1) * height
    var size = png_alloc_size_t(raw + raw / 256 + 4096)
    var bytes = [UInt8](repeating: 0, count: Int(size))
    let written = bytes.withUnsafeMutableBytes { memory in
      image.pixels.withUnsafeBytes { pixels in
        png_image_write_to_memory(&header, memory.baseAddress, &size, 0, pixels.baseAddress, 0, nil)
      }
    }
    guard written != 0, Int(size) <= bytes.count else { throw unwritable }
    return Array(bytes[..<Int(size)])
  }

  /// The image in a PNG file's bytes.
  ///
  /// Opaque grey images keep one channel. Everything else becomes RGB: palettes are expanded and transparent
  /// pixels are laid over white. Depths other than 8 bits are scaled to 8.
  ///
  /// - Parameter name: The file's name, for errors.
  /// - Throws: `ImageError` if the bytes are no PNG file, are cut off, or claim too many pixels.
  public static func decode(_ bytes: [UInt8], name: String) throws -> Image {
    try bytes.withUnsafeBytes { file in
      var header = png_image()
      header.version = UInt32(PNG_IMAGE_VERSION)
      defer { png_image_free(&header) }
      guard let start = file.baseAddress, png_image_begin_read_from_memory(&header, start, file.count) != 0
      else {
        throw ImageError(.malformed(file.isEmpty ? "the file is empty" : message(header)), name: name)
      }
      let (width, height) = (Int(header.width), Int(header.height))
      // Deflate shrinks by at most 1032 to 1 and a pixel takes at least one bit, so an honest file is this long.
      guard width > 0, height > 0, width <= pixelLimit, height <= pixelLimit / width,
        width * height / 8 / 1032 <= file.count
      else { throw ImageError(.tooLarge(width: width, height: height), name: name) }

      let isGrey =
        header.format & (PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA | PNG_FORMAT_FLAG_COLORMAP) == 0
      let channels = isGrey ? 1 : 3
      // Without this, libpng takes 16-bit samples of untagged files for linear light.
      header.flags |= UInt32(PNG_IMAGE_FLAG_16BIT_sRGB)
      let isOpaque = isGrey || header.format & PNG_FORMAT_FLAG_ALPHA == 0
      header.format = isGrey ? 0 : PNG_FORMAT_FLAG_COLOR | (isOpaque ? 0 : PNG_FORMAT_FLAG_ALPHA)
      let samples = isOpaque ? channels : 4
      var pixels = [UInt8](repeating: 0, count: width * height * samples)
      let isRead = pixels.withUnsafeMutableBytes {
        png_image_finish_read(&header, nil, $0.baseAddress, Int32(width * samples), nil)
      }
      guard isRead != 0 else { throw ImageError(.malformed(message(header)), name: name) }
      if !isOpaque { pixels = overWhite(pixels) }
      return Image(width: width, height: height, channelCount: channels, pixels: pixels)
    }
  }

  /// RGBA laid over white. Bytes are blended as they are, as browsers and Pillow do; libpng would blend in linear
  /// light.
  private static func overWhite(_ rgba: [UInt8]) -> [UInt8] {
    var rgb = [UInt8](repeating: 0, count: rgba.count / 4 * 3)
    for pixel in 0..<rgba.count / 4 {
      let alpha = Int(rgba[4 * pixel + 3])
      for channel in 0..<3 {
        rgb[3 * pixel + channel] = UInt8(
          (Int(rgba[4 * pixel + channel]) * alpha + 255 * (255 - alpha) + 127) / 255)
      }
    }
    return rgb
  }

  /// libpng's own words for what went wrong.
  private static func message(_ header: png_image) -> String {
    withUnsafeBytes(of: header.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
