internal import Foundation
internal import NoemaGraph
internal import NoemaTensor

/// A value as a normal distribution: the mean and the variance of every element.
struct NormalMoments {
  var mean: Value
  var variance: Value
}

/// Writes a network again for values that are independent normal distributions instead of numbers.
///
/// Linear nodes pass moments on exactly but for covariances, which are left out; rectifiers and maxima give
/// the moments of what they make of a normal distribution.
///
/// - Source: Ancona et al., "Explaining Deep Neural Networks with a Polynomial Time Algorithm for Shapley
///   Values Approximation", 2019, section 3.2; Gast and Roth, "Lightweight Probabilistic Deep Networks",
///   2018; Clark, "The Greatest of a Finite Set of Random Variables", 1961 (maxima).
struct MomentPropagation {
  /// Variances below this are noise of rounding; a quotient by their root has to stay finite.
  private static let floor = 1e-10

  /// The network whose values get moments.
  let source: Graph
  /// The network of moments.
  private(set) var graph = Graph()
  private var moments: [Value: NormalMoments] = [:]
  /// Values that do not depend on what is random.
  private var fixed: [Value: Value] = [:]

  /// The network from some values on, whose means and then variances are its inputs, to the mean of one
  /// value.
  ///
  /// - Throws: `GraphError.unsupported` for operators whose moments are not known.
  init(_ source: Graph, from starts: [Value], to end: Value) throws(GraphError) {
    self.source = source
    let means = starts.map { graph.addInput(source.type(of: $0), name: source.displayName(of: $0)) }
    for (start, mean) in zip(starts, means) {
      moments[start] = NormalMoments(
        mean: mean, variance: graph.addInput(source.type(of: start), name: "variance"))
    }
    let needed = source.nodes(between: Set(starts), and: end)
    for (index, node) in source.nodes.enumerated() where needed.contains(index) {
      do { try propagate(node) } catch {
        throw GraphError(error.kind, at: "\(node.operation.name) node '\(node.name)'")
      }
    }
    guard let mean = moments[end]?.mean else {
      throw GraphError(.unsupported("the output does not depend on the inputs"))
    }
    graph.outputs = [mean]
  }

  private mutating func propagate(_ node: Node) throws(GraphError) {
    guard node.operands.contains(where: { moments[$0] != nil }) else {
      var operands: [Value] = []
      for operand in node.operands { operands.append(copy(operand)) }
      let results = try graph.add(node.operation, operands, name: node.name)
      for (result, value) in zip(node.results, results) { fixed[result] = value }
      return
    }
    if node.isAffine(in: { moments[$0] != nil }) {
      let means = try affineMeans(node), variances = try affineVariances(node)
      for (index, result) in node.results.enumerated() {
        moments[result] = NormalMoments(mean: means[index], variance: variances[index])
      }
      return
    }
    moments[node.results[0]] = try nonlinear(node)
  }

  /// A value that is not random, in the new network.
  private mutating func copy(_ value: Value) -> Value {
    if let known = fixed[value] { return known }
    // What neither a node nor a constant makes would be an input, and all inputs are random.
    let made = graph.addConstant(source.constants[value] ?? Tensor(Float(0)))
    fixed[value] = made
    return made
  }
}

// MARK: Linear nodes
extension MomentPropagation {
  private mutating func affineMeans(_ node: Node) throws(GraphError) -> [Value] {
    var operands: [Value] = []
    for operand in node.operands { operands.append(moments[operand]?.mean ?? copy(operand)) }
    return try graph.add(node.operation, operands, name: node.name)
  }

  private mutating func affineVariances(_ node: Node) throws(GraphError) -> [Value] {
    let variances = node.operands.map { moments[$0]?.variance }
    let shape = source.type(of: node.results[0]).shape
    switch node.operation {
    case var product as MatMul:
      product.hasBias = false
      return try squaredWeights(product, node)
    case var convolution as Convolution:
      convolution.hasBias = false
      return try squaredWeights(convolution, node)
    case is ConvolutionInputGradient: return try squaredWeights(node.operation, node)
    case let binary as Binary where binary.function == .add || binary.function == .sub:
      if let a = variances[0], let b = variances[1] { return [try sum(a, b)] }
      return [try broadcast(variances[0] ?? variances[1]!, to: shape)]
    case let binary as Binary:
      let factor = copy(node.operands[variances[0] == nil ? 0 : 1])
      let variance = variances[0] ?? variances[1]!
      return [try graph.apply(Binary(binary.function), variance, product(factor, factor))]
    case is BatchNormalization: return [try product(variances[0]!, normalizationFactor(node))]
    case let reduction as Reduction:
      let extents = source.type(of: node.operands[0]).shape
      let count = reduction.function == .mean ? reduction.axes.reduce(1) { $0 * extents[$1] } : 1
      return [try scaled(graph.apply(reduction, variances[0]!), 1 / Double(count))]
    case let pool as AveragePool:
      // The mean of variances over what a window counts, once more by their number.
      let shares = pool.shares(source.type(of: node.operands[0]).shape, shape)
      return [try product(graph.apply(pool, variances[0]!), constant(shares, like: variances[0]!))]
    case is Unary: return [variances[0]!]
    default: return try movedVariances(node, variances)
    }
  }

