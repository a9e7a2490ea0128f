internal import Foundation

/// How many threads work, and loops over them. What a loop computes must not depend on which thread does it.
struct Workers: Sendable {
  /// The number of threads.
  let count: Int

  /// Takes as many threads as there are cores, or as many as asked for.
  init(count: Int? = nil) { self.count = max(1, count ?? ProcessInfo.processInfo.activeProcessorCount) }

  /// One thread.
  static let one = Workers(count: 1)

  /// Runs a job once for each worker, at the same time.
  func each(_ job: @Sendable (Int) -> Void) {
    if count == 1 { job(0) } else { DispatchQueue.concurrentPerform(iterations: count, execute: job) }
  }

  /// Runs jobs in no particular order, several at a time.
  func all(_ jobs: Int, _ job: @Sendable (Int) -> Void) {
    if count == 1 || jobs == 1 {
      for index in 0..<jobs { job(index) }
    } else if count >= ProcessInfo.processInfo.activeProcessorCount {
      // Whoever is free takes the next one.
      DispatchQueue.concurrentPerform(iterations: jobs, execute: job)
    } else {
      each { worker in
        for index in stride(from: worker, to: jobs, by: count) { job(index) }
      }
    }
  }

  /// Runs jobs and keeps their results in order.
  func map<Result>(_ jobs: Int, _ job: @Sendable (Int) -> Result) -> [Result] {
    var slots = [Result?](repeating: nil, count: jobs)
    slots.withUnsafeMutableBufferPointer { buffer in
      // Each job writes its own slot.
      nonisolated(unsafe) let buffer = buffer
      all(jobs) { buffer[$0] = job($0) }
    }
    return slots.map { $0! }
  }
}
