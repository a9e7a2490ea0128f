internal import NoemaTensor

/// Einstein's summation convention over any number of operands, written in transpositions, diagonals, sums,
/// products and matrix products: two operands at a time, from the left.
///
/// - Source: ONNX Einsum-12.
enum Einsum {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("Einsum", opset: 12...ONNXBinding.newestOpset) { node in
      let equation = try Equation(node.string("equation", default: ""), node)
      let operands = try node.operands()
      guard operands.count == equation.terms.count, !operands.isEmpty else {
        throw node.error("the equation has \(equation.terms.count) terms for \(operands.count) operands")
      }
      // Axes under an ellipsis are labelled from the right, −1, −2, …, so that they broadcast.
      var hidden = 0
      var labelled = try zip(operands, equation.terms).map { operand, term in
        let free = node.shape(of: operand).count - term.filter { $0 != .ellipsis }.count
        guard term.contains(.ellipsis) ? free >= 0 : free == 0 else {
          throw node.error("a term does not fit an operand of shape \(node.shape(of: operand))")
        }
        hidden = max(hidden, free)
        return Labelled(value: operand, labels: term.flatMap { $0.labels(hidden: free) })
      }
      let result = equation.result.flatMap { $0.labels(hidden: hidden) }
      guard Set(result).count == result.count, Set(result).isSubset(of: labelled.flatMap(\.labels)) else {
        throw node.error("the result repeats a label or has one that no operand has")
      }
      for index in labelled.indices { try labelled[index].takeDiagonals(node) }
      for index in labelled.indices {
        let others = labelled.enumerated().filter { $0.offset != index }.flatMap(\.element.labels)
        try labelled[index].sum(except: Set(result).union(others), node)
      }
      var whole = labelled.removeFirst()
      while !labelled.isEmpty {
        let next = labelled.removeFirst()
        whole = try whole.multiplied(
          by: next, keeping: Set(result).union(labelled.flatMap(\.labels)), node)
      }
      try whole.sum(except: Set(result), node)
      return [try node.transposed(whole.value, result.map { whole.labels.firstIndex(of: $0)! })]
    }
  ]

  /// A symbol of a term.
  enum Symbol: Hashable {
    case letter(Int)
    case ellipsis

    func labels(hidden: Int) -> [Int] {
      switch self {
      case .letter(let code): [code]
      case .ellipsis: (0..<hidden).map { $0 - hidden }
      }
    }
  }

  /// The terms of an equation, and the result's term, which may be implied.
  struct Equation {
    var terms: [[Symbol]] = []
    var result: [Symbol] = []

    init(_ text: String, _ node: NodeReader) throws {
      let text = text.filter { !$0.isWhitespace }
      let hasArrow = text.contains("->")
      let left = hasArrow ? text.prefix(upTo: text.firstIndex(of: "-")!) : text[...]
      terms = try left.split(separator: ",", omittingEmptySubsequences: false).map {
        try Self.term($0, node)
      }
      if hasArrow {
        result = try Self.term(text.dropFirst(left.count + 2), node)
        return
      }
      var uses: [Symbol: Int] = [:]
      for symbol in terms.joined() { uses[symbol, default: 0] += 1 }
      let once = uses.compactMap { symbol, count -> Int? in
        if case .letter(let code) = symbol, count == 1 { code } else { nil }
      }
      result = (uses[.ellipsis] == nil ? [] : [.ellipsis]) + once.sorted().map { .letter($0) }
    }

    private static func term(_ text: Substring, _ node: NodeReader) throws -> [Symbol] {
      var rest = text, symbols: [Symbol] = []
      while let first = rest.first {
        if rest.hasPrefix("...") {
          guard !symbols.contains(.ellipsis) else { throw node.error("term '\(text)' has two ellipses") }
          symbols.append(.ellipsis)
          rest = rest.dropFirst(3)
        } else {
          guard first.isASCII, first.isLetter, let code = first.asciiValue else {
            throw node.error("'\(first)' in the term '\(text)' is no letter")
          }
          symbols.append(.letter(Int(code)))
          rest = rest.dropFirst()
        }
      }
      return symbols
    }
  }
}

/// A value with a label for each axis.
private struct Labelled {
  var value: Value
  var labels: [Int]

