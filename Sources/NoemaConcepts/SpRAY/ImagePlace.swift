/// Where on an image something lies, in words.
public enum ImagePlace: String, Sendable, Hashable, Codable, CaseIterable {
  case upperLeftCorner = "upper left corner"
  case topEdge = "top edge"
  case upperRightCorner = "upper right corner"
  case leftEdge = "left edge"
  case centre
  case rightEdge = "right edge"
  case lowerLeftCorner = "lower left corner"
  case bottomEdge = "bottom edge"
  case lowerRightCorner = "lower right corner"
  case upperPart = "upper part"
  case lowerPart = "lower part"
  case leftPart = "left part"
  case rightPart = "right part"
  /// All around.
  case border
  case severalPlaces = "several places"

  /// The place with its preposition: `in the lower left corner`.
  public var phrase: String {
    switch self {
    case .topEdge, .leftEdge, .rightEdge, .bottomEdge: "at the \(rawValue)"
    case .border: "along the border"
    case .severalPlaces: "in several places"
    default: "in the \(rawValue)"
    }
  }

  /// The places of the thirds of an image, row by row.
  private static let thirds: [ImagePlace] = [
    .upperLeftCorner, .topEdge, .upperRightCorner, .leftEdge, .centre, .rightEdge, .lowerLeftCorner,
    .bottomEdge,
    .lowerRightCorner,
  ]

  /// Finds the place of weights.
  ///
  /// - Parameters:
  ///   - weights: points of the unit square, y downwards, with weights of 0 or more that are not all zero.
  ///   - frame: the width of the border as a share of the image.
  init(_ weights: [(x: Double, y: Double, weight: Double)], frame: Double) {
    var (sectors, framed, total) = ([Double](repeating: 0, count: 9), 0.0, 0.0)
    for (x, y, weight) in weights {
      let (row, column) = (min(2, Int(3 * y)), min(2, Int(3 * x)))
      sectors[3 * row + column] += weight
      total += weight
      if min(x, y, 1 - x, 1 - y) < frame { framed += weight }
    }
    func share(_ thirds: [Int]) -> Double { thirds.reduce(0) { $0 + sectors[$1] } / total }
    let best = sectors.indices.max { sectors[$0] < sectors[$1] } ?? 4
    if share([best]) >= 0.5 {
      self = Self.thirds[best]
    } else if framed >= 2 / 3 * total, Self.sides.allSatisfy({ share($0) >= 0.15 }) {
      self = .border
    } else if let part = zip(Self.sides, [ImagePlace.upperPart, .lowerPart, .leftPart, .rightPart])
      .first(where: { share($0.0) >= 0.6 })
    {
      self = part.1
    } else {
      self = .severalPlaces
    }
  }

  /// The thirds at the upper, lower, left and right side.
  private static let sides = [[0, 1, 2], [6, 7, 8], [0, 3, 6], [2, 5, 8]]
}
