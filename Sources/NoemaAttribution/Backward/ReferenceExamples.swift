public import NoemaGraph
public import NoemaTensor

/// For each channel the examples of a data set in which it scores highest: what a channel stands for, shown.
///
/// It is fed batch after batch; scores are what `ChannelReadings` has. Sums or maxima of relevance are relevance
/// maximisation, those of activation activation maximisation. What was kept depends neither on batches nor on their
/// order.
///
/// ```swift
/// var references = ReferenceExamples(channels: reader.channelCount, keeping: 15)
/// for batch in batches {
///   let readings = try reader(batch.inputs, classes: batch.classes)
///   try references.add(readings.relevance.maxima, of: batch.range)
/// }
/// ```
///
/// - Source: Achtibat et al., "From Attribution Maps to Human-Understandable Explanations through Concept Relevance
///   Propagation", 2023: relevance maximisation.
public struct ReferenceExamples: Sendable, Hashable, Codable {
  /// An example and its score.
  public struct Entry: Sendable, Hashable, Codable {
    /// The example's index in its data set.
    public var example: Int
    /// The score.
    public var score: Double

    /// Notes an example's score.
    public init(example: Int, score: Double) {
      (self.example, self.score) = (example, score)
    }

    fileprivate func precedes(_ other: Entry) -> Bool {
      score != other.score ? score > other.score : example < other.example
    }
  }

  /// How many examples each channel keeps.
  public let capacity: Int
  /// The examples of each channel, the highest score first; of equal scores the first example.
  public private(set) var channels: [[Entry]]

  /// Makes an empty collection.
  ///
  /// - Parameters:
  ///   - channels: the number of channels.
  ///   - capacity: how many examples each keeps.
  public init(channels: Int, keeping capacity: Int) {
    self.capacity = capacity
    self.channels = Array(repeating: [], count: max(0, channels))
  }

  /// Takes in the scores of some examples; an example that was there before keeps its higher score.
  ///
  /// - Parameters:
  ///   - scores: `[examples, channels]`.
  ///   - examples: the examples' indices in their data set.
  /// - Throws: `GraphError` for other shapes, and for scores that are not finite, with the example.
  /// - Complexity: O(examples · channels · capacity), and less once the best are there.
  public mutating func add(_ scores: Tensor, of examples: some Collection<Int>) throws(GraphError) {
    guard scores.shape == [examples.count, channels.count], scores.elementType.isFloat else {
      throw GraphError(
        .input(
          "expected scores of \(examples.count) examples and \(channels.count) channels, found \(scores)"))
    }
    let numbers = scores.converted(to: .float64).elements(as: Double.self), indices = Array(examples)
    if let bad = numbers.firstIndex(where: { !$0.isFinite }) {
      throw GraphError(
        .notFinite(value: "score of channel \(bad % channels.count)", example: indices[bad / channels.count])
      )
    }
    for (index, score) in numbers.enumerated() {
      insert(Entry(example: indices[index / channels.count], score: score), index % channels.count)
    }
  }

  /// Takes in what another collection kept, such as one of another part of the data.
  ///
  /// - Throws: `GraphError.input` when it has another number of channels.
  public mutating func merge(_ other: ReferenceExamples) throws(GraphError) {
    guard other.channels.count == channels.count else {
      throw GraphError(
        .input("reference examples of \(other.channels.count) channels do not go with \(channels.count)"))
    }
    for (channel, entries) in other.channels.enumerated() {
      for entry in entries { insert(entry, channel) }
    }
  }

  private mutating func insert(_ entry: Entry, _ channel: Int) {
    if channels[channel].count >= capacity {
      guard let last = channels[channel].last, entry.precedes(last) else { return }
    }
    if let same = channels[channel].firstIndex(where: { $0.example == entry.example }) {
      guard entry.precedes(channels[channel][same]) else { return }
      channels[channel].remove(at: same)
    }
    let place = channels[channel].firstIndex { entry.precedes($0) } ?? channels[channel].count
    channels[channel].insert(entry, at: place)
    if channels[channel].count > capacity { channels[channel].removeLast() }
  }
}
