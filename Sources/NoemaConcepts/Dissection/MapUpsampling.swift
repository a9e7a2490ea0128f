/// Where the positions of a map lie on an image, along one axis: position i on pixel `first + i · step`.
struct MapAxis: Sendable, Hashable {
  /// For each pixel the position before it, and its share of the next one.
  let before: [Int]
  let shares: [Double]

  /// Lays positions over pixels; beyond the outer ones their values go on.
  init(positions: Int, pixels: Int, first: Double, step: Double) {
    let places = (0..<pixels).map { pixel -> Double in
      let place = (Double(pixel) - first) / step
      return min(max(0, place), Double(positions - 1))
    }
    before = places.map { min(Int($0), max(0, positions - 2)) }
    shares = zip(places, before).map { $0 - Double($1) }
  }

  /// At the centres of what positions see, or spread evenly where that is everything.
  init(positions: Int, pixels: Int, field: ReceptiveField.Axis?) {
    if let field {
      self.init(positions: positions, pixels: pixels, first: field.centre(of: 0), step: Double(field.step))
    } else {
      let step = Double(pixels) / Double(positions)
      self.init(positions: positions, pixels: pixels, first: (step - 1) / 2, step: step)
    }
  }
}

/// The pixels at which a map, brought to the size of an image, lies above a threshold; one bit a pixel.
struct MapThreshold: Sendable {
  let rows, columns: MapAxis
  /// The map's width.
  let width: Int

  var pixelCount: Int { rows.before.count * columns.before.count }

  /// - Parameter isStrict: whether the threshold itself does not count.
  func bits(_ map: UnsafePointer<Float>, above threshold: Double, isStrict: Bool) -> PixelBits {
    let across = columns.before.count
    var bits = PixelBits(count: pixelCount)
    // Rows of the map at the columns of the image; one that is needed twice is made once.
    var lines: [Int: (values: [Double], greatest: Double)] = [:]
    func line(_ row: Int) -> (values: [Double], greatest: Double) {
      if let known = lines[row] { return known }
      let source = map + row * width
      let values = (0..<across).map { x -> Double in
        let place = columns.before[x], share = columns.shares[x]
        let value = Double(source[place])
        return share > 0 ? value + share * (Double(source[place + 1]) - value) : value
      }
      let made = (values, values.max() ?? -.infinity)
      lines[row] = made
      return made
    }
    for y in rows.before.indices {
      let share = rows.shares[y], above = line(rows.before[y])
      let below = share > 0 ? line(rows.before[y] + 1) : above
      // Nothing between two rows exceeds both.
      guard max(above.greatest, below.greatest) >= threshold else { continue }
      for x in 0..<across {
        let value = above.values[x] + share * (below.values[x] - above.values[x])
        if isStrict ? value > threshold : value >= threshold { bits.insert(y * across + x) }
      }
    }
    return bits
  }
}

/// A set of pixels, one bit each.
struct PixelBits: Sendable, Hashable {
  private(set) var words: [UInt64]

  init(count: Int) { words = [UInt64](repeating: 0, count: (count + 63) / 64) }

  /// The pixels of a set; those from `count` on are left out.
  init(_ positions: PositionSet, count: Int) {
    self.init(count: count)
    for run in positions.runs { for pixel in run where pixel < count { insert(pixel) } }
  }

  mutating func insert(_ pixel: Int) { words[pixel >> 6] |= 1 << UInt64(pixel & 63) }

  var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

  func intersectionCount(_ other: PixelBits) -> Int {
    var sum = 0
    for i in words.indices { sum += (words[i] & other.words[i]).nonzeroBitCount }
    return sum
  }
}
