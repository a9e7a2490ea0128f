internal import Noema

/// The channels of a layer that most relevance passes, over all examples, and the examples that show what each stands
/// for: those in which it has most.
struct ExplainedChannels: Encodable {
  struct Channel: Encodable {
    var channel: Int
    /// The mean over examples.
    var meanRelevance: Double
    /// The examples with the most relevance, the first one most.
    var examples: [Example]
  }
  struct Example: Encodable {
    var name: String
    var relevance: Double
    /// The place among the examples explained; not written, as attributions are in the order of names.
    var row: Int

    enum CodingKeys: String, CodingKey { case name, relevance }
  }

  /// The channels, the most relevant first.
  let channels: [Channel]
  /// The mean over examples of every channel, and its standard error; none for a single example.
  let means: [Double]
  let standardErrors: [Double]?

  /// The method that attributes to channels.
  static let method = "channel-relevance"

  /// Looks through what the method found.
  ///
  /// - Parameters:
  ///   - names: the examples' names.
  ///   - kept: how many channels are listed.
  ///   - examples: how many examples of each.
  init(_ outcome: MethodOutcome, names: [String], keeping kept: Int, examples: Int) throws {
    let width = outcome.shapes[0].reduce(1, *)
    var references = ReferenceExamples(channels: width, keeping: examples)
    var sums = [Double](repeating: 0, count: width), squares = sums
    try outcome.forEachBatch(value: 0) { rows, relevance in
      try references.add(relevance, of: rows)
      relevance.withElements(as: Float.self) { values in
        for (index, value) in values.enumerated() {
          sums[index % width] += Double(value)
          squares[index % width] += Double(value) * Double(value)
        }
      }
    }
    let count = Double(names.count)
    let means = sums.map { $0 / count }
    self.means = means
    standardErrors =
      names.count < 2
      ? nil
      : zip(squares, means).map { square, mean in
        (max(0, square / count - mean * mean) / (count - 1)).squareRoot()
      }
    let order = sums.indices.sorted { (sums[$1], $0) < (sums[$0], $1) }
    channels = order.prefix(kept).map { channel in
      Channel(
        channel: channel, meanRelevance: means[channel],
        examples: references.channels[channel].map {
          Example(name: names[$0.example], relevance: $0.score, row: $0.example)
        })
    }
  }

  func encode(to encoder: any Encoder) throws { try channels.encode(to: encoder) }

  /// A table for the terminal.
  var table: String {
    let rows = channels.map { channel in
      [
        String(channel.channel), NumberText.compact(channel.meanRelevance),
        channel.examples.map { "\($0.name) \(NumberText.compact($0.relevance))" }.joined(separator: ", "),
      ]
    }
    return alignedTable([["channel", "mean relevance", "most relevant in"]] + rows, rightAligned: [0, 1])
  }
}
