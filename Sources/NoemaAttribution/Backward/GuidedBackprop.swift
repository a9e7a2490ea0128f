internal import NoemaGraph

/// Derivatives that rectifiers let pass only where they are positive and the rectifier is open. The maps show features
/// more than evidence: they barely change with the class.
///
/// - Source: Springenberg et al., "Striving for Simplicity", 2015.
public struct GuidedBackprop: AttributionMethod, Hashable, Codable {
  /// Makes the method.
  public init() {}

  public func attributor(for subject: Subject) throws -> any Attributor {
    try rectifierAttributor("guided backprop", .guidedBackprop, subject)
  }
}

/// Derivatives that rectifiers let pass only where they are positive, open or not.
///
/// - Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014.
public struct Deconvolution: AttributionMethod, Hashable, Codable {
  /// Makes the method.
  public init() {}

  public func attributor(for subject: Subject) throws -> any Attributor {
    try rectifierAttributor("DeconvNet", .deconvolution, subject)
  }
}

private func rectifierAttributor(
  _ name: String, _ rules: BackwardRules, _ subject: Subject
) throws -> any Attributor {
  var pass = BackwardPass()
  pass.rules = { graph, _, _ throws(GraphError) in
    guard graph.hasRectifier else {
      throw GraphError(
        .unsupported("\(name) changes what rectifiers (ReLU, clips from 0) pass, and this network has none"))
    }
    return rules
  }
  return try BackwardAttributor(subject, pass)
}
