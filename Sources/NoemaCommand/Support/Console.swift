internal import Foundation

/// The terminal: standard output by `print`, standard error by these.
enum Console {
  /// Writes to standard error; what cannot be written there is lost.
  static func error(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      bytes = bytes.dropFirst(count)
    }
  }

  /// Hands what was printed to the system.
  ///
  /// - Returns: why that failed, as on a full disk; nil when it did not.
  static func flush() -> String? { fflush(nil) == 0 ? nil : String(cString: strerror(errno)) }
}

/// Writes a remark on standard error.
func note(_ text: String) { Console.error("noema: \(text)\n") }
