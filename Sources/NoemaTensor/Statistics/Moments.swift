/// Means, spreads and quantiles of numbers.
public enum Statistics {
  /// The arithmetic mean; 0 of nothing.
  public static func mean(_ values: some Collection<Double>) -> Double {
    values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
  }

  /// The variance with `n − 1` in the denominator; 0 of fewer than two values.
  public static func variance(_ values: some Collection<Double>) -> Double {
    guard values.count > 1 else { return 0 }
    let mean = mean(values)
    return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)
  }

  /// The square root of `variance`.
  public static func standardDeviation(_ values: some Collection<Double>) -> Double {
    variance(values).squareRoot()
  }

  /// A quantile with linear interpolation between order statistics (type 7, the default of R and NumPy).
  ///
  /// - Parameter fraction: in [0, 1].
  /// - Precondition: there are values.
  public static func quantile(_ values: [Double], _ fraction: Double) -> Double {
    quantile(sorted: values.sorted(), fraction)
  }

  /// The quantile of values that are sorted already.
  public static func quantile(sorted values: [Double], _ fraction: Double) -> Double {
    precondition(!values.isEmpty)
    let position = fraction * Double(values.count - 1)
    let lower = Int(position)
    guard lower + 1 < values.count else { return values[values.count - 1] }
    return values[lower] + (position - Double(lower)) * (values[lower + 1] - values[lower])
  }
}
