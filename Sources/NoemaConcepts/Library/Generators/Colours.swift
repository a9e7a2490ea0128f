internal import NoemaTensor

/// Colours, as surfaces of uneven tone: all pixels lie within the colour's range.
enum Colours {
  static let all: [ConceptGenerator] = [
    colour("red", hue: -8..<7, saturation: 0.75..<1, value: 0.55..<0.95),
    colour("orange", hue: 22..<35, saturation: 0.8..<1, value: 0.85..<1),
    colour("yellow", hue: 50..<60, saturation: 0.7..<1, value: 0.85..<1),
    colour("green", hue: 95..<145, saturation: 0.55..<0.95, value: 0.35..<0.85),
    colour("blue", hue: 212..<240, saturation: 0.65..<1, value: 0.5..<0.95),
    colour("purple", hue: 268..<288, saturation: 0.5..<0.85, value: 0.45..<0.8),
    colour("pink", hue: 325..<345, saturation: 0.28..<0.55, value: 0.88..<1),
    colour("brown", hue: 18..<32, saturation: 0.55..<0.8, value: 0.3..<0.5),
    colour("black", hue: 0..<360, saturation: 0..<0.2, value: 0.01..<0.15),
    colour("white", hue: 0..<360, saturation: 0..<0.04, value: 0.9..<1),
    colour("grey", hue: 0..<360, saturation: 0..<0.06, value: 0.35..<0.7),
  ]

  private static func colour(
    _ name: String, hue: Range<Float>, saturation: Range<Float>, value: Range<Float>
  ) -> ConceptGenerator {
    ConceptGenerator(name, .colour, "\(name) surfaces of uneven tone") { random in
      // One hue for each picture: a surface varies in tone more than in hue.
      let base = random.float(hue)
      func tone(_ random: inout RandomNumbers) -> Colour {
        let near = min(max(base + random.float(-3..<3), hue.lowerBound), hue.upperBound)
        return Colour(hue: near, saturation: random.float(saturation), value: random.float(value))
      }
      let tones = (0..<3).map { _ in tone(&random) }
      let frame = Frame(&random)
      let mottle = SmoothNoise(&random)
      let frequency = random.float(1.2..<4)
      let octaves = 1 + random.index(below: 3)
      let patches = SmoothNoise(&random)
      let edge = random.float(0.35..<0.75)
      return { place in
        let p = frame(place) * frequency
        if patches(p * 0.8 + 9) > edge { return tones[2] }
        return tones[0].mixed(with: tones[1], mottle.fractal(p, octaves: octaves))
      }
    }
  }
}
