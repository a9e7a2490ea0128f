internal import NoemaGraph
internal import NoemaTensor

/// The mean drop of the class output when a group of elements takes the values that it has in other examples
/// of the batch.
///
/// Each draw gives every example another one's values, none its own, and no example the same twice: with as
/// many draws as there are other examples the mean is over all of them, exactly. What an example receives
/// depends on the batch, which is the set that its values are held against; batches are as large as memory
/// allows, at most 1,024 examples.
///
/// - Source: Fisher, Rudin and Dominici, "All Models are Wrong, but Many are Useful", 2019, section 3, for
///   the output of single examples instead of the loss.
public struct FeaturePermutation: AttributionMethod {
  /// Which elements are one feature.
  public var groups: FeatureAblation.Groups
  /// The number of draws for each feature; no more are made than there are other examples.
  public var samples: Int
  /// The seed of the draws.
  public var seed: UInt64

  /// Makes the method; each element is a feature and takes the values of 10 other examples unless told
  /// otherwise.
  public init(groups: FeatureAblation.Groups = .elements, samples: Int = 10, seed: UInt64 = 0) {
    self.groups = groups
    self.samples = samples
    self.seed = seed
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    guard (1...1_000_000).contains(samples) else {
      throw GraphError(.input("feature permutation needs 1 to 1000000 samples, found \(samples)"))
    }
    guard subject.examples > 1 else {
      throw GraphError(
        .input("feature permutation takes values from other examples; give 2 examples or more"))
    }
    let names = try subject.attributedNames()
    let shapes = try subject.shapes(of: names)
    let groups = try groups.elements(of: shapes, names: names)
    let bytes = shapes.reduce(0) { $0 + $1.reduce(4, *) }
    return Draws(
      groups: groups, samples: samples, random: RandomNumbers(seed: seed),
      runner: try RowRunner(
        subject, rowsPerExample: groups.count.multipliedCapped(by: samples)),
      batchSize: Self.batchSize(subject.examples, atMost: subject.memory / 4 / max(1, bytes)))
  }

  /// The largest batch that leaves no last one of a single example.
  private static func batchSize(_ examples: Int, atMost most: Int) -> Int {
    let most = min(examples, max(16, min(1_024, most)))
    return stride(from: most, through: 2, by: -1).first { examples % $0 != 1 } ?? most
  }

  private struct Draws: Attributor {
    let groups: ElementGroups
    let samples: Int
    let random: RandomNumbers
    let runner: RowRunner
    let batchSize: Int

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      let count = classes.count
      guard count > 1 else {
        throw GraphError(
          .input(
            "feature permutation takes values from other examples of a batch, and this batch has \(count)"))
      }
      let values = try runner.values(of: inputs, classes: classes), widths = runner.widths
      let outputs = try runner.outputs(values, inputs: inputs, classes: classes)
      let draws = min(samples, count - 1), random = random.split(first)
      var sums = [Double](repeating: 0, count: count * groups.count), squares = sums
      // Rows go feature by feature, so that donors are drawn once for a feature.
      var known = -1, donors: [[Int]] = []
      try runner.forEachOutput(
        rows: groups.count * draws * count, values: values, inputs: inputs, classes: classes,
        example: { $0 % count }
      ) { value, row, given, target in
        given.copy(to: target)
        let group = row / (draws * count), example = row % count
        if group != known {
          donors = Self.donors(of: count, draws: draws, random.split(group))
          known = group
        }
        let start = donors[row / count % draws][example] * widths[value]
        values[value].withElements(as: Float.self) { source in
          groups.forEachMember(of: group, in: value) { target[$0] = source[start + $0] }
        }
      } _: { row, output in
        let example = row % count, drop = outputs[example] - output
        sums[example * groups.count + row / (draws * count)] += drop
        squares[example * groups.count + row / (draws * count)] += drop * drop
      }
      let n = Double(draws), others = Double(count - 1)
      let errors = zip(sums, squares).map { sum, square in
        let variance = max(0, square - sum * sum / n) / max(1, n - 1)
        // Of draws without replacement: nothing is left to chance when all others were drawn.
        return (variance / n * (1 - n / others)).squareRoot()
      }
      func tensors(_ numbers: [Double]) -> [Tensor] {
        groups.spread(numbers, examples: count).tensors(runner.shapes, examples: count)
      }
      return Attribution(
        values: tensors(sums.map { $0 / n }), outputs: outputs,
        standardErrors: draws > 1 || count == 2 ? tensors(errors) : nil)
    }

    /// For each draw, the example whose values each example takes: steps along a random round of all
    /// examples.
    private static func donors(of count: Int, draws: Int, _ stream: RandomNumbers) -> [[Int]] {
      var random = stream
      let round = random.sample(count, below: count)
      return random.sample(draws, below: count - 1).map { step in
        var found = [Int](repeating: 0, count: count)
        for (place, example) in round.enumerated() { found[example] = round[(place + step + 1) % count] }
        return found
      }
    }
  }
}
