internal import CHDF5
internal import Synchronization

/// The HDF5 library, which works for one thread at a time: not every build of it is safe with more.
enum HDF5Library {
  private static let turn = Mutex(())

  /// Runs calls of the library that belong together.
  ///
  /// Calls must not be nested: the second would wait for the first.
  static func run<Value: Sendable>(_ body: () throws(DataError) -> Value) throws(DataError) -> Value {
    let outcome: Result<Value, DataError> = turn.withLock { _ in
      nh5_begin()
      return Result { () throws(DataError) in try body() }
    }
    return try outcome.get()
  }

  /// The library's own words about the call that failed last.
  static var reason: String {
    var text = [CChar](repeating: 0, count: 256)
    nh5_reason(&text, text.count)
    let words = text.withUnsafeBufferPointer { buffer in
      buffer.baseAddress.map { String(cString: $0) } ?? ""
    }
    return words.isEmpty ? "no reason given" : words
  }

  /// What a failed call of reading becomes.
  static func unreadable(_ operation: String, at place: String) -> DataError {
    DataError(.malformed("HDF5 cannot \(operation): \(reason)"), at: place)
  }

  /// What a failed call of writing becomes.
  static func unwritable(_ operation: String, at place: String) -> DataError {
    DataError(.ioFailure(operation: operation, reason: "HDF5: \(reason)"), at: place)
  }
}
