public import NoemaGraph

/// Which pixels of an image a position of a layer sees.
///
/// Position i along an axis sees the pixels from `start + i · step` on, `size` of them; those outside the image are
/// padding. What passes attention, a pooling of everything, or anything else that brings all positions
/// together, sees the whole image.
///
/// - Source: Araujo et al., "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019.
public struct ReceptiveField: Sendable, Hashable, Codable {
  /// What positions see along one axis.
  public struct Axis: Sendable, Hashable, Codable {
    /// The first pixel that position 0 sees; negative in the padding.
    public var start: Int
    /// The pixels between one position's field and the next one's.
    public var step: Int
    /// The pixels that a position sees.
    public var size: Int

    /// Makes an axis.
    public init(start: Int, step: Int, size: Int) { (self.start, self.step, self.size) = (start, step, size) }

    /// The pixel, or the point between two, in the middle of what a position sees.
    public func centre(of position: Int) -> Double {
      Double(start + position * step) + Double(size - 1) / 2
    }

    /// What a position sees of a number of pixels.
    public func pixels(of position: Int, count: Int) -> Range<Int> {
      let first = min(max(0, start + position * step), max(0, count - 1))
      return first..<min(count, max(first + 1, start + position * step + size))
    }
  }

  /// Rows and columns; nil where positions see the whole image.
  public let axes: [Axis]?

  /// Makes a field of known axes.
  public init(axes: [Axis]?) { self.axes = axes }

  /// Works out what the positions of a layer see of the network's image.
  ///
  /// - Parameters:
  ///   - value: the layer, `[examples, channels, height, width]`; others see the whole image.
  ///   - graph: a graph with one input `[examples, channels, height, width]`, or with channels last.
  /// - Complexity: one pass over the nodes.
  public init(of value: Value, in graph: Graph) {
    var fields = FieldTable(graph)
    for node in graph.nodes {
      if fields[value] != nil { break }
      fields.pass(node)
    }
    guard case .positions(let positions) = fields[value], graph.type(of: value).rank == 4 else {
      axes = nil
      return
    }
    axes = [positions.rows, positions.columns]
  }

  /// The rectangle of an image that a position sees, by rows and columns.
  ///
  /// - Parameters:
  ///   - row: of the position.
  ///   - column: of the position.
  public func box(row: Int, column: Int, height: Int, width: Int) -> (rows: Range<Int>, columns: Range<Int>) {
    guard let axes, axes.count == 2 else { return (0..<height, 0..<width) }
    return (axes[0].pixels(of: row, count: height), axes[1].pixels(of: column, count: width))
  }
}

/// What each value of a graph sees of the image, as far as it depends on it.
private struct FieldTable {
  enum Field: Equatable {
    case everything
    case positions(Positions)
  }

  struct Positions: Equatable {
    var rows, columns: ReceptiveField.Axis
    /// The axes of the value that are rows and columns.
    var rowAxis, columnAxis: Int
  }

  private let graph: Graph
  private var fields: [Value: Field] = [:]

  subscript(value: Value) -> Field? { fields[value] }

  init(_ graph: Graph) {
    self.graph = graph
    for input in graph.inputs {
      let shape = graph.type(of: input).shape
      guard shape.count == 4, fields.isEmpty else {
        fields[input] = .everything
        continue
      }
      let isChannelsLast = shape[1] > 4 && shape[3] <= 4
      let pixel = ReceptiveField.Axis(start: 0, step: 1, size: 1)
      fields[input] = .positions(
        Positions(
          rows: pixel, columns: pixel, rowAxis: isChannelsLast ? 1 : 2, columnAxis: isChannelsLast ? 2 : 3))
    }
  }

  /// Works out what the results of a node see.
  mutating func pass(_ node: Node) {
    let seen = node.operands.compactMap { fields[$0] }
    guard !seen.isEmpty else { return }
    let field = field(of: node, seen)
    for result in node.results { fields[result] = field }
  }

