internal import Glibc

/// A seeded, platform-independent random number generator (xoshiro256++ seeded by SplitMix64).
///
/// The same seed gives the same sequence on every machine. `split(_:)` derives independent streams, so
/// results do not depend on the order in which parallel parts run.
///
/// - Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021.
public struct RandomNumbers: RandomNumberGenerator, Sendable {
  private var s0, s1, s2, s3: UInt64
  private let seed: UInt64
  private var spare: Double?

  /// Makes a generator from a seed.
  public init(seed: UInt64) {
    self.seed = seed
    var state = seed
    func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    (s0, s1, s2, s3) = (next(), next(), next(), next())
  }

  /// An independent generator for part `index`, the same whatever was drawn from this one before.
  public func split(_ index: Int) -> RandomNumbers {
    RandomNumbers(
      seed: seed &* 0xD128_1F3E_4F2B_9A6D &+ UInt64(bitPattern: Int64(index)) &* 0x9E37_79B9_7F4A_7C15 &+ 1)
  }

  public mutating func next() -> UInt64 {
    func rotate(_ x: UInt64, _ k: UInt64) -> UInt64 { (x << k) | (x >> (64 - k)) }
    let result = rotate(s0 &+ s3, 23) &+ s0
    let t = s1 << 17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    s3 = rotate(s3, 45)
    return result
  }

  /// A uniform number in [0, 1) with 53 random bits.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A uniform number in a range.
  public mutating func uniform(_ range: Range<Double>) -> Double {
    range.lowerBound + (range.upperBound - range.lowerBound) * uniform()
  }

  /// A uniform integer in `0..<bound`, without modulo bias.
  public mutating func index(below bound: Int) -> Int { Int(next(upperBound: UInt64(bound))) }

  /// A standard normal number (Box–Muller).
  public mutating func normal() -> Double {
    if let value = spare {
      spare = nil
      return value
    }
    let radius = (-2 * log(1 - uniform())).squareRoot()
    let angle = 2 * Double.pi * uniform()
    spare = radius * sin(angle)
    return radius * cos(angle)
  }

  /// `count` distinct indices below `bound`, in random order.
  ///
  /// - Precondition: `count <= bound`.
  public mutating func sample(_ count: Int, below bound: Int) -> [Int] {
    precondition(count <= bound, "cannot draw \(count) of \(bound)")
    var indices = Array(0..<bound)
    for position in 0..<count { indices.swapAt(position, position + index(below: bound - position)) }
    return Array(indices[..<count])
  }
}
