internal import Dispatch
public import NoemaGraph

/// Superpixels by simple linear iterative clustering: k-means over colour and place, in which each centre sees only
/// the pixels within two steps of the grid that it starts from.
///
/// A pixel belongs to the centre of the least `‖Δcolour‖² + (m / S)² ‖Δplace‖²`, with the compactness m and the larger
/// step S of the grid; the first of equals. The centres start without colour and then are the means of their pixels.
/// Starts, windows, connection and defaults are scikit-image's, so that segments are the same but for rounding.
///
/// ```swift
/// let colours = try ColourPlanes(pixels, channels: 3, height: 224, width: 224, smoothing: 1)
/// let fine = try Superpixels(80, compactness: 20).labels(of: colours)
/// ```
///
/// - Source: Achanta et al., "SLIC Superpixels Compared to State-of-the-art Superpixel Methods", IEEE Transactions on
///   Pattern Analysis and Machine Intelligence 2012.
public struct Superpixels: Sendable, Hashable, Codable {
  /// About how many superpixels; the grid decides. More than pixels count as that many.
  public var count: Int
  /// How much being near weighs against being alike, m.
  public var compactness: Double
  /// The most iterations.
  public var iterations = 10
  /// Whether parts that do not hang together become superpixels of their own, or join another one when they are small.
  public var areConnected = true
  /// Connected parts below this share of the mean size join a neighbour.
  public var leastShare = 0.5
  /// Connected parts end at this many times the mean size; what is left begins another one.
  public var greatestShare = 3.0

  /// Makes a segmentation.
  public init(_ count: Int = 100, compactness: Double = 10) {
    self.count = count
    self.compactness = compactness
  }

  /// Names the first setting that is out of its range.
  ///
  /// - Throws: `GraphError.input`.
  public func validate() throws(GraphError) {
    guard count >= 1, iterations >= 1 else {
      throw GraphError(
        .input("superpixels and their iterations are 1 or more, found \(count) and \(iterations)"))
    }
    guard compactness > 0, compactness.isFinite else {
      throw GraphError(.input("the compactness of superpixels must be positive, found \(compactness)"))
    }
    guard leastShare >= 0, greatestShare >= 1, leastShare <= greatestShare, greatestShare < 1e9 else {
      throw GraphError(
        .input(
          "connected parts end at 1 or more times the mean size, and join others below no more than that; found "
            + "\(greatestShare) and \(leastShare)"))
    }
  }

  /// The superpixel of each pixel, row by row, numbered from 0 without gaps.
  ///
  /// The result is the same for any number of threads.
  ///
  /// - Throws: `GraphError.input` for settings out of range.
  /// - Complexity: about 16 distances a pixel and iteration.
  public func labels(of image: ColourPlanes) throws(GraphError) -> [Int32] {
    try validate()
    let (height, width) = (image.height, image.width)
    let grid = SeedGrid(height: height, width: width, count: count)
    var clustering = WindowedMeans(image, grid, compactness: compactness)
    for _ in 0..<iterations where clustering.step() {}
    let labels = clustering.labels
    guard areConnected else { return Self.renumbered(labels) }
    let size = Double(height * width) / Double(grid.count)
    return ConnectedParts(labels, height: height, width: width)
      .joined(below: Int(leastShare * size), endingAt: Int(greatestShare * size))
  }

  /// Centres may have lost all their pixels.
  private static func renumbered(_ labels: [Int32]) -> [Int32] {
    var names = [Int32](repeating: -1, count: Int(labels.max() ?? 0) + 1)
    for label in labels { names[Int(label)] = 0 }
    var next: Int32 = 0
    for label in names.indices where names[label] == 0 {
      names[label] = next
      next += 1
    }
    return labels.map { names[Int($0)] }
  }
}

/// A regular grid of about as many places as asked for.
private struct SeedGrid {
  /// The first row and the first column.
  let top, left: Int
  /// Steps between rows and between columns.
  let rowStep, columnStep: Int
  /// The number of rows and columns.
  let rows, columns: Int

  var count: Int { rows * columns }

  init(height: Int, width: Int, count: Int) {
    var (down, across) = (1.0, 1.0)
    if height * width > count {
      let step = (Double(height * width) / Double(count)).squareRoot()
      (down, across) = (step, step)
      // A strip narrower than a step has one row of places.
      if Double(min(height, width)) < step {
        let (short, long) = (Double(min(height, width)), Double(max(height, width)) / Double(count))
        (down, across) = height <= width ? (short, long) : (long, short)
      }
    }
    (top, left) = (Int(down / 2), Int(across / 2))
    rowStep = Int(down.rounded(.toNearestOrEven))
    columnStep = Int(across.rounded(.toNearestOrEven))
    rows = (height - top + rowStep - 1) / rowStep
    columns = (width - left + columnStep - 1) / columnStep
  }
}

