internal import CDNNL

/// The one place that decides how many threads our own loops use: those of oneDNN, so that the two never compete.
enum Parallel {
  /// Splits `count` elements into ranges for all cores when there is enough work, and runs them.
  static func ranges(_ count: Int, grain: Int = 1 << 15, _ body: @Sendable (Range<Int>) -> Void) {
    let parts = min(threadCount, max(1, count / grain))
    if parts <= 1 { return body(0..<count) }
    // Multiples of 16 floats keep parts on cache-line borders.
    let size = grain < 16 ? (count + parts - 1) / parts : (count / parts + 15) / 16 * 16
    withoutActuallyEscaping(body) { body in
      var work = Work(count: count, size: size, parts: parts, body: body)
      withUnsafeMutablePointer(to: &work) { work in
        ndnnl_parallel(parts, { $0!.assumingMemoryBound(to: Work.self).pointee.run($1) }, work)
      }
    }
  }

  /// Splits rows of `width` elements.
  static func rows(_ count: Int, of width: Int, _ body: @Sendable (Range<Int>) -> Void) {
    ranges(count, grain: max(1, (1 << 14) / max(width, 1)), body)
  }

  static let threadCount = Int(ndnnl_thread_count())

  private struct Work {
    let count: Int, size: Int, parts: Int
    let body: @Sendable (Range<Int>) -> Void

    func run(_ part: Int) {
      let start = min(part * size, count), end = part == parts - 1 ? count : min(start + size, count)
      if start < end { body(start..<end) }
    }
  }
}
