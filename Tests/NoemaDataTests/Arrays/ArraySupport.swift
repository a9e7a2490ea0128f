internal import Foundation
internal import NoemaTensor
internal import Testing

@testable internal import NoemaData

/// A folder that is removed at the end of a test.
final class ScratchFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "noema-arrays-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

/// What a call throws, or a recorded failure when it throws nothing or another type.
func dataError(_ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) -> DataError? {
  do {
    try body()
    Issue.record("nothing was thrown", sourceLocation: sourceLocation)
  } catch let error as DataError {
    return error
  } catch {
    Issue.record("\(error) was thrown", sourceLocation: sourceLocation)
  }
  return nil
}

/// Reads damaged versions of a file: cut at every length, then with every byte changed in some ways.
///
/// Reaching the end is the test: a trap kills the run. Cut files must also be refused.
func readDamaged(
  _ bytes: [UInt8], cutsFail: Bool = true, sourceLocation: SourceLocation = #_sourceLocation,
  _ read: ([UInt8]) throws -> Void
) {
  for length in bytes.indices {
    let isRead = (try? read(Array(bytes[..<length]))) != nil
    if cutsFail { #expect(!isRead, "read when cut to \(length) bytes", sourceLocation: sourceLocation) }
  }
  for index in bytes.indices {
    for change: UInt8 in [0x01, 0x10, 0x80, 0xFF] {
      var damaged = bytes
      damaged[index] ^= change
      _ = try? read(damaged)
    }
  }
  var random = RandomBytes(seed: 7)
  for _ in 0..<2000 {
    var damaged = bytes
    for _ in 0..<4 { damaged[random.next(below: bytes.count)] = UInt8(random.next(below: 256)) }
    _ = try? read(damaged)
  }
}

/// A small repeatable generator for damaging files.
struct RandomBytes {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next(below bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % bound
  }
}
