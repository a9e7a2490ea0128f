internal import Dispatch
public import NoemaTensor
internal import Synchronization

/// Examples that can be read one by one, in any order and from several threads: images on disk, rows of an array.
public protocol ExampleSource: Sendable {
  /// The number of examples.
  var count: Int { get }
  /// The shape of one example as a network's input, without the batch axis.
  var exampleShape: [Int] { get }
  /// What an example is called in messages and reports: a file name or a row number.
  func name(of index: Int) -> String
  /// Writes one example.
  ///
  /// - Parameter target: room for the product of `exampleShape`.
  /// - Throws: ``DataError`` naming the example.
  func copy(_ index: Int, into target: UnsafeMutableBufferPointer<Float>) throws(DataError)
  /// The example as a picture; nil when it is none.
  func image(at index: Int) throws(DataError) -> Image?
  /// What identifies the example's bytes: equal for equal content.
  func contentHash(of index: Int) throws(DataError) -> String
  /// Whether inputs are made of images, and not ready as they are.
  var areImages: Bool { get }
}

extension ExampleSource {
  /// Numbers in one example.
  public var exampleSize: Int { exampleShape.reduce(1, *) }

  /// What identifies the examples' bytes, found on all cores; nil for examples that cannot be read.
  public func contentHashes() -> [String?] {
    let hashes = UnsafeMutableBufferPointer<String?>.allocate(capacity: count)
    hashes.initialize(repeating: nil)
    defer {
      hashes.deinitialize()
      hashes.deallocate()
    }
    nonisolated(unsafe) let slots = hashes
    // Each iteration writes its own slot.
    DispatchQueue.concurrentPerform(iterations: count) { slots[$0] = try? contentHash(of: $0) }
    return Array(hashes)
  }

  /// One example as a tensor without a batch axis.
  public func tensor(at index: Int) throws -> Tensor {
    try Tensor(shape: exampleShape, elementType: .float32) {
      try copy(index, into: $0.bindMemory(to: Float.self))
    }
  }
}

/// Image files, decoded and prepared when they are read.
public struct ImageExamples: ExampleSource {
  /// The files' paths.
  public let paths: [String]
  /// How inputs are made.
  public let preprocessing: Preprocessing
  /// What is cut off the front of paths to name examples.
  private let root: String
  private let decoded = DecodedImages()

  /// Names files.
  ///
  /// - Throws: ``DataError`` when the preprocessing is out of range.
  public init(paths: [String], preprocessing: Preprocessing, root: String = "") throws(DataError) {
    try preprocessing.validate()
    self.paths = paths
    self.preprocessing = preprocessing
    self.root = root.isEmpty || root.hasSuffix("/") ? root : root + "/"
  }

  public var count: Int { paths.count }
  public var areImages: Bool { true }
  public var exampleShape: [Int] { preprocessing.shape }

  public func name(of index: Int) -> String {
    paths[index].hasPrefix(root) ? String(paths[index].dropFirst(root.count)) : paths[index]
  }

  public func copy(_ index: Int, into target: UnsafeMutableBufferPointer<Float>) throws(DataError) {
    let image = try ImageFile.read(path: paths[index])
    do { try preprocessing.apply(to: image, into: target) } catch { throw error.within(paths[index]) }
    decoded.keep(image, at: index)
  }

  public func image(at index: Int) throws(DataError) -> Image? {
    if let image = decoded.image(at: index) { return image }
    return try ImageFile.read(path: paths[index])
  }

  public func contentHash(of index: Int) throws(DataError) -> String {
    try FileBytes.read(path: paths[index], limit: ImageFile.byteLimit).withUnsafeBytes(SHA256.hexadecimal)
  }
}

/// The first images that were decoded: reports show some again.
private final class DecodedImages: Sendable {
  private static let limit = 8 << 20
  private let kept = Mutex<(images: [Int: Image], byteCount: Int)>(([:], 0))

  func keep(_ image: Image, at index: Int) {
    kept.withLock { kept in
      let byteCount = kept.byteCount + image.pixels.count
      guard byteCount <= Self.limit, kept.images[index] == nil else { return }
      kept.images[index] = image
      kept.byteCount = byteCount
    }
  }

  func image(at index: Int) -> Image? { kept.withLock { $0.images[index] } }
}

/// Images that are in memory already, such as those of an IDX file.
public struct MemoryImages: ExampleSource {
  /// The images.
  public let images: [Image]
  /// How inputs are made.
  public let preprocessing: Preprocessing
  private let label: String

  /// Takes images.
  ///
  /// - Parameter name: what they are called together, such as a file name.
  /// - Throws: ``DataError`` when the preprocessing is out of range.
  public init(_ images: [Image], preprocessing: Preprocessing, name: String) throws(DataError) {
    try preprocessing.validate()
    self.images = images
    self.preprocessing = preprocessing
    label = name
  }

  public var count: Int { images.count }
  public var areImages: Bool { true }
  public var exampleShape: [Int] { preprocessing.shape }
  public func name(of index: Int) -> String { "\(label)[\(index)]" }

  public func copy(_ index: Int, into target: UnsafeMutableBufferPointer<Float>) throws(DataError) {
    do { try preprocessing.apply(to: images[index], into: target) } catch {
      throw error.within(name(of: index))
    }
  }

  public func image(at index: Int) throws(DataError) -> Image? { images[index] }

