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

    func callAsFunction(_ derivative: Float) -> Float {
      switch self {
      case .signed: derivative
      case .absolute: abs(derivative)
      case .squared: derivative * derivative
      }
    }
  }

  /// What is made of each derivative.
  public var form: Form

  /// Makes the method; derivatives keep their signs unless told otherwise.
  public init(form: Form = .signed) { self.form = form }

  public func attributor(for subject: Subject) throws -> any Attributor {
    GradientAttributor(
      runner: try SubjectRunner(subject, backward: .gradient, rows: subject.examples)
    ) { [form] _, gradient in form == .signed ? gradient : gradient.mapped(form.callAsFunction) }
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
    GradientAttributor(
      runner: try SubjectRunner(subject, backward: .gradient, keepsValues: true, rows: subject.examples)
    ) { value, gradient in value!.multiplied(by: gradient) }
  }
}

/// What is made of one gradient per example.
private struct GradientAttributor: Attributor {
  let runner: SubjectRunner
  /// Takes an attributed value, where they are kept, and its gradient.
  let form: (Tensor?, Tensor) -> Tensor

  var batchSize: Int { runner.batchSize }

  func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
    let readings = try runner(inputs, classes: classes)
    return Attribution(
      values: readings.gradients.enumerated().map { index, gradient in
        form(readings.values.indices.contains(index) ? readings.values[index] : nil, gradient)
      },
      outputs: picked(readings.output, classes))
  }
}

extension Tensor {
  /// A function of each float32 element.
  func mapped(_ transform: (Float) -> Float) -> Tensor {
    withElements(as: Float.self) { Tensor(shape: shape, $0.map(transform)) }
  }

  /// The element-wise product of two float32 tensors of one shape.
  func multiplied(by other: Tensor) -> Tensor { combined(with: other, *) }

  /// A function of the elements of two float32 tensors of one shape.
  func combined(with other: Tensor, _ transform: (Float, Float) -> Float) -> Tensor {
    withElements(as: Float.self) { a in
      other.withElements(as: Float.self) { b in
        Tensor(shape: shape, a.indices.map { transform(a[$0], b[$0]) })
      }
    }
  }
}
