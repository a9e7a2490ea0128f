import NoemaData
import NoemaTensor
import Testing

@testable import NoemaConcepts

/// `⟨a, b⟩`.
func product(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

/// Normal numbers.
func normals(_ count: Int, seed: UInt64) -> [Double] {
  var random = RandomNumbers(seed: seed)
  return (0..<count).map { _ in random.normal() }
}

@Suite struct FourierMapTests {
  @Test(arguments: [(8, 8), (7, 12), (12, 7), (5, 5), (1, 6)])
  func pullbackIsTheAdjoint(_ size: (Int, Int)) {
    let map = FourierMap(height: size.0, width: size.1, decay: 1)
    let z = normals(size.0 * size.1, seed: 1), g = normals(size.0 * size.1, seed: 2)
    let left = product(map(z), g), right = product(z, map.pullback(g))
    #expect(abs(left - right) < 1e-9 * max(1, abs(left)))
  }

  @Test(arguments: [(8, 8), (7, 10)])
  func withoutDecayTheBasisIsOrthonormal(_ size: (Int, Int)) {
    let map = FourierMap(height: size.0, width: size.1, decay: 0)
    let z = normals(size.0 * size.1, seed: 3), x = map(z)
    let gain = 2.0.squareRoot() / 4
    #expect(abs(product(x, x) - gain * gain * product(z, z)) < 1e-9)
  }

  /// A cosine of two turns along the width is one coefficient, and its scale is `1/f`.
  @Test func coefficientsAreWaves() {
    let (height, width) = (6, 8)
    let map = FourierMap(height: height, width: width, decay: 1)
    var z = [Double](repeating: 0, count: height * width)
    z[3] = 1
    let x = map(z), frequency = 2.0 / Double(width)
    let size =
      2.0.squareRoot() / 4 / frequency / Double(height).squareRoot() * (2 / Double(width)).squareRoot()
    for row in 0..<height {
      for column in 0..<width {
        let wave = size * cosine(2 * Double(column) / Double(width))
        #expect(abs(x[row * width + column] - wave) < 1e-12)
      }
    }
  }

  /// The cosine of turns, for eighths of a turn.
  private func cosine(_ turns: Double) -> Double {
    let half = 0.5.squareRoot()
    return [1, half, 0, -half, -1, -half, 0, half][Int((turns * 8).rounded()) % 8]
  }

  /// Noise has a spectrum that falls as `1/f²` in power: the same power in every octave of a plane.
  @Test func lowFrequenciesAreStrong() {
    let map = FourierMap(height: 32, width: 32, decay: 1)
    #expect(abs(map.scales[0] - map.scales[1]) < 1e-12)
    // One turn, two turns, four turns along the width.
    #expect(abs(map.scales[1] / map.scales[3] - 2) < 1e-12)
    #expect(abs(map.scales[3] / map.scales[7] - 2) < 1e-12)
  }
}

@Suite struct ColourBasisTests {
  @Test func photographsHaveThePublishedBasis() {
    let rows = ColourBasis.photographs.rows
    let expected: [[Double]] = [[0.5628, 0.1948, 0.0433], [0.5845, 0, -0.1082], [0.5845, -0.1948, 0.0649]]
    for (row, wanted) in zip(rows, expected) {
      for (value, number) in zip(row, wanted) { #expect(abs(value - number) < 1e-4) }
    }
  }

  /// `M Mᵀ` is the covariance, but for one factor, and the longest column has length 1.
  @Test func basisIsARootOfTheCovariance() throws {
    let covariance = Matrix(
      rowCount: 3, columnCount: 3, elements: [2, 1.2, 0.8, 1.2, 1.5, 0.9, 0.8, 0.9, 1.1])
    let rows = try ColourBasis(covariance: covariance).rows
    func square(_ i: Int, _ j: Int) -> Double { product(rows[i], rows[j]) }
    let factor = square(0, 0) / covariance[0, 0]
    for i in 0..<3 {
      for j in 0..<3 { #expect(abs(square(i, j) - factor * covariance[i, j]) < 1e-12) }
    }
    let columns = (0..<3).map { column in rows.reduce(0) { $0 + $1[column] * $1[column] }.squareRoot() }
    #expect(abs((columns.max() ?? 0) - 1) < 1e-12)
  }

  @Test func basisOfImagesIsThatOfTheirPixels() throws {
    var random = RandomNumbers(seed: 4)
    let pixels = (0..<3 * 400).map { _ in UInt8(random.index(below: 256)) }
    let image = Image(width: 20, height: 20, channelCount: 3, pixels: pixels)
    var covariance = Matrix(rowCount: 3, columnCount: 3)
    let means = (0..<3).map { c in (0..<400).reduce(0.0) { $0 + Double(pixels[3 * $1 + c]) } / 400 }
    for i in 0..<3 {
      for j in 0..<3 {
        covariance[i, j] =
          (0..<400).reduce(0.0) {
            $0 + (Double(pixels[3 * $1 + i]) - means[i]) * (Double(pixels[3 * $1 + j]) - means[j])
          } / 400
      }
    }
    let (found, wanted) = (try ColourBasis(of: [image]).rows, try ColourBasis(covariance: covariance).rows)
    for (a, b) in zip(found, wanted) { for (x, y) in zip(a, b) { #expect(abs(abs(x) - abs(y)) < 1e-6) } }
  }

  @Test func pullbackIsTheTranspose() {
    let planes = (0..<3).map { normals(5, seed: UInt64($0)) },
      gradient = (3..<6).map { normals(5, seed: UInt64($0)) }
    let basis = ColourBasis.photographs
    let left = zip(basis.colours(planes), gradient).reduce(0.0) { $0 + product($1.0, $1.1) }
    let right = zip(planes, basis.pullback(gradient)).reduce(0.0) { $0 + product($1.0, $1.1) }
    #expect(abs(left - right) < 1e-12)
  }

  @Test func coloursThatDoNotVaryAreRefused() {
    #expect(throws: ConceptError.self) { try ColourBasis(covariance: Matrix(rowCount: 3, columnCount: 3)) }
    let grey = Image(width: 2, height: 2, channelCount: 1, pixels: [0, 1, 2, 3])
    #expect(throws: ConceptError.self) { try ColourBasis(of: [grey]) }
  }
}
