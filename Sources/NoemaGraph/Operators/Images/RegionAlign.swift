public import NoemaTensor

/// The regions of an image that are sampled, and how finely.
///
/// - Source: ONNX RoiAlign-10 to -22.
public struct RegionGrid: Sendable, Hashable {
  /// Bins of each region.
  public var height, width: Int
  /// Samples along each side of a bin; 0 takes as many as a bin has elements.
  public var samples: Int
  /// From the regions' coordinates to elements.
  public var scale: Double
  /// Whether coordinates mean the centres of elements.
  public var isCentred: Bool

  /// Makes a grid.
  public init(height: Int, width: Int, samples: Int, scale: Double = 1, isCentred: Bool = true) {
    (self.height, self.width, self.samples) = (height, width, samples)
    (self.scale, self.isCentred) = (scale, isCentred)
  }

  init(_ node: NodeReader) throws {
    let mode = node.string(
      "coordinate_transformation_mode", default: node.opset < 16 ? "output_half_pixel" : "half_pixel")
    guard mode == "half_pixel" || mode == "output_half_pixel" else {
      throw node.error("coordinate_transformation_mode '\(mode)' does not exist")
    }
    self.init(
      height: node.int("output_height", default: 1), width: node.int("output_width", default: 1),
      samples: node.int("sampling_ratio", default: 0), scale: node.float("spatial_scale", default: 1),
      isCentred: mode == "half_pixel")
  }

  /// More samples along a side of a bin are an error: the region is far larger than any image.
  private static let mostSamples = 1 << 10

  func check(_ operands: [TensorType], _ shape: [Int]) throws(GraphError) -> [Int] {
    guard operands.count == 3, shape.count == 4, operands[1].rank == 2, operands[1].shape[1] == 4,
      operands[2].shape == [operands[1].shape[0]], operands[1].element == operands[0].element,
      !operands[2].element.isFloat, (1..<1 << 16).contains(height), (1..<1 << 16).contains(width),
      (0...Self.mostSamples).contains(samples)
    else {
      throw GraphError(.operands("a grid of \(height) × \(width) bins does not fit \(operands)"))
    }
    return [operands[1].shape[0], shape[1], height, width]
  }

  /// The four weighted elements around a sample, and how many samples their bin has.
  typealias Sample = (taps: [(offset: Int, weight: Double)], count: Int)

  /// Calls `body` for each sample of each bin, with the region's image and the bin's place in its plane.
  func forEachSample(
    _ shape: [Int], _ regions: Tensor, _ images: Tensor,
    _ body: (_ region: Int, _ image: Int, _ bin: Int, _ sample: Sample) -> Void
  ) throws {
    let corners = regions.converted(to: .float64).elements(as: Double.self)
    let images = try Gather.resolve(images, extent: shape[0])
    for (region, image) in images.enumerated() {
      let box = corners[4 * region..<4 * region + 4].map { $0 * scale - (isCentred ? 0.5 : 0) }
      var (w, h) = (box[2] - box[0], box[3] - box[1])
      if !isCentred { (w, h) = (max(w, 1), max(h, 1)) }
      let (binWidth, binHeight) = (w / Double(width), h / Double(height))
      let columns = try count(binWidth), rows = try count(binHeight), total = max(rows * columns, 1)
      for bin in 0..<height * width {
        for sample in 0..<rows * columns {
          let y = box[1] + (Double(bin / width) + (Double(sample / columns) + 0.5) / Double(rows)) * binHeight
          let x =
            box[0] + (Double(bin % width) + (Double(sample % columns) + 0.5) / Double(columns)) * binWidth
          body(region, image, bin, (Self.taps(y, x, shape[2], shape[3]), total))
        }
      }
    }
  }

  private func count(_ binSide: Double) throws -> Int {
    guard samples == 0 else { return samples }
    guard binSide < Double(Self.mostSamples) else {
      throw GraphError(.operands("a bin of \(binSide) elements along a side is absurdly large"))
    }
    return max(0, Int(binSide.rounded(.up)))
  }

  private static func taps(_ y: Double, _ x: Double, _ height: Int, _ width: Int) -> [(
    offset: Int, weight: Double
  )] {
    guard height > 0, width > 0, y >= -1, y <= Double(height), x >= -1, x <= Double(width) else { return [] }
    func split(_ at: Double, _ extent: Int) -> (low: Int, high: Int, part: Double) {
      let inside = min(max(at, 0), Double(extent - 1)), low = Int(inside)
      return (low, min(low + 1, extent - 1), inside - Double(low))
    }
    let row = split(y, height), column = split(x, width)
    return [
      (row.low * width + column.low, (1 - row.part) * (1 - column.part)),
      (row.low * width + column.high, (1 - row.part) * column.part),
      (row.high * width + column.low, row.part * (1 - column.part)),
      (row.high * width + column.high, row.part * column.part),
    ]
  }
}

/// The mean of samples in each bin of regions.
///
/// - Shapes: `x [N, C, H, W]`, regions `[R, 4]` as x₁ y₁ x₂ y₂, their images `[R] → [R, C, height, width]`.
/// - Source: ONNX RoiAlign-10 to -22.
public struct RegionAlign: Operator {
  /// The bins and samples.
  public var grid: RegionGrid

