/// Adam: steps against a gradient, each number's by its own scale.
///
/// - Source: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.
struct Adam {
  private var means: [Double]
  private var squares: [Double]
  private var fading = (mean: 1.0, square: 1.0)

  init(count: Int) {
    means = Array(repeating: 0, count: count)
    squares = means
  }

  mutating func step(_ numbers: inout [Double], against gradient: [Double], rate: Double) {
    fading = (fading.mean * 0.9, fading.square * 0.999)
    for index in numbers.indices {
      means[index] += 0.1 * (gradient[index] - means[index])
      squares[index] += 0.001 * (gradient[index] * gradient[index] - squares[index])
      let scale = (squares[index] / (1 - fading.square)).squareRoot() + 1e-8
      numbers[index] -= rate * means[index] / (1 - fading.mean) / scale
    }
  }
}