  /// Variances through a movement: what is not random has none.
  private mutating func movedVariances(_ node: Node, _ variances: [Value?]) throws(GraphError) -> [Value] {
    var operands: [Value] = []
    for (operand, variance) in zip(node.operands, variances) {
      let isIndex = !source.type(of: operand).element.isFloat
      let still = isIndex ? copy(operand) : graph.addConstant(zeros(like: operand))
      operands.append(variance ?? still)
    }
    if var pad = node.operation as? Pad {
      pad.fill = 0
      return try graph.add(pad, operands)
    }
    return try graph.add(node.operation, operands)
  }

  private func zeros(like value: Value) -> Tensor {
    let type = source.type(of: value)
    return Tensor(shape: type.shape, repeating: Float(0)).converted(to: type.element)
  }

  /// A linear map with constant weights: `W² v`.
  private mutating func squaredWeights(
    _ operation: any Operator, _ node: Node
  ) throws(GraphError) -> [Value] {
    var operands: [Value] = []
    for operand in node.operands.prefix(2) {
      if let variance = moments[operand]?.variance {
        operands.append(variance)
      } else {
        let weights = copy(operand)
        operands.append(try product(weights, weights))
      }
    }
    return try graph.add(operation, operands)
  }

  /// The square of what a batch normalisation multiplies each channel by.
  private mutating func normalizationFactor(_ node: Node) throws(GraphError) -> Value {
    let epsilon = (node.operation as? BatchNormalization)?.epsilon ?? 0
    let scale = copy(node.operands[1]), spread = copy(node.operands[4])
    let quotient = try graph.apply(
      Binary(.div), product(scale, scale), sum(spread, number(epsilon, like: spread)))
    let type = source.type(of: node.operands[0])
    let shape = type.shape.indices.map { $0 == 1 ? type.shape[1] : 1 }
    return try graph.apply(Reshape(shape: shape), quotient)
  }
}

// MARK: Other nodes
extension MomentPropagation {
  private mutating func nonlinear(_ node: Node) throws(GraphError) -> NormalMoments {
    switch node.operation {
    case let unary as Unary:
      if let x = moments[node.operands[0]], let found = try activation(unary.function, x) { return found }
    case let binary as Binary where binary.function == .max || binary.function == .min:
      var operands: [NormalMoments] = []
      for operand in node.operands {
        operands.append(try moment(operand, shape: source.type(of: node.results[0]).shape))
      }
      if binary.function == .max { return try greater(operands[0], operands[1]) }
      return try negated(greater(negated(operands[0]), negated(operands[1])))
    case let pool as MaxPool:
      if let x = moments[node.operands[0]] {
        return try maximum(x, pool.window, extents: Array(source.type(of: node.results[0]).shape[2...]))
      }
    default: break
    }
    throw GraphError(
      .unsupported(
        "propagation of means and variances (DASP) knows linear layers, rectifiers, clips, maxima and "
          + "average pooling, not this operator; sample Shapley values instead"))
  }

  /// The moments of a value, at a shape that it broadcasts to.
  private mutating func moment(_ value: Value, shape: [Int]) throws(GraphError) -> NormalMoments {
    let found =
      moments[value] ?? NormalMoments(mean: copy(value), variance: graph.addConstant(zeros(like: value)))
    return NormalMoments(
      mean: try broadcast(found.mean, to: shape), variance: try broadcast(found.variance, to: shape))
  }

  private mutating func activation(_ function: ScalarFunction, _ x: NormalMoments) throws(GraphError)
    -> NormalMoments?
  {
    switch function {
    case .relu: return try rectified(x)
    case .leakyReLU(let slope): return try leaky(x, slope)
    case .clip(let lower, let upper):
      guard lower.isFinite else {
        guard upper.isFinite else { return x }
        // min(x, u) = −max(−x, −u).
        return try negated(rectified(negated(x), from: -upper))
      }
      return upper.isFinite ? try clipped(x, lower, upper) : try rectified(x, from: lower)
    default: return nil
    }
  }