/// k-means in which each centre sees only its window.
private struct WindowedMeans {
  private let image: ColourPlanes
  /// How far a window reaches from its centre.
  private let reachDown, reachAcross: Float
  /// `(m / S)²`.
  private let weight: Float
  /// Row, column and colour of each centre, centre after centre; not numbers for a centre without pixels.
  private var centres: [Float]
  /// The centre of each pixel.
  private(set) var labels: [Int32]
  /// Whether the centres know their colours.
  private var hasColours = false

  /// Rows that one thread takes at once; a number of its own, so that sums do not depend on threads.
  private static let band = 16
  private typealias Lanes = SIMD8<Float>

  /// The numbers of a centre.
  private var depth: Int { image.depth + 2 }
  private var count: Int { centres.count / depth }

  init(_ image: ColourPlanes, _ grid: SeedGrid, compactness: Double) {
    self.image = image
    centres = (0..<grid.count).flatMap { place in
      let (row, column) = (place / grid.columns, place % grid.columns)
      return [Float(grid.top + row * grid.rowStep), Float(grid.left + column * grid.columnStep)]
        + [Float](repeating: 0, count: image.depth)
    }
    // Pixels that no window reaches stay with the nearest place of the grid.
    labels = (0..<image.height * image.width).map { pixel in
      let row = min(pixel / image.width / grid.rowStep, grid.rows - 1)
      return Int32(row * grid.columns + min(pixel % image.width / grid.columnStep, grid.columns - 1))
    }
    // The grid may have other than the wanted number of places; windows go by the number it has.
    let windows = SeedGrid(height: image.height, width: image.width, count: grid.count)
    (reachDown, reachAcross) = (Float(2 * windows.rowStep), Float(2 * windows.columnStep))
    let share = Float(compactness / Double(max(grid.rowStep, grid.columnStep)))
    weight = share * share
  }

  /// Assigns all pixels and moves the centres.
  ///
  /// - Returns: whether that may change what the next step finds.
  mutating func step() -> Bool {
    // Of each centre the number of pixels, then the sums of what it consists of.
    let (count, width) = (count, depth + 1)
    let bands = (image.height + Self.band - 1) / Self.band
    var sums = [Double](repeating: 0, count: bands * count * width)
    var changes = [Bool](repeating: false, count: bands)
    let this = self
    labels.withUnsafeMutableBufferPointer { labels in
      sums.withUnsafeMutableBufferPointer { sums in
        changes.withUnsafeMutableBufferPointer { changes in
          nonisolated(unsafe) let (labels, sums, changes) = (labels, sums, changes)
          // Each band writes its own rows, sums and answer.
          DispatchQueue.concurrentPerform(iterations: bands) { band in
            changes[band] = this.assign(
              band, labels.baseAddress!, sums.baseAddress! + band * count * width)
          }
        }
      }
    }
    // The first assignment may be that of the grid.
    guard changes.contains(true) || !hasColours else { return false }
    hasColours = true
    for start in stride(from: count * width, to: sums.count, by: count * width) {
      for i in 0..<count * width { sums[i] += sums[start + i] }
    }
    for k in 0..<count {
      for i in 0..<depth { centres[k * depth + i] = Float(sums[k * width + i + 1] / sums[k * width]) }
    }
    return true
  }

  /// Assigns the pixels of a band of rows, and adds them to the sums of their centres.
  ///
  /// - Returns: whether one of them changed its centre.
  private func assign(
    _ band: Int, _ labels: UnsafeMutablePointer<Int32>, _ sums: UnsafeMutablePointer<Double>
  ) -> Bool {
    let width = image.width
    let columns = (0..<width).map { Float($0) }
    var nearest = [Int32](repeating: 0, count: width)
    var distances = [Float](repeating: 0, count: width)
    var isChanged = false
    image.values.withUnsafeBufferPointer { values in
      nearest.withUnsafeMutableBufferPointer { nearest in
        distances.withUnsafeMutableBufferPointer { distances in
          for row in (band * Self.band)..<min((band + 1) * Self.band, image.height) {
            let (line, old) = (values.baseAddress! + row * width, labels + row * width)
            nearest.baseAddress!.update(from: old, count: width)
            distances.update(repeating: .infinity)
            compare(row, line, columns, nearest.baseAddress!, distances.baseAddress!)
            for x in 0..<width where nearest[x] != old[x] { isChanged = true }
            old.update(from: nearest.baseAddress!, count: width)
            add(row, line, old, sums)
          }
        }
      }
    }
    return isChanged
  }

