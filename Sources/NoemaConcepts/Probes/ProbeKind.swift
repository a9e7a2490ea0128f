/// The probes by the names that the command and result files use.
///
/// Every filter also exists as its Haufe pattern, with `-pattern` behind its name.
public struct ProbeKind: Sendable, Hashable, RawRepresentable, Codable, CustomStringConvertible {
  /// The family of a probe.
  public enum Family: String, Sendable, CaseIterable {
    /// The difference of class means, which is the pattern CAV.
    case meanDifference = "mean-difference"
    /// Ridge regression, λ by exact leave-one-out.
    case ridge
    /// L2 logistic regression.
    case logistic
    /// The hinge-loss support vector machine, solved exactly.
    case hinge = "svm"
    /// The squared-hinge machine with penalised intercept.
    case squaredHinge = "linear-svc"
    /// The exact optimum of the stochastic-gradient classifier that other TCAV tools train (`alpha` 0.01).
    case stochasticHinge = "sgd-hinge"
  }

  /// The family.
  public let family: Family
  /// Whether the direction is the filter's Haufe pattern.
  public let isPattern: Bool

  /// The probe of a family.
  public init(_ family: Family, isPattern: Bool = false) {
    self.family = family
    self.isPattern = isPattern && family != .meanDifference
  }

  /// The probe of a name; `pattern` is another name of `mean-difference`.
  public init?(rawValue: String) {
    if rawValue == "pattern" {
      self.init(.meanDifference)
    } else if let family = Family(rawValue: rawValue) {
      self.init(family)
    } else if rawValue.hasSuffix("-pattern"), let family = Family(rawValue: String(rawValue.dropLast(8))) {
      self.init(family, isPattern: true)
    } else {
      return nil
    }
  }

  public var rawValue: String { family.rawValue + (isPattern ? "-pattern" : "") }
  public var description: String { rawValue }

  /// The mean difference.
  public static let meanDifference = ProbeKind(.meanDifference)
  /// Ridge regression.
  public static let ridge = ProbeKind(.ridge)
  /// All names.
  public static let names =
    Family.allCases.map(\.rawValue) + ["pattern"]
    + Family.allCases.filter { $0 != .meanDifference }.map { $0.rawValue + "-pattern" }

  /// The probe with its defaults.
  public var probe: any Probe {
    let filter: any Probe =
      switch family {
      case .meanDifference: MeanDifference()
      case .ridge: Ridge()
      case .logistic: Logistic()
      case .hinge: HingeSVM()
      case .squaredHinge: SquaredHingeSVM()
      case .stochasticHinge: HingeSVM(.stochasticGradient(alpha: 0.01))
      }
    return isPattern ? HaufePattern(of: filter) : filter
  }
}
