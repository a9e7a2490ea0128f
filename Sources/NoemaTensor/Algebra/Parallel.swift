internal import Foundation

/// Jobs on all cores.
public enum Parallel {
  /// Runs `count` jobs and keeps their results in order; the first error in order is thrown.
  public static func map<Result: Sendable, Failure: Error>(
    _ count: Int, _ job: @Sendable (Int) throws(Failure) -> Result
  ) throws(Failure) -> [Result] {
    var slots = [Swift.Result<Result, Failure>?](repeating: nil, count: count)
    slots.withUnsafeMutableBufferPointer { buffer in
      // Each job writes its own slot.
      nonisolated(unsafe) let buffer = buffer
      all(count) { index in
        do throws(Failure) { buffer[index] = .success(try job(index)) } catch {
          buffer[index] = .failure(error)
        }
      }
    }
    var results: [Result] = []
    results.reserveCapacity(count)
    for slot in slots { results.append(try slot!.get()) }
    return results
  }

  /// Runs `count` jobs, in no particular order.
  static func all(_ count: Int, _ job: @Sendable (Int) -> Void) {
    if count == 1 { job(0) } else { DispatchQueue.concurrentPerform(iterations: count, execute: job) }
  }
}
