internal import Foundation
internal import NoemaTensor

/// The descent of UMAP: edges pull their ends together as often as they weigh, and push random points away.
///
/// Steps follow each other in one order, so a seed gives one layout.
///
/// - Source: McInnes, Healy and Melville, "UMAP", 2018, section 4.2 and algorithm 5.
struct UMAPDescent {
  /// The kernel of the layout.
  var curve: UMAPCurve
  /// The number of passes over the edges.
  var epochs: Int
  /// The step of the first pass; it sinks to 0.
  var learningRate: Double
  /// Points pushed away for each pull.
  var negativeSamples: Int
  /// γ, the weight of pushes.
  var repulsion: Double

  /// One direction of a pair.
  private struct Edge {
    var head: Int
    var tail: Int
    /// Passes from one pull to the next.
    var period: Double
    /// The pass of the next pull.
    var due: Double
    /// The pass of the next push.
    var pushDue: Double
  }

  /// Moves points along a graph.
  ///
  /// - Parameter progress: called after each pass with its number from 1.
  func run(
    _ start: [SIMD2<Double>], along graph: SparseSymmetricMatrix, using generator: RandomNumbers,
    progress: (Int) -> Void
  ) -> [SIMD2<Double>] {
    var (layout, edges, random) = (start, makeEdges(of: graph), generator)
    for epoch in 0..<epochs {
      let rate = learningRate * (1 - Double(epoch) / Double(epochs))
      layout.withUnsafeMutableBufferPointer { layout in
        edges.withUnsafeMutableBufferPointer { edges in
          for place in edges.indices where edges[place].due <= Double(epoch) {
            move(&edges[place], epoch: Double(epoch), rate: rate, layout, &random)
          }
        }
      }
      progress(epoch + 1)
    }
    return layout
  }

  private func makeEdges(of graph: SparseSymmetricMatrix) -> [Edge] {
    let largest = graph.values.max() ?? 1
    var edges: [Edge] = []
    edges.reserveCapacity(graph.entryCount)
    for head in 0..<graph.count {
      for place in graph.entries(of: head) {
        let period = largest / graph.values[place]
        edges.append(
          Edge(
            head: head, tail: Int(graph.columns[place]), period: period, due: period,
            pushDue: period / Double(max(1, negativeSamples))))
      }
    }
    return edges
  }

  /// Pulls the ends of an edge together, and pushes its head from the points that are due.
  private func move(
    _ edge: inout Edge, epoch: Double, rate: Double, _ layout: UnsafeMutableBufferPointer<SIMD2<Double>>,
    _ random: inout RandomNumbers
  ) {
    let (a, b) = (curve.a, curve.b)
    var place = layout[edge.head]
    let difference = place - layout[edge.tail]
    let square = (difference * difference).sum()
    if square > 0 {
      let power = pow(square, b)
      let force = -2 * a * b * power / (square * (1 + a * power))
      let step = Self.clip(difference * force) * rate
      place += step
      layout[edge.tail] -= step
    }
    edge.due += edge.period
    if negativeSamples > 0 {
      let period = edge.period / Double(negativeSamples)
      let count = max(0, Int((epoch - edge.pushDue) / period))
      for _ in 0..<count {
        let other = random.index(below: layout.count)
        guard other != edge.head else { continue }
        let difference = place - layout[other]
        let square = (difference * difference).sum()
        let force = 2 * repulsion * b / ((0.001 + square) * (1 + a * pow(square, b)))
        place += Self.clip(difference * force) * rate
      }
      edge.pushDue += Double(count) * period
    }
    layout[edge.head] = place
  }

  private static func clip(_ step: SIMD2<Double>) -> SIMD2<Double> {
    step.clamped(lowerBound: SIMD2(repeating: -4), upperBound: SIMD2(repeating: 4))
  }
}
