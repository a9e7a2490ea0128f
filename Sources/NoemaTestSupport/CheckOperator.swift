public import NoemaGraph
public import NoemaTensor

/// An operand of an operator under test.
public enum TestOperand: Sendable {
  /// Random normal numbers of a shape, differentiated.
  case random([Int])
  /// Random numbers in [0.5, 2], for functions with a restricted domain.
  case positive([Int])
  /// Random distinct numbers at least 0.01 apart, for functions with kinks.
  case distinct([Int])
  /// A given tensor that is a constant of the graph.
  case constant(Tensor)
}

/// The whole check of an operator in one call.
///
/// Compares inferred with actual types, the fast kernel with the reference, the pullback with central
/// differences in double precision, and, when `isSmooth`, the pullback of the pullback too.
///
/// - Returns: what failed, in words; empty when all is well.
public func failures(
  of operation: any Operator, _ operands: [TestOperand], isSmooth: Bool = true, tolerance: Double = 1e-4,
  seed: UInt64 = 1
) throws -> [String] {
  var random = RandomNumbers(seed: seed)
  var graph = Graph()
  var values: [Value] = [], inputs: [Tensor] = []
  for (index, operand) in operands.enumerated() {
    if case .constant(let tensor) = operand {
      values.append(graph.addConstant(tensor))
      continue
    }
    let tensor = operand.draw(&random)
    inputs.append(tensor)
    values.append(graph.addInput(TensorType(tensor.shape), name: "x\(index)"))
  }
  graph.outputs = try graph.add(operation, values)
  var found: [String] = []
  let reference = try graph.interpreted(inputs)
  for (tensor, value) in zip(reference, graph.outputs) where TensorType(of: tensor) != graph.type(of: value) {
    found.append("inferred \(graph.type(of: value)), got \(TensorType(of: tensor))")
  }
  let single = inputs.map { $0.converted(to: .float32) }
  let fast = try Session(graph).run(single)
  for (a, b) in zip(fast, try graph.interpreted(single)) {
    if let difference = scaledDifference(a, b), difference > tolerance {
      found.append("fast kernel is off by \(difference)")
    }
  }
  if (try? operation.resultTypes(of: [])) != nil { found.append("accepts no operands at all") }
  guard graph.outputs.count == 1, graph.type(of: graph.outputs[0]).element == .float32, !inputs.isEmpty else {
    return found
  }
  return found + (try derivativeFailures(of: graph, inputs, isSmooth: isSmooth, &random))
}

/// The check of a graph of several operators, such as an ONNX operator written in others.
///
/// Compares fast kernels with reference kernels, and the derivatives of all float results with respect to all
/// float inputs with central differences in double precision, once or, when `isSmooth`, twice.
///
/// - Returns: what failed, in words; empty when all is well.
public func failures(
  of graph: Graph, at inputs: [Tensor], isSmooth: Bool = true, tolerance: Double = 1e-4, seed: UInt64 = 7919
) throws -> [String] {
  var random = RandomNumbers(seed: seed)
  var found: [String] = []
  let fast = try Session(graph).run(inputs)
  for (index, (a, b)) in zip(fast, try graph.interpreted(inputs)).enumerated() {
    if let difference = scaledDifference(a, b), difference > tolerance {
      found.append("fast kernel of result \(index) is off by \(difference)")
    }
  }
  guard let joined = try graph.joiningFloatOutputs() else { return found }
  let wide = inputs.map { $0.elementType.isFloat ? $0.converted(to: .float64) : $0 }
  return found + (try derivativeFailures(of: joined, wide, isSmooth: isSmooth, &random))
}

/// The check of the derivatives of a graph's float results alone, first and second ones.
///
/// - Parameter fixed: indices of inputs by which nothing is differentiated.
/// - Returns: what failed, in words, empty when all is well; nil when there is nothing to differentiate, or the
///   results are not finite.
public func derivativeFailures(
  of graph: Graph, at inputs: [Tensor], fixed: Set<Int> = [], seed: UInt64
) throws -> [String]? {
  guard
    inputs.indices.contains(where: {
      inputs[$0].elementType.isFloat && inputs[$0].count > 0 && !fixed.contains($0)
    }),
    let joined = try graph.joiningFloatOutputs(),
    try joined.interpreted(inputs, as: .float64)[0].elements(as: Double.self).allSatisfy(\.isFinite)
  else { return nil }
  var random = RandomNumbers(seed: seed)
  return try derivativeFailures(of: joined, inputs, fixed: fixed, isSmooth: true, &random)
}

extension Graph {
  /// This graph with all elements of its float results in one vector; nil without any.
  fileprivate func joiningFloatOutputs() throws -> Graph? {
    var joined = self
    let results = outputs.filter { type(of: $0).element.isFloat && type(of: $0).count > 0 }
    let isMixed = Set(results.map { type(of: $0).element }).count > 1
    let flat = try results.map { value in
      let line = try joined.apply(Reshape(shape: [type(of: value).count]), value)
      return isMixed ? try joined.apply(Cast(to: .float64), line) : line
    }
    guard !flat.isEmpty else { return nil }
    joined.outputs = flat.count == 1 ? flat : try joined.add(Concatenation(axis: 0), flat)
    return joined
  }
}

