/// An activation of a recurrent operator, named by a string with up to two parameters.
struct RecurrentActivation {
  private let name: String
  private let alpha: Double
  private let beta: Double

  /// Each activation's parameters where a file gives none; nil for parameters that it does not have.
  private static let defaults: [String: (alpha: Double?, beta: Double?)] = [
    "relu": (nil, nil), "tanh": (nil, nil), "sigmoid": (nil, nil), "softsign": (nil, nil),
    "softplus": (nil, nil), "affine": (1, 0), "leakyrelu": (0.01, nil), "thresholdedrelu": (1, nil),
    "scaledtanh": (1, 1), "hardsigmoid": (0.2, 0.5), "elu": (1, nil),
  ]

  /// Reads the activations of all directions; only those with parameters take from the lists of parameters.
  static func read(_ node: NodeReader, count: Int, default names: [String]) throws -> [RecurrentActivation] {
    let given =
      node.strings("activations") ?? Array(repeating: names, count: count / names.count).flatMap(\.self)
    guard given.count == count else {
      throw node.error("\(count) activations are expected, found \(given.count): \(given)")
    }
    var alphas = (node.floats("activation_alpha") ?? [])[...]
    var betas = (node.floats("activation_beta") ?? [])[...]
    return try given.map { name in
      guard let known = defaults[name.lowercased()] else {
        throw node.unsupported(
          "activation '\(name)' is not supported; supported are \(defaults.keys.sorted().joined(separator: ", "))"
        )
      }
      return RecurrentActivation(
        name: name.lowercased(), alpha: known.alpha.map { alphas.popFirst() ?? $0 } ?? 0,
        beta: known.beta.map { betas.popFirst() ?? $0 } ?? 0)
    }
  }

  func callAsFunction(_ x: Value, _ node: NodeReader) throws -> Value {
    switch name {
    case "relu": return try node.apply(.relu, x)
    case "tanh": return try node.apply(.tanh, x)
    case "sigmoid": return try node.apply(.sigmoid, x)
    case "softplus": return try node.apply(.softplus, x)
    case "softsign": return try node.quotient(x, node.shifted(node.apply(.abs, x), by: 1))
    case "affine": return try node.shifted(node.scaled(x, by: alpha), by: beta)
    case "leakyrelu": return try node.apply(.leakyReLU(slope: alpha), x)
    case "thresholdedrelu": return try node.emit(Gate(lower: alpha), x, x)
    case "scaledtanh": return try node.scaled(node.apply(.tanh, node.scaled(x, by: beta)), by: alpha)
    case "hardsigmoid":
      return try node.apply(.clip(lower: 0, upper: 1), node.shifted(node.scaled(x, by: alpha), by: beta))
    default: return try node.apply(.elu(alpha: alpha), x)
    }
  }
}
