internal import NoemaGraph
internal import NoemaTensor

/// How the values of a layer lie on a map.
public enum MapLayout: Sendable, Hashable, Codable {
  /// Found by the layer's shape, what computes it, and the shape of the network's image.
  case automatic
  /// `[examples, channels, height, width]`, or with any other number of axes behind the channels.
  case channelsFirst
  /// `[examples, height, width, channels]`.
  case channelsLast
  /// `[examples, tokens, channels]`: some leading tokens, such as the class token, that are no part of the
  /// map, and then those of a grid, row by row.
  case tokens(leading: Int, grid: [Int])
}

/// A layout worked out for a layer: where the channels and positions of its map lie in one example.
struct MapGeometry: Hashable {
  /// The number of channels.
  var channels: Int
  /// The map's extents.
  var shape: [Int]
  /// Whether each channel's positions follow each other.
  var isChannelsFirst: Bool
  /// Positions in front of the map that are no part of it.
  var leading = 0

  /// The number of positions on the map.
  var positions: Int { shape.reduce(1, *) }

  /// The place of an element among those of one example.
  func offset(_ channel: Int, _ position: Int) -> Int {
    isChannelsFirst ? channel * positions + position : (leading + position) * channels + channel
  }

  /// The map's elements of one example, channel after channel.
  func channelMajor(_ elements: UnsafeBufferPointer<Float>) -> [Float] {
    if isChannelsFirst { return Array(elements) }
    return (0..<channels * positions).map { elements[offset($0 / positions, $0 % positions)] }
  }
}

extension Graph {
  /// The geometry of a layer under a layout.
  ///
  /// - Throws: `GraphError.input` when the layer's shape does not fit, or there is no telling what lies
  ///   where.
  func mapGeometry(of value: Value, _ layout: MapLayout) throws(GraphError) -> MapGeometry {
    let shape = Array(type(of: value).shape.dropFirst()), name = displayName(of: value)
    var geometry: MapGeometry
    switch layout {
    case .channelsFirst where shape.count >= 2:
      geometry = MapGeometry(channels: shape[0], shape: Array(shape[1...]), isChannelsFirst: true)
    case .channelsLast where shape.count >= 2:
      geometry = MapGeometry(channels: shape.last!, shape: Array(shape.dropLast()), isChannelsFirst: false)
    case .tokens(let leading, let grid) where shape.count == 2:
      geometry = MapGeometry(channels: shape[1], shape: grid, isChannelsFirst: false, leading: leading)
      guard leading >= 0, !grid.isEmpty, grid.allSatisfy({ $0 > 0 }), leading + geometry.positions == shape[0]
      else {
        throw GraphError(
          .input(
            "\(leading) leading tokens and a grid of \(grid.map(String.init).joined(separator: "×")) do not "
              + "make the \(shape[0]) tokens of '\(name)'"))
      }
    case .automatic where shape.count >= 3:
      geometry = try mapGeometry(of: value, isChannelsLast(value) ? .channelsLast : .channelsFirst)
    case .automatic where shape.count == 2:
      guard let (leading, grid) = tokenGrid(shape[0], before: value) else {
        throw GraphError(
          .input(
            "'\(name)' holds \(shape) per example, which is no map, and no grid of the image's patches; say "
              + "how its tokens lie"))
      }
      geometry = try mapGeometry(of: value, .tokens(leading: leading, grid: grid))
    default:
      throw GraphError(
        .input("'\(name)' holds \(shape) per example, which is no map of channels in the layout asked for"))
    }
    guard geometry.positions > 0, geometry.channels > 0 else {
      throw GraphError(.input("'\(name)' holds no elements"))
    }
    return geometry
  }

  /// Whether the channels of a map lie behind its positions: the nearest operator that tells them apart
  /// says so.
  func isChannelsLast(_ value: Value) -> Bool {
    let shape = type(of: value).shape, last = shape.count - 1
    // Pooled maps that are about to be flattened.
    if shape[1..<last].allSatisfy({ $0 == 1 }), shape[last] > 1 { return true }
    let consumers = consumers()
    var list = [value], next = 0
    while next < min(list.count, 16) {
      defer { next += 1 }
      for index in consumers[list[next]] ?? [] where nodes[index].operands.contains(list[next]) {
        let node = nodes[index]
        if let answer = channelsLast(node, reading: list[next], last: last) { return answer }
        if node.operation is Unary || node.operation is Binary, type(of: node.results[0]).shape == shape,
          !list.contains(node.results[0])
        {
          list.append(node.results[0])
        }
      }
    }
    guard let maker = producers()[value] else { return false }
    return channelsLast(nodes[maker], reading: nil, last: last) ?? false
  }

  /// What an operator on a map says about its channels; nil for nothing.
  private func channelsLast(_ node: Node, reading value: Value?, last: Int) -> Bool? {
    switch node.operation {
    case is Convolution, is ConvolutionInputGradient, is MaxPool, is AveragePool, is BatchNormalization: false
    case let normalization as LayerNormalization where normalization.axisCount == 1: true
    case is MatMul where constants[node.operands[1]] != nil && value.map({ $0 == node.operands[0] }) ?? true:
      true
    case let reduction as Reduction where value != nil:
      if reduction.axes == [last] || reduction.axes == Array(1..<last) {
        true
      } else if reduction.axes == Array(2...last) {
        false
      } else {
        nil
      }
    default: nil
    }
  }
}

extension Graph {
  /// Tokens that may stand in front of an image's patches: a class token, a distillation token, registers.
  private static let mostLeadingTokens = 16

  /// How tokens lie on the image: as a convolution before them has cut it, or else as square patches would.
  ///
  /// - Returns: the number of tokens in front, and the extents of the grid; nil when no grid has as many
  ///   tokens.
  func tokenGrid(_ tokens: Int, before value: Value) -> (leading: Int, grid: [Int])? {
    let before = ancestors(of: value)
    var grids: [[Int]] = []
    for node in nodes.reversed() where node.operation is Convolution && before.contains(node.results[0]) {
      let shape = type(of: node.results[0]).shape
      if shape.count >= 4 { grids.append(Array(shape[2...])) }
    }
    for input in inputs where type(of: input).rank == 4 && type(of: input).element.isFloat {
      let extents = imageAxes(type(of: input).shape).map { type(of: input).shape[$0] }
      for patch in stride(from: 1, through: extents.min() ?? 0, by: 1)
      where extents.allSatisfy({ $0 % patch == 0 }) {
        grids.append(extents.map { $0 / patch })
      }
    }
    for leading in 0...Self.mostLeadingTokens where tokens > leading {
      if let grid = grids.first(where: { $0.reduce(1, *) == tokens - leading }) { return (leading, grid) }
    }
    return nil
  }

  /// Everything that a value is computed from, itself included.
  func ancestors(of value: Value) -> Set<Value> {
    var found: Set<Value> = [value]
    for node in nodes.reversed() where node.results.contains(where: found.contains) {
      found.formUnion(node.operands)
    }
    return found
  }
}

/// The axes of positions of a batch of images, whose few channels come first or last.
func imageAxes(_ shape: [Int]) -> [Int] {
  let isChannelsLast = shape[1] > 4 && shape[shape.count - 1] <= 4
  return Array(isChannelsLast ? 1..<shape.count - 1 : 2..<shape.count)
}
