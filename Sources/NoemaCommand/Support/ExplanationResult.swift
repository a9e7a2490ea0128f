internal import Noema

/// What a job found: its examples, the classes explained, and what each method says.
struct Findings {
  let feed: ExampleFeed
  let model: LoadedModel
  let classes: [Int]
  let outcomes: [MethodOutcome]
  let skipped: [String]
  /// What received attributions, in words.
  let layer: String
  let names: [String]

  init(
    feed: ExampleFeed, model: LoadedModel, classes: [Int], outcomes: [MethodOutcome], skipped: [String],
    layer: String
  ) {
    (self.feed, self.model, self.classes, self.outcomes) = (feed, model, classes, outcomes)
    (self.skipped, self.layer) = (skipped, layer)
    names = (0..<feed.count).map { feed.name(of: $0) }
  }
}

/// The `result.json` of explanations.
struct ExplanationResult: Encodable {
  struct Method: Encodable {
    /// The arrays of one of several attributed values.
    struct Value: Encodable {
      var name, array: String
      var shape: [Int]
      var standardErrors: String?
    }
    var name: String
    var array: String
    var shape: [Int]
    /// The array of standard errors, of methods that sample.
    var standardErrors: String?
    /// The arrays of each attributed value where there are several; those above are of the first.
    var values: [Value]?
    /// What a method has to say about examples, by their names.
    var remarks: [String: String]?
    /// The most relevant channels of all examples, of the method that attributes to channels.
    var channels: ExplainedChannels?
    /// Per example: the sum of the attributions, what it should be where the method says, and the difference.
    var sums: [Double]
    var expected: [Double]?
    var errors: [Double]?
    var seconds: Double

    init(
      _ outcome: MethodOutcome, files: [MethodOutcome.Files], names: [String], channels: ExplainedChannels?
    ) {
      let found = outcome.values.indices.map { value in
        Value(
          name: outcome.values[value], array: files[value].values,
          shape: [names.count] + outcome.shapes[value], standardErrors: files[value].standardErrors)
      }
      name = outcome.name
      (array, shape, standardErrors) = (found[0].array, found[0].shape, found[0].standardErrors)
      values = found.count > 1 ? found : nil
      self.channels = channels
      let remarks = outcome.remarks.map { (names[$0], $1) }
      self.remarks = remarks.isEmpty ? nil : Dictionary(remarks, uniquingKeysWith: { first, _ in first })
      (sums, expected, errors, seconds) = (outcome.sums, outcome.expected, outcome.errors, outcome.seconds)
    }
  }

  var schema = "noema.explain/1"
  var method: String
  var methods: [Method]
  var layer: String
  var shape: [Int]
  var names: [String]
  var targets: [Int]
  var outputs: [Double]
  var skipped: [String]
  var run: RunRecord
}
