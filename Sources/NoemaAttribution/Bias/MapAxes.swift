internal import NoemaGraph

/// Which axes of a network's values are positions of one map, followed from a value on.
///
/// Convolutions and poolings say it of their results; transpositions exchange axes; whatever keeps its operand's axes
/// keeps them. Values of other ranks, and those that were reshaped, such as tokens, are no maps.
struct MapAxes {
  /// The value that it begins with.
  let start: Value
  private var axes: [Value: [Int]]

  /// Works the axes out.
  ///
  /// - Parameters:
  ///   - start: the value.
  ///   - layout: how it lies; found by its shape and its readers where it is automatic.
  /// - Throws: `GraphError.unsupported` when the value has no positions.
  init(_ network: Graph, from start: Value, _ layout: MapLayout) throws(GraphError) {
    self.start = start
    axes = [start: try Self.axes(of: start, layout, network)]
    for node in network.nodes { note(node, network) }
  }

  /// The axes of positions of a value, as many as the first value has; nil for values that are no maps.
  subscript(value: Value) -> [Int]? { axes[value] }

  /// The axes of the value that all begins with.
  var first: [Int] { axes[start]! }

  private static func axes(
    of value: Value, _ layout: MapLayout, _ network: Graph
  ) throws(GraphError) -> [Int] {
    let shape = network.type(of: value).shape, rank = shape.count
    let isConvolved = network.nodes.contains {
      $0.operation is Convolution && $0.operands[0] == value
    }
    if !shape.contains(0) {
      switch layout {
      case .automatic where isConvolved: return Array(2..<rank)
      case .automatic where rank >= 4:
        if network.inputs.contains(value) { return imageAxes(shape) }
        return network.isChannelsLast(value) ? Array(1..<rank - 1) : Array(2..<rank)
      case .channelsFirst where rank >= 3: return Array(2..<rank)
      case .channelsLast where rank >= 3: return Array(1..<rank - 1)
      default: break
      }
    }
    throw GraphError(
      .unsupported(
        "full gradients make a map of an image's positions, and '\(network.displayName(of: value))' has shape "
          + "\(Array(shape.dropFirst())) per example; take bias attribution, which brings biases to the elements of "
          + "any input"))
  }

  private mutating func note(_ node: Node, _ network: Graph) {
    let rank = network.type(of: start).rank
    guard let found = resultAxes(node, rank, network) else { return }
    for result in node.results where axes[result] == nil && network.type(of: result).rank == rank {
      axes[result] = found
    }
  }

  /// The axes of a node's results, if these have as many axes as the first value.
  private func resultAxes(_ node: Node, _ rank: Int, _ network: Graph) -> [Int]? {
    let known = node.operands.first { axes[$0] != nil }.flatMap { axes[$0] }
    switch node.operation {
    case is Convolution, is ConvolutionInputGradient, is MaxPool, is AveragePool:
      return first.count == rank - 2 ? Array(2..<rank) : nil
    case let transpose as Transpose:
      return known.map { $0.compactMap { transpose.permutation.firstIndex(of: $0) } }
    case is MatMul:
      // A product with weights takes the last axis for channels.
      guard let known, network.constants[node.operands[1]] != nil, !known.contains(rank - 1) else {
        return nil
      }
      return known
    case is Unary, is Binary, is Gate, is Select, is BatchNormalization, is LayerNormalization,
      is SqueezeExcite,
      is AxisMap, is Pad, is Slice, is Split, is Concatenation, is Broadcast, is Reduction:
      return known
    default: return nil
    }
  }
}
