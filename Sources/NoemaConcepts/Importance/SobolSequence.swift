public import NoemaTensor

/// Sobol's sequence: points that fill the unit cube evenly, also the first few of them.
///
/// Of the first 2ᵏ points each of 2ᵏ equal intervals of every coordinate holds exactly one. Scrambled, each point is
/// uniform by itself, and points stay as even as they were: the digits of every coordinate are exchanged at
/// random, each digit in dependence on those before it.
///
/// Direction numbers are worked out here: the free ones of a coordinate are the best of some random ones, by
/// how evenly the first 32 and 256 points fill the planes with the coordinates before.
///
/// - Sources: Sobol, USSR Computational Mathematics and Mathematical Physics 1967; Owen, "Randomly Permuted (t,
///   m, s)-Nets and (t, s)-Sequences", 1995; Joe and Kuo, SIAM Journal on Scientific Computing 2008, for
///   choosing by planes.
public struct SobolSequence: Sendable, Hashable {
  /// The most coordinates.
  public static let dimensionLimit = 256

  /// The number of coordinates.
  public let dimension: Int
  /// The seed of the exchanges; nil for none.
  public let seed: UInt64?
  /// What each binary digit of a point's number adds to a coordinate, 32 numbers a coordinate.
  private let directions: [[UInt32]]

  /// Makes a sequence.
  ///
  /// - Parameter seed: of the scrambling; nil for the plain sequence, whose first point is the origin.
  /// - Throws: `ConceptError.parameters` for fewer than 1 or more than `dimensionLimit` coordinates.
  public init(dimension: Int, seed: UInt64? = 0) throws(ConceptError) {
    guard (1...Self.dimensionLimit).contains(dimension) else {
      throw ConceptError(
        .parameters("Sobol's sequence has 1 to \(Self.dimensionLimit) coordinates here, found \(dimension)"))
    }
    (self.dimension, self.seed) = (dimension, seed)
    directions = Self.directions(dimension)
  }

  /// The first points, `count × dimension`, in [0, 1).
  public func points(_ count: Int) -> Matrix {
    var result = Matrix(rowCount: max(0, count), columnCount: dimension)
    for coordinate in 0..<dimension {
      let key = seed.map { Self.mixed($0 &+ 0x9E37_79B9_7F4A_7C15 &* UInt64(coordinate + 1)) }
      for point in 0..<max(0, count) {
        var (value, rest) = (UInt32(0), UInt32(truncatingIfNeeded: point))
        while rest != 0 {
          value ^= directions[coordinate][rest.trailingZeroBitCount]
          rest &= rest - 1
        }
        // A scrambled point stands for the whole of its last interval.
        result[point, coordinate] =
          key.map { (Double(Self.scrambled(value, key: $0)) + 0.5) * 0x1p-32 } ?? Double(value) * 0x1p-32
      }
    }
    return result
  }
}

// MARK: Scrambling
extension SobolSequence {
  /// Exchanges 0 and 1 at each digit, or not, as a random function of the digits before says.
  private static func scrambled(_ value: UInt32, key: UInt64) -> UInt32 {
    var result: UInt32 = 0
    for digit in 0..<32 {
      let before = digit == 0 ? 0 : UInt64(value >> (32 - UInt32(digit)))
      // One above the digits, so that 0 and 00 differ.
      let flip = UInt32(truncatingIfNeeded: mixed(key ^ (before | 1 << UInt64(digit))) >> 63)
      let bit = (value >> (31 - UInt32(digit))) & 1
      result |= (bit ^ flip) << (31 - UInt32(digit))
    }
    return result
  }

  /// The finisher of SplitMix64, twice, so that neighbours have nothing in common.
  private static func mixed(_ number: UInt64) -> UInt64 {
    var z = number
    for _ in 0..<2 {
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      z ^= z >> 31
    }
    return z
  }
}

// MARK: Direction numbers
extension SobolSequence {
  private static func directions(_ dimension: Int) -> [[UInt32]] {
    // The first coordinate is the reversed number of the point.
    var found: [[UInt32]] = [(0..<32).map { UInt32(1) << (31 - UInt32($0)) }]
    var planes = [PlaneRows(found[0])]
    for (place, polynomial) in PrimitivePolynomials.first(dimension - 1).enumerated() {
      // Fixed numbers: the sequence is the same whatever its dimension.
      var random = RandomNumbers(seed: 1967).split(place)
      var best: (directions: [UInt32], rows: PlaneRows, penalty: Int)?
      for _ in 0..<12 {
        let directions = directions(of: polynomial, using: &random)
        let rows = PlaneRows(directions)
        let penalty = planes.reduce(0) { $0 + rows.penalty(with: $1) }
        if penalty < best?.penalty ?? .max { best = (directions, rows, penalty) }
      }
      if let best {
        found.append(best.directions)
        planes.append(best.rows)
      }
    }
    return found
  }

  /// Direction numbers whose first ones, as many as the degree, are odd numbers drawn below 2, 4, 8, …
  private static func directions(of polynomial: UInt32, using random: inout RandomNumbers) -> [UInt32] {
    let degree = 31 - polynomial.leadingZeroBitCount
    var numbers = (0..<degree).map { UInt32(2 * random.index(below: 1 << $0) + 1) }
    for k in degree..<32 {
      var next = numbers[k - degree] ^ (numbers[k - degree] << UInt32(degree))
      for term in 1..<max(1, degree) where polynomial >> UInt32(degree - term) & 1 == 1 {
        next ^= numbers[k - term] << UInt32(term)
      }
      numbers.append(next)
    }
    return numbers.enumerated().map { $1 << (31 - UInt32($0)) }
  }

  /// The leading digits of a coordinate as functions of a point's number, for the first 32 and 256 points.
  private struct PlaneRows {
    private let rows: [[UInt32]]

    init(_ directions: [UInt32]) {
      rows = [5, 8].map { size in
        (0..<size).map { digit in
          (0..<size).reduce(0) { $0 | (directions[$1] >> (31 - UInt32(digit)) & 1) << UInt32($1) }
        }
      }
    }

    /// How unevenly the points fill the plane of two coordinates: `Σ 4ᵗ`, where all rectangles of 2ᵗ⁻ᵏ of the
    /// area hold 2ᵗ of the 2ᵏ points.
    func penalty(with other: PlaneRows) -> Int {
      zip(rows, other.rows).reduce(0) { $0 + 1 << (2 * Self.unevenness($1.0, $1.1)) }
    }

    private static func unevenness(_ a: [UInt32], _ b: [UInt32]) -> Int {
      let size = a.count
      var even = size
      // Digits of both that depend on each other leave rectangles of their product empty.
      for leading in 0...size {
        var basis = [UInt32](repeating: 0, count: size)
        for row in a.prefix(leading) { _ = extend(&basis, row) }
        for (place, row) in b.prefix(size - leading).enumerated() where !extend(&basis, row) {
          even = min(even, leading + place)
          break
        }
      }
      return size - even
    }

    /// Adds a row to a basis; false when it depends on it.
    private static func extend(_ basis: inout [UInt32], _ row: UInt32) -> Bool {
      var rest = row
      while rest != 0 {
        let top = 31 - rest.leadingZeroBitCount
        if basis[top] == 0 {
          basis[top] = rest
          return true
        }
        rest ^= basis[top]
      }
      return false
    }
  }
}
