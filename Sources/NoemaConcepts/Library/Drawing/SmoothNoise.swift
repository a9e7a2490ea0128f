internal import Glibc
internal import NoemaTensor

/// Random values on an endless square lattice and their smooth interpolation.
struct SmoothNoise {
  private let seed: UInt64

  /// Noise of its own for each draw.
  init(_ random: inout RandomNumbers) {
    seed = random.next()
  }

  /// A uniform number in [0, 1) that belongs to a lattice cell; `salt` gives further ones.
  func cell(_ x: Int, _ y: Int, salt: UInt64 = 0) -> Float {
    var z = seed &+ UInt64(bitPattern: Int64(x)) &* 0x9E37_79B9_7F4A_7C15
    z =
      (z ^ (z >> 31)) &+ UInt64(bitPattern: Int64(y)) &* 0xD128_1F3E_4F2B_9A6D &+ salt
      &* 0xA076_1D64_78BD_642F
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Float((z ^ (z >> 31)) >> 40) * 0x1p-24
  }

  /// Smooth values in [0, 1) with one bump per unit of length, or so.
  func callAsFunction(_ place: Point) -> Float {
    let corner = place.rounded(.down)
    let (x, y) = (Int(corner.x), Int(corner.y))
    let f = place - corner
    let t = f * f * f * (f * (f * 6 - 15) + 10)
    let top = cell(x, y) + (cell(x + 1, y) - cell(x, y)) * t.x
    let bottom = cell(x, y + 1) + (cell(x + 1, y + 1) - cell(x, y + 1)) * t.x
    return top + (bottom - top) * t.y
  }

  /// Noise whose amplitude halves with each doubling of frequency: the 1/f spectrum of natural scenes, in [0, 1).
  func fractal(_ place: Point, octaves: Int) -> Float {
    var (sum, weight, total, p): (Float, Float, Float, Point) = (0, 1, 0, place)
    for _ in 0..<octaves {
      sum += weight * self(p)
      total += weight
      weight *= 0.5
      // Not exactly 2, and shifted, so that the lattices of the octaves do not line up.
      p = p * 2.03 + 17.7
    }
    return sum / total
  }

  /// The jittered points of the 3 × 3 cells around a place: squared distances and owners of the nearest two.
  func nearestPoints(_ place: Point, jitter: Float) -> (first: Float, second: Float, owner: Float) {
    let corner = place.rounded(.down)
    var (first, second, owner): (Float, Float, Float) = (.infinity, .infinity, 0)
    for dy in -1...1 {
      for dx in -1...1 {
        let (x, y) = (Int(corner.x) + dx, Int(corner.y) + dy)
        let offset = Point(cell(x, y, salt: 1), cell(x, y, salt: 2)) * jitter + (1 - jitter) / 2
        let d = Point(Float(x), Float(y)) + offset - place
        let distance = (d * d).sum()
        if distance < first {
          (second, first, owner) = (first, distance, cell(x, y, salt: 3))
        } else {
          second = min(second, distance)
        }
      }
    }
    return (first.squareRoot(), second.squareRoot(), owner)
  }
}
