internal import CHDF5
public import NoemaTensor

/// What an HDF5 data set holds.
public struct HDF5Dataset: Sendable, Hashable {
  /// The extent of each axis; empty for a scalar.
  public let shape: [Int]
  /// How its elements are stored.
  public let element: HDF5Element

  /// Describes a data set.
  public init(shape: [Int], element: HDF5Element) {
    self.shape = shape
    self.element = element
  }
}

/// An HDF5 file that is read: groups, data sets of numbers or truth values, and attributes.
///
/// Reads what h5py, CoRelAy and zennit write: floats of 2 to 8 bytes, integers of 1 to 8 bytes in both byte orders,
/// truth values; contiguous, compact or in chunks, plain or through the library's own filters (deflate, shuffle,
/// checksum, szip, n-bit, scale and offset). What the tensor types lack is widened: half-precision becomes float32,
/// 32- and 64-bit unsigned integers become int64.
///
/// Nothing outside the file is touched: links to other places, data in other files and filters that would be loaded
/// as code are refused, and sizes are compared with the bytes that are there before memory is taken. The parser is the
/// HDF5 library's.
///
/// ```swift
/// let file = try HDF5File("attributions.h5")
/// let maps = try file.read("attribution", rows: 0..<64)
/// ```
///
/// - Source: HDF5 File Format Specification 3.0; The HDF Group's library 1.10 or later.
public final class HDF5File: Sendable {
  /// The path as given, for messages.
  public let path: String
  private let byteCount: Int
  private let file: Int64

  /// What a data set may hold without any bytes in the file: fill values that were never written.
  private static let unstoredLimit = 1 << 20
  /// The most bytes of a chunk, which is read and unpacked at once.
  private static let chunkLimit = 1 << 30

  /// Opens a file.
  ///
  /// - Throws: `DataError` when it is missing, not a regular file, or no HDF5 file.
  public init(_ path: String) throws(DataError) {
    byteCount = try ReadableFile(path: path).byteCount
    self.path = path
    file = try HDF5Library.run { () throws(DataError) -> Int64 in
      let file = nh5_open_file(path)
      guard file >= 0 else {
        throw DataError(.malformed("this is no HDF5 file that can be read: \(HDF5Library.reason)"), at: path)
      }
      return file
    }
  }

  deinit {
    let file = self.file
    _ = try? HDF5Library.run { () throws(DataError) -> Int32 in H5Fclose(file) }
  }

  /// The names in a group, in the order of their bytes.
  ///
  /// - Throws: `DataError` when there is no such group.
  public func names(in group: String = "/") throws(DataError) -> [String] {
    try withObject(group) { (object, place) throws(DataError) -> [String] in
      guard nh5_object(object) == Int32(nh5_group) else {
        throw DataError(.parameters("this is not a group"), at: place)
      }
      return try HDF5Path.names(in: object, at: place)
    }
  }

  /// Whether a path leads to a group.
  ///
  /// - Throws: `DataError` when there is nothing under that path.
  public func isGroup(_ path: String) throws(DataError) -> Bool {
    try withObject(path) { (object, _) throws(DataError) -> Bool in nh5_object(object) == Int32(nh5_group) }
  }

  /// Shape and elements of a data set, without reading it.
  ///
  /// - Throws: `DataError` when there is none, or its elements are no numbers.
  public func dataset(_ path: String) throws(DataError) -> HDF5Dataset {
    try withObject(path) { (object, place) throws(DataError) -> HDF5Dataset in try describe(object, at: place)
    }
  }

  /// The elements of a data set.
  ///
  /// - Parameter rows: which along the first axis; all when nil.
  /// - Throws: `DataError` when there is no such data set or row, its elements are no numbers, or it declares more than
  ///   its bytes can hold.
  public func read(_ path: String, rows: Range<Int>? = nil) throws(DataError) -> Tensor {
    try withObject(path) { (object, place) throws(DataError) -> Tensor in
      let dataset = try describe(object, at: place)
      try checkStorage(of: object, dataset, at: place)
      guard let rows else { return try read(object, dataset, start: 0, shape: dataset.shape, at: place) }
      guard let count = dataset.shape.first, rows.lowerBound >= 0, rows.upperBound <= count else {
        throw DataError(
          .parameters(
            "rows \(rows.lowerBound) to \(rows.upperBound) of a data set of shape \(dataset.shape)"),
          at: place)
      }
      return try read(
        object, dataset, start: rows.lowerBound, shape: [rows.count] + dataset.shape.dropFirst(), at: place)
    }
  }

  /// An attribute of a group or a data set.
  ///
  /// - Throws: `DataError` when there is none of that name, or it is neither numbers nor one text.
  public func attribute(_ name: String, of path: String = "/") throws(DataError) -> HDF5Attribute {
    try withObject(path) { (object, place) throws(DataError) -> HDF5Attribute in
      try HDF5Attribute(reading: name, of: object, at: place)
    }
  }

  // MARK: Steps

  /// Runs calls on an open object.
  private func withObject<Value: Sendable>(
    _ path: String, _ body: (Int64, String) throws(DataError) -> Value
  ) throws(DataError) -> Value {
    // The file must not be closed, by the last user's letting go, while the library is at work.
    defer { withExtendedLifetime(self) {} }
    let way = try HDF5Path(path, at: self.path)
    return try HDF5Library.run { () throws(DataError) -> Value in
      let object = try way.open(in: file, at: self.path)
      defer { H5Oclose(object) }
      return try body(object, "\(self.path): \(way.text)")
    }
  }

