import Foundation
import NoemaAttribution
import NoemaGraph
import NoemaTensor
import Testing

@Suite struct ReferenceExamplesTests {
  private static let scores = normalTensor([50, 6], seed: 3)

  /// All scores sorted, the first of equal ones first.
  private func expected(keeping count: Int) -> [[ReferenceExamples.Entry]] {
    (0..<6).map { channel in
      let entries = (0..<50).map {
        ReferenceExamples.Entry(example: $0, score: Double(Self.scores.floats[$0 * 6 + channel]))
      }
      return Array(entries.sorted { ($1.score, $0.example) < ($0.score, $1.example) }.prefix(count))
    }
  }

  @Test(arguments: [1, 5, 50, 80], [1, 7, 50])
  func theHighestAreKept(_ count: Int, _ batch: Int) throws {
    var found = ReferenceExamples(channels: 6, keeping: count)
    for start in stride(from: 0, to: 50, by: batch) {
      let range = start..<min(start + batch, 50)
      try found.add(Self.scores.rows(range), of: range)
    }
    #expect(found.channels == expected(keeping: count))
  }

  /// In whatever order and parts, and through a file.
  @Test func partsMerge() throws {
    var parts: [ReferenceExamples] = []
    for range in [30..<50, 0..<11, 11..<30] {
      var part = ReferenceExamples(channels: 6, keeping: 5)
      try part.add(Self.scores.rows(range), of: range)
      parts.append(part)
    }
    var merged = parts[0]
    for part in parts.dropFirst() {
      try merged.merge(JSONDecoder().decode(ReferenceExamples.self, from: JSONEncoder().encode(part)))
    }
    #expect(merged.channels == expected(keeping: 5))
    // What was there before counts once.
    try merged.merge(parts[1])
    try merged.add(Self.scores.rows(0..<11), of: 0..<11)
    #expect(merged.channels == expected(keeping: 5))
  }

  @Test func equalAndRepeatedScores() throws {
    var found = ReferenceExamples(channels: 1, keeping: 3)
    try found.add(Tensor(shape: [4, 1], [Float(1), 2, 1, 2]), of: [9, 8, 3, 5])
    #expect(found.channels[0].map(\.example) == [5, 8, 3])
    try found.add(Tensor(shape: [2, 1], [Float(4), 0]), of: [3, 5])
    #expect(found.channels[0].map(\.example) == [3, 5, 8])
    #expect(found.channels[0].map(\.score) == [4, 2, 2])
    var none = ReferenceExamples(channels: 1, keeping: 0)
    try none.add(Tensor(shape: [1, 1], [Float(1)]), of: [0])
    #expect(none.channels == [[]])
  }

  @Test func whatDoesNotFitIsTold() throws {
    var found = ReferenceExamples(channels: 2, keeping: 3)
    let error = #expect(throws: GraphError.self) {
      try found.add(Tensor(shape: [2, 2], [Float(1), 2, 3, .nan]), of: [4, 7])
    }
    #expect(error?.kind == .notFinite(value: "score of channel 1", example: 7))
    #expect(throws: GraphError.self) { try found.add(Tensor(shape: [2, 3], repeating: Float(1)), of: 0..<2) }
    #expect(throws: GraphError.self) { try found.add(Tensor(shape: [2, 2], repeating: Float(1)), of: 0..<3) }
    #expect(throws: GraphError.self) { try found.merge(ReferenceExamples(channels: 3, keeping: 3)) }
    #expect(found.channels == [[], []])
  }
}
