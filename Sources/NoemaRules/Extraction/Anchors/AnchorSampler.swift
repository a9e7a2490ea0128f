public import NoemaTensor

/// An example to be explained, statements that hold of it, and others like it, of which some of the statements hold.
///
/// Tables, texts and images have samplers of their own; any other kind of example needs these questions answered.
public protocol AnchorSampler: Sendable {
  /// What is needed to make another example.
  associatedtype Sample: Sendable

  /// The class that the network gives the example.
  var label: Int { get }

  /// The number of statements, each of which holds of the example.
  var predicateCount: Int { get }

  /// A statement in words.
  func text(_ predicate: Int) -> String

  /// The other statements that hold wherever this one does, such as `x > 1` of `x > 2`; none unless told otherwise.
  func consequences(of predicate: Int) -> [Int]

  /// Draws examples of which some statements hold, and the others as chance has it.
  func draw(_ count: Int, fixing predicates: [Int], using random: inout RandomNumbers) -> [Sample]

  /// Whether a statement holds of an example.
  func holds(_ predicate: Int, of sample: Sample) -> Bool

  /// The class that the network gives each example.
  func labels(of samples: [Sample]) throws -> [Int]
}

extension AnchorSampler {
  public func consequences(of predicate: Int) -> [Int] { [] }
}

/// Which of many drawn examples satisfy each statement, as bits.
struct PredicateCovers {
  /// The number of examples.
  let count: Int
  private let words: [[UInt64]]

  init<Sampler: AnchorSampler>(_ count: Int, of sampler: Sampler, using random: inout RandomNumbers) {
    let samples = sampler.draw(count, fixing: [], using: &random)
    self.count = samples.count
    words = (0..<sampler.predicateCount).map { predicate in
      var words = [UInt64](repeating: 0, count: (samples.count + 63) / 64)
      for (index, sample) in samples.enumerated() where sampler.holds(predicate, of: sample) {
        words[index >> 6] |= 1 << UInt64(index & 63)
      }
      return words
    }
  }

  /// How many examples satisfy all of some statements.
  func count(_ predicates: [Int]) -> Int {
    guard let first = predicates.first else { return count }
    return words[first].indices.reduce(0) { sum, word in
      sum + predicates.reduce(UInt64.max) { $0 & words[$1][word] }.nonzeroBitCount
    }
  }
}
