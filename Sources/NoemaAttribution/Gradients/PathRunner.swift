internal import NoemaGraph
internal import NoemaTensor

/// Gradients at points near examples: what SmoothGrad, integrated and expected gradients share.
///
/// Points are rows that `SubjectRunner` packs into full batches. Hidden layers are inputs of a network that begins
/// there; its values come from a forward pass first, and what passes around the layers stays as it is.
struct PathRunner {
  let subject: Subject
  let gradients: SubjectRunner
  private let values: SubjectRunner?
  /// Indices of the network's inputs among what the gradients are taken at, when it begins at its inputs.
  private let attributed: [Int]

  init(_ subject: Subject, rows: Int) throws {
    self.subject = subject
    let names = try subject.attributedNames(), inputs = subject.network.inputs.map(\.name)
    attributed = names.compactMap { inputs.firstIndex(of: $0) }
    if attributed.count == names.count {
      gradients = try SubjectRunner(subject, backward: .gradient, rows: rows)
      values = nil
    } else {
      gradients = try SubjectRunner(subject, from: .layers, backward: .gradient, rows: rows)
      values = try SubjectRunner(subject, keepsValues: true, rows: subject.examples)
    }
  }

  var shapes: [[Int]] { gradients.attributedShapes }
  var names: [String] { gradients.attributedNames }
  /// As many examples as keep inputs of a batch of points in proportion.
  var batchSize: Int { values?.batchSize ?? gradients.batchSize }

  /// The attributed values of a batch of examples.
  func values(of inputs: [Tensor]) throws -> [Tensor] {
    guard let values else { return attributed.map { inputs[$0] } }
    return try values(inputs).values
  }

  /// Outputs and gradients at points.
  ///
  /// - Parameters:
  ///   - points: one tensor per attributed value, a row for each point.
  ///   - examples: the example that each point belongs to.
  func callAsFunction(
    _ points: [Tensor], of examples: [Int], inputs: [Tensor], classes: [Int]
  ) throws -> SubjectRunner.Readings {
    let rows = try gradients.inputs(points, inputs: inputs, examples: examples)
    return try gradients(rows, classes: examples.map { classes[$0] }, examples: examples)
  }
}

extension PathRunner {
  /// Runs points about examples, a batch at a time.
  ///
  /// - Parameters:
  ///   - count: the number of points of each example.
  ///   - values: the attributed values of the examples.
  ///   - place: writes an attributed value's elements at a point of an example.
  ///   - body: takes the readings, with the example and the number of each point.
  func forEachBatch(
    of count: Int, values: [Tensor], inputs: [Tensor], classes: [Int],
    place: (
      _ value: Int, _ example: Int, _ point: Int, _ given: UnsafeBufferPointer<Float>,
      _ row: UnsafeMutableBufferPointer<Float>
    ) -> Void,
    _ body: (_ readings: SubjectRunner.Readings, _ examples: [Int], _ points: [Int]) -> Void
  ) throws {
    let total = classes.count * count
    for start in stride(from: 0, to: total, by: gradients.batchSize) {
      let rows = start..<min(start + gradients.batchSize, total)
      let examples = rows.map { $0 / count }, points = rows.map { $0 % count }
      let batch = try values.enumerated().map { index, tensor in
        let width = shapes[index].reduce(1, *)
        return try Tensor(shape: [rows.count] + shapes[index], elementType: .float32) { bytes in
          let target = bytes.bindMemory(to: Float.self)
          tensor.withElements(as: Float.self) { source in
            for (row, example) in examples.enumerated() {
              place(
                index, example, points[row],
                UnsafeBufferPointer(rebasing: source[example * width..<(example + 1) * width]),
                UnsafeMutableBufferPointer(rebasing: target[row * width..<(row + 1) * width]))
            }
          }
        }
      }
      body(try self(batch, of: examples, inputs: inputs, classes: classes), examples, points)
    }
  }
}

extension Tensor {
  /// Rows by their indices, which may repeat.
  func selectingRows(_ indices: [Int]) throws -> Tensor {
    if indices == Array(0..<shape[0]) { return self }
    let width = shape.dropFirst().reduce(1, *) * elementType.byteCount
    return try Tensor(shape: [indices.count] + shape.dropFirst(), elementType: elementType) { target in
      withBytes { source in
        for (row, index) in indices.enumerated() {
          UnsafeMutableRawBufferPointer(rebasing: target[row * width..<(row + 1) * width])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[index * width..<(index + 1) * width]))
        }
      }
    }
  }
}

/// A weighted sum of rows, for each example, in float64.
struct RowSums {
  private(set) var sums: [[Double]]
  private let widths: [Int]

  init(shapes: [[Int]], examples: Int) {
    widths = shapes.map { $0.reduce(1, *) }
    sums = widths.map { [Double](repeating: 0, count: examples * $0) }
  }

  /// Adds rows of each attributed value, each with its weight, to the examples they belong to.
  mutating func add(_ rows: [Tensor], of examples: [Int], weights: [Double], squared: Bool = false) {
    for (index, tensor) in rows.enumerated() {
      let width = widths[index]
      tensor.withElements(as: Float.self) { values in
        sums[index].withUnsafeMutableBufferPointer { sums in
          for (row, example) in examples.enumerated() {
            let (from, to, weight) = (row * width, example * width, weights[row])
            if squared {
              for i in 0..<width {
                let value = Double(values[from + i])
                sums[to + i] += weight * value * value
              }
            } else {
              for i in 0..<width { sums[to + i] += weight * Double(values[from + i]) }
            }
          }
        }
      }
    }
  }
}
