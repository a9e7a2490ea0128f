internal import Glibc
internal import NoemaTensor

/// Patterns that repeat: their period, angle, phase and colours vary.
enum RegularTextures {
  static let all: [ConceptGenerator] = [
    striped, wavy, zigzag, checkered, grid, dotted, brick, woven, honeycombed,
  ]

  static let striped = ConceptGenerator("striped", .texture, "parallel stripes of two colours") { random in
    bands(&random) { _, _ in { _ in 0 } }
  }

  static let wavy = ConceptGenerator("wavy", .texture, "parallel bands that swing like waves") { random in
    bands(&random) { period, random in
      let height = random.float(0.45..<0.8) * period
      let length = random.float(2.2..<3.6) * period
      return { height * sin(2 * .pi * $0 / length) }
    }
  }

  static let zigzag = ConceptGenerator("zigzag", .texture, "bands that run in sharp zigzags") { random in
    // Fewer bands than stripes have, so that the teeth keep their points in small images.
    bands(&random, across: 3..<5.5) { period, random in
      let height = random.float(0.7..<1.1) * period
      let length = random.float(1.4..<2.4) * period
      return { height * (abs(($0 / length).wrapped() - 0.5) * 4 - 1) }
    }
  }

  /// Bands across the x axis, displaced by a function of y.
  private static func bands(
    _ random: inout RandomNumbers, across: Range<Float> = 3.5..<8,
    displacement: (Float, inout RandomNumbers) -> (Float) -> Float
  ) -> Shade {
    let (a, b) = Colour.contrastingPair(&random)
    let frame = Frame(&random)
    let period = 1 / random.float(across)
    let duty = random.float(0.38..<0.62)
    let displaced = displacement(period, &random)
    let bend = SmoothNoise(&random)
    let bending = random.float(0..<0.5) * period
    return lit(
      { place in
        let p = frame(place)
        let x = p.x + displaced(p.y) + bending * bend(p * 2)
        return (x / period).wrapped() < duty ? a : b
      }, &random)
  }

  static let checkered = ConceptGenerator("checkered", .texture, "squares of two colours in turn") { random in
    let (a, b) = Colour.contrastingPair(&random)
    let frame = Frame(&random)
    let period = 1 / random.float(4..<9)
    return lit(
      { place in
        let cell = (frame(place) / period).rounded(.down)
        return (cell.x + cell.y).wrapped(2) < 0.5 ? a : b
      }, &random)
  }

  static let grid = ConceptGenerator("grid", .texture, "two sets of thin lines that cross") { random in
    let (a, b) = Colour.contrastingPair(&random)
    let frame = Frame(&random)
    let period = 1 / random.float(4..<8)
    let stretch = random.float(0.75..<1.35)
    let width = random.float(0.12..<0.26)
    return lit(
      { place in
        let p = frame(place) / period
        return p.x.wrapped() < width || (p.y * stretch).wrapped() < width * stretch ? a : b
      }, &random)
  }

  static let dotted = ConceptGenerator("dotted", .texture, "round dots in even rows") { random in
    let (a, b) = Colour.contrastingPair(&random)
    let frame = Frame(&random)
    let period = 1 / random.float(3.5..<7.5)
    let radius = random.float(0.24..<0.38)
    let isStaggered = random.uniform() < 0.5
    return lit(
      { place in
        var p = frame(place) / period
        if isStaggered, p.y.rounded(.down).wrapped(2) >= 0.5 { p.x += 0.5 }
        let d = p - p.rounded(.down) - 0.5
        return (d * d).sum() < radius * radius ? a : b
      }, &random)
  }

  static let brick = ConceptGenerator("brick", .texture, "rows of bricks with mortar between") { random in
    let isRed = random.uniform() < 0.6
    var wall = Colour.any(&random)
    if isRed {
      let hue = random.float(5..<28)
      wall = Colour(hue: hue, saturation: random.float(0.4..<0.75), value: random.float(0.4..<0.75))
    }
    let mortar = Colour(repeating: wall.luma < 0.5 ? random.float(0.78..<0.95) : random.float(0.1..<0.25))
    let frame = Frame(angle: random.float(-0.2..<0.2), &random)
    let height = 1 / random.float(5..<9)
    let length = random.float(1.9..<2.8)
    let gap = random.float(0.12..<0.2)
    let tone = SmoothNoise(&random)
    return lit(
      { place in
        var p = frame(place) / height
        let row = p.y.rounded(.down)
        p.x = p.x / length + (row.wrapped(2) < 0.5 ? 0 : 0.5)
        if p.y.wrapped() < gap || p.x.wrapped() < gap / length { return mortar }
        return wall * (0.8 + 0.35 * tone.cell(Int(p.x.rounded(.down)), Int(row)))
      }, &random)
  }

  static let woven = ConceptGenerator("woven", .texture, "strands that pass over and under") { random in
    let across = Colour.any(&random).mixed(with: .one, 0.35)
    let along = random.uniform() < 0.5 ? across : Colour.any(&random).mixed(with: .one, 0.25)
    let frame = Frame(&random)
    let period = 1 / random.float(4..<8)
    let half = random.float(0.4..<0.47)
    return lit(
      { place in
        let p = frame(place) / period
        let cell = p.rounded(.down)
        let f = p - cell - 0.5
        let isAcross = (cell.x + cell.y).wrapped(2) < 0.5
        let (side, length) = isAcross ? (f.y, f.x) : (f.x, f.y)
        let strand = isAcross ? across : along
        // The gap shows the shadow below; a strand is bright in the middle and dips where it goes under.
        if abs(side) > half { return strand * 0.12 }
        return strand * (cos(side * 2.4) * (1 - 1.1 * length * length))
      }, &random)
  }

  static let honeycombed = ConceptGenerator("honeycombed", .texture, "six-sided cells with thin walls") {
    random in
    let (wall, inside) = Colour.contrastingPair(&random)
    let frame = Frame(&random)
    let period = 1 / random.float(3.5..<7)
    let width = random.float(0.08..<0.16)
    let step = Point(1, Float(3).squareRoot())
    return lit(
      { place in
        let p = frame(place) / period
        // The centres of the cells lie on two rectangular lattices; the nearer centre owns the place.
        let q = p / step
        let a = (q - q.rounded(.toNearestOrAwayFromZero)) * step
        let b = (q - 0.5 - (q - 0.5).rounded(.toNearestOrAwayFromZero)) * step
        let d = (a * a).sum() < (b * b).sum() ? a : b
        let reach = max(abs(d.x), abs(d.x) * 0.5 + abs(d.y) * step.y * 0.5)
        return reach > 0.5 - width ? wall : inside
      }, &random)
  }
}
