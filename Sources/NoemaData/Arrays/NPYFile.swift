public import NoemaTensor

/// NumPy's `.npy` files: one array of numbers.
///
/// Reads format versions 1, 2 and 3, floats of 2, 4 and 8 bytes, signed and unsigned integers of 1 to 8 bytes
/// and truth values, in both byte orders and both element orders. What the tensor types lack is widened:
/// half-precision becomes float32, 32- and 64-bit unsigned integers become int64. Sizes are checked before
/// memory is taken.
///
/// ```swift
/// let images = try NPYFile.read("images.npy")
/// try NPYFile.write(images.converted(to: .float64), to: "images64.npy")
/// ```
///
/// - Source: `numpy.lib.format` (NumPy enhancement proposal 1).
public enum NPYFile {
  /// The array in a file, in row-major order.
  ///
  /// - Throws: `DataError` when the file is missing, malformed, of a type that is no number, or has not
  ///   exactly the bytes its header declares.
  public static func read(_ path: String) throws(DataError) -> Tensor {
    try tensor(ByteSource(ReadableFile(path: path)))
  }

  /// The array in the bytes of a `.npy` file.
  ///
  /// - Parameter place: What errors name as the place.
  /// - Throws: `DataError` as ``read(_:)``.
  public static func tensor(of bytes: [UInt8], at place: String = "") throws(DataError) -> Tensor {
    try tensor(ByteSource(bytes, place: place))
  }

  /// Writes a tensor as format version 1.0, little-endian and in row-major order, under a temporary name
  /// first.
  ///
  /// - Throws: `DataError.ioFailure` in the system's words, such as a full disk; an older file is then
  ///   untouched.
  public static func write(_ tensor: Tensor, to path: String) throws(DataError) {
    let file = try AtomicFile(path: path)
    try file.write(header(of: tensor).bytes)
    try file.write(tensor)
    try file.commit()
  }

  /// The bytes of a `.npy` file that holds the tensor.
  public static func bytes(of tensor: Tensor) -> [UInt8] {
    header(of: tensor).bytes + tensor.withBytes { Array($0.prefix(tensor.byteCount)) }
  }

  private static func header(of tensor: Tensor) -> NPYHeader {
    NPYHeader(element: NPYElement(tensor.elementType), shape: tensor.shape)
  }

  private static func tensor(_ source: ByteSource) throws(DataError) -> Tensor {
    let header = try NPYHeader(reading: source)
    return try makeTensor(shape: header.shape, elementType: header.element.elementType, place: source.place) {
      destination throws(DataError) in
      if header.isFortranOrder, header.shape.count > 1 {
        let stored = try source.bytes(at: header.byteCount, count: header.payloadByteCount)
        let rowMajor = rowMajor(stored, shape: header.shape, elementByteCount: header.element.byteCount)
        var failure: DataError?
        rowMajor.withUnsafeBytes { bytes in
          do throws(DataError) {
            try header.element.convert(bytes, to: destination, place: source.place)
          } catch { failure = error }
        }
        if let failure { throw failure }
      } else {
        try readElements(source, at: header.byteCount, header.element, into: destination)
      }
    }
  }

  /// Reads and converts as many stored elements as fill the destination, piece by piece.
  static func readElements(
    _ source: ByteSource, at offset: Int, _ element: NPYElement,
    into destination: UnsafeMutableRawBufferPointer
  ) throws(DataError) {
    if element.isNative { return try source.read(at: offset, into: destination) }
    let width = element.elementType.byteCount
    let count = destination.count / width
    let pieceCount = 1 << 16
    let piece = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(count, pieceCount) * element.byteCount, alignment: 16)
    defer { piece.deallocate() }
    for start in stride(from: 0, to: count, by: pieceCount) {
      let end = min(start + pieceCount, count)
      let stored = UnsafeMutableRawBufferPointer(rebasing: piece[..<((end - start) * element.byteCount)])
      try source.read(at: offset + start * element.byteCount, into: stored)
      try element.convert(
        UnsafeRawBufferPointer(stored),
        to: UnsafeMutableRawBufferPointer(rebasing: destination[start * width..<end * width]),
        place: source.place)
    }
  }

  /// Elements of an array with contiguous first axis, put into row-major order.
  private static func rowMajor(_ bytes: [UInt8], shape: [Int], elementByteCount: Int) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: bytes.count)
    guard !bytes.isEmpty else { return result }
    var strides: [Int] = []
    var step = elementByteCount
    for extent in shape {
      strides.append(step)
      step *= extent
    }
    let last = shape.count - 1
    bytes.withUnsafeBytes { source in
      result.withUnsafeMutableBytes { destination in
        var index = [Int](repeating: 0, count: last)
        var target = 0
        while target < destination.count {
          var start = zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 }
          for _ in 0..<shape[last] {
            for byte in 0..<elementByteCount { destination[target + byte] = source[start + byte] }
            target += elementByteCount
            start += strides[last]
          }
          var axis = last - 1
          while axis >= 0 {
            index[axis] += 1
            if index[axis] < shape[axis] { break }
            index[axis] = 0
            axis -= 1
          }
        }
      }
    }
    return result
  }
}

/// Makes a tensor whose filling throws `DataError` only; other failures become one.
func makeTensor(
  shape: [Int], elementType: ElementType, place: String,
  filling body: (UnsafeMutableRawBufferPointer) throws(DataError) -> Void
) throws(DataError) -> Tensor {
  do {
    return try Tensor(shape: shape, elementType: elementType, filling: body)
  } catch let error as DataError {
    throw error
  } catch {
    throw DataError(.tooLarge("shape \(shape) is too large to hold"), at: place)
  }
}

extension AtomicFile {
  /// Appends an array of bytes.
  func write(_ bytes: [UInt8]) throws(DataError) {
    try bytes.withUnsafeBytes { buffer in Result { () throws(DataError) in try write(buffer) } }.get()
  }

  /// Appends the elements of a tensor.
  func write(_ tensor: Tensor) throws(DataError) {
    let count = tensor.byteCount
    try tensor.withBytes { buffer in
      Result { () throws(DataError) in try write(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
    }.get()
  }
}
