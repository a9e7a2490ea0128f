internal import NoemaData
internal import NoemaTensor
internal import Synchronization

/// The examples that were read last, within a number of bytes: patches of one example follow each other, and each
/// would decode its image anew.
final class ExampleCache: Sendable {
  private let source: any ExampleSource
  private let limit: Int
  private let kept = Mutex<(values: [Int: [Float]], order: [Int])>(([:], []))

  /// - Parameter bytes: how much to keep; one example is kept in any case.
  init(_ source: any ExampleSource, bytes: Int) {
    self.source = source
    limit = max(1, bytes / max(1, 4 * source.exampleSize))
  }

  /// The values of an example.
  ///
  /// - Throws: as reading does.
  func values(at index: Int) throws(DataError) -> [Float] {
    if let known = kept.withLock({ $0.values[index] }) { return known }
    let values = try source.values(at: index)
    kept.withLock { kept in
      guard kept.values.updateValue(values, forKey: index) == nil else { return }
      kept.order.append(index)
      if kept.order.count > limit { kept.values[kept.order.removeFirst()] = nil }
    }
    return values
  }
}

extension ExampleSource {
  /// The values of an example, in the order of its shape.
  func values(at index: Int) throws(DataError) -> [Float] {
    var failure: DataError?
    let values = [Float](unsafeUninitializedCapacity: exampleSize) { buffer, filled in
      buffer.initialize(repeating: 0)
      filled = exampleSize
      do throws(DataError) {
        try copy(index, into: UnsafeMutableBufferPointer(rebasing: buffer[..<exampleSize]))
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return values
  }
}
