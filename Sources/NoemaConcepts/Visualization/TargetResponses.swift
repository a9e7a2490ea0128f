public import NoemaAttribution
public import NoemaData
public import NoemaGraph
internal import NoemaTensor

/// How much real inputs respond to targets: what made inputs are held against.
public struct TargetResponses: Sendable {
  /// For each target the objective of each example.
  public let values: [[Double]]
  /// The examples, by index.
  public let indices: [Int]

  /// Runs examples up to the layer.
  ///
  /// - Parameters:
  ///   - layer: as for ``ActivationMaximization``.
  ///   - indices: the examples in use.
  /// - Throws: as making inputs does, and what reading examples throws.
  public init(
    of network: Network, layer: String?, _ targets: [VisualizationTarget], on examples: any ExampleSource,
    indices: [Int], shapes: [String: [Int]] = [:], memory: Int = 1 << 30, progress: Progress? = nil
  ) throws {
    let runner = try LayerPullback(
      network, to: layer, examples: indices.count, memory: memory, shapes: shapes)
    guard examples.exampleShape == runner.inputShape else {
      throw ConceptError(
        .mismatch(
          "the network takes examples of shape \(runner.inputShape), the data has \(examples.exampleShape)"))
    }
    let layout = ActivationLayout(runner.layerShape)
    let sites = try targets.map { target throws(ConceptError) in try ObjectiveSite(target, layout: layout) }
    var values = [[Double]](repeating: [], count: targets.count)
    var scratch = [Float](repeating: 0, count: layout.count)
    let reader = BatchReader(examples, indices: indices, batchSize: runner.batchSize)
    while let batch = try reader.read() {
      let layer = try runner.values(batch.inputs)
      layer.withElements(as: Float.self) { elements in
        for row in batch.indices.indices {
          let part = UnsafeBufferPointer(rebasing: elements[row * layout.count..<(row + 1) * layout.count])
          for (target, site) in sites.enumerated() {
            values[target].append(
              scratch.withUnsafeMutableBufferPointer { site.evaluate(part, gradient: $0) })
          }
        }
      }
      progress?("examples", values[0].count, indices.count)
    }
    (self.values, self.indices) = (values, indices)
  }

  /// The examples to which a target responds most, the most first; of a target that is minimised least.
  public func top(_ target: Int, count: Int, isMinimised: Bool = false) -> [(index: Int, value: Double)] {
    let sign: Double = isMinimised ? -1 : 1
    let order = values[target].indices.sorted {
      (sign * values[target][$1], $0) < (sign * values[target][$0], $1)
    }
    return order.prefix(count).map { (indices[$0], values[target][$0]) }
  }

  /// The share of examples to which a target responds less than a value; of one that is minimised more.
  public func share(_ target: Int, below value: Double, isMinimised: Bool = false) -> Double {
    let exceeded = values[target].count { isMinimised ? $0 > value : $0 < value }
    return Double(exceeded) / Double(max(1, values[target].count))
  }
}