  private func extent(_ label: Int, _ node: NodeReader) -> Int {
    labels.firstIndex(of: label).map { node.shape(of: value)[$0] } ?? 1
  }
  private func extents(_ labels: [Int], _ node: NodeReader) -> [Int] { labels.map { extent($0, node) } }
  private func count(_ labels: [Int], _ node: NodeReader) -> Int {
    extents(labels, node).reduce(1) { $0.multipliedSaturating(by: $1) }
  }

  /// Axes that share a label become their diagonal.
  mutating func takeDiagonals(_ node: NodeReader) throws {
    while let (first, second) = repeated {
      var order = Array(labels.indices)
      order.remove(at: second)
      order.remove(at: first)
      let shape = node.shape(of: value), extent = shape[first], lead = order.map { shape[$0] }
      guard shape[second] == extent else { throw node.error("a repeated label has extents of \(shape)") }
      // In the two axes laid out as one, the diagonal takes every (n + 1)th element.
      let flat = try node.reshaped(
        node.transposed(value, order + [first, second]), to: lead + [extent.multipliedSaturating(by: extent)])
      value = try node.emit(
        Slice(
          starts: lead.map { _ in 0 } + [0], counts: lead + [extent],
          steps: lead.map { _ in 1 } + [extent + 1]),
        flat)
      labels = order.map { labels[$0] } + [labels[first]]
    }
  }

  private var repeated: (Int, Int)? {
    for (second, label) in labels.enumerated() {
      if let first = labels[..<second].firstIndex(of: label) { return (first, second) }
    }
    return nil
  }

  /// Sums over axes that nothing needs any more.
  mutating func sum(except kept: Set<Int>, _ node: NodeReader) throws {
    let axes = labels.indices.filter { !kept.contains(labels[$0]) }
    if axes.isEmpty { return }
    value = try node.emit(Reduction(.sum, axes: axes, keepsAxes: false), value)
    labels.removeAll { !kept.contains($0) }
  }

  /// Axes in another order, absent ones with extent 1.
  private func arranged(_ order: [Int], _ node: NodeReader) throws -> Value {
    let present = order.filter(labels.contains)
    let moved = try node.transposed(value, present.map { labels.firstIndex(of: $0)! })
    return try node.reshaped(moved, to: extents(order, node))
  }

  /// Repeats axes of extent 1 to the extents of another operand.
  private func widened(like other: Labelled, _ shared: [Int], _ node: NodeReader) throws -> Labelled {
    var shape = node.shape(of: value)
    for (axis, label) in labels.enumerated() where shared.contains(label) && shape[axis] == 1 {
      shape[axis] = other.extent(label, node)
    }
    let wide = shape == node.shape(of: value) ? value : try node.emit(Broadcast(shape: shape), value)
    return Labelled(value: wide, labels: labels)
  }

  /// The product with another operand, summed over shared labels that nothing needs any more.
  func multiplied(by other: Labelled, keeping kept: Set<Int>, _ node: NodeReader) throws -> Labelled {
    let shared = labels.filter(other.labels.contains)
    for label in shared {
      let (a, b) = (extent(label, node), other.extent(label, node))
      guard a == b || a == 1 || b == 1 else { throw node.error("a label has extents \(a) and \(b)") }
    }
    let batch = shared.filter(kept.contains), inner = shared.filter { !kept.contains($0) }
    let rows = labels.filter { !shared.contains($0) }, columns = other.labels.filter { !shared.contains($0) }
    let order = batch + rows + columns
    if inner.isEmpty {
      return Labelled(
        value: try node.product(arranged(order, node), other.arranged(order, node)), labels: order)
    }
    let left = try widened(like: other, shared, node), right = try other.widened(like: self, shared, node)
    let lead = batch.isEmpty ? [] : [left.count(batch, node)]
    let (m, n) = (left.count(rows, node), right.count(columns, node)), k = left.count(inner, node)
    let a = try node.reshaped(left.arranged(batch + rows + inner, node), to: lead + [m, k])
    let b = try node.reshaped(right.arranged(batch + inner + columns, node), to: lead + [k, n])
    let shape = left.extents(batch + rows, node) + right.extents(columns, node)
    return Labelled(value: try node.reshaped(node.emit(MatMul(), a, b), to: shape), labels: order)
  }
}
