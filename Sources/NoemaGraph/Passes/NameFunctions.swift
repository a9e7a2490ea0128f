internal import NoemaTensor

extension Pass {
  /// Gives formulas of one variable the name of the function that they compute: `x · ½ (1 + erf(x / √2))` is GELU,
  /// however it is written.
  ///
  /// The formula is not compared with patterns but evaluated: a part of the graph that depends on one value and on
  /// numbers is a function of the reals, and equal values at a few dozen points tell which.
  static let nameFunctions = Pass(name: "name functions") { graph, kept throws(GraphError) in
    let matcher = Matcher(graph, keeping: kept)
    var taken = Set<Int>()
    for root in graph.nodes.indices.reversed() where !taken.contains(root) {
      guard graph.type(of: graph.nodes[root].results[0]).element.isFloat else { continue }
      for formula in Formula.candidates(root: root, matcher).reversed() {
        guard matcher.shape(formula.source) == matcher.shape(graph.nodes[root].results[0]),
          let function = ScalarFunction.named(like: formula.values)
        else { continue }
        graph.nodes[root].operation = function
        graph.nodes[root].operands = [formula.source]
        taken.formUnion(formula.inside)
        break
      }
    }
  }
}

/// A part of a graph that computes a function of one variable.
private struct Formula {
  /// The variable.
  let source: Value
  /// The nodes that only this formula needs, without its root.
  let inside: Set<Int>
  private let root: Int
  private let matcher: Matcher

  /// The formulas that end at a node, from small to large.
  static func candidates(root: Int, _ matcher: Matcher) -> [Formula] {
    guard isElementwise(matcher.nodes[root]) else { return [] }
    var frontier = variables(of: root, matcher)
    var inside: Set<Int> = []
    var found: [Formula] = []
    while inside.count < 16 {
      if frontier.count == 1, matcher.arePrivate(inside, to: root) {
        found.append(Formula(source: frontier.first!, inside: inside, root: root, matcher: matcher))
      }
      guard let next = frontier.compactMap({ matcher.producers[$0] }).max(),
        isElementwise(matcher.nodes[next]),
        matcher.shape(matcher.nodes[next].results[0]) == matcher.shape(matcher.nodes[root].results[0])
      else { break }
      frontier.subtract(matcher.nodes[next].results)
      frontier.formUnion(variables(of: next, matcher))
      inside.insert(next)
    }
    // A single named function needs no name.
    return found.filter { !($0.inside.isEmpty && matcher.nodes[root].operation is Unary) }
  }

  /// The extremum of two is left out: at a tie its derivative is shared, which that of no named function is.
  private static func isElementwise(_ node: Node) -> Bool {
    if let binary = node.operation as? Binary { return binary.function != .min && binary.function != .max }
    return node.operation is Unary
  }

  private static func variables(of index: Int, _ matcher: Matcher) -> Set<Value> {
    Set(matcher.nodes[index].operands.filter { matcher.scalar($0) == nil })
  }

  /// The function's values at some points, in double precision.
  func values(_ points: [Double]) -> [Double] {
    var table: [Value: [Double]] = [source: points]
    func column(_ value: Value) -> [Double] {
      table[value] ?? Array(repeating: matcher.scalar(value) ?? .nan, count: points.count)
    }
    for index in inside.sorted() + [root] {
      let node = matcher.nodes[index]
      let left = column(node.operands[0])
      if let unary = node.operation as? Unary {
        table[node.results[0]] = left.map(unary.function.value)
      } else if let binary = node.operation as? Binary {
        let function: (Double, Double) -> Double = binary.float()
        table[node.results[0]] = zip(left, column(node.operands[1])).map(function)
      }
    }
    return table[matcher.nodes[root].results[0]]!
  }
}

extension ScalarFunction {
  private static let points: [Double] = {
    let positive = [
      1e-3, 0.01, 0.1, 0.3, 0.5, 0.7, 1, 1.3, 1.7, 2, 2.4, 2.9, 3, 3.1, 4, 5, 5.9, 6, 6.1, 8, 12, 30, 1e4,
      1e30,
    ]
    return positive.map { -$0 } + [0] + positive
  }()

  /// The function whose values are those of another one; nil where none is.
  fileprivate static func named(like values: ([Double]) -> [Double]) -> Unary? {
    let wanted = values(points)
    // Parameters are read off single values.
    let marks = values([-1e30, -1, 0, 0.01, 1, 1e30])
    let (first, minusOne, zero, hundredth, one, last) = (
      marks[0], marks[1], marks[2], marks[3], marks[4], marks[5]
    )
    var candidates: [ScalarFunction] = [.relu, .sigmoid, .tanh, .softplus, .gelu, .tanhGELU, .hardSwish]
    if one > 0, one < 1 {
      // α = log(y / (1 − y)), and 1 where it is nearly that.
      let alpha = -(1 / one - 1).logarithm
      if Swift.abs(alpha) > 1e-3 { candidates.append(.swish(alpha: Swift.abs(alpha - 1) < 1e-5 ? 1 : alpha)) }
    }
    if minusOne < 0, minusOne > -1 { candidates.append(.leakyReLU(slope: -minusOne)) }
    let lower = first < -1e29 ? -.infinity : first, upper = last > 1e29 ? .infinity : last
    if lower < upper, lower.isFinite || upper.isFinite {
      candidates.append(.clip(lower: lower, upper: upper))
      if zero > 0, zero < 1, hundredth > zero {
        let alpha = (hundredth - zero) * 100
        candidates.append(
          .hardSigmoid(alpha: Swift.abs(alpha - 1.0 / 6) < 1e-6 ? 1.0 / 6 : alpha, beta: zero))
      }
    }
    if first.isFinite, first < 0 { candidates.append(.elu(alpha: -first)) }
    return candidates.first { candidate in
      zip(points, wanted).allSatisfy { point, value in
        let expected = candidate.value(point)
        return expected == value || Swift.abs(expected - value) <= 2e-6 * Swift.abs(value) + 1e-7
      }
    }.map(Unary.init)
  }
}

extension Double {
  fileprivate var logarithm: Double { ScalarFunction.log.value(self) }
}
