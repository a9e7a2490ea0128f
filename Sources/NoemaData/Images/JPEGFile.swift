internal import CTurboJPEG

/// JPEG files.
public enum JPEGFile {
  /// Decodes a baseline or progressive JPEG of 8 bits a sample.
  ///
  /// The inverse cosine transform and the upsampling of colour are libjpeg's accurate ones, so that pixels
  /// equal those that Pillow reads. A warning of the decoder (data that end early, broken codes) is an error
  /// here: half a picture would pass for a whole one.
  ///
  /// - Parameters:
  ///   - bytes: The file's content.
  ///   - name: The file's name, for errors.
  ///   - orients: Whether the picture is turned as its EXIF orientation tells.
  /// - Returns: One channel for a grey file, three for a colour file.
  /// - Throws: ``DataError`` naming the file.
  public static func decode(
    _ bytes: [UInt8], name: String, orients: Bool = true
  ) throws(DataError) -> Image {
    let header = try JPEGHeader(bytes, name: name)
    try check(header, name: name)
    let isGrey = header.componentCount == 1
    let channels = isGrey ? 1 : 3
    guard let decoder = tjInitDecompress() else {
      throw DataError(.ioFailure(operation: "start the JPEG decoder", reason: "out of memory"), at: name)
    }
    defer { tjDestroy(decoder) }
    var status: Int32 = -1
    let byteCount = header.width * header.height * channels
    let pixels = [UInt8](unsafeUninitializedCapacity: byteCount) { target, count in
      // Zeroed, because a decoder that stops half-way must not leave another file's pixels behind.
      target.initialize(repeating: 0)
      status = tjDecompress2(
        decoder, bytes, UInt(bytes.count), target.baseAddress, Int32(header.width),
        Int32(header.width * channels), Int32(header.height), Int32((isGrey ? TJPF_GRAY : TJPF_RGB).rawValue),
        TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS)
      count = target.count
    }
    guard status == 0 else {
      let reason = tjGetErrorStr2(decoder).map { String(cString: $0) } ?? "unknown error"
      throw DataError(.malformed("JPEG cannot be decoded: \(reason); copy or save the file again"), at: name)
    }
    let image = Image(width: header.width, height: header.height, channelCount: channels, pixels: pixels)
    return orients ? header.orientation.applied(to: image) : image
  }

  /// The file bytes of a grey or RGB image, colours at full resolution.
  ///
  /// - Parameter quality: 1 to 100, libjpeg's scale.
  /// - Throws: ``DataError`` if the image is empty or has a channel count other than 1 and 3.
  public static func encode(_ image: Image, quality: Int = 90) throws(DataError) -> [UInt8] {
    let isGrey = image.channelCount == 1
    guard image.width > 0, image.height > 0, isGrey || image.channelCount == 3 else {
      throw DataError(
        .unsupported(
          "JPEG of \(image.width) × \(image.height) pixels and \(image.channelCount) channels; "
            + "give grey or RGB"), at: "")
    }
    guard let encoder = tjInitCompress() else {
      throw DataError(.ioFailure(operation: "start the JPEG encoder", reason: "out of memory"), at: "")
    }
    defer { tjDestroy(encoder) }
    let sampling = Int32((isGrey ? TJSAMP_GRAY : TJSAMP_444).rawValue)
    var target: UnsafeMutablePointer<UInt8>?
    var count: UInt = 0
    defer { tjFree(target) }
    let status = tjCompress2(
      encoder, image.pixels, Int32(image.width), 0, Int32(image.height),
      Int32((isGrey ? TJPF_GRAY : TJPF_RGB).rawValue), &target, &count, sampling,
      Int32(min(max(quality, 1), 100)), TJFLAG_ACCURATEDCT)
    guard status == 0, let target else {
      let reason = tjGetErrorStr2(encoder).map { String(cString: $0) } ?? "unknown error"
      throw DataError(.ioFailure(operation: "encode a JPEG", reason: reason), at: "")
    }
    return Array(UnsafeBufferPointer(start: target, count: Int(count)))
  }

  /// The extents in pixels after the orientation is applied, from the header alone.
  static func size(_ bytes: [UInt8], name: String) throws(DataError) -> (width: Int, height: Int) {
    let header = try JPEGHeader(bytes, name: name)
    let isTurned = header.orientation.rawValue >= EXIFOrientation.transposed.rawValue
    return isTurned ? (header.height, header.width) : (header.width, header.height)
  }

  private static func check(_ header: JPEGHeader, name: String) throws(DataError) {
    guard header.precision == 8 else {
      throw DataError(
        .unsupported("JPEG of \(header.precision) bits a sample, 8 are read; convert it to 8 bits"), at: name)
    }
    switch header.componentCount {
    case 1, 3: break
    case 4: throw DataError(.unsupported("JPEG in CMYK, grey and RGB are read; convert it to RGB"), at: name)
    case let count:
      throw DataError(
        .unsupported("JPEG with \(count) colour components, 1 and 3 are read; convert it to RGB"), at: name)
    }
    try ImageFile.checkExtents(width: header.width, height: header.height, at: name)
  }
}
