import NoemaData
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct PictureCanvasTests {
  /// The derivative of `Σ g · planes` along a direction, by central differences.
  private func slope(_ canvas: PictureCanvas, at z: [Double], along d: [Double], _ g: [[Double]]) -> Double {
    let step = 1e-5
    func value(_ sign: Double) -> Double {
      zip(canvas.planes(zip(z, d).map { $0 + sign * step * $1 }), g).reduce(0) { $0 + product($1.0, $1.1) }
    }
    return (value(1) - value(-1)) / (2 * step)
  }

  @Test(arguments: [(3, PictureParameters.fourier), (1, .fourier), (3, .pixels)])
  func pullbackIsTheDerivative(_ channels: Int, _ parameters: PictureParameters) {
    let canvas = PictureCanvas(
      channels: channels, height: 6, width: 7, parameters, decay: 1, colours: .photographs)
    let z = normals(canvas.count, seed: 1).map { 0.2 * $0 }, d = normals(canvas.count, seed: 2)
    let g = (0..<channels).map { normals(42, seed: 10 + UInt64($0)) }
    let expected = slope(canvas, at: z, along: d, g)
    let found = product(canvas.pullback(g, at: canvas.planes(z)), d)
    #expect(abs(found - expected) < 1e-6 * max(1, abs(expected)))
  }

  @Test func picturesStayInRangeAndArraysInTheirBall() {
    let canvas = PictureCanvas(channels: 3, height: 4, width: 4, .fourier, decay: 1, colours: .photographs)
    for plane in canvas.planes(normals(48, seed: 3).map { 50 * $0 }) {
      #expect(plane.allSatisfy { $0 >= 0 && $0 <= 1 })
    }
    let array = PictureCanvas(shape: [5], radius: 2)
    var values: [Double] = [3, 4, 0, 0, 0]
    array.bound(&values)
    // Two fifths of 3 and of 4, of which float64 holds neither.
    for (a, b) in zip(values, [1.2, 1.6, 0, 0, 0]) { #expect(abs(a - b) < 1e-15) }
    var short: [Double] = [1, 0, 0, 0, 0]
    array.bound(&short)
    #expect(short == [1, 0, 0, 0, 0])
  }

  /// A picture of bytes reaches the network as the recipe's own tensor.
  @Test(arguments: [ColorOrder.rgb, .bgr, .grey], [TensorLayout.nchw, .nhwc])
  func inputsAreThoseOfTheRecipe(_ order: ColorOrder, _ layout: TensorLayout) throws {
    var recipe = Preprocessing(height: 3, width: 4)
    (recipe.colorOrder, recipe.layout) = (order, layout)
    recipe.mean = order == .grey ? [0.4] : [0.4, 0.5, 0.6]
    recipe.std = order == .grey ? [0.2] : [0.2, 0.3, 0.25]
    let channels = order.channelCount
    var random = RandomNumbers(seed: 6)
    let image = Image(
      width: 4, height: 3, channelCount: channels,
      pixels: (0..<12 * channels).map { _ in UInt8(random.index(below: 256)) })
    let planes = (0..<channels).map { c in (0..<12).map { Double(image.pixels[$0 * channels + c]) / 255 } }
    let input = InputLayout(recipe)
    var found: [Float] = []
    input.append(planes, to: &found)
    for (a, b) in zip(found, try recipe.tensor(of: image)) { #expect(abs(a - b) < 1e-5) }
    // The derivative goes the same way back.
    let gradient = normals(input.count, seed: 7).map { Float($0) }
    let back = gradient.withUnsafeBufferPointer { input.planes($0) }
    let moved = (0..<channels).map { normals(12, seed: 8 + UInt64($0)) }
    var shifted: [Float] = []
    input.append(zip(planes, moved).map { zip($0, $1).map { $0 + $1 } }, to: &shifted)
    let rise = zip(zip(shifted, found), gradient).reduce(0.0) { $0 + Double(($1.0.0 - $1.0.1) * $1.1) }
    let expected = zip(back, moved).reduce(0.0) { $0 + product($1.0, $1.1) }
    #expect(abs(rise - expected) < 1e-3 * max(1, abs(expected)))
  }
}

@Suite struct ViewTransformTests {
  @Test func theWholePictureIsShownAsItIs() {
    let plane = normals(30, seed: 1)
    let same = ViewTransform(ViewPose(), from: (5, 6), to: (5, 6))(plane)
    for (a, b) in zip(same, plane) { #expect(abs(a - b) < 1e-12) }
  }

  /// A shift by one pixel moves every row, and grey comes in.
  @Test func shiftsMovePixels() {
    let plane = (0..<16).map { Double($0) }
    let moved = ViewTransform(ViewPose(down: 0.25), from: (4, 4), to: (4, 4))(plane)
    for i in 0..<12 { #expect(abs(moved[i] - plane[i + 4]) < 1e-9) }
    for i in 12..<16 { #expect(abs(moved[i] - 0.5) < 1e-9) }
  }

  /// A quarter turn of a square.
  @Test func turnsMovePixels() {
    let plane = (0..<9).map { Double($0) }
    let turned = ViewTransform(ViewPose(angle: Double.pi / 2), from: (3, 3), to: (3, 3))(plane)
    let one: [Double] = [2, 5, 8, 1, 4, 7, 0, 3, 6], other: [Double] = [6, 3, 0, 7, 4, 1, 8, 5, 2]
    let isOne = zip(turned, one).allSatisfy { abs($0 - $1) < 1e-9 }
    let isOther = zip(turned, other).allSatisfy { abs($0 - $1) < 1e-9 }
    #expect(isOne != isOther)
  }

  @Test(arguments: [
    ViewPose(down: 0.1, across: -0.07, zoom: 1.1, angle: 0.2), ViewPose(zoom: 0.8), ViewPose(angle: -0.4),
  ])
  func pullbackIsTheAdjoint(_ pose: ViewPose) {
    let view = ViewTransform(pose, from: (9, 8), to: (6, 7))
    let x = normals(72, seed: 2), g = normals(42, seed: 3)
    let ground = view([Double](repeating: 0, count: 72))
    let left = product(zip(view(x), ground).map { $0 - $1 }, g), right = product(x, view.pullback(g))
    #expect(abs(left - right) < 1e-9)
  }

  @Test func viewsOutOfRangeAreRefused() {
    for range in [
      ViewRobustness(jitter: -0.1, scale: 0, rotation: 0), ViewRobustness(jitter: 0, scale: 1, rotation: 0),
      ViewRobustness(jitter: 0, scale: 0, rotation: .nan),
    ] {
      #expect(throws: ConceptError.self) { try range.validate() }
    }
  }
}

@Suite struct PicturePenaltyTests {
  @Test func gradientIsTheNegativeDerivative() {
    let penalty = PicturePenalty(totalVariation: 0.7, squares: 0.3, origin: 0.5)
    let plane = normals(20, seed: 1), d = normals(20, seed: 2)
    var gradient = [Double](repeating: 0, count: 20), unused = gradient
    _ = penalty.subtract(of: plane, width: 5, from: &gradient)
    let step = 1e-6
    let up = penalty.subtract(of: zip(plane, d).map { $0 + step * $1 }, width: 5, from: &unused)
    let down = penalty.subtract(of: zip(plane, d).map { $0 - step * $1 }, width: 5, from: &unused)
    #expect(abs(product(gradient, d) + (up - down) / (2 * step)) < 1e-6)
  }

  @Test func valuesAreThoseOfTheFormula() {
    var gradient = [Double](repeating: 0, count: 4)
    // Rows 0 1 and 0 3: differences (0, 1), (2, ·), (·, 3), none.
    let variation = PicturePenalty(totalVariation: 1, squares: 0, origin: 0)
    #expect(abs(variation.subtract(of: [0, 1, 0, 3], width: 2, from: &gradient) - (1 + 2 + 3 + 1e-4)) < 1e-3)
    let squares = PicturePenalty(totalVariation: 0, squares: 2, origin: 1)
    #expect(squares.subtract(of: [0, 1, 0, 3], width: nil, from: &gradient) == 12)
  }
}
