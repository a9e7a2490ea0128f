/// Places buffers that live for a stretch of steps into one piece of memory.
///
/// Greedy by size: large buffers first, each at the lowest offset that no buffer alive at the same time holds. That
/// compares each buffer with all others, so beyond `manyBuffers` they are placed in order of time instead.
struct ArenaPlan {
  /// A buffer and the steps during which it is alive.
  struct Buffer {
    var byteCount: Int
    var firstStep: Int
    var lastStep: Int
  }

  /// The byte offset of each buffer.
  let offsets: [Int]
  /// The size of the arena.
  let byteCount: Int

  /// Buffers from which on time matters more than the last bytes.
  static let manyBuffers = 4096

  init(_ buffers: [Buffer]) {
    offsets = buffers.count < Self.manyBuffers ? Self.placedBySize(buffers) : Self.placedByTime(buffers)
    byteCount = zip(buffers, offsets).reduce(0) { max($0, $1.1 + Self.aligned($1.0.byteCount)) }
  }

  private static func placedBySize(_ buffers: [Buffer]) -> [Int] {
    var offsets = [Int](repeating: 0, count: buffers.count)
    var placed: [Int] = []
    for index in buffers.indices.sorted(by: { buffers[$0].byteCount > buffers[$1].byteCount }) {
      let buffer = buffers[index]
      let size = aligned(buffer.byteCount)
      // `placed` is kept in order of offsets.
      var offset = 0
      for other in placed
      where buffers[other].firstStep <= buffer.lastStep && buffers[other].lastStep >= buffer.firstStep {
        if offset + size <= offsets[other] { break }
        offset = max(offset, offsets[other] + aligned(buffers[other].byteCount))
      }
      offsets[index] = offset
      let position = placed.firstIndex { offsets[$0] > offset } ?? placed.count
      placed.insert(index, at: position)
    }
    return offsets
  }

  /// Each buffer, when its life begins, takes the lowest gap that holds it, and leaves a gap when it ends.
  private static func placedByTime(_ buffers: [Buffer]) -> [Int] {
    var offsets = [Int](repeating: 0, count: buffers.count)
    let births = buffers.indices.sorted { buffers[$0].firstStep < buffers[$1].firstStep }
    let deaths = buffers.indices.sorted { buffers[$0].lastStep < buffers[$1].lastStep }
    // In order of offsets, never touching; behind the last one all is free.
    var gaps: [Range<Int>] = []
    var end = 0
    var dead = 0
    for index in births {
      while buffers[deaths[dead]].lastStep < buffers[index].firstStep {
        let start = offsets[deaths[dead]]
        free(start..<start + aligned(buffers[deaths[dead]].byteCount), in: &gaps)
        dead += 1
      }
      let size = aligned(buffers[index].byteCount)
      if let place = gaps.firstIndex(where: { $0.count >= size }) {
        offsets[index] = gaps[place].lowerBound
        gaps[place] = gaps[place].lowerBound + size..<gaps[place].upperBound
        if gaps[place].isEmpty { gaps.remove(at: place) }
      } else {
        // A gap at the end grows; otherwise memory does.
        if let last = gaps.last, last.upperBound == end {
          gaps.removeLast()
          offsets[index] = last.lowerBound
        } else {
          offsets[index] = end
        }
        end = offsets[index] + size
      }
    }
    return offsets
  }

  /// Adds a gap and merges it with its neighbours.
  private static func free(_ range: Range<Int>, in gaps: inout [Range<Int>]) {
    var (low, high) = (0, gaps.count)
    while low < high {
      let middle = (low + high) / 2
      if gaps[middle].lowerBound < range.lowerBound { low = middle + 1 } else { high = middle }
    }
    let joinsNext = low < gaps.count && gaps[low].lowerBound == range.upperBound
    let joinsPrevious = low > 0 && gaps[low - 1].upperBound == range.lowerBound
    switch (joinsPrevious, joinsNext) {
    case (true, true):
      gaps[low - 1] = gaps[low - 1].lowerBound..<gaps[low].upperBound
      gaps.remove(at: low)
    case (true, false): gaps[low - 1] = gaps[low - 1].lowerBound..<range.upperBound
    case (false, true): gaps[low] = range.lowerBound..<gaps[low].upperBound
    case (false, false): gaps.insert(range, at: low)
    }
  }

  static func aligned(_ byteCount: Int) -> Int { (max(byteCount, 1) + 63) / 64 * 64 }
}
