internal import NoemaGraph
public import NoemaTensor

/// The drop of the class output when a group of elements is set to a baseline; every element of the group
/// receives it.
///
/// For a linear network and single elements that is `w · (x − b)`.
///
/// - Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014, for groups of
///   any form.
public struct FeatureAblation: AttributionMethod {
  /// Which elements are one feature.
  public enum Groups: Sendable {
    /// Each element by itself.
    case elements
    /// Blocks of these extents along the last axes, which span the axes before: `[8, 8]` cuts an image into
    /// squares of all channels. Those at the end may be smaller.
    case cells([Int])
    /// A mask of integers for each attributed value, `[…]` or `[1, …]`: elements of one number are one
    /// feature, also across values.
    case masks([Tensor])
  }

  /// Which elements are one feature.
  public var groups: Groups
  /// What an absent feature is set to.
  public var baseline: Baseline

  /// Makes the method; each element is a feature and the baseline is zero unless told otherwise.
  public init(groups: Groups = .elements, baseline: Baseline = .zero) {
    self.groups = groups
    self.baseline = baseline
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    let names = try subject.attributedNames()
    let shapes = try subject.shapes(of: names)
    let groups = try groups.elements(of: shapes, names: names)
    return Ablations(
      groups: groups,
      fill: try baseline.examples(of: shapes, names: names).map { $0.elements(as: Float.self) },
      runner: try RowRunner(subject, rowsPerExample: 1 + groups.count))
  }

  private struct Ablations: Attributor {
    let groups: ElementGroups
    let fill: [[Float]]
    let runner: RowRunner

    private var rowsPerExample: Int { groups.count + 1 }
    var batchSize: Int { runner.batchSize(rowsPerExample: rowsPerExample) }

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      let values = try runner.values(of: inputs, classes: classes)
      var outputs = [Double](repeating: 0, count: classes.count)
      var drops = [Double](repeating: 0, count: classes.count * groups.count)
      // An example's first row is the example itself; the others lack a group each.
      try runner.forEachOutput(
        rows: classes.count * rowsPerExample, values: values, inputs: inputs, classes: classes,
        example: { $0 / rowsPerExample }
      ) { value, row, given, target in
        given.copy(to: target)
        let number = row % rowsPerExample
        guard number > 0 else { return }
        fill[value].withUnsafeBufferPointer { fill in
          groups.forEachMember(of: number - 1, in: value) { target[$0] = fill[$0] }
        }
      } _: { row, output in
        let example = row / rowsPerExample, number = row % rowsPerExample
        if number == 0 {
          outputs[example] = output
        } else {
          drops[example * groups.count + number - 1] = outputs[example] - output
        }
      }
      return Attribution(
        values: groups.spread(drops, examples: classes.count).tensors(
          runner.shapes, examples: classes.count),
        outputs: outputs)
    }
  }
}