/// First and, when `isSmooth`, second derivatives of the one result of a graph.
private func derivativeFailures(
  of graph: Graph, _ inputs: [Tensor], fixed: Set<Int> = [], isSmooth: Bool, _ random: inout RandomNumbers
) throws -> [String] {
  var found = try derivativeFailures(graph, inputs, fixed, order: "first", &random)
  if isSmooth, let second = try gradientGraph(graph, inputs) {
    let inputs = inputs + [draw(second, &random)]
    found += try derivativeFailures(second, inputs, fixed, order: "second", &random)
  }
  return found
}

private func draw(_ graph: Graph, _ random: inout RandomNumbers) -> Tensor {
  TestOperand.random(graph.type(of: graph.inputs.last!).shape).draw(&random)
}

/// The graph from the inputs and a cotangent to all gradients, one after the other, or nil without any.
private func gradientGraph(_ graph: Graph, _ inputs: [Tensor]) throws -> Graph? {
  let targets = zip(graph.inputs, inputs).filter { $0.1.elementType.isFloat }.map(\.0)
  var result = try graph.backward(from: graph.outputs[0], to: targets)
  let gradients = result.cotangents.compactMap { $0 }
  guard !gradients.isEmpty else { return nil }
  var flat: [Value] = []
  for gradient in gradients {
    flat.append(try result.graph.apply(Reshape(shape: [result.graph.type(of: gradient).count]), gradient))
  }
  result.graph.outputs = flat.count == 1 ? flat : try result.graph.add(Concatenation(axis: 0), flat)
  return result.graph
}

private func derivativeFailures(
  _ graph: Graph, _ inputs: [Tensor], _ fixed: Set<Int>, order: String, _ random: inout RandomNumbers
) throws -> [String] {
  var back = try graph.backward(from: graph.outputs[0], to: graph.inputs)
  let cotangent = TestOperand.random(graph.type(of: graph.outputs[0]).shape).draw(&random)
  back.graph.outputs = back.cotangents.compactMap { $0 }
  let gradients = try back.graph.interpreted(inputs + [cotangent], as: .float64)
  var found: [String] = []
  var next = 0
  let fed = zip(inputs + [cotangent], back.graph.inputs).map { tensor, value in
    tensor.converted(to: back.graph.type(of: value).element)
  }
  // Where single precision cannot do better, as in 1 − y² near y = 1, the reference in single precision counts.
  let fast = try Session(back.graph).run(fed), single = try back.graph.interpreted(fed)
  for index in fast.indices {
    let differences = [gradients, single].compactMap { scaledDifference(fast[index], $0[index]) }
    if let difference = differences.min(), !(difference <= 1e-4) {
      found.append("fast kernels of \(order) derivative \(index) are off by \(difference)")
    }
  }
  for (index, input) in inputs.enumerated() where input.elementType.isFloat && input.count > 0 {
    let hasArrived = back.cotangents[index] != nil
    defer { next += hasArrived ? 1 : 0 }
    if fixed.contains(index) { continue }
    let direction = TestOperand.random(input.shape).draw(&random)
    func objective(_ step: Double) throws -> Double {
      var moved = inputs
      moved[index] = combine(input, direction) { $0 + step * $1 }
      return inner(try graph.interpreted(moved, as: .float64)[0], cotangent)
    }
    // Of fourth order: what is left is rounding.
    let h = 2e-6
    let numeric =
      (8 * (try objective(h) - objective(-h)) - (try objective(2 * h) - objective(-2 * h))) / (12 * h)
    let exact = hasArrived ? inner(gradients[next], direction) : 0
    if !(abs(numeric - exact) <= 1e-6 * max(1, abs(numeric), abs(exact))) {
      found.append("\(order) derivative in operand \(index) is \(exact), differences give \(numeric)")
    }
  }
  return found
}

extension TestOperand {
  func draw(_ random: inout RandomNumbers) -> Tensor {
    switch self {
    case .random(let shape):
      return Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in random.normal() })
    case .positive(let shape):
      return Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in random.uniform(0.5..<2) })
    case .distinct(let shape):
      let count = shape.reduce(1, *)
      let order = random.sample(count, below: count)
      return Tensor(shape: shape, order.map { (Double($0) - Double(count) / 2 + 0.5) * 0.02 })
    case .constant(let tensor): return tensor
    }
  }
}

/// The largest difference relative to the largest magnitude; nil for other than floats.
public func scaledDifference(_ a: Tensor, _ b: Tensor) -> Double? {
  guard a.elementType.isFloat, b.elementType.isFloat, a.shape == b.shape else {
    return a == b ? nil : .infinity
  }
  let x = a.converted(to: .float64).elements(as: Double.self),
    y = b.converted(to: .float64).elements(as: Double.self)
  let scale = max(y.lazy.map(\.magnitude).max() ?? 0, 1e-30)
  return (zip(x, y).lazy.map { ($0 - $1).magnitude }.max() ?? 0) / scale
}

private func inner(_ a: Tensor, _ b: Tensor) -> Double {
  zip(
    a.converted(to: .float64).elements(as: Double.self), b.converted(to: .float64).elements(as: Double.self)
  )
  .reduce(0) { $0 + $1.0 * $1.1 }
}

private func combine(_ a: Tensor, _ b: Tensor, _ body: (Double, Double) -> Double) -> Tensor {
  Tensor(
    shape: a.shape,
    zip(a.converted(to: .float64).elements(as: Double.self), b.elements(as: Double.self)).map(body))
}
