internal import Dispatch
public import NoemaTensor

/// Reads examples in batches ahead of the computation that takes them.
///
/// While one batch is computed the next is decoded, on all cores that the computation leaves free.
public final class BatchReader {
  /// Some examples as one input tensor.
  public struct Batch: Sendable {
    /// The examples' indices in the source.
    public let indices: [Int]
    /// `[examples, …]`.
    public let inputs: Tensor
  }

  /// An example that could not be read.
  public struct BadExample: Sendable, Hashable {
    /// Its index in the source.
    public let index: Int
    /// Its name.
    public let name: String
    /// Why, in words.
    public let reason: String
  }

  /// Examples skipped so far; always empty unless the reader skips bad ones.
  public private(set) var bad: [BadExample] = []
  private let source: any ExampleSource
  private let indices: [Int]
  private let batchSize: Int
  private let skipsBad: Bool
  private var next = 0
  private var pending: Pending?

  /// Prepares to read.
  ///
  /// - Parameters:
  ///   - indices: which examples, in which order; all when nil.
  ///   - skipsBad: whether examples that cannot be read are left out and remembered.
  public init(_ source: any ExampleSource, indices: [Int]? = nil, batchSize: Int, skipsBad: Bool = false) {
    self.source = source
    self.indices = indices ?? Array(0..<source.count)
    self.batchSize = max(1, batchSize)
    self.skipsBad = skipsBad
    startReading()
  }

  /// The next batch; nil at the end.
  ///
  /// - Throws: ``DataError`` of the first bad example, unless bad examples are skipped.
  public func read() throws -> Batch? {
    while let reading = pending {
      let examples = reading.wait()
      startReading()
      var (good, failed): ([Int], [(Int, DataError)]) = ([], [])
      for (offset, failure) in examples.failures.enumerated() {
        if let failure { failed.append((offset, failure)) } else { good.append(offset) }
      }
      if let (_, error) = failed.first, !skipsBad { throw error }
      for (offset, error) in failed {
        let index = reading.indices[offset]
        bad.append(BadExample(index: index, name: source.name(of: index), reason: error.description))
      }
      if good.isEmpty { continue }
      let values = try examples.values.get()
      return Batch(
        indices: good.map { reading.indices[$0] },
        inputs: failed.isEmpty ? values : try values.gatheringRows(good))
    }
    return nil
  }

  private func startReading() {
    guard next < indices.count else {
      pending = nil
      return
    }
    let end = min(next + batchSize, indices.count)
    pending = Pending(source, Array(indices[next..<end]))
    next = end
  }
}

/// A batch that is being read on another thread.
private final class Pending: @unchecked Sendable {
  // Safe because `result` is written once before the group is left and read only after waiting for it.
  let indices: [Int]
  private let group = DispatchGroup()
  private var result: Examples?

  struct Examples: Sendable {
    /// One row an example; rows of failures hold nothing.
    var values: Result<Tensor, any Error>
    var failures: [DataError?]
  }

  init(_ source: any ExampleSource, _ indices: [Int]) {
    self.indices = indices
    group.enter()
    DispatchQueue.global().async { [self] in
      result = Pending.read(source, indices)
      group.leave()
    }
  }

  func wait() -> Examples {
    group.wait()
    return result!
  }

  private static func read(_ source: any ExampleSource, _ indices: [Int]) -> Examples {
    let size = source.exampleSize
    let failures = UnsafeMutableBufferPointer<DataError?>.allocate(capacity: indices.count)
    failures.initialize(repeating: nil)
    defer {
      failures.deinitialize()
      failures.deallocate()
    }
    nonisolated(unsafe) let errors = failures
    let values = Result {
      try Tensor(shape: [indices.count] + source.exampleShape, elementType: .float32) { bytes in
        nonisolated(unsafe) let rows = bytes.bindMemory(to: Float.self)
        // Each iteration writes its own row and its own slot.
        DispatchQueue.concurrentPerform(iterations: indices.count) { offset in
          do throws(DataError) {
            try source.copy(
              indices[offset],
              into: UnsafeMutableBufferPointer(rebasing: rows[(offset * size)..<((offset + 1) * size)]))
          } catch {
            errors[offset] = error
          }
        }
      }
    }
    return Examples(values: values, failures: Array(failures))
  }
}

extension Tensor {
  /// Some rows of a float32 tensor.
  fileprivate func gatheringRows(_ rows: [Int]) throws -> Tensor {
    let size = shape.dropFirst().reduce(1, *)
    return try Tensor(shape: [rows.count] + shape.dropFirst(), elementType: .float32) { bytes in
      let target = bytes.bindMemory(to: Float.self)
      withElements(as: Float.self) { values in
        for (row, source) in rows.enumerated() {
          for i in 0..<size { target[row * size + i] = values[source * size + i] }
        }
      }
    }
  }
}
