import NoemaTensor
import Testing

@testable import NoemaGraph

@Suite struct ArenaTests {
  private func buffers(_ count: Int, seed: UInt64) -> [ArenaPlan.Buffer] {
    var random = RandomNumbers(seed: seed)
    return (0..<count).map { _ in
      let first = random.index(below: 30)
      return .init(
        byteCount: random.index(below: 5000), firstStep: first, lastStep: first + random.index(below: 12))
    }
  }

  @Test(arguments: 0..<40)
  func liveBuffersNeverOverlap(_ seed: Int) {
    let buffers = buffers(40, seed: UInt64(seed)), plan = ArenaPlan(buffers)
    for (index, buffer) in buffers.enumerated() {
      let start = plan.offsets[index], end = start + buffer.byteCount
      #expect(start % 64 == 0 && start >= 0 && end <= plan.byteCount)
      for (other, neighbour) in buffers.enumerated().dropFirst(index + 1)
      where neighbour.firstStep <= buffer.lastStep && neighbour.lastStep >= buffer.firstStep {
        let from = plan.offsets[other], to = from + neighbour.byteCount
        #expect(end <= from || to <= start, "buffers \(index) and \(other) overlap")
      }
    }
    // No plan is smaller than what is alive at once; one that reuses memory is smaller than the sum.
    let live = (0..<42).map { step in
      buffers.filter { $0.firstStep <= step && step <= $0.lastStep }.reduce(0) { $0 + $1.byteCount }
    }
    #expect(plan.byteCount >= live.max()!)
    #expect(plan.byteCount < buffers.reduce(0) { $0 + ArenaPlan.aligned($1.byteCount) })
  }

  /// Beyond `manyBuffers` they are placed in order of time: nothing overlaps, and memory is used again.
  @Test(arguments: 0..<3)
  func manyBuffersNeverOverlap(_ seed: Int) {
    var random = RandomNumbers(seed: UInt64(seed))
    let count = 3 * ArenaPlan.manyBuffers
    let buffers = (0..<count).map { _ in
      let first = random.index(below: count)
      return ArenaPlan.Buffer(
        byteCount: random.index(below: 5000), firstStep: first,
        lastStep: first + random.index(below: random.index(below: 20) == 0 ? 1000 : 10))
    }
    let plan = ArenaPlan(buffers)
    let order = buffers.indices.sorted { buffers[$0].firstStep < buffers[$1].firstStep }
    var alive: [Int] = [], live = 0, peak = 0
    for index in order {
      alive.removeAll { buffers[$0].lastStep < buffers[index].firstStep }
      let start = plan.offsets[index], end = start + buffers[index].byteCount
      #expect(start % 64 == 0 && start >= 0 && end <= plan.byteCount)
      for other in alive {
        let from = plan.offsets[other], to = from + buffers[other].byteCount
        if end > from && to > start { Issue.record("buffers \(index) and \(other) overlap") }
      }
      alive.append(index)
      live = alive.reduce(0) { $0 + ArenaPlan.aligned(buffers[$1].byteCount) }
      peak = max(peak, live)
    }
    #expect(plan.byteCount >= peak && plan.byteCount < 2 * peak)
  }

  @Test func buffersThatFollowEachOtherShareMemory() {
    let plan = ArenaPlan([
      .init(byteCount: 1000, firstStep: 0, lastStep: 1), .init(byteCount: 1000, firstStep: 1, lastStep: 2),
      .init(byteCount: 1000, firstStep: 2, lastStep: 3), .init(byteCount: 1000, firstStep: 3, lastStep: 4),
    ])
    #expect(plan.byteCount == 2 * 1024)
    #expect(ArenaPlan([]).byteCount == 0)
  }
}
