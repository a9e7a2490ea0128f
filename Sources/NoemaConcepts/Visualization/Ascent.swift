internal import NoemaAttribution

/// The way uphill of one input.
struct Ascent: Sendable {
  /// Each number at a pace of its own, as suits spectra and pixels; nil for arrays.
  private var adam: Adam?
  private var means: [Double]
  /// The mean square over all elements.
  private var square = 0.0
  private var shares = (1.0, 1.0)

  /// - Parameter keepsDirection: whether all numbers have one pace, so that a constant derivative is followed in its
  ///   own direction; inside a ball only such steps end where the objective is greatest.
  init(count: Int, keepsDirection: Bool) {
    adam = keepsDirection ? nil : Adam(count: count)
    means = keepsDirection ? [Double](repeating: 0, count: count) : []
  }

  /// One step along a derivative.
  mutating func step(_ numbers: inout [Double], uphill gradient: [Double], rate: Double) {
    if var adam {
      adam.step(&numbers, gradient: gradient.map { -$0 }, rate: rate)
      self.adam = adam
      return
    }
    shares = (shares.0 * 0.9, shares.1 * 0.999)
    square = 0.999 * square + 0.001 * gradient.reduce(0) { $0 + $1 * $1 } / Double(max(1, gradient.count))
    let scale = (square / (1 - shares.1)).squareRoot() + 1e-8
    for i in numbers.indices {
      means[i] = 0.9 * means[i] + 0.1 * gradient[i]
      numbers[i] += rate * means[i] / (1 - shares.0) / scale
    }
  }
}