  private func describe(_ object: Int64, at place: String) throws(DataError) -> HDF5Dataset {
    guard nh5_object(object) == Int32(nh5_dataset) else {
      throw DataError(.parameters("this is a group, not a data set; name one of those in it"), at: place)
    }
    // Before the shape, for which the library may look into the other files.
    let storage = nh5_describe_storage(object)
    guard storage.place >= 0 else { throw HDF5Library.unreadable("read the layout", at: place) }
    guard storage.place == Int32(nh5_in_this_file) else {
      throw DataError(.unsupported("its elements lie in other files; copy them into one file"), at: place)
    }
    let type = H5Dget_type(object), space = H5Dget_space(object)
    defer {
      H5Tclose(type)
      H5Sclose(space)
    }
    guard type >= 0, space >= 0 else { throw HDF5Library.unreadable("read the header", at: place) }
    guard let element = HDF5Element(code: nh5_kind(type)) else {
      throw DataError(
        .unsupported(
          "elements that are neither numbers nor truth values; save each field as an array of its own"),
        at: place)
    }
    return HDF5Dataset(shape: try HDF5File.shape(of: space, at: place), element: element)
  }

  /// The extents of a space, as the library has them.
  static func shape(of space: Int64, at place: String) throws(DataError) -> [Int] {
    var extents = [hsize_t](repeating: 0, count: Int(nh5_max_rank))
    let rank = Int(nh5_extents(space, &extents))
    if rank == -2 { throw DataError(.empty("the space of its elements"), at: place) }
    guard rank >= 0 else { throw HDF5Library.unreadable("read the shape", at: place) }
    let shape = extents[..<rank].compactMap { Int(exactly: $0) }
    guard shape.count == rank else {
      throw DataError(.tooLarge("an axis of more than 2^63 elements"), at: place)
    }
    return shape
  }

  /// Compares what a data set declares with what the file has.
  private func checkStorage(of object: Int64, _ dataset: HDF5Dataset, at place: String) throws(DataError) {
    let declared: Int
    do {
      // Also bounds the shape, so that the products below do not overflow.
      declared = try Tensor.byteCount(shape: dataset.shape, elementType: dataset.element.elementType)
    } catch {
      throw DataError(.tooLarge("shape \(dataset.shape) is too large to hold"), at: place)
    }
    let storage = nh5_describe_storage(object)
    guard storage.foreign_filter == 0 else {
      throw DataError(
        .unsupported(
          "written through filter \(storage.foreign_filter), which is not HDF5's own; use gzip or no filter"),
        at: place)
    }
    guard storage.chunk <= UInt64(Self.chunkLimit / dataset.element.byteCount) else {
      throw DataError(
        .tooLarge("chunks of \(storage.chunk) elements, at most 1 GiB are read at once"), at: place)
    }
    let stored = Int(clamping: H5Dget_storage_size(object))
    guard stored <= byteCount else {
      throw DataError(.malformed("it claims \(stored) bytes of a file of \(byteCount)"), at: place)
    }
    guard declared <= Self.unstoredLimit || Inflater.accepts(declared, from: stored) else {
      throw DataError(
        .tooLarge("shape \(dataset.shape) is more than its \(stored) stored bytes can hold"), at: place)
    }
  }

  private func read(
    _ object: Int64, _ dataset: HDF5Dataset, start: Int, shape: [Int], at place: String
  ) throws(DataError) -> Tensor {
    let element = dataset.element
    return try makeTensor(shape: shape, elementType: element.elementType, place: place) {
      destination throws(DataError) in
      guard destination.count > 0 else { return }
      let count = shape.map { hsize_t($0) }
      let begin = [hsize_t(start)] + [hsize_t](repeating: 0, count: max(0, shape.count - 1))
      let type = nh5_type(element.memoryCode, 0), memory = nh5_space(Int32(shape.count), count)
      let space = H5Dget_space(object)
      defer {
        H5Tclose(type)
        H5Sclose(memory)
        H5Sclose(space)
      }
      guard type >= 0, memory >= 0, space >= 0, shape.isEmpty || nh5_select(space, begin, count) >= 0,
        H5Dread(object, type, memory, space, 0, destination.baseAddress) >= 0
      else { throw HDF5Library.unreadable("read the elements", at: place) }
      try HDF5File.settle(element, destination, at: place)
    }
  }

  /// Makes elements as the library leaves them those of a tensor.
  ///
  /// - Throws: `DataError` for unsigned integers that the signed ones which take their place cannot hold.
  static func settle(
    _ element: HDF5Element, _ elements: UnsafeMutableRawBufferPointer, at place: String
  ) throws(DataError) {
    switch element {
    case .uint64:
      if elements.bindMemory(to: Int64.self).contains(where: { $0 < 0 }) {
        throw DataError(
          .unsupported("an unsigned integer above 2^63 - 1; convert with array.astype('float64')"), at: place)
      }
    case .bool:
      // A file may hold any byte, a truth value only two.
      for index in elements.indices where elements[index] > 1 { elements[index] = 1 }
    default: break
    }
  }
}
