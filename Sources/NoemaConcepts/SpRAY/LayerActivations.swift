public import NoemaAttribution
internal import NoemaGraph
internal import NoemaTensor

/// The activations of a hidden layer in the place of relevance: groups what the network sees alike, whether or not it
/// makes use of it.
public struct LayerActivations: AttributionMethod, Hashable, Codable {
  /// Makes the method; the subject names the layer.
  public init() {}

  /// Compiles the pass.
  ///
  /// - Throws: `GraphError` when the subject names no layer, or one that does not exist.
  public func attributor(for subject: Subject) throws -> any Attributor {
    guard !subject.layers.isEmpty else {
      throw GraphError(.input("activations are those of a hidden layer; name it with --layer"))
    }
    return ActivationAttributor(
      runner: try SubjectRunner(subject, keepsValues: true, rows: subject.examples))
  }
}

private struct ActivationAttributor: Attributor {
  let runner: SubjectRunner
  var batchSize: Int { runner.batchSize }

  func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
    let readings = try runner(inputs, classes: classes)
    let outputs = readings.output.withElements(as: Float.self) { values in
      classes.enumerated().map { Double(values[$0 * runner.classCount + $1]) }
    }
    return Attribution(values: readings.values.map { $0.converted(to: .float32) }, outputs: outputs)
  }
}