  public func contentHash(of index: Int) throws(DataError) -> String {
    images[index].pixels.withUnsafeBytes(SHA256.hexadecimal)
  }
}

/// Ready inputs: the rows of a tensor.
public struct TensorExamples: ExampleSource {
  /// The inputs, float32, examples first.
  public let tensor: Tensor
  /// How an input is turned back into a picture; nil when it shows none.
  public let preprocessing: Preprocessing?
  private let label: String

  /// Takes inputs; other number types become float32.
  ///
  /// - Throws: ``DataError`` for a tensor without an axis of examples, or with a value that is NaN or infinite.
  public init(_ tensor: Tensor, preprocessing: Preprocessing? = nil, name: String) throws(DataError) {
    guard tensor.rank >= 1 else { throw DataError(.shape(found: [], expected: [-1]), at: name) }
    guard tensor.shape[0] > 0 else { throw DataError(.empty("the array"), at: name) }
    let inputs = tensor.elementType == .float32 ? tensor : tensor.converted(to: .float32)
    if let offset = inputs.firstNonFinite() {
      let row = max(1, inputs.count / inputs.shape[0])
      throw DataError(
        .notFinite("value \(offset % row) of example \(offset / row) is NaN or infinite; clean the data"),
        at: name)
    }
    self.tensor = inputs
    self.preprocessing = preprocessing.flatMap { $0.shape == Array(inputs.shape.dropFirst()) ? $0 : nil }
    label = name
  }

  public var count: Int { tensor.shape[0] }
  public var areImages: Bool { false }
  public var exampleShape: [Int] { Array(tensor.shape.dropFirst()) }
  public func name(of index: Int) -> String { "\(label)[\(index)]" }

  public func copy(_ index: Int, into target: UnsafeMutableBufferPointer<Float>) throws(DataError) {
    let size = exampleSize
    tensor.withElements(as: Float.self) { source in
      _ = target.update(
        fromContentsOf: UnsafeBufferPointer(rebasing: source[(index * size)..<((index + 1) * size)]))
    }
  }

  public func image(at index: Int) throws(DataError) -> Image? {
    guard let preprocessing else { return nil }
    var values = [Float](repeating: 0, count: exampleSize)
    values.withUnsafeMutableBufferPointer { buffer in try? copy(index, into: buffer) }
    return try preprocessing.inverse(of: values)
  }

  public func contentHash(of index: Int) throws(DataError) -> String {
    let size = exampleSize * MemoryLayout<Float>.size
    return tensor.withBytes {
      SHA256.hexadecimal(of: UnsafeRawBufferPointer(rebasing: $0[(index * size)..<((index + 1) * size)]))
    }
  }
}

/// Some examples of a source, in a given order.
public struct ExampleSubset: ExampleSource {
  /// Where the examples come from.
  public let base: any ExampleSource
  /// Their indices there.
  public let indices: [Int]

  /// Picks examples.
  public init(_ base: any ExampleSource, _ indices: [Int]) {
    self.base = base
    self.indices = indices
  }

  public var count: Int { indices.count }
  public var areImages: Bool { base.areImages }
  public var exampleShape: [Int] { base.exampleShape }
  public func name(of index: Int) -> String { base.name(of: indices[index]) }
  public func copy(_ index: Int, into target: UnsafeMutableBufferPointer<Float>) throws(DataError) {
    try base.copy(indices[index], into: target)
  }
  public func image(at index: Int) throws(DataError) -> Image? { try base.image(at: indices[index]) }
  public func contentHash(of index: Int) throws(DataError) -> String {
    try base.contentHash(of: indices[index])
  }
}

/// Several sources one after the other.
public struct JoinedExamples: ExampleSource {
  /// The sources.
  public let parts: [any ExampleSource]
  /// The first index of each part, and the total at the end.
  public let starts: [Int]

  /// Joins sources of one example shape.
  ///
  /// - Throws: ``DataError`` when the shapes differ or there is no source.
  public init(_ parts: [any ExampleSource]) throws(DataError) {
    guard let first = parts.first else { throw DataError(.empty("the list of sources")) }
    for part in parts where part.exampleShape != first.exampleShape {
      throw DataError(
        .shape(found: part.exampleShape, expected: first.exampleShape),
        at: part.count > 0 ? part.name(of: 0) : "")
    }
    self.parts = parts
    starts = parts.reduce(into: [0]) { $0.append($0.last! + $1.count) }
  }

  public var count: Int { starts.last! }
  public var areImages: Bool { parts.contains { $0.areImages } }
  public var exampleShape: [Int] { parts[0].exampleShape }

  /// The part that holds an example, and its index there.
  private func locate(_ index: Int) -> (part: any ExampleSource, index: Int) {
    let part = starts.lastIndex { $0 <= index && $0 < count }!
    // Empty parts share their start with the next.
    let start = starts[part]
    return (parts[part], index - start)
  }

  public func name(of index: Int) -> String { locate(index).part.name(of: locate(index).index) }
  public func copy(_ index: Int, into target: UnsafeMutableBufferPointer<Float>) throws(DataError) {
    let place = locate(index)
    try place.part.copy(place.index, into: target)
  }
  public func image(at index: Int) throws(DataError) -> Image? {
    let place = locate(index)
    return try place.part.image(at: place.index)
  }
  public func contentHash(of index: Int) throws(DataError) -> String {
    let place = locate(index)
    return try place.part.contentHash(of: place.index)
  }
}