  private func field(of node: Node, _ seen: [Field]) -> Field {
    guard let joined = union(seen), case .positions(var field) = joined else { return .everything }
    switch node.operation {
    case let convolution as Convolution: return slide(convolution.window, over: field, node)
    case let pool as MaxPool: return slide(pool.window, over: field, node)
    case let pool as AveragePool: return slide(pool.window, over: field, node)
    case let transpose as Transpose:
      guard let rows = transpose.permutation.firstIndex(of: field.rowAxis),
        let columns = transpose.permutation.firstIndex(of: field.columnAxis)
      else { return .everything }
      (field.rowAxis, field.columnAxis) = (rows, columns)
      return .positions(field)
    case let pad as Pad:
      guard pad.steps.allSatisfy({ $0 == 1 }), pad.before.count > max(field.rowAxis, field.columnAxis) else {
        return .everything
      }
      field.rows.start -= pad.before[field.rowAxis] * field.rows.step
      field.columns.start -= pad.before[field.columnAxis] * field.columns.step
      return .positions(field)
    case let slice as Slice:
      for (axis, path) in [(field.rowAxis, \Positions.rows), (field.columnAxis, \Positions.columns)] {
        guard slice.steps.count > axis, slice.steps[axis] > 0 else { return .everything }
        field[keyPath: path].start += slice.starts[axis] * field[keyPath: path].step
        field[keyPath: path].step *= slice.steps[axis]
      }
      return .positions(field)
    case let concatenation as Concatenation:
      return [field.rowAxis, field.columnAxis].contains(concatenation.axis) ? .everything : joined
    case let split as Split:
      return [field.rowAxis, field.columnAxis].contains(split.axis) ? .everything : joined
    case let reduction as Reduction:
      let isOfPositions = reduction.axes.contains { [field.rowAxis, field.columnAxis].contains($0) }
      return isOfPositions || !reduction.keepsAxes ? .everything : joined
    case is LayerNormalization:
      return keepsPositions(node, field) && normalisesChannels(node, field) ? joined : .everything
    case is Unary, is Binary, is Select, is Cast, is Gate, is BatchNormalization, is Comparison, is Softmax:
      return keepsPositions(node, field) && normalisesChannels(node, field) ? joined : .everything
    default: return .everything
    }
  }

  /// What several values together see; nil when their positions do not lie alike.
  private func union(_ fields: [Field]) -> Field? {
    guard case .positions(var joined)? = fields.first else { return .everything }
    for field in fields.dropFirst() {
      guard case .positions(let other) = field, other.rowAxis == joined.rowAxis,
        other.columnAxis == joined.columnAxis, other.rows.step == joined.rows.step,
        other.columns.step == joined.columns.step
      else { return .everything }
      joined.rows.join(other.rows)
      joined.columns.join(other.columns)
    }
    return .positions(joined)
  }

  private func slide(_ window: Window, over field: Positions, _ node: Node) -> Field {
    // Weights that depend on the image bring everything together.
    let isOperandAlone = node.operands.dropFirst().allSatisfy { fields[$0] == nil }
    guard window.rank == 2, field.rowAxis == 2, field.columnAxis == 3, isOperandAlone else {
      return .everything
    }
    var field = field
    field.rows.slide(window, axis: 0)
    field.columns.slide(window, axis: 1)
    return .positions(field)
  }

  /// Whether results lie at the positions of the operands, none of which is spread over others.
  private func keepsPositions(_ node: Node, _ field: Positions) -> Bool {
    let shape = graph.type(of: node.results[0]).shape
    return node.operands.allSatisfy { operand in
      guard fields[operand] != nil else { return true }
      let other = graph.type(of: operand).shape
      return other.count == shape.count && other[field.rowAxis] == shape[field.rowAxis]
        && other[field.columnAxis] == shape[field.columnAxis]
    }
  }

  /// Whether a normalisation along some axes leaves positions apart.
  private func normalisesChannels(_ node: Node, _ field: Positions) -> Bool {
    let rank = graph.type(of: node.results[0]).rank
    switch node.operation {
    case let normalisation as LayerNormalization:
      return max(field.rowAxis, field.columnAxis) < rank - normalisation.axisCount
    case let softmax as Softmax: return ![field.rowAxis, field.columnAxis].contains(softmax.axis)
    default: return true
    }
  }
}

extension ReceptiveField.Axis {
  fileprivate mutating func slide(_ window: Window, axis: Int) {
    start -= window.paddingBefore[axis] * step
    size += (window.kernel[axis] - 1) * window.dilations[axis] * step
    step *= window.strides[axis]
  }

  fileprivate mutating func join(_ other: ReceptiveField.Axis) {
    let end = max(start + size, other.start + other.size)
    start = min(start, other.start)
    size = end - start
  }
}
