internal import CHDF5
internal import Glibc
public import NoemaTensor
internal import Synchronization

/// Writes an HDF5 file: groups, data sets of any rank, whole or by rows, and attributes.
///
/// The file appears under its name when ``finish()`` succeeds; dropping the writer before leaves no file. Data sets are
/// contiguous and little-endian, groups on the way are made, and the same content gives the same bytes.
///
/// ```swift
/// let writer = try HDF5Writer(path: "attributions.h5")
/// try writer.write(labels, to: "label", as: .uint16)
/// try writer.makeDataset("attribution", shape: [1000, 3, 224, 224], element: .float32)
/// while let batch = try next() { try writer.append(batch, to: "attribution") }   // batch: [n, 3, 224, 224]
/// try writer.finish()
/// ```
///
/// A writer is used by one thread at a time.
public final class HDF5Writer {
  /// The path of the finished file.
  public let path: String
  private let temporaryPath: String
  private let file: Int64
  private var isOpen = true
  private var growing: [HDF5Path: GrowingDataset] = [:]

  /// A data set whose rows are not all written.
  private struct GrowingDataset {
    let identifier: Int64
    let shape: [Int]
    let element: HDF5Element
    var rowCount = 0
  }

  private static let counter = Atomic<Int>(0)

  /// Creates the file under a temporary name beside its own.
  ///
  /// - Throws: `DataError` when the folder is missing or may not be written.
  public init(path: String) throws(DataError) {
    let slash = path.lastIndex(of: "/")
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    let folder = slash.map { String(path[...$0]) } ?? ""
    guard !name.isEmpty, !path.utf8.contains(0) else {
      throw DataError(.parameters("this path names no file; add a file name"), at: path)
    }
    let number = HDF5Writer.counter.add(1, ordering: .relaxed).newValue
    let temporaryPath = "\(folder).\(name).\(getpid()).\(number)\(AtomicFile.unfinishedSuffix)"
    // A killed process of the same number may have left this name; a link of that name must not be followed.
    unlink(temporaryPath)
    let descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw DataError(errno: errno, operation: "create", at: path) }
    close(descriptor)
    self.path = path
    self.temporaryPath = temporaryPath
    do throws(DataError) {
      file = try HDF5Library.run { () throws(DataError) -> Int64 in
        let file = nh5_create_file(temporaryPath)
        guard file >= 0 else { throw HDF5Library.unwritable("create", at: path) }
        return file
      }
    } catch {
      unlink(temporaryPath)
      throw error
    }
  }

  deinit {
    guard isOpen else { return }
    _ = try? HDF5Library.run { () throws(DataError) -> Int32 in closeAll() }
    unlink(temporaryPath)
  }

  // MARK: Content

  /// Makes a group, and those on the way to it.
  ///
  /// - Throws: `DataError` when something of that name is there.
  public func makeGroup(_ path: String) throws(DataError) {
    try withPath(path) { (way, place) throws(DataError) in
      let links = nh5_link_settings()
      defer { H5Pclose(links) }
      let group = nh5_create_group(file, way.text, links)
      guard group >= 0 else { throw HDF5Library.unwritable("make a group", at: place) }
      H5Oclose(group)
    }
  }

  /// Makes a data set whose rows follow by ``append(_:to:)``; one without rows is complete at once.
  ///
  /// - Throws: `DataError` when something of that name is there, the shape has no axis or is too large, or the elements
  ///   are half-precision, which is only read.
  public func makeDataset(_ path: String, shape: [Int], element: HDF5Element) throws(DataError) {
    try withPath(path) { (way, place) throws(DataError) in
      guard !shape.isEmpty else {
        throw DataError(.parameters("a data set written by rows needs at least one axis"), at: place)
      }
      let identifier = try makeDataset(way, shape, element, at: place)
      if shape[0] == 0 {
        H5Dclose(identifier)
      } else {
        growing[way] = GrowingDataset(identifier: identifier, shape: shape, element: element)
      }
    }
  }

  /// Appends rows to a data set that was made: a tensor whose later axes are those of the data set.
  ///
  /// - Throws: `DataError` when no such data set waits for rows, shapes differ, elements cannot be stored so, or
  ///   writing fails.
  public func append(_ rows: Tensor, to path: String) throws(DataError) {
    try withPath(path) { (way, place) throws(DataError) in
      guard var dataset = growing[way] else {
        throw DataError(.parameters("no data set of that name waits for rows; make it before"), at: place)
      }
      let left = dataset.shape[0] - dataset.rowCount
      guard rows.rank == dataset.shape.count, rows.shape.dropFirst() == dataset.shape.dropFirst(),
        rows.shape[0] <= left
      else {
        throw DataError(.shape(found: rows.shape, expected: [left] + dataset.shape.dropFirst()), at: place)
      }
      try dataset.element.check(rows, at: place)
      try write(rows, to: dataset.identifier, firstRow: dataset.rowCount, at: place)
      dataset.rowCount += rows.shape[0]
      if dataset.rowCount == dataset.shape[0] {
        growing[way] = nil
        guard H5Dclose(dataset.identifier) >= 0 else { throw HDF5Library.unwritable("write", at: place) }
      } else {
        growing[way] = dataset
      }
    }
  }

  /// Writes a whole data set.
  ///
  /// - Parameter element: how elements are stored; as the tensor has them when nil.
  /// - Throws: `DataError` when something of that name is there, elements cannot be stored so, or writing fails.
  public func write(_ tensor: Tensor, to path: String, as element: HDF5Element? = nil) throws(DataError) {
    let element = element ?? HDF5Element(tensor.elementType)
    try withPath(path) { (way, place) throws(DataError) in
      try element.check(tensor, at: place)
      let identifier = try makeDataset(way, tensor.shape, element, at: place)
      defer { H5Dclose(identifier) }
      try write(tensor, to: identifier, firstRow: 0, at: place)
    }
  }

  /// Gives a group or data set an attribute of numbers.
  ///
  /// - Parameter element: how numbers are stored; as the tensor has them when nil.
  /// - Throws: `DataError` when there is no such object, it has an attribute of that name, or the numbers take more
  ///   than 64 KiB.
  public func setAttribute(
    _ name: String, of path: String, to numbers: Tensor, as element: HDF5Element? = nil
  ) throws(DataError) {
    let element = element ?? HDF5Element(numbers.elementType)
    try withAttribute(name, of: path) { (object, place) throws(DataError) in
      try element.check(numbers, at: place)
      let stored = nh5_type(element.code, 1)
      let memory = nh5_type(HDF5Element(numbers.elementType).code, 0)
      let space = nh5_space(Int32(numbers.rank), numbers.shape.map { hsize_t($0) })
      defer {
        H5Tclose(stored)
        H5Tclose(memory)
        H5Sclose(space)
      }
      let attribute = nh5_create_attribute(object, name, stored, space)
      guard attribute >= 0 else { throw HDF5Library.unwritable("make it", at: place) }
      defer { H5Aclose(attribute) }
      let status = numbers.withBytes { H5Awrite(attribute, memory, $0.baseAddress) }
      guard status >= 0 else { throw HDF5Library.unwritable("write it", at: place) }
    }
  }

  /// Gives a group or data set an attribute of text.
  ///
  /// - Throws: `DataError` when there is no such object or it has an attribute of that name.
  public func setAttribute(_ name: String, of path: String, to text: String) throws(DataError) {
    try withAttribute(name, of: path) { (object, place) throws(DataError) in
      guard !text.utf8.contains(0) else {
        throw DataError(.parameters("a text with a character of code 0"), at: place)
      }
      let type = nh5_text_type(), space = nh5_space(0, nil)
      defer {
        H5Tclose(type)
        H5Sclose(space)
      }
      let attribute = nh5_create_attribute(object, name, type, space)
      guard attribute >= 0 else { throw HDF5Library.unwritable("make it", at: place) }
      defer { H5Aclose(attribute) }
      guard nh5_write_text(attribute, type, text) >= 0 else {
        throw HDF5Library.unwritable("write it", at: place)
      }
    }
  }

  /// Gives the file its name, replacing an older one.
  ///
  /// - Throws: `DataError` when rows are missing or the system refuses; there is then no new file.
  public func finish() throws(DataError) {
    guard isOpen else { throw closed }
    let missing = growing.first
    let status = try HDF5Library.run { () throws(DataError) -> Int32 in
      let flushed = nh5_flush(file)
      // The words belong to the call that failed, so they are taken before the next.
      guard flushed >= 0 else {
        let failure = HDF5Library.unwritable("write", at: path)
        _ = closeAll()
        isOpen = false
        unlink(temporaryPath)
        throw failure
      }
      return closeAll()
    }
    isOpen = false
    guard missing == nil, status >= 0, rename(temporaryPath, path) == 0 else {
      let reason = errno
      unlink(temporaryPath)
      if let (way, dataset) = missing {
        throw DataError(
          .shape(found: [dataset.rowCount] + dataset.shape.dropFirst(), expected: dataset.shape),
          at: "\(path): \(way.text)")
      }
      if status < 0 {
        throw DataError(.ioFailure(operation: "write", reason: "HDF5 cannot close the file"), at: path)
      }
      throw DataError(errno: reason, operation: "rename", at: path)
    }
  }

  // MARK: Steps

  private var closed: DataError {
    DataError(.parameters("the file is finished; nothing can be added"), at: path)
  }

  /// Closes data sets and file; the library's status.
  private func closeAll() -> Int32 {
    for dataset in growing.values { H5Dclose(dataset.identifier) }
    growing = [:]
    return H5Fclose(file)
  }

  private func withPath(
    _ path: String, _ body: (HDF5Path, String) throws(DataError) -> Void
  ) throws(DataError) {
    defer { withExtendedLifetime(self) {} }
    guard isOpen else { throw closed }
    let way = try HDF5Path(path, at: self.path)
    try HDF5Library.run { () throws(DataError) -> Void in try body(way, "\(self.path): \(way.text)") }
  }

  private func withAttribute(
    _ name: String, of path: String, _ body: (Int64, String) throws(DataError) -> Void
  ) throws(DataError) {
    try withPath(path) { (way, place) throws(DataError) in
      guard !name.isEmpty, !name.utf8.contains(0) else {
        throw DataError(.parameters("an attribute needs a name"), at: place)
      }
      let object = try way.open(in: file, at: self.path)
      defer { H5Oclose(object) }
      try body(object, "\(place): attribute '\(name)'")
    }
  }

  private func makeDataset(
    _ way: HDF5Path, _ shape: [Int], _ element: HDF5Element, at place: String
  ) throws(DataError) -> Int64 {
    do {
      _ = try Tensor.byteCount(shape: shape, elementType: element.elementType)
    } catch {
      throw DataError(.tooLarge("shape \(shape) is negative or too large to hold"), at: place)
    }
    guard !way.names.isEmpty, shape.count <= Int(nh5_max_rank), element != .float16 else {
      throw DataError(
        .parameters("a data set needs a name, at most \(nh5_max_rank) axes, and no half-precision"),
        at: place)
    }
    let type = nh5_type(element.code, 1), space = nh5_space(Int32(shape.count), shape.map { hsize_t($0) })
    let links = nh5_link_settings(), settings = nh5_dataset_settings()
    defer {
      H5Tclose(type)
      H5Sclose(space)
      H5Pclose(links)
      H5Pclose(settings)
    }
    guard type >= 0, space >= 0 else { throw HDF5Library.unwritable("describe the data set", at: place) }
    let identifier = nh5_create_dataset(file, way.text, type, space, links, settings)
    guard identifier >= 0 else { throw HDF5Library.unwritable("make the data set", at: place) }
    return identifier
  }

  private func write(_ rows: Tensor, to dataset: Int64, firstRow: Int, at place: String) throws(DataError) {
    guard rows.count > 0 else { return }
    let count = rows.shape.map { hsize_t($0) }
    let start = [hsize_t(firstRow)] + [hsize_t](repeating: 0, count: max(0, rows.rank - 1))
    let type = nh5_type(HDF5Element(rows.elementType).code, 0), memory = nh5_space(Int32(rows.rank), count)
    let space = H5Dget_space(dataset)
    defer {
      H5Tclose(type)
      H5Sclose(memory)
      H5Sclose(space)
    }
    let isReady = type >= 0 && memory >= 0 && space >= 0
    guard isReady, rows.rank == 0 || nh5_select(space, start, count) >= 0 else {
      throw HDF5Library.unwritable("choose rows", at: place)
    }
    let status = rows.withBytes { H5Dwrite(dataset, type, memory, space, 0, $0.baseAddress) }
    guard status >= 0 else { throw HDF5Library.unwritable("write", at: place) }
  }
}
