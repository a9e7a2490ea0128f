extension Graph {
  /// The graph with most hidden values computed twice, so that few have to be kept for the way back.
  ///
  /// The nodes up to the point where most memory is taken are cut into segments. What crosses from one segment to the
  /// next is kept, like all of the last one; any other value that is read behind that point is computed again, its
  /// segment as a whole, just before. Every result is the same, for at most one further forward pass.
  ///
  /// - Parameter count: the number of segments; more of them keep more at their borders and less inside of one.
  /// - Source: Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost, section 4.
  func recomputing(segments count: Int) -> Graph {
    let recomputation = Recomputation(self, segments: count)
    var graph = self
    graph.nodes = Array(nodes[..<recomputation.turn])
    var copies: [Value: Value] = [:]
    for var node in nodes[recomputation.turn...] {
      for index in recomputation.nodes(behind: node.operands, except: copies) {
        var copy = nodes[index]
        copy.operands = copy.operands.map { copies[$0] ?? $0 }
        copy.results = copy.results.map { graph.makeValue(type(of: $0)) }
        for (old, new) in zip(nodes[index].results, copy.results) where !recomputation.isKept(old) {
          copies[old] = new
        }
        graph.nodes.append(copy)
      }
      node.operands = node.operands.map { copies[$0] ?? $0 }
      graph.nodes.append(node)
    }
    return graph
  }
}

/// What is kept and what is computed again.
private struct Recomputation {
  let graph: Graph
  /// The first node that may ask for a value to be computed again.
  let turn: Int
  private let producers: ValueTable<Int>
  private let kept: Set<Value>

  init(_ graph: Graph, segments count: Int) {
    self.graph = graph
    producers = graph.producers()
    let spans = Self.spans(graph, producers)
    turn = Self.turn(graph, spans)
    let ends = Self.ends(graph, spans, turn, count)
    var kept = Set(graph.outputs)
    var segment = 0
    for index in 0..<turn {
      if index == ends[segment] { segment += 1 }
      for value in graph.nodes[index].results where segment == ends.count - 1 { kept.insert(value) }
      let start = segment == 0 ? 0 : ends[segment - 1]
      for value in graph.nodes[index].operands {
        if let maker = producers[value], maker < start { kept.insert(value) }
      }
    }
    self.kept = kept
  }

  func isKept(_ value: Value) -> Bool { kept.contains(value) }

  /// The nodes, in order, that compute again what some operands need.
  func nodes(behind operands: [Value], except copies: [Value: Value]) -> [Int] {
    var found: Set<Int> = []
    var open = operands
    while let value = open.popLast() {
      guard copies[value] == nil, !kept.contains(value), let maker = producers[value], maker < turn,
        found.insert(maker).inserted
      else { continue }
      open += graph.nodes[maker].operands
    }
    return found.sorted()
  }

  /// Where a value is made, its last readers by node, and its bytes.
  private struct Span {
    var maker: Int
    var readers: [Int]
    var byteCount: Int
  }

  private static func spans(_ graph: Graph, _ producers: ValueTable<Int>) -> [Span] {
    let consumers = graph.consumers()
    return graph.nodes.indices.flatMap { maker in
      graph.nodes[maker].results.map {
        Span(maker: maker, readers: consumers[$0] ?? [], byteCount: graph.type(of: $0).byteCount)
      }
    }
  }

  /// The node at which most bytes are alive.
  private static func turn(_ graph: Graph, _ spans: [Span]) -> Int {
    let alive = sums(graph.nodes.count, spans) { $0.maker...max($0.maker, $0.readers.last ?? $0.maker) }
    return alive.indices.max { alive[$0] < alive[$1] } ?? 0
  }

  /// The ends of the segments: each holds about as many bytes that are read behind the turn, and is cut where few
  /// cross.
  private static func ends(_ graph: Graph, _ spans: [Span], _ turn: Int, _ count: Int) -> [Int] {
    var held = [Int](repeating: 0, count: turn + 1)
    for span in spans where span.maker < turn && (span.readers.last ?? 0) >= turn {
      held[span.maker + 1] += span.byteCount
    }
    for index in 1..<max(turn + 1, 1) { held[index] += held[index - 1] }
    let crossing = sums(turn + 1, spans) { span in
      let last = span.readers.last { $0 < turn } ?? span.maker
      return span.maker < last ? span.maker + 1...last : nil
    }
    let share = Double(held[turn]) / Double(count)
    var ends: [Int] = []
    for segment in 1..<max(count, 1) {
      let near = (1..<max(turn, 1)).filter { abs(Double(held[$0]) - share * Double(segment)) <= share / 3 }
      guard let cut = near.min(by: { crossing[$0] < crossing[$1] }), cut > ends.last ?? 0 else { continue }
      ends.append(cut)
    }
    return ends + [turn]
  }

  /// For each position the bytes of the spans that cover it.
  private static func sums(
    _ count: Int, _ spans: [Span], _ range: (Span) -> ClosedRange<Int>?
  ) -> [Int] {
    var changes = [Int](repeating: 0, count: count + 1)
    for span in spans {
      guard let range = range(span), range.lowerBound < count else { continue }
      changes[range.lowerBound] += span.byteCount
      changes[min(range.upperBound + 1, count)] -= span.byteCount
    }
    var sum = 0
    return changes.dropLast().map { change in
      sum += change
      return sum
    }
  }
}
