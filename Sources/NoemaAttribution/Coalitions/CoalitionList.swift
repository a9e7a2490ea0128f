/// A set of players, packed into words.
struct PlayerSet: Hashable, Sendable {
  private(set) var words: [UInt64]

  /// The empty set of up to `capacity` players.
  init(capacity: Int) { words = Array(repeating: 0, count: (capacity + 63) / 64) }

  func contains(_ player: Int) -> Bool { words[player >> 6] >> UInt64(player & 63) & 1 == 1 }

  mutating func insert(_ player: Int) { words[player >> 6] |= 1 << UInt64(player & 63) }

  /// The players below `count` that are not in the set.
  func complement(of count: Int) -> PlayerSet {
    var other = self
    for index in words.indices {
      let used = min(64, max(0, count - index * 64))
      other.words[index] = ~words[index] & (used == 64 ? .max : (1 << UInt64(used)) - 1)
    }
    return other
  }
}

/// Coalitions whose value is asked for, of several examples, in a few flat arrays.
struct CoalitionList: Sendable {
  /// The example that each coalition belongs to.
  private(set) var examples: [Int] = []
  /// The background row of each coalition; empty where outputs are averaged over all rows.
  private(set) var rows: [Int] = []
  private let wordCount: Int
  private var words: [UInt64] = []

  /// A list of coalitions of up to `capacity` players.
  init(capacity: Int) { wordCount = (capacity + 63) / 64 }

  var count: Int { examples.count }

  /// Adds a coalition; either all are given a row or none.
  mutating func append(_ set: PlayerSet, of example: Int, row: Int? = nil) {
    words.append(contentsOf: set.words)
    // Sets of examples with fewer players are shorter.
    for _ in set.words.count..<wordCount { words.append(0) }
    examples.append(example)
    if let row { rows.append(row) }
  }

  mutating func reserveCapacity(_ count: Int) {
    words.reserveCapacity(count * wordCount)
    examples.reserveCapacity(count)
  }

  /// Writes for each element all ones where its player is present, and zero elsewhere.
  func mark(_ coalition: Int, owners: [Int32], into present: UnsafeMutableBufferPointer<UInt32>) {
    let start = coalition * wordCount
    words.withUnsafeBufferPointer { words in
      owners.withUnsafeBufferPointer { owners in
        for i in present.indices {
          let owner = Int(owners[i])
          let bit = words[start + owner >> 6] >> UInt64(owner & 63) & 1
          present[i] = 0 &- UInt32(truncatingIfNeeded: bit)
        }
      }
    }
  }
}
