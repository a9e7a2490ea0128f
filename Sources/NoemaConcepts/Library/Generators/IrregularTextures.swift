internal import Glibc
internal import NoemaTensor

/// Patterns without a period.
enum IrregularTextures {
  static let all: [ConceptGenerator] = [speckled, cracked, marbled, spiralled, noise, gradient]

  static let speckled = ConceptGenerator("speckled", .texture, "small specks scattered at random") { random in
    let (speck, ground) = Colour.contrastingPair(&random)
    let frame = Frame(&random)
    let period = 1 / random.float(9..<15)
    let density = random.float(0.45..<0.8)
    let noise = SmoothNoise(&random)
    return lit(
      { place in
        let p = frame(place) / period
        let corner = p.rounded(.down)
        for dy in -1...1 {
          for dx in -1...1 {
            let (x, y) = (Int(corner.x) + dx, Int(corner.y) + dy)
            if noise.cell(x, y, salt: 4) > density { continue }
            let centre = Point(Float(x) + noise.cell(x, y, salt: 1), Float(y) + noise.cell(x, y, salt: 2))
            let radius = 0.14 + 0.28 * noise.cell(x, y, salt: 3)
            let d = p - centre
            if (d * d).sum() < radius * radius { return speck }
          }
        }
        return ground
      }, &random)
  }

  static let cracked = ConceptGenerator("cracked", .texture, "a surface broken by thin dark cracks") {
    random in
    let surface = Colour.any(&random).mixed(with: .one, 0.45)
    let crack = surface * random.float(0.05..<0.25)
    let frame = Frame(&random)
    let period = 1 / random.float(3..<6)
    let width = random.float(0.05..<0.1)
    let points = SmoothNoise(&random)
    let bend = SmoothNoise(&random)
    return lit(
      { place in
        var p = frame(place) / period
        p += 0.25 * Point(bend.fractal(p * 2.5, octaves: 2), bend.fractal(p * 2.5 + 40, octaves: 2))
        let near = points.nearestPoints(p, jitter: 0.95)
        // Cracks thin out and fade where the noise is low.
        if near.second - near.first < width * (0.5 + 1.2 * bend(p)) { return crack }
        return surface * (0.9 + 0.15 * near.owner)
      }, &random)
  }

  static let marbled = ConceptGenerator("marbled", .texture, "veins that flow through stone") { random in
    let (vein, stone) = Colour.contrastingPair(&random)
    let frame = Frame(&random)
    let veins = random.float(1.5..<3.5)
    let turbulence = random.float(1.2..<2.2)
    let flow = SmoothNoise(&random)
    return { place in
      let p = frame(place)
      let wave = sin(2 * .pi * (p.x * veins + turbulence * flow.fractal(p * 3, octaves: 4)))
      return stone.mixed(with: vein, pow(1 - abs(wave), 2.2))
    }
  }

  static let spiralled = ConceptGenerator("spiralled", .texture, "arms that wind around a centre") { random in
    let (a, b) = Colour.contrastingPair(&random)
    let centre = Point(random.float(0.35..<0.65), random.float(0.35..<0.65))
    let turns = random.float(4..<8)
    let arms = Float(1 + random.index(below: 3)) * (random.uniform() < 0.5 ? -1 : 1)
    let phase = random.float(0..<1)
    let duty = random.float(0.4..<0.6)
    return lit(
      { place in
        let d = place - centre
        let angle = atan2(d.y, d.x) / (2 * .pi)
        return ((d * d).sum().squareRoot() * turns + arms * angle + phase).wrapped() < duty ? a : b
      }, &random)
  }

  static let noise = ConceptGenerator("noise", .texture, "fine random grain without any structure") {
    random in
    let base = Colour.any(&random).mixed(with: Colour(repeating: 0.5), 0.6)
    let strength = random.float(0.45..<0.9)
    let isColoured = random.uniform() < 0.35
    let frame = Frame(&random)
    let grains = random.float(22..<44)
    let noise = SmoothNoise(&random)
    return { place in
      let p = (frame(place) * grains).rounded(.down)
      let (x, y) = (Int(p.x), Int(p.y))
      let grey = noise.cell(x, y)
      var grain = Colour(repeating: grey)
      if isColoured { grain = Colour(grey, noise.cell(x, y, salt: 1), noise.cell(x, y, salt: 2)) }
      return base + (grain - 0.5) * strength
    }
  }

  static let gradient = ConceptGenerator("gradient", .texture, "one colour that passes smoothly into another")
  {
    random in
    let (a, b) = Colour.contrastingPair(&random)
    let angle = random.float(0..<2 * .pi)
    let direction = Point(cos(angle), sin(angle))
    let centre = Point(random.float(0.1..<0.9), random.float(0.1..<0.9))
    let isRadial = random.uniform() < 0.3
    let reach = isRadial ? random.float(0.7..<1) : random.float(0.9..<1.3)
    return { place in
      let d = isRadial ? place - centre : place - 0.5
      let share = isRadial ? (d * d).sum().squareRoot() / reach : (d * direction).sum() / reach + 0.5
      return a.mixed(with: b, min(1, max(0, share)))
    }
  }
}
