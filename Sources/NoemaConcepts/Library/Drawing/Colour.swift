internal import NoemaTensor

/// Red, green and blue, each from 0 to 1, in the encoding of the image file (sRGB).
typealias Colour = SIMD3<Float>

extension Colour {
  /// The colour of a hue in degrees, with a saturation and a value from 0 to 1.
  init(hue: Float, saturation: Float, value: Float) {
    let sector = (hue / 60).wrapped(6)
    func component(_ n: Float) -> Float {
      let k = (n + sector).wrapped(6)
      return value - value * saturation * Swift.max(0, Swift.min(k, 4 - k, 1))
    }
    self.init(component(5), component(3), component(1))
  }

  /// Brightness as the eye weighs it (Rec. ITU-R BT.601).
  var luma: Float { 0.299 * x + 0.587 * y + 0.114 * z }

  /// This colour moved towards another by a share of the way.
  func mixed(with other: Colour, _ share: Float) -> Colour { self + (other - self) * share }

  /// Any colour; about a third of them are greys, as in photos many surfaces are.
  static func any(_ random: inout RandomNumbers) -> Colour {
    let saturation = random.uniform() < 0.3 ? 0 : random.float(0.15..<0.9)
    return Colour(hue: random.float(0..<360), saturation: saturation, value: random.float(0.08..<1))
  }

  /// Two colours whose brightness differs enough for the pattern to show in grey as well.
  static func contrastingPair(_ random: inout RandomNumbers) -> (Colour, Colour) {
    while true {
      let pair = (any(&random), any(&random))
      if abs(pair.0.luma - pair.1.luma) >= 0.35 { return pair }
    }
  }
}

extension RandomNumbers {
  /// A uniform number in a range.
  mutating func float(_ range: Range<Float>) -> Float {
    range.lowerBound + (range.upperBound - range.lowerBound) * Float(uniform())
  }
}

extension Float {
  /// The remainder in `0..<modulus`, also of negative numbers.
  func wrapped(_ modulus: Float = 1) -> Float {
    let rest = self - (self / modulus).rounded(.down) * modulus
    return rest < modulus ? rest : 0
  }
}