  /// What a standard normal is below, and its density, at `mean / deviation`.
  private mutating func ratio(
    _ mean: Value, _ deviation: Value
  ) throws(GraphError) -> (below: Value, density: Value) {
    let a = try graph.apply(Binary(.div), mean, deviation)
    let half = number(0.5, like: a)
    let erf = try graph.apply(Unary(.erf), scaled(a, 0.5.squareRoot()))
    let below = try sum(half, product(half, erf))
    let density = try scaled(
      graph.apply(Unary(.exp), scaled(product(a, a), -0.5)), 1 / (2 * Double.pi).squareRoot())
    return (below, density)
  }

  private mutating func deviation(_ variance: Value) throws(GraphError) -> Value {
    try graph.apply(Unary(.sqrt), graph.apply(Binary(.max), variance, number(Self.floor, like: variance)))
  }

  /// `max(x, 0)`: mean `mΦ + sφ`, variance `vΦ + m²Φ(1 − Φ) + msφ(1 − 2Φ) − s²φ²`, which loses nothing where
  /// `Φ` is 1.
  private mutating func rectified(_ x: NormalMoments) throws(GraphError) -> NormalMoments {
    let s = try deviation(x.variance)
    let (below, density) = try ratio(x.mean, s)
    let part = try product(s, density)
    let rest = try difference(number(1, like: s), below)
    let tilt = try product(product(x.mean, part), difference(rest, below))
    let variance = try sum(
      sum(product(x.variance, below), product(product(x.mean, x.mean), product(below, rest))),
      difference(tilt, product(part, part)))
    return NormalMoments(
      mean: try sum(product(x.mean, below), part), variance: try graph.apply(Unary(.relu), variance))
  }

  /// `max(x, lower)`.
  private mutating func rectified(_ x: NormalMoments, from lower: Double) throws(GraphError) -> NormalMoments
  {
    let found = try rectified(shifted(x, -lower))
    return try shifted(found, lower)
  }

  /// `αx + (1 − α) max(x, 0)`, with `E[x max(x, 0)] = E[max(x, 0)²]`.
  private mutating func leaky(_ x: NormalMoments, _ slope: Double) throws(GraphError) -> NormalMoments {
    let r = try rectified(x)
    let mean = try sum(scaled(x.mean, slope), scaled(r.mean, 1 - slope))
    let covariance = try difference(
      sum(r.variance, product(r.mean, r.mean)), product(x.mean, r.mean))
    let variance = try sum(
      sum(scaled(x.variance, slope * slope), scaled(r.variance, (1 - slope) * (1 - slope))),
      scaled(covariance, 2 * slope * (1 - slope)))
    return NormalMoments(mean: mean, variance: try graph.apply(Unary(.relu), variance))
  }

  /// `l + g`, `g = max(x − l, 0) − max(x − u, 0)`, with `E g² = E r₁² − E r₂² − 2(u − l) E r₂`.
  private mutating func clipped(
    _ x: NormalMoments, _ lower: Double, _ upper: Double
  ) throws(GraphError) -> NormalMoments {
    let first = try rectified(shifted(x, -lower)), second = try rectified(shifted(x, -upper))
    let mean = try difference(first.mean, second.mean)
    let squares = try difference(
      sum(first.variance, product(first.mean, first.mean)),
      sum(second.variance, product(second.mean, second.mean)))
    let square = try difference(squares, scaled(second.mean, 2 * (upper - lower)))
    let variance = try graph.apply(Unary(.relu), difference(square, product(mean, mean)))
    return try shifted(NormalMoments(mean: mean, variance: variance), lower)
  }

  /// The greater of two independent normals, measured from the greater mean so that nothing cancels.
  private mutating func greater(_ a: NormalMoments, _ b: NormalMoments) throws(GraphError) -> NormalMoments {
    let first = try graph.apply(Comparison(function: .greater), a.mean, b.mean)
    let top = try graph.apply(Binary(.max), a.mean, b.mean)
    let gap = try difference(top, graph.apply(Binary(.min), a.mean, b.mean))
    let high = try graph.apply(Select(), first, a.variance, b.variance)
    let low = try graph.apply(Select(), first, b.variance, a.variance)
    let theta = try deviation(sum(a.variance, b.variance))
    let (below, density) = try ratio(gap, theta)
    let other = try difference(number(1, like: below), below)
    let part = try product(theta, density)
    let rise = try difference(part, product(gap, other))
    let square = try difference(
      sum(product(high, below), product(sum(product(gap, gap), low), other)), product(gap, part))
    return NormalMoments(
      mean: try sum(top, rise),
      variance: try graph.apply(Unary(.relu), difference(square, product(rise, rise))))
  }

