/// The outcome of a t-test.
public struct TTest: Sendable, Hashable, Codable {
  /// The statistic.
  public let t: Double
  /// Degrees of freedom; 0 when degenerate.
  public let degrees: Double
  /// The two-sided p-value.
  public let p: Double
  /// Whether both samples are constant, so that no statistic exists: p is 1 for equal means and else 0.
  public let isDegenerate: Bool

  /// Whether two samples have the same mean, variances free (Welch 1947).
  ///
  /// - Precondition: at least two values each.
  public static func welch(_ a: [Double], _ b: [Double]) -> TTest {
    precondition(a.count > 1 && b.count > 1, "a t-test needs two values a sample")
    let (u, v) = (Statistics.variance(a) / Double(a.count), Statistics.variance(b) / Double(b.count))
    let difference = Statistics.mean(a) - Statistics.mean(b)
    let degrees = (u + v) * (u + v) / (u * u / Double(a.count - 1) + v * v / Double(b.count - 1))
    return TTest(difference: difference, error: (u + v).squareRoot(), degrees: degrees)
  }

  /// Whether two samples of one variance have the same mean (Student).
  ///
  /// - Precondition: at least two values each.
  public static func student(_ a: [Double], _ b: [Double]) -> TTest {
    precondition(a.count > 1 && b.count > 1, "a t-test needs two values a sample")
    let degrees = Double(a.count + b.count - 2)
    let pooled =
      (Statistics.variance(a) * Double(a.count - 1) + Statistics.variance(b) * Double(b.count - 1)) / degrees
    let error = (pooled * (1 / Double(a.count) + 1 / Double(b.count))).squareRoot()
    return TTest(difference: Statistics.mean(a) - Statistics.mean(b), error: error, degrees: degrees)
  }

  /// Whether a sample has the given mean.
  ///
  /// - Precondition: at least two values.
  public static func oneSample(_ values: [Double], mean: Double) -> TTest {
    precondition(values.count > 1, "a t-test needs two values")
    let error = (Statistics.variance(values) / Double(values.count)).squareRoot()
    return TTest(difference: Statistics.mean(values) - mean, error: error, degrees: Double(values.count - 1))
  }

  private init(difference: Double, error: Double, degrees: Double) {
    isDegenerate = !(error > 0)
    if isDegenerate {
      t = difference == 0 ? 0 : .infinity
      self.degrees = 0
      p = difference == 0 ? 1 : 0
    } else {
      t = difference / error
      self.degrees = degrees
      p = Distributions.studentTwoSided(t, degrees: degrees)
    }
  }
}