  /// Holds the pixels of a row against all centres whose windows reach it, eight at a time.
  private func compare(
    _ row: Int, _ line: UnsafePointer<Float>, _ columns: [Float], _ nearest: UnsafeMutablePointer<Int32>,
    _ distances: UnsafeMutablePointer<Float>
  ) {
    let (lanes, width, size, depth) = (Lanes.scalarCount, image.width, image.height * image.width, depth)
    centres.withUnsafeBufferPointer { centres in
      columns.withUnsafeBufferPointer { columns in
        for k in 0..<centres.count / depth {
          let centre = centres.baseAddress! + k * depth
          let (y, x) = (centre[0], centre[1])
          // What is not a number compares with nothing.
          guard y >= 0, Int(max(y - reachDown, 0)) <= row,
            row < Int(min(y + reachDown + 1, Float(image.height)))
          else { continue }
          let from = Int(max(x - reachAcross, 0)), to = Int(min(x + reachAcross + 1, Float(width)))
          let down = weight * (y - Float(row)) * (y - Float(row))
          let label = Int32(truncatingIfNeeded: k)
          var i = from
          // The last eight may be some of those before again, which changes nothing.
          while to - from >= lanes, i < to {
            i = min(i, to - lanes)
            let across = x - Self.load(columns.baseAddress! + i)
            var distance = down + weight * across * across
            var place = line + i
            for coordinate in 2..<depth {
              let gap = Self.load(place) - centre[coordinate]
              distance += gap * gap
              place += size
            }
            let best = Self.load(distances + i)
            let isNearer = distance .< best
            Self.store(best.replacing(with: distance, where: isNearer), distances + i)
            let names = UnsafeRawPointer(nearest + i).loadUnaligned(as: SIMD8<Int32>.self)
            Self.store(names.replacing(with: label, where: isNearer), nearest + i)
            i += lanes
          }
          while i < to {
            let across = x - columns[i]
            var distance = down + weight * across * across
            for coordinate in 2..<depth {
              let gap = line[(coordinate - 2) * size + i] - centre[coordinate]
              distance += gap * gap
            }
            if distance < distances[i] { (distances[i], nearest[i]) = (distance, label) }
            i += 1
          }
        }
      }
    }
  }

  @inline(__always)
  private static func load(_ place: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(place).loadUnaligned(as: Lanes.self)
  }

  @inline(__always)
  private static func store<Vector: BitwiseCopyable>(_ values: Vector, _ place: UnsafeMutableRawPointer) {
    place.storeBytes(of: values, as: Vector.self)
  }

  /// Adds the pixels of a row to the sums of their centres, run by run.
  private func add(
    _ row: Int, _ line: UnsafePointer<Float>, _ labels: UnsafePointer<Int32>,
    _ sums: UnsafeMutablePointer<Double>
  ) {
    let (width, size) = (image.width, image.height * image.width)
    var start = 0
    while start < width {
      var end = start + 1
      while end < width, labels[end] == labels[start] { end += 1 }
      let target = sums + Int(labels[start]) * (depth + 1)
      target[0] += Double(end - start)
      target[1] += Double((end - start) * row)
      target[2] += Double((start + end - 1) * (end - start)) / 2
      for coordinate in 0..<image.depth {
        var sum: Float = 0
        for x in start..<end { sum += line[coordinate * size + x] }
        target[3 + coordinate] += Double(sum)
      }
      start = end
    }
  }
}

/// Pixels of equal labels that hang together.
private struct ConnectedParts {
  private let labels: [Int32]
  private let height, width: Int

  init(_ labels: [Int32], height: Int, width: Int) {
    (self.labels, self.height, self.width) = (labels, height, width)
  }

  /// Numbers the parts in the order of their first pixels. A part below the least size takes the number of the last
  /// part that its search met; one that reaches the greatest size ends there. The first part of all, when it is too
  /// small, has met none, and the next one joins it.
  func joined(below least: Int, endingAt greatest: Int) -> [Int32] {
    var result = [Int32](repeating: -1, count: labels.count)
    var part = [Int32](repeating: 0, count: max(1, min(greatest, labels.count)))
    var next: Int32 = 0
    result.withUnsafeMutableBufferPointer { result in
      labels.withUnsafeBufferPointer { labels in
        part.withUnsafeMutableBufferPointer { part in
          for start in labels.indices where result[start] < 0 {
            let (size, beside) = flood(start, next, labels, result, part)
            if size < least {
              for i in 0..<size { result[Int(part[i])] = beside }
            } else {
              next += 1
            }
          }
        }
      }
    }
    return result
  }

  /// Gives a number to the part of a pixel, breadth first.
  ///
  /// - Returns: its size, and the last number met beside it.
  private func flood(
    _ start: Int, _ number: Int32, _ labels: UnsafeBufferPointer<Int32>,
    _ result: UnsafeMutableBufferPointer<Int32>,
    _ part: UnsafeMutableBufferPointer<Int32>
  ) -> (size: Int, beside: Int32) {
    var (size, beside, head) = (1, number, 0)
    let label = labels[start]
    result[start] = number
    part[0] = Int32(truncatingIfNeeded: start)
    func visit(_ pixel: Int) {
      if result[pixel] >= 0 {
        if result[pixel] != number { beside = result[pixel] }
      } else if labels[pixel] == label, size < part.count {
        result[pixel] = number
        part[size] = Int32(truncatingIfNeeded: pixel)
        size += 1
      }
    }
    while head < size, size < part.count {
      let pixel = Int(part[head]), x = pixel % width
      if x + 1 < width { visit(pixel + 1) }
      if x > 0 { visit(pixel - 1) }
      if pixel + width < labels.count { visit(pixel + width) }
      if pixel >= width { visit(pixel - width) }
      head += 1
    }
    return (size, beside)
  }
}
