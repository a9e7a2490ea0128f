internal import NoemaGraph
internal import NoemaTensor

/// `Σ_k w_ck A_k`: the last maps weighed by the classifier's row of the class, for networks that end in a
/// mean over positions and one dense layer. The mean of a map is the output, less the classifier's bias.
///
/// - Source: Zhou et al., "Learning Deep Features for Discriminative Localization", 2016, equation 2.
public struct ClassActivationMap: AttributionMethod, Hashable, Codable {
  /// Whether negative values become 0.
  public var isRectified: Bool

  /// Makes the method; values keep their signs unless told otherwise.
  public init(isRectified: Bool = false) { self.isRectified = isRectified }

  public func attributor(for subject: Subject) throws -> any Attributor {
    guard subject.scale == .logit else {
      throw GraphError(.unsupported("class activation maps explain logits, not \(subject.scale.rawValue)"))
    }
    let graph = try subject.network.graph(batch: subject.network.fixedBatch ?? 1, shapes: subject.shapes)
    let classifier = try graph.pooledClassifier(subject.output)
    let names = graph.names(of: classifier.maps)
    guard let name = names.first else {
      throw GraphError(.unsupported("the maps before the mean over positions have no name in the file"))
    }
    if let other = subject.layers.first(where: { !names.contains($0) }) {
      throw GraphError(
        .input(
          "class activation maps are made at '\(name)', before the mean over positions, not at '\(other)'"))
    }
    var there = subject
    there.layers = [name]
    return Weighing(
      reader: try ActivationReader(
        there, classifier.isChannelsFirst ? .channelsFirst : .channelsLast, gradients: false),
      classifier: classifier, isRectified: isRectified)
  }

  private struct Weighing: Attributor {
    let reader: ActivationReader
    let classifier: PooledClassifier
    let isRectified: Bool

    var batchSize: Int { reader.batchSize }

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      let readings = try reader(inputs, classes: classes)
      var collected = MapCollector(reader, isRectified: isRectified)
      for (example, index) in classes.enumerated() {
        collected.add(
          readings.maps[0][example].weighted(by: classifier.weights[index]), layer: 0, example: example)
      }
      let positions = Double(reader.geometries[0].positions)
      return collected.attribution(
        of: readings.outputs,
        expectedSums: isRectified
          ? nil : zip(readings.outputs, classes).map { positions * ($0 - classifier.biases[$1]) })
    }
  }
}

/// The end of a network whose logits are a dense layer on means of maps.
struct PooledClassifier {
  /// The maps.
  var maps: Value
  /// Whether the channels of the maps come before their positions.
  var isChannelsFirst: Bool
  /// A row of channel weights for each class.
  var weights: [[Double]]
  /// The bias of each class.
  var biases: [Double]
}

extension Graph {
  /// Recognises a mean over positions, a change of shape, and a dense layer with constant weights at a
  /// network's end.
  ///
  /// - Throws: `GraphError.unsupported` for any other end, with the operator that does not belong there.
  func pooledClassifier(_ output: String?) throws(GraphError) -> PooledClassifier {
    var graph = self
    var value = try graph.explainedOutput(output, scale: .logit)
    let classes = graph.type(of: value).shape[1], producers = graph.producers()
    var biases = [Double](repeating: 0, count: classes), weights: [[Double]]?
    while let maker = producers[value] {
      let node = graph.nodes[maker]
      switch node.operation {
      case is Reshape: value = node.operands[0]
      case let sum as Binary where sum.function == .add && weights == nil:
        guard let constant = node.operands.first(where: { graph.constants[$0] != nil }),
          let other = node.operands.first(where: { $0 != constant }),
          graph.addBias(constant, to: &biases)
        else { throw notPooled(node) }
        value = other
      case let product as MatMul where weights == nil && !product.transposesLeft:
        guard let rows = graph.classifierRows(node, product),
          !product.hasBias || graph.addBias(node.operands[2], to: &biases)
        else { throw notPooled(node) }
        weights = rows
        value = node.operands[0]
      case let mean as Reduction where mean.function == .mean && weights != nil:
        let maps = node.operands[0], rank = graph.type(of: maps).rank
        let isChannelsFirst = mean.axes == Array(2..<max(rank, 2))
        guard rank >= 3, isChannelsFirst || rank >= 4 && mean.axes == Array(1..<rank - 1) else {
          throw notPooled(node)
        }
        return PooledClassifier(
          maps: maps, isChannelsFirst: isChannelsFirst, weights: weights ?? [], biases: biases)
      default: throw notPooled(node)
      }
    }
    throw GraphError(
      .unsupported(
        "class activation maps need a network that ends in a mean over positions and one dense layer"))
  }

  /// A row of weights for each class; nil unless the second operand is a constant matrix.
  private func classifierRows(_ node: Node, _ product: MatMul) -> [[Double]]? {
    guard let tensor = constants[node.operands[1]], let matrix = try? Matrix(tensor) else { return nil }
    let rows = product.transposesRight ? matrix : matrix.transposed
    return (0..<rows.rowCount).map { Array(rows.row($0)) }
  }

  /// Adds a constant to the biases of the classes; false when it is none or does not fit.
  private func addBias(_ value: Value, to biases: inout [Double]) -> Bool {
    guard let tensor = constants[value], tensor.count == biases.count || tensor.count == 1 else {
      return false
    }
    let elements = tensor.converted(to: .float64).elements(as: Double.self)
    for i in biases.indices { biases[i] += elements[elements.count == 1 ? 0 : i] }
    return true
  }

  private func notPooled(_ node: Node) -> GraphError {
    GraphError(
      .unsupported(
        "class activation maps need a network that ends in a mean over positions and one dense layer; here "
          + node.operation.name + (node.name.isEmpty ? "" : " node '\(node.name)'")
          + " stands in between; use Grad-CAM"
      ))
  }
}
