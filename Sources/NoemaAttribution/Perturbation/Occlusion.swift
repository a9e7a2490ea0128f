internal import NoemaGraph
internal import NoemaTensor

/// The drop of the class output when a window is filled with a baseline, for windows all over the attributed
/// values.
///
/// Windows start at multiples of the stride and end at the border. Those of one value leave the other values
/// as they are.
///
/// ```swift
/// let method = Occlusion(window: [4, 4], stride: [2, 2])
/// ```
///
/// - Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014, section 4.2.
public struct Occlusion: AttributionMethod {
  /// What an element receives from the windows about it.
  public enum Painting: String, Sendable, Hashable, Codable, CaseIterable {
    /// The mean drop over the windows that cover it.
    case mean
    /// The sum of the drops of the windows that cover it.
    case sum
    /// The drop of the window in whose middle it lies, as the paper draws it; 0 between the middles.
    case centre
  }

  /// The windows' extents for each attributed value, or for all of them where there is one entry: those of
  /// the last axes, windows span the axes before (`[8, 8]` covers all channels of an image). Empty for an
  /// eighth of each axis of positions: those behind the channels of images, the first of sequences
  /// `[positions, features]`, and single elements of tables.
  public var windows: [[Int]]
  /// The steps between windows along the same axes; empty for half a window.
  public var strides: [[Int]]
  /// What fills a window.
  public var baseline: Baseline
  /// What an element receives.
  public var painting: Painting

  /// Makes the method with one window for all attributed values; it is filled with zero and elements receive
  /// means unless told otherwise.
  public init(
    window: [Int] = [], stride: [Int] = [], baseline: Baseline = .zero, painting: Painting = .mean
  ) {
    self.init(
      windows: window.isEmpty ? [] : [window], strides: stride.isEmpty ? [] : [stride], baseline: baseline,
      painting: painting)
  }

  /// Makes the method with a window for each attributed value.
  public init(
    windows: [[Int]], strides: [[Int]] = [], baseline: Baseline = .zero, painting: Painting = .mean
  ) {
    self.windows = windows
    self.strides = strides
    self.baseline = baseline
    self.painting = painting
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    let names = try subject.attributedNames()
    let shapes = try subject.shapes(of: names)
    let grids = try grids(shapes, names)
    let fill = try baseline.examples(of: shapes, names: names).map { $0.elements(as: Float.self) }
    let runner = try RowRunner(
      subject, rowsPerExample: 1 + grids.reduce(0) { $0 + $1.count })
    return Windows(painting: painting, runner: runner, grids: grids, fill: fill)
  }

  /// The windows of each attributed value.
  private func grids(_ shapes: [[Int]], _ names: [String]) throws(GraphError) -> [WindowGrid] {
    func entry(_ list: [[Int]], _ index: Int, _ what: String) throws(GraphError) -> [Int]? {
      guard list.count <= 1 || list.count == shapes.count else {
        throw GraphError(
          .input(
            "expected one \(what), or \(shapes.count) for \(names.joined(separator: ", ")); found "
              + "\(list.count)"
          ))
      }
      return list.count == 1 ? list[0] : list.isEmpty ? nil : list[index]
    }
    var found: [WindowGrid] = []
    for (index, shape) in shapes.enumerated() {
      found.append(
        try WindowGrid(
          shape, window: try entry(windows, index, "window") ?? Self.window(for: shape),
          stride: try entry(strides, index, "stride") ?? [], of: names[index]))
    }
    return found
  }

  /// An eighth of each axis of positions.
  private static func window(for shape: [Int]) -> [Int] {
    func eighth(_ extent: Int) -> Int { max(1, extent / 8) }
    return switch shape.count {
    case 0, 1: shape.map { _ in 1 }
    case 2: [eighth(shape[0]), shape[1]]
    default: shape.dropFirst().map(eighth)
    }
  }

  private struct Windows: Attributor {
    let painting: Painting
    let runner: RowRunner
    let grids: [WindowGrid]
    let fill: [[Float]]
    private let starts: [Int]
    private let cover: [[Int]]

    init(painting: Painting, runner: RowRunner, grids: [WindowGrid], fill: [[Float]]) {
      (self.painting, self.runner, self.grids, self.fill) = (painting, runner, grids, fill)
      var total = 0
      starts = grids.map { grid in
        defer { total += grid.count }
        return total
      }
      rowsPerExample = total + 1
      cover = painting == .mean ? grids.map(\.cover) : []
    }

    private let rowsPerExample: Int
    var batchSize: Int { runner.batchSize(rowsPerExample: rowsPerExample) }

    /// The value and the window of an altered row.
    private func locate(_ number: Int) -> (value: Int, window: Int) {
      let value = starts.lastIndex { $0 <= number }!
      return (value, number - starts[value])
    }

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      let values = try runner.values(of: inputs, classes: classes), widths = runner.widths
      var outputs = [Double](repeating: 0, count: classes.count)
      var sums = widths.map { [Double](repeating: 0, count: $0 * classes.count) }
      // An example's first row is the example itself; the others lack a window each.
      try runner.forEachOutput(
        rows: classes.count * rowsPerExample, values: values, inputs: inputs, classes: classes,
        example: { $0 / rowsPerExample }
      ) { value, row, given, target in
        given.copy(to: target)
        let number = row % rowsPerExample
        guard number > 0, case let place = locate(number - 1), place.value == value else { return }
        fill[value].withUnsafeBufferPointer { fill in
          grids[value].forEachRun(in: grids[value].box(place.window)) { for i in $0 { target[i] = fill[i] } }
        }
      } _: { row, output in
        let example = row / rowsPerExample, number = row % rowsPerExample
        guard number > 0 else {
          outputs[example] = output
          return
        }
        let place = locate(number - 1), grid = grids[place.value]
        let start = example * widths[place.value], drop = outputs[example] - output
        let box = painting == .centre ? grid.centre(place.window) : grid.box(place.window)
        sums[place.value].withUnsafeMutableBufferPointer { sums in
          grid.forEachRun(in: box) { for i in $0 { sums[start + i] += drop } }
        }
      }
      if painting == .mean {
        for value in sums.indices {
          for i in sums[value].indices { sums[value][i] /= Double(cover[value][i % widths[value]]) }
        }
      }
      return Attribution(values: sums.tensors(runner.shapes, examples: classes.count), outputs: outputs)
    }
  }
}
