/// How one column is scaled before a network reads it: `(x − mean) / scale`.
///
/// For networks whose file does not hold the scaling that their training data had.
public struct ColumnScaling: Sendable, Hashable, Codable {
  /// What is subtracted.
  public var mean: Double
  /// What the difference is divided by.
  public var scale: Double

  /// Makes a scaling.
  public init(mean: Double, scale: Double) {
    self.mean = mean
    self.scale = scale
  }

  /// The scaled value; a missing one stays missing.
  func callAsFunction(_ value: Double) -> Double { (value - mean) / scale }
}
