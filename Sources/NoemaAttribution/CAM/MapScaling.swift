public import NoemaGraph
public import NoemaTensor

extension Tensor {
  /// Maps in another resolution, by linear interpolation along each axis.
  ///
  /// Positions are the middles of cells: the value at `i` of `H` comes from `(i + ½) h / H − ½` of `h`, and
  /// beyond the middles of the outer cells from those. Maps keep their range, and constant maps stay
  /// constant.
  ///
  /// - Shapes: `[n, h, w] → [n, H, W]`, or with any other number of axes behind the first; float32.
  /// - Throws: `GraphError.input` when the axes do not fit or one is empty.
  public func resizedMaps(to size: [Int]) throws(GraphError) -> Tensor {
    guard elementType.isFloat, rank == size.count + 1, rank > 1, !shape.dropFirst().contains(0),
      size.allSatisfy({ $0 > 0 })
    else { throw GraphError(.input("maps of shape \(shape) cannot be brought to the size \(size)")) }
    let interpolation = Interpolation(from: Array(shape.dropFirst()), to: size)
    let width = shape.dropFirst().reduce(1, *)
    let floats = converted(to: .float32)
    var result: [Float] = []
    floats.withElements(as: Float.self) { elements in
      for row in 0..<shape[0] { result += interpolation(Array(elements[row * width..<(row + 1) * width])) }
    }
    return Tensor(shape: [shape[0]] + size, result)
  }

  /// Maps with their least value at 0 and their greatest at 1, each for itself; constant maps become 0.
  ///
  /// Scaled maps of different examples or methods do not compare in size.
  ///
  /// - Shapes: `[n, …] → [n, …]`; float32.
  public func scaledMaps() -> Tensor {
    let width = shape.dropFirst().reduce(1, *)
    var elements = converted(to: .float32).elements(as: Float.self)
    for start in stride(from: 0, to: elements.count, by: max(width, 1)) {
      let range = start..<start + width
      let least = elements[range].min()!, greatest = elements[range].max()!
      for i in range { elements[i] = greatest > least ? (elements[i] - least) / (greatest - least) : 0 }
    }
    return Tensor(shape: shape, elements)
  }

  /// One map of those of several layers: the mean of the positive parts, each scaled and enlarged, scaled
  /// again.
  ///
  /// - Parameters:
  ///   - maps: a tensor `[n, h, w]` for each layer.
  ///   - size: the size of the result.
  /// - Shapes: `→ [n] + size`.
  /// - Throws: `GraphError.input` when there is no map, or shapes do not fit.
  public static func combinedMaps(_ maps: [Tensor], size: [Int]) throws(GraphError) -> Tensor {
    guard let first = maps.first, maps.allSatisfy({ $0.shape.first == first.shape.first }) else {
      throw GraphError(.input("maps of shapes \(maps.map(\.shape)) are not those of the same examples"))
    }
    var sum: [Float] = []
    for map in maps {
      let scaled = try map.converted(to: .float32).mapped { max($0, 0) }.scaledMaps().resizedMaps(to: size)
      let elements = scaled.elements(as: Float.self)
      sum = sum.isEmpty ? elements : zip(sum, elements).map { $0 + $1 }
    }
    return Tensor(shape: [first.shape[0]] + size, sum.map { $0 / Float(maps.count) }).scaledMaps()
  }
}

/// Linear interpolation between two resolutions, worked out once for each axis.
struct Interpolation {
  /// For each element of the result, the two it lies between, and the share of the second.
  private struct Axis {
    var below: [Int], above: [Int], share: [Float]

    init(from source: Int, to target: Int) {
      let places = (0..<target).map { i in
        min(max((Double(i) + 0.5) * Double(source) / Double(target) - 0.5, 0), Double(source - 1))
      }
      below = places.map { Int($0) }
      above = below.map { min($0 + 1, source - 1) }
      share = zip(places, below).map { Float($0 - Double($1)) }
    }
  }

  private let axes: [Axis]
  private let source: [Int]

  /// Prepares the way from one shape to another of as many axes, none of them empty.
  init(from source: [Int], to target: [Int]) {
    self.source = source
    axes = zip(source, target).map { Axis(from: $0, to: $1) }
  }

  /// A map in the new resolution.
  func callAsFunction(_ map: [Float]) -> [Float] {
    var map = map, shape = source
    for (number, axis) in axes.enumerated() {
      let outer = shape[..<number].reduce(1, *), inner = shape[(number + 1)...].reduce(1, *)
      var result: [Float] = []
      result.reserveCapacity(outer * axis.below.count * inner)
      for row in 0..<outer {
        let start = row * shape[number] * inner
        for i in axis.below.indices {
          let a = start + axis.below[i] * inner, b = start + axis.above[i] * inner, share = axis.share[i]
          for j in 0..<inner { result.append(map[a + j] + share * (map[b + j] - map[a + j])) }
        }
      }
      shape[number] = axis.below.count
      map = result
    }
    return map
  }
}
