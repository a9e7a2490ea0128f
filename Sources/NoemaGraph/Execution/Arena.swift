/// Places buffers that live for a stretch of steps into one piece of memory.
///
/// Greedy by size: large buffers first, each at the lowest offset that no buffer alive at the same time holds.
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

  init(_ buffers: [Buffer]) {
    var offsets = [Int](repeating: 0, count: buffers.count)
    var placed: [Int] = []
    var total = 0
    for index in buffers.indices.sorted(by: { buffers[$0].byteCount > buffers[$1].byteCount }) {
      let buffer = buffers[index]
      let size = Self.aligned(buffer.byteCount)
      // `placed` is kept in order of offsets.
      var offset = 0
      for other in placed
      where buffers[other].firstStep <= buffer.lastStep && buffers[other].lastStep >= buffer.firstStep {
        if offset + size <= offsets[other] { break }
        offset = max(offset, offsets[other] + Self.aligned(buffers[other].byteCount))
      }
      offsets[index] = offset
      total = max(total, offset + size)
      let position = placed.firstIndex { offsets[$0] > offset } ?? placed.count
      placed.insert(index, at: position)
    }
    self.offsets = offsets
    byteCount = total
  }

  static func aligned(_ byteCount: Int) -> Int { (max(byteCount, 1) + 63) / 64 * 64 }
}
