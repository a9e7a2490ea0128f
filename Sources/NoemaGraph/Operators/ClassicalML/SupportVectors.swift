internal import NoemaTensor

/// Support vector machines: kernels between the examples and the vectors, then products with constant matrices.
///
/// - Source: ONNX ai.onnx.ml SVMClassifier-1, SVMRegressor-1; decisions as in libsvm.
enum SupportVectors {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("SVMRegressor", domain: "ai.onnx.ml") { node in
      let x = try node.features(), count = node.int("n_supports", default: 0)
      guard let weights = node.floats("coefficients"), !weights.isEmpty else {
        throw node.error("the coefficients are missing")
      }
      // Without vectors the coefficients are those of the features.
      let columns = count > 0 ? try kernel(x, count: count, node) : x
      var y = try node.emit(MatMul(transposesRight: true), columns, node.matrix(weights, rows: 1, like: x))
      y = try node.shifted(y, by: node.floats("rho")?.first ?? 0)
      if node.int("one_class", default: 0) != 0 {
        let isInside = try node.emit(Comparison(function: .greater), y, node.scalar(0, like: y))
        y = try node.emit(Select(), isInside, node.scalar(1, like: y), node.scalar(-1, like: y))
      }
      return [try node.asFloat(node.transformed(y, node.postTransform()))]
    },
    ONNXBinding("SVMClassifier", domain: "ai.onnx.ml") { node in try classified(node) },
  ]

  private static func classified(_ node: NodeReader) throws -> [Value] {
    let x = try node.features(), transform = try node.postTransform()
    let (labels, count) = try node.classLabels()
    let sizes = node.ints("vectors_per_class") ?? []
    if sizes.isEmpty {
      // One row of weights for each class.
      guard let weights = node.floats("coefficients"), !weights.isEmpty else {
        throw node.error("the coefficients are missing")
      }
      let product = try node.emit(
        MatMul(transposesRight: true), x, node.matrix(weights, rows: count, like: x))
      let scores = try node.shifted(product, by: node.floats("rho")?.first ?? 0)
      return [
        try node.labels(node.winners(scores), labels), try node.asFloat(node.transformed(scores, transform)),
      ]
    }
    guard sizes.count == count, count > 1, sizes.allSatisfy({ (0...1 << 30).contains($0) }) else {
      throw node.error("numbers of vectors \(sizes) do not fit \(count) classes")
    }
    let decisions = try decisions(x, sizes, node)
    let winners = try node.winners(votes(decisions, count, node))
    if let slopes = node.floats("prob_a"), let offsets = node.floats("prob_b"), !slopes.isEmpty {
      guard slopes.count == count * (count - 1) / 2, offsets.count == slopes.count else {
        throw node.error("prob_a and prob_b need a number for each pair of \(count) classes")
      }
      let scaled = try node.sum(
        node.product(decisions, node.matrix(slopes, rows: 1, like: decisions)),
        node.matrix(offsets, rows: 1, like: decisions))
      let pairs = try node.apply(.sigmoid, node.apply(.negative, scaled))
      let scores = try node.emit(PairwiseCoupling(classCount: count), pairs)
      return [
        try node.labels(node.winners(scores), labels), try node.asFloat(node.transformed(scores, transform)),
      ]
    }
    let scores =
      count == 2
      ? try node.columns(decisions, transform, isProbability: transform != .none)
      : try node.transformed(decisions, transform)
    return [try node.labels(winners, labels), try node.asFloat(scores)]
  }

  /// A decision for each pair of classes, the first class' above 0: `[examples, pairs]`.
  private static func decisions(_ x: Value, _ sizes: [Int], _ node: NodeReader) throws -> Value {
    let total = sizes.reduce(0, +), classes = sizes.count
    let coefficients = node.floats("coefficients") ?? [], rho = node.floats("rho") ?? []
    let pairs = classes * (classes - 1) / 2
    guard total > 0, coefficients.count == total * (classes - 1), rho.count == pairs else {
      throw node.error(
        "\(coefficients.count) coefficients and \(rho.count) offsets do not fit \(total) vectors of \(classes) classes"
      )
    }
    let starts = sizes.reduce(into: [0]) { $0.append($0.last! + $1) }
    guard pairs <= (1 << 28) / total else { throw node.error("\(classes) classes are absurdly many") }
    var rows: [Double] = []
    for first in 0..<classes {
      for second in first + 1..<classes {
        var row = [Double](repeating: 0, count: total)
        // A vector has a coefficient against each other class, in the order of these.
        for index in starts[first]..<starts[first + 1] {
          row[index] = coefficients[total * (second - 1) + index]
        }
        for index in starts[second]..<starts[second + 1] { row[index] = coefficients[total * first + index] }
        rows += row
      }
    }
    let kernel = try kernel(x, count: total, node)
    let sums = try node.emit(MatMul(transposesRight: true), kernel, node.matrix(rows, rows: pairs, like: x))
    return try node.sum(sums, node.matrix(rho, rows: 1, like: x))
  }

  /// How many pairs each class wins: `[examples, classes]`.
  private static func votes(_ decisions: Value, _ classes: Int, _ node: NodeReader) throws -> Value {
    let isFirst = try node.emit(Comparison(function: .greater), decisions, node.scalar(0, like: decisions))
    let wins = try node.emit(Cast(to: .float32), isFirst)
    var signs: [Double] = [], losses = [Double](repeating: 0, count: classes)
    for first in 0..<classes {
      for second in first + 1..<classes {
        // The second class wins where the first does not: 1 - win.
        losses[second] += 1
        signs += (0..<classes).map { $0 == first ? 1 : $0 == second ? -1 : 0 }
      }
    }
    let matrix = try node.matrix(signs, rows: signs.count / classes, like: wins)
    return try node.sum(node.emit(MatMul(), wins, matrix), node.matrix(losses, rows: 1, like: wins))
  }

  /// The kernel between each example and each vector: `[examples, vectors]`.
  private static func kernel(_ x: Value, count: Int, _ node: NodeReader) throws -> Value {
    let numbers = node.floats("support_vectors") ?? []
    guard numbers.count == count * node.shape(of: x)[1] else {
      throw node.error(
        "\(numbers.count) numbers are not \(count) vectors of \(node.shape(of: x)[1]) features")
    }
    let vectors = try node.matrix(numbers, rows: count, like: x)
    let parameters = node.floats("kernel_params") ?? [], given = parameters + [0, 0, 0]
    let (gamma, offset, degree) = (given[0], given[1], given[2])
    if case let name = node.string("kernel_type", default: "LINEAR"), name == "RBF" {
      let distances = try node.emit(SquaredDistances(), x, vectors)
      return try node.apply(.exp, node.scaled(distances, by: -gamma))
    }
    let products = try node.emit(MatMul(transposesRight: true), x, vectors)
    switch node.string("kernel_type", default: "LINEAR") {
    case "LINEAR": return products
    case "POLY":
      let base = try node.shifted(node.scaled(products, by: gamma), by: offset)
      return try node.emit(Binary(.pow), base, node.scalar(degree, like: base))
    case "SIGMOID": return try node.apply(.tanh, node.shifted(node.scaled(products, by: gamma), by: offset))
    case let name: throw node.error("there is no kernel_type \(name)")
    }
  }
}
