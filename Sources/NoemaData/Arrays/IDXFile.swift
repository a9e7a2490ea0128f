public import NoemaTensor

/// IDX files, the format of MNIST and its descendants, plain or packed with gzip.
///
/// - Shapes: Up to four axes, the first counts examples; images are `[N, H, W]`, labels `[N]`.
/// - Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", section "File formats".
public enum IDXFile {
  /// The array in a file; gzip is recognised by its first bytes.
  ///
  /// - Throws: `DataError` when the file is missing, malformed, or has not exactly the bytes its header
  ///   declares.
  public static func read(_ path: String) throws(DataError) -> Tensor {
    try tensor(of: ReadableFile.contents(of: path), at: path)
  }

  /// The array in the bytes of an IDX file, plain or packed.
  ///
  /// - Parameter place: What errors name as the place.
  /// - Throws: `DataError` as ``read(_:)``.
  public static func tensor(of bytes: [UInt8], at place: String = "") throws(DataError) -> Tensor {
    if bytes.starts(with: [0x1F, 0x8B]) {
      var inflater = try Inflater(bytes, range: 0..<bytes.count, wrapping: .gzip, place: place)
      let (element, axisCount) = try kind(magic: inflater.bytes(count: 4), place: place)
      let shape = try shape(extents: inflater.bytes(count: axisCount * 4), place: place)
      let byteCount = try payloadByteCount(shape, element, place)
      guard Inflater.accepts(byteCount, from: bytes.count) else {
        throw DataError(
          .malformed("\(bytes.count) packed bytes are too few for shape \(shape) of \(element)"), at: place)
      }
      let payload = try inflater.bytes(count: byteCount)
      try inflater.finish()
      return try tensor(payload, from: 0, element, shape, place)
    }
    let source = ByteSource(bytes, place: place)
    let (element, axisCount) = try kind(magic: source.bytes(at: 0, count: 4), place: place)
    let shape = try shape(extents: source.bytes(at: 4, count: axisCount * 4), place: place)
    let start = 4 + axisCount * 4
    let byteCount = try payloadByteCount(shape, element, place)
    guard bytes.count - start == byteCount else {
      throw DataError(
        .malformed(
          "\(bytes.count - start) bytes follow the header, but shape \(shape) of \(element) "
            + "takes \(byteCount)"
        ),
        at: place)
    }
    return try tensor(bytes, from: start, element, shape, place)
  }

  private static func kind(magic: [UInt8], place: String) throws(DataError) -> (NPYElement, Int) {
    let names: [UInt8: String] = [
      0x08: "|u1", 0x09: "|i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8",
    ]
    guard magic[0] == 0, magic[1] == 0, let name = names[magic[2]], let element = NPYElement(name) else {
      throw DataError(.malformed("this is not an IDX file; its first bytes are \(magic)"), at: place)
    }
    guard (1...4).contains(magic[3]) else {
      throw DataError(.unsupported("an IDX file with \(magic[3]) axes; one to four are read"), at: place)
    }
    return (element, Int(magic[3]))
  }

  private static func shape(extents: [UInt8], place: String) throws(DataError) -> [Int] {
    stride(from: 0, to: extents.count, by: 4).map { start in
      extents[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
    }
  }

  private static func payloadByteCount(
    _ shape: [Int], _ element: NPYElement, _ place: String
  ) throws(DataError) -> Int {
    do {
      _ = try Tensor.byteCount(shape: shape.map { max($0, 1) }, elementType: .float64)
    } catch {
      throw DataError(.tooLarge("shape \(shape) is too large to hold"), at: place)
    }
    return shape.reduce(1, *) * element.byteCount
  }

  private static func tensor(
    _ bytes: [UInt8], from start: Int, _ element: NPYElement, _ shape: [Int], _ place: String
  ) throws(DataError) -> Tensor {
    let source = ByteSource(bytes, place: place)
    return try makeTensor(shape: shape, elementType: element.elementType, place: place) {
      destination throws(DataError) in
      try NPYFile.readElements(source, at: start, element, into: destination)
    }
  }
}
