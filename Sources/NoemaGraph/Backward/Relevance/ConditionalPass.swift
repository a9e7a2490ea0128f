internal import NoemaTensor

/// A backward pass that halts at values on its way, where only a part of what arrived may go on.
///
/// From the start down: `reach` a value, `keep` a part of what arrived there, reach the next one; then ask for the
/// `arrivals` further down, as often as there are parts to compare. Whatever is alike is computed once.
///
/// - Source: Achtibat et al., "From Attribution Maps to Human-Understandable Explanations through Concept Relevance
///   Propagation", 2023: conditional relevance.
public struct ConditionalPass: Sendable {
  /// The graph with the nodes of the pass.
  public var graph: Graph
  private let path: [Node]
  private let places: [Value: Int]
  private let needed: Set<Value>
  private let excludesParallel: Bool
  private let rules: BackwardRules
  private var arrived: [Value: Value]
  /// The nodes of the path, from its beginning on, that have not been passed.
  private var remaining: Int
  /// How many values there were before the pass.
  private let valueCount: Int
  /// Constants that rules have added, by their shapes.
  private var shared: [[Int]: [Value]] = [:]

  /// Begins at a value.
  ///
  /// - Parameters:
  ///   - graph: a graph that holds the path and the seed.
  ///   - path: the nodes that may be passed, in order of computation.
  ///   - start: the value that is explained.
  ///   - seed: what the pass starts with, shaped like it.
  ///   - targets: the lowest values that arrivals will be asked for.
  ///   - excludesParallel: whether behind a value that was reached only what passes it counts, instead of all that
  ///     leads around it, too.
  ///   - rules: what passes through each node.
  public init(
    in graph: Graph, through path: [Node], from start: Value, seed: Value, to targets: [Value],
    excludesParallel: Bool, rules: BackwardRules
  ) {
    self.graph = graph
    self.path = path
    self.excludesParallel = excludesParallel
    self.rules = rules
    var places: [Value: Int] = [:], needed = Set(targets)
    for (index, node) in path.enumerated() {
      for result in node.results { places[result] = index + 1 }
      if node.operands.contains(where: needed.contains) { needed.formUnion(node.results) }
    }
    (self.places, self.needed) = (places, needed)
    arrived = [start: seed]
    remaining = path.count
    valueCount = graph.valueCount
  }

  /// How many nodes of the path there are up to the one that makes a value: the further down, the less.
  public func place(of value: Value) -> Int { places[value] ?? 0 }

  /// Passes down to a value.
  ///
  /// - Returns: what arrives there; nil when nothing does on the way to the targets, or when the value lies above the
  ///   one that was reached last.
  /// - Throws: `GraphError` where a rule does not cover an operator.
  public mutating func reach(_ value: Value) throws(GraphError) -> Value? {
    let place = place(of: value)
    guard place <= remaining, needed.contains(value) else { return nil }
    let found = try graph.passBackward(
      arrived, through: Array(path[place..<remaining]), to: excludesParallel ? [value] : needed, rules: rules)
    arrived = excludesParallel ? found.filter { $0.key == value } : found
    remaining = place
    return found[value]
  }

  /// Lets a part go on in place of what arrived at the value that was reached last, or of the part kept before.
  public mutating func keep(_ part: Value, at value: Value) { arrived[value] = part }

  /// What arrives at values down from there, under what is kept; nil where nothing does.
  ///
  /// - Throws: `GraphError` where a rule does not cover an operator.
  public mutating func arrivals(at targets: [Value]) throws(GraphError) -> [Value?] {
    let first = graph.nodes.count
    let found = try graph.passBackward(
      arrived, through: Array(path[..<remaining]), to: Set(targets), rules: rules)
    shareConstants(from: first)
    return targets.map { found[$0] }
  }

  /// Makes one of equal constants, so that what depends on them alone is an equal expression: rules add theirs each
  /// time that relevance passes.
  private mutating func shareConstants(from first: Int) {
    for index in first..<graph.nodes.count {
      for (place, operand) in graph.nodes[index].operands.enumerated() where operand.id >= valueCount {
        guard let tensor = graph.constants[operand] else { continue }
        let known = shared[tensor.shape] ?? []
        if let other = known.first(where: { graph.constants[$0] == tensor }) {
          graph.nodes[index].operands[place] = other
        } else {
          shared[tensor.shape] = known + [operand]
        }
      }
    }
  }
}

extension Graph {
  /// The part of a value's relevance that one direction of it carries: `h ⊙ v (vᵀ c)` with `c = R / h`, 0 where h is.
  ///
  /// It is what LRP-0 passes through a layer that writes `h` in a basis with `v` among its vectors, and one that
  /// writes it back. It sums to `vᵀh · vᵀc`, whatever sign `v` has, over all vectors of a basis to `R`, and a
  /// direction along one element gets that element's relevance.
  ///
  /// - Parameters:
  ///   - relevance: `R`, shaped like the value.
  ///   - value: `h`.
  ///   - direction: `v` of length 1, which broadcasts against the value.
  ///   - axes: the axes that it lies in; along all others there is a part for each place.
  /// - Throws: `GraphError.operands` for shapes that do not fit.
  /// - Source: Chormai et al., "Disentangled Explanations of Neural Network Predictions by Finding Relevant Subspaces",
  ///   2024, on virtual layers.
  public mutating func relevance(
    _ relevance: Value, of value: Value, along direction: Value, over axes: [Int]
  ) throws(GraphError) -> Value {
    let context = try quotient(relevance, by: value, epsilon: 0)
    let share = try apply(
      Reduction(.sum, axes: axes, keepsAxes: true), apply(Binary(.mul), context, direction))
    return try apply(Binary(.mul), value, apply(Binary(.mul), direction, share))
  }
}
