internal import NoemaGraph
internal import NoemaTensor

/// `∂f/∂x`: the sensitivity of the class output.
///
/// - Source: Simonyan et al., "Deep Inside Convolutional Networks", 2013; Baehrens et al., "How to Explain Individual
///   Classification Decisions", 2010.
public struct Gradient: AttributionMethod, Hashable, Codable {
  /// What is made of each derivative.
  public enum Form: String, Sendable, Hashable, Codable, CaseIterable {
    case signed, absolute, squared
  }

  /// What is made of each derivative.
  public var form: Form

  /// Makes the method; derivatives keep their signs unless told otherwise.
  public init(form: Form = .signed) { self.form = form }

  public func attributor(for subject: Subject) throws -> any Attributor {
    var pass = BackwardPass.gradient
    pass.finish = { [form] gradient, _, _, graph throws(GraphError) in
      switch form {
      case .signed: gradient
      case .absolute: try graph.apply(Unary(.abs), gradient)
      case .squared: try graph.apply(Binary(.mul), gradient, gradient)
      }
    }
    return try BackwardAttributor(subject, pass)
  }
}

/// `x · ∂f/∂x`: the first-order term of the output about zero. Without biases, in networks of rectifiers, maxima and
/// linear layers, the sum is the output.
///
/// - Source: Shrikumar et al., "Not Just a Black Box", 2016.
public struct GradientTimesInput: AttributionMethod, Hashable, Codable {
  /// Makes the method.
  public init() {}

  public func attributor(for subject: Subject) throws -> any Attributor {
    var pass = BackwardPass.gradient
    pass.finish = { gradient, value, _, graph throws(GraphError) in
      try graph.apply(Binary(.mul), value, gradient)
    }
    return try BackwardAttributor(subject, pass)
  }
}

extension Tensor {
  /// A function of each float32 element.
  func mapped(_ transform: (Float) -> Float) -> Tensor {
    withElements(as: Float.self) { Tensor(shape: shape, $0.map(transform)) }
  }
}
