internal import Glibc
public import NoemaData
internal import NoemaTensor

/// What inputs are made of.
public enum VisualizationInput: Sendable, Hashable {
  /// Pictures: values from 0 to 1 that reach the network as the recipe's bytes do.
  case image(Preprocessing)
  /// Arrays without a range: elements themselves, no longer than a radius; nil for the length of standardised elements,
  /// `√n`.
  case array(radius: Double?)
}

/// How the numbers that are optimised become a picture.
public enum PictureParameters: String, Sendable, Hashable, Codable, CaseIterable {
  /// A spectrum scaled by `1/f`, in colours that vary together.
  case fourier
  /// Each pixel by itself: what comes out is mostly noise that a network can be fooled with; for comparison.
  case pixels
}

/// The map from optimised numbers to a picture, and its derivative.
struct PictureCanvas: Sendable {
  /// Channels, height and width of a picture, or the array's shape.
  let shape: [Int]
  private let fourier: FourierMap?
  private let colours: ColourBasis?
  /// Nil for pictures, whose range a sigmoid keeps.
  private let radius: Double?

  /// A picture.
  init(
    channels: Int, height: Int, width: Int, _ parameters: PictureParameters, decay: Double,
    colours: ColourBasis
  ) {
    shape = [channels, height, width]
    fourier = parameters == .fourier ? FourierMap(height: height, width: width, decay: decay) : nil
    self.colours = parameters == .fourier && channels == 3 ? colours : nil
    radius = nil
  }

  /// An array.
  init(shape: [Int], radius: Double) {
    (self.shape, self.radius) = (shape, radius)
    (fourier, colours) = (nil, nil)
  }

  var count: Int { shape.reduce(1, *) }
  var isPicture: Bool { radius == nil }
  private var channels: Int { isPicture ? shape[0] : 1 }
  /// The width of its planes; nil for arrays.
  var width: Int? { isPicture ? shape[2] : nil }

  /// Noise that is hardly visible.
  func start(_ random: inout RandomNumbers) -> [Double] { (0..<count).map { _ in 0.01 * random.normal() } }

  /// Planes in red, green and blue, or grey, from 0 to 1; of an array its elements.
  func planes(_ parameters: [Double]) -> [[Double]] {
    guard isPicture else { return [parameters] }
    var planes = split(parameters).map { plane in fourier.map { $0(plane) } ?? plane }
    if let colours { planes = colours.colours(planes) }
    return planes.map { plane in plane.map { 1 / (1 + exp(-$0)) } }
  }

  /// The derivative by the parameters, given the one by the planes that they made.
  func pullback(_ gradient: [[Double]], at planes: [[Double]]) -> [Double] {
    guard isPicture else { return gradient[0] }
    var gradient = zip(gradient, planes).map { zip($0, $1).map { $0 * $1 * (1 - $1) } }
    if let colours { gradient = colours.pullback(gradient) }
    return gradient.flatMap { plane in fourier.map { $0.pullback(plane) } ?? plane }
  }

  /// Brings an array that has become too long back to the radius.
  func bound(_ parameters: inout [Double]) {
    guard let radius else { return }
    let length = parameters.reduce(0) { $0 + $1 * $1 }.squareRoot()
    guard length > radius else { return }
    for i in parameters.indices { parameters[i] *= radius / length }
  }

  private func split(_ values: [Double]) -> [[Double]] {
    let size = values.count / channels
    return (0..<channels).map { Array(values[$0 * size..<($0 + 1) * size]) }
  }
}

/// How planes from 0 to 1 lie in a network's input: `input = a x + b` channel by channel.
struct InputLayout: Sendable {
  /// For each channel of the picture, its place among the input's.
  private let places: [Int]
  private let factors, offsets: [Double]
  private let area: Int
  private let isChannelsLast: Bool

  /// The input of a recipe.
  init(_ recipe: Preprocessing) {
    let channels = recipe.colorOrder.channelCount
    func value(_ values: [Float], _ channel: Int, _ missing: Double) -> Double {
      values.isEmpty ? missing : Double(values[values.count == 1 ? 0 : channel])
    }
    places = (0..<channels).map { recipe.colorOrder == .bgr ? 2 - $0 : $0 }
    factors = (0..<channels).map { 255 * recipe.scale / value(recipe.std, $0, 1) }
    offsets = (0..<channels).map { -value(recipe.mean, $0, 0) / value(recipe.std, $0, 1) }
    area = recipe.height * recipe.width
    isChannelsLast = recipe.layout == .nhwc
  }

  /// An array's elements as they are.
  init(count: Int) {
    (places, factors, offsets) = ([0], [1], [0])
    (area, isChannelsLast) = (count, false)
  }

  var count: Int { area * places.count }

  /// Appends one input.
  func append(_ planes: [[Double]], to inputs: inout [Float]) {
    let start = inputs.count
    inputs.append(contentsOf: repeatElement(0, count: count))
    for (plane, place) in zip(planes, places) {
      for pixel in 0..<area {
        inputs[start + offset(place, pixel)] = Float(plane[pixel] * factors[place] + offsets[place])
      }
    }
  }

  /// The derivative by the planes, given the one by the input.
  func planes(_ gradient: UnsafeBufferPointer<Float>) -> [[Double]] {
    places.map { place in (0..<area).map { Double(gradient[offset(place, $0)]) * factors[place] } }
  }

  private func offset(_ channel: Int, _ pixel: Int) -> Int {
    isChannelsLast ? pixel * places.count + channel : channel * area + pixel
  }
}