  /// Max pooling: the greater of one element of the windows and the next, from the last to the first.
  private mutating func maximum(
    _ x: NormalMoments, _ window: Window, extents: [Int]
  ) throws(GraphError) -> NormalMoments {
    let before = [0, 0] + window.paddingBefore, after = [0, 0] + window.paddingAfter
    guard (before + after).allSatisfy({ $0 >= 0 }) else {
      throw GraphError(.unsupported("max pooling with negative padding has no moments here"))
    }
    var wide = x
    if (before + after).contains(where: { $0 > 0 }) {
      // Low enough to lose against any value, and its square is finite.
      wide.mean = try graph.apply(Pad(before: before, after: after, fill: -1e9), x.mean)
      wide.variance = try graph.apply(Pad(before: before, after: after), x.variance)
    }
    let shape = graph.type(of: wide.mean).shape
    var found: NormalMoments?
    for element in (0..<window.kernel.reduce(1, *)).reversed() {
      var rest = element, offsets = [Int](repeating: 0, count: window.rank)
      for axis in (0..<window.rank).reversed() {
        offsets[axis] = rest % window.kernel[axis] * window.dilations[axis]
        rest /= window.kernel[axis]
      }
      let slice = Slice(
        starts: [0, 0] + offsets, counts: Array(shape[..<2]) + extents, steps: [1, 1] + window.strides)
      let part = NormalMoments(
        mean: try graph.apply(slice, wide.mean), variance: try graph.apply(slice, wide.variance))
      if let other = found { found = try greater(other, part) } else { found = part }
    }
    return found ?? x
  }
}

// MARK: Arithmetic
extension MomentPropagation {
  private mutating func number(_ number: Double, like value: Value) -> Value {
    graph.addConstant(Tensor(Float(number)).converted(to: graph.type(of: value).element))
  }

  private mutating func constant(_ tensor: Tensor, like value: Value) -> Value {
    graph.addConstant(tensor.converted(to: graph.type(of: value).element))
  }

  private mutating func sum(_ a: Value, _ b: Value) throws(GraphError) -> Value {
    try graph.apply(Binary(.add), a, b)
  }

  private mutating func difference(_ a: Value, _ b: Value) throws(GraphError) -> Value {
    try graph.apply(Binary(.sub), a, b)
  }

  private mutating func product(_ a: Value, _ b: Value) throws(GraphError) -> Value {
    try graph.apply(Binary(.mul), a, b)
  }

  private mutating func scaled(_ value: Value, _ factor: Double) throws(GraphError) -> Value {
    factor == 1 ? value : try product(value, number(factor, like: value))
  }

  private mutating func shifted(_ x: NormalMoments, _ distance: Double) throws(GraphError) -> NormalMoments {
    if distance == 0 { return x }
    return NormalMoments(mean: try sum(x.mean, number(distance, like: x.mean)), variance: x.variance)
  }

  private mutating func negated(_ x: NormalMoments) throws(GraphError) -> NormalMoments {
    NormalMoments(mean: try graph.apply(Unary(.negative), x.mean), variance: x.variance)
  }

  private mutating func broadcast(_ value: Value, to shape: [Int]) throws(GraphError) -> Value {
    graph.type(of: value).shape == shape ? value : try graph.apply(Broadcast(shape: shape), value)
  }
}

extension AveragePool {
  /// One over the number of elements that each window counts, `[1, 1, …]`.
  fileprivate func shares(_ operand: [Int], _ result: [Int]) -> Tensor {
    var counts = [1.0]
    for axis in 0..<window.rank {
      let extent = operand[axis + 2]
      let end = countsPadding ? extent + declaredPaddingAfter[axis] : extent
      let start = countsPadding ? -window.paddingBefore[axis] : 0
      let along = (0..<result[axis + 2]).map { position in
        let first = position * window.strides[axis] - window.paddingBefore[axis]
        return Double(
          (0..<window.kernel[axis]).count { (start..<end).contains(first + $0 * window.dilations[axis]) })
      }
      counts = counts.flatMap { count in along.map { count * $0 } }
    }
    return Tensor(shape: [1, 1] + result[2...], counts.map { Float(1 / max($0, 1)) })
  }
}
