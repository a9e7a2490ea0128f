internal import Glibc
internal import NoemaTensor

/// How differently the network may be shown a picture at every step, so that no pattern wins that only works pixel by
/// pixel.
///
/// - Source: Olah et al., "Feature Visualization", Distill 2017.
public struct ViewRobustness: Sendable, Hashable, Codable {
  /// The largest shift along each axis, as a share of the picture's side.
  public var jitter: Double
  /// The largest change of the size: 0.1 for 0.9 to 1.1.
  public var scale: Double
  /// The largest turn in degrees.
  public var rotation: Double

  /// Makes a range of views.
  public init(jitter: Double, scale: Double, rotation: Double) {
    (self.jitter, self.scale, self.rotation) = (jitter, scale, rotation)
  }

  /// What a reader takes for the same picture.
  public static let standard = ViewRobustness(jitter: 0.06, scale: 0.1, rotation: 8)
  /// One view, the whole picture.
  public static let none = ViewRobustness(jitter: 0, scale: 0, rotation: 0)

  func validate() throws(ConceptError) {
    guard (0..<1).contains(jitter), (0..<1).contains(scale), (0...180).contains(rotation) else {
      throw ConceptError(
        .parameters(
          "views shift and scale by a share in [0, 1) and turn by 0° to 180°, found \(jitter), \(scale), \(rotation)°"
        ))
    }
  }

  /// A view drawn evenly from the range.
  func draw(_ random: inout RandomNumbers) -> ViewPose {
    func within(_ limit: Double) -> Double { limit > 0 ? random.uniform(-limit..<limit) : 0 }
    return ViewPose(
      down: within(jitter), across: within(jitter), zoom: 1 + within(scale),
      angle: within(rotation) * Double.pi / 180)
  }
}

/// One view of a picture.
struct ViewPose: Sendable, Hashable {
  /// The shift as a share of the sides.
  var down = 0.0, across = 0.0
  /// How much larger things look.
  var zoom = 1.0
  /// In radians.
  var angle = 0.0
}

/// A picture as a view shows it at the network's size: bilinear resampling, grey beyond the picture's edge.
///
/// The resampling is a linear map plus a constant; its pullback spreads each pixel's derivative over the up to four
/// pixels that it was made of.
struct ViewTransform: Sendable {
  /// What lies beyond the picture.
  static let ground = 0.5
  /// For each pixel of the view its four sources, −1 for the ground, and their weights.
  private let sources: [Int32], weights: [Double]
  private let sourceCount: Int

  init(_ pose: ViewPose, from picture: (height: Int, width: Int), to view: (height: Int, width: Int)) {
    sourceCount = picture.height * picture.width
    var (sources, weights) = ([Int32](), [Double]())
    sources.reserveCapacity(4 * view.height * view.width)
    weights.reserveCapacity(4 * view.height * view.width)
    let (sine, cosine) = (sin(pose.angle), cos(pose.angle))
    let (down, across) = (Double(picture.height), Double(picture.width))
    for row in 0..<view.height {
      for column in 0..<view.width {
        // Centres of pixels lie at halves; the view's middle shows the picture's, but for the shift.
        let y = ((Double(row) + 0.5) / Double(view.height) - 0.5) * down / pose.zoom
        let x = ((Double(column) + 0.5) / Double(view.width) - 0.5) * across / pose.zoom
        let v = cosine * y - sine * x + down * (0.5 + pose.down) - 0.5
        let u = sine * y + cosine * x + across * (0.5 + pose.across) - 0.5
        let (top, left) = (floor(v), floor(u))
        let (below, right) = (v - top, u - left)
        for (dy, dx, weight) in [
          (0.0, 0.0, (1 - below) * (1 - right)), (0, 1, (1 - below) * right), (1, 0, below * (1 - right)),
          (1, 1, below * right),
        ] {
          let (i, j) = (top + dy, left + dx)
          let isInside = i >= 0 && j >= 0 && i < down && j < across
          sources.append(isInside ? Int32(i) * Int32(picture.width) + Int32(j) : -1)
          weights.append(weight)
        }
      }
    }
    (self.sources, self.weights) = (sources, weights)
  }

  /// One plane of the view.
  func callAsFunction(_ plane: [Double]) -> [Double] {
    plane.withUnsafeBufferPointer { plane in
      (0..<sources.count / 4).map { pixel in
        var sum = 0.0
        for k in 4 * pixel..<4 * pixel + 4 {
          sum += weights[k] * (sources[k] < 0 ? Self.ground : plane[Int(sources[k])])
        }
        return sum
      }
    }
  }

  /// The derivative by the plane, given the one by its view.
  func pullback(_ gradient: [Double]) -> [Double] {
    var result = [Double](repeating: 0, count: sourceCount)
    for (pixel, value) in gradient.enumerated() {
      for k in 4 * pixel..<4 * pixel + 4 where sources[k] >= 0 {
        result[Int(sources[k])] += weights[k] * value
      }
    }
    return result
  }
}
