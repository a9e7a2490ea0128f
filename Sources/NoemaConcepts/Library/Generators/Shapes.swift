internal import Glibc
internal import NoemaTensor

/// Simple figures on a background; their place, size, angle and colours vary.
enum Shapes {
  static let all: [ConceptGenerator] = [circle, square, triangle, cross, star, line, ring, corner]

  static let circle = figure("circle", "one filled circle") { _ in
    { length($0) < 0.9 }
  }

  static let ring = figure("ring", "one circle drawn as a thick line") { random in
    let inner = random.float(0.55..<0.75)
    return { length($0) < 0.95 && length($0) > inner }
  }

  static let square = figure("square", "one filled square") { _ in
    { max(abs($0.x), abs($0.y)) < 0.75 }
  }

  static let triangle = figure("triangle", "one filled triangle") { random in
    let stretch = random.float(0.85..<1.15)
    return { p in
      let x = abs(p.x) * stretch
      return p.y < 0.5 && x * 0.866 - p.y * 0.5 < 0.5
    }
  }

  static let cross = figure("cross", "two bars that cross at right angles") { random in
    let width = random.float(0.16..<0.32)
    return { min(abs($0.x), abs($0.y)) < width && max(abs($0.x), abs($0.y)) < 0.95 }
  }

  static let star = figure("star", "one filled star of five or six points") { random in
    let points = Float(5 + random.index(below: 2))
    let inner = random.float(0.38..<0.5)
    return { p in
      // Folds the star onto half of one point, then tests against the edge from its tip to its notch.
      let half = Float.pi / points
      let angle = abs((atan2(p.x, -p.y) + half).wrapped(2 * half) - half)
      let q = Point(sin(angle), cos(angle)) * length(p)
      let notch = Point(sin(half), cos(half)) * inner
      return (q.x - 0) * (notch.y - 1) - (q.y - 1) * notch.x > 0
    }
  }

  static let line = figure("line", "one straight bar", margin: 0.15) { random in
    let width = random.float(0.07..<0.2)
    return { abs($0.y) < width && abs($0.x) < 1.25 }
  }

  static let corner = figure("corner", "two bars that meet at a corner") { random in
    let width = random.float(0.13..<0.26)
    let opening = random.float(1.2..<1.95)
    let direction = Point(cos(opening), sin(opening))
    return { place in
      let p = place + Point(0.45, 0.45)
      return isOnBar(p, Point(1, 0), width) || isOnBar(p, direction, width)
    }
  }

  private static func isOnBar(_ p: Point, _ direction: Point, _ width: Float) -> Bool {
    let along = (p * direction).sum()
    return abs(p.x * direction.y - p.y * direction.x) < width && along > -width && along < 1.35
  }

  private static func length(_ p: Point) -> Float { (p * p).sum().squareRoot() }

  /// A figure given by its inside, which lies within the unit circle or nearly so.
  private static func figure(
    _ name: String, _ description: String, margin: Float = 0,
    inside: @escaping @Sendable (inout RandomNumbers) -> (Point) -> Bool
  ) -> ConceptGenerator {
    ConceptGenerator(name, .shape, description) { random in
      let (a, b) = Colour.contrastingPair(&random)
      let radius = random.float(0.2..<0.42)
      let slack = max(0, 0.5 - radius * (1 + margin))
      let centre = Point(random.float(-1..<1), random.float(-1..<1)) * slack + 0.5
      let angle = random.float(0..<2 * .pi)
      let turn = Point(cos(angle), sin(angle))
      let contains = inside(&random)
      let ground = background(b, &random)
      return { place in
        let d = (place - centre) / radius
        let p = Point(turn.x * d.x + turn.y * d.y, turn.x * d.y - turn.y * d.x)
        return contains(p) ? a : ground(place)
      }
    }
  }

  /// A plain, shaded or softly mottled background around a colour.
  private static func background(_ colour: Colour, _ random: inout RandomNumbers) -> Shade {
    let strength = random.float(0.08..<0.2)
    let mottle = SmoothNoise(&random)
    switch random.index(below: 3) {
    case 0: return { _ in colour }
    case 1: return lit({ _ in colour }, &random)
    default: return { colour + (mottle.fractal($0 * 4, octaves: 2) - 0.5) * strength }
    }
  }
}