  /// Makes the operator.
  public init(_ grid: RegionGrid) { self.grid = grid }

  public var relevanceRole: RelevanceRole { .pooling }

  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("RoiAlign", opset: 10...ONNXBinding.newestOpset) { node in
        let grid = try RegionGrid(node)
        let operands = try [0, 1, 2].map { try node.operand($0) }
        switch node.string("mode", default: "avg") {
        case "avg": return try node.emit(RegionAlign(grid), operands)
        case "max":
          // The largest single product of a weight and an element, as the specification's examples have it.
          let found = try node.emit(RegionWinners(grid), operands)
          return [try node.emit(Binary(.mul), node.emit(Take(), operands[0], found[0]), found[1])]
        case let other: throw node.error("mode '\(other)' does not exist")
        }
      }
    ]
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard let x = operands.first else { throw GraphError(.operands("expected 3 operands, found none")) }
    return [TensorType(try grid.check(operands, x.shape), x.element)]
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let result = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape, shape = operands[0].shape
    let x = operands[0].converted(to: .float64).elements(as: Double.self)
    var y = [Double](repeating: 0, count: result.reduce(1, *))
    let bins = grid.height * grid.width, area = shape[2] * shape[3], channels = shape[1]
    try grid.forEachSample(shape, operands[1], operands[2]) { region, image, bin, sample in
      for tap in sample.taps {
        for channel in 0..<channels {
          y[(region * channels + channel) * bins + bin] +=
            x[(image * channels + channel) * area + tap.offset] * tap.weight / Double(sample.count)
        }
      }
    }
    return [Tensor(shape: result, y).converted(to: operands[0].elementType)]
  }

  /// Linear in the image; regions have no derivative, as in PyTorch.
  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil, nil, nil] }
    let adjoint = RegionAlignGradient(grid, shape: graph.type(of: node.operands[0]).shape)
    return [try graph.apply(adjoint, g, node.operands[1], node.operands[2]), nil, nil]
  }
}

/// The adjoint of `RegionAlign`.
///
/// - Shapes: `ȳ [R, C, height, width]`, regions `[R, 4]`, their images `[R] → [N, C, H, W]`.
public struct RegionAlignGradient: Operator {
  /// The bins and samples.
  public var grid: RegionGrid
  /// The image's shape.
  public var shape: [Int]

  /// Makes the adjoint.
  public init(_ grid: RegionGrid, shape: [Int]) {
    self.grid = grid
    self.shape = shape
  }

  public var relevanceRole: RelevanceRole { .none }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard try grid.check(operands, shape) == operands[0].shape else {
      throw GraphError(.operands("the cotangent \(operands[0]) does not fit the regions"))
    }
    return [TensorType(shape, operands[0].element)]
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let g = operands[0].converted(to: .float64).elements(as: Double.self)
    var x = [Double](repeating: 0, count: shape.reduce(1, *))
    let bins = grid.height * grid.width, area = shape[2] * shape[3], channels = shape[1]
    try grid.forEachSample(shape, operands[1], operands[2]) { region, image, bin, sample in
      for tap in sample.taps {
        for channel in 0..<channels {
          x[(image * channels + channel) * area + tap.offset] +=
            g[(region * channels + channel) * bins + bin] * tap.weight / Double(sample.count)
        }
      }
    }
    return [Tensor(shape: shape, x).converted(to: operands[0].elementType)]
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil, nil, nil] }
    return [try graph.apply(RegionAlign(grid), g, node.operands[1], node.operands[2]), nil, nil]
  }
}

/// The position and weight of the largest weighted element among the samples of each bin.
///
/// - Shapes: as `RegionAlign`; the results are int64 positions, -1 for none, and weights.
public struct RegionWinners: Operator {
  /// The bins and samples.
  public var grid: RegionGrid

  /// Makes the operator.
  public init(_ grid: RegionGrid) { self.grid = grid }

  public var relevanceRole: RelevanceRole { .none }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    let type = try RegionAlign(grid).resultTypes(of: operands)[0]
    return [TensorType(type.shape, .int64), type]
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let result = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape, shape = operands[0].shape
    let x = operands[0].converted(to: .float64).elements(as: Double.self)
    let count = result.reduce(1, *), channels = shape[1]
    var best = [Double](repeating: -.infinity, count: count), weights = [Double](repeating: 0, count: count)
    var positions = [Int64](repeating: -1, count: count)
    let bins = grid.height * grid.width, area = shape[2] * shape[3]
    try grid.forEachSample(shape, operands[1], operands[2]) { region, image, bin, sample in
      for channel in 0..<channels {
        let slot = (region * channels + channel) * bins + bin
        // A sample outside the image is a 0.
        if sample.taps.isEmpty, best[slot] < 0 { (best[slot], positions[slot], weights[slot]) = (0, -1, 0) }
        for tap in sample.taps {
          let position = (image * channels + channel) * area + tap.offset
          guard x[position] * tap.weight > best[slot] else { continue }
          (best[slot], positions[slot], weights[slot]) = (
            x[position] * tap.weight, Int64(position), tap.weight
          )
        }
      }
    }
    return [
      Tensor(shape: result, positions),
      Tensor(shape: result, weights).converted(to: operands[0].elementType),
    ]
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] { [nil, nil, nil] }
}
