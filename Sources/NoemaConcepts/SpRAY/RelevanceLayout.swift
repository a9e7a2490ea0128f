/// How the relevance of one example lies in memory, and what it is prepared to.
struct RelevanceLayout: Sendable, Hashable {
  private let settings: RelevancePreprocessing
  /// The shape of one example's relevance.
  let shape: [Int]
  private let channels, positions: Int
  private let channelStride, positionStride: Int
  /// How the values of a prepared map lie on the image; nil when they have no place.
  let grid: MapGrid?
  /// The grid before values were counted in bins.
  private let source: MapGrid?

  /// What a map is prepared to.
  enum Prepared {
    case values([Float], MapOffset)
    case flawed(FlawedMap.Flaw)
  }

  /// Works out a layout.
  ///
  /// - Parameter shape: of one example: `[channels, height, width]`, `[height, width]` or `[features]`.
  /// - Throws: `ConceptError.mismatch` for other shapes, and for features where maps are aligned.
  init(_ settings: RelevancePreprocessing, shape: [Int]) throws(ConceptError) {
    guard (1...3).contains(shape.count), shape.allSatisfy({ $0 > 0 }) else {
      throw ConceptError(
        .mismatch(
          "relevance of shape \(shape) for one example is no map; expected [channels, height, width], "
            + "[height, width] or [features]"))
    }
    self.settings = settings
    self.shape = shape
    let keepsPositions = settings.channels != .positions
    var image: (height: Int, width: Int)?
    switch (shape.count, settings.hasChannelsLast) {
    case (3, false):
      (channels, positions) = (shape[0], shape[1] * shape[2])
      (channelStride, positionStride) = (positions, 1)
      image = (shape[1], shape[2])
    case (3, true):
      (channels, positions) = (shape[2], shape[0] * shape[1])
      (channelStride, positionStride) = (1, channels)
      image = (shape[0], shape[1])
    case (2, _) where keepsPositions:
      (channels, positions) = (1, shape[0] * shape[1])
      (channelStride, positionStride) = (positions, 1)
      image = (shape[0], shape[1])
    case (2, _):
      // Sequences keep their features last.
      (channels, positions) = (shape[1], shape[0])
      (channelStride, positionStride) = (1, channels)
    default:
      (channels, positions) = (shape[0], 1)
      (channelStride, positionStride) = (1, 1)
    }
    if keepsPositions, let image {
      source = try MapGrid(
        channels: settings.channels == .none ? channels : 1, sourceHeight: image.height,
        sourceWidth: image.width, longestSide: settings.longestSide, alignment: settings.alignment)
    } else {
      source = nil
    }
    guard settings.alignment == .none || source != nil else {
      throw ConceptError(
        .mismatch(
          "relevance of shape \(shape) for one example has no rows and columns along which it could be moved; do not "
            + "align it"))
    }
    grid = settings.histogramBins == nil ? source : nil
  }

  /// Prepares the relevance of one example.
  ///
  /// - Precondition: as many values as the shape has.
  func prepare(_ relevance: UnsafeBufferPointer<Float>) -> Prepared {
    guard relevance.allSatisfy({ $0.isFinite }) else { return .flawed(.notFinite) }
    var values = pooled(relevance)
    switch settings.sign {
    case .keep: break
    case .positive: for i in values.indices { values[i] = max(0, values[i]) }
    case .absolute: for i in values.indices { values[i] = abs(values[i]) }
    }
    guard values.contains(where: { $0 != 0 }) else { return .flawed(.zero) }
    let first = values[0]
    if values.count > 1, values.allSatisfy({ $0 == first }) { return .flawed(.constant) }
    guard let size = size(of: values) else { return .flawed(.cancelling) }
    for i in values.indices { values[i] /= size }
    if let bins = settings.histogramBins { return .values(densities(values, bins: bins), .zero) }
    guard let source else { return .values(values.map { Float($0) }, .zero) }
    let (height, width) = (source.sourceHeight, source.sourceWidth)
    let offset = settings.alignment.offset(of: values, height: height, width: width)
    let moved = offset.moving(values, height: height, width: width)
    return .values(sums(of: moved, source).map { Float($0) }, offset)
  }

  /// The channels brought together: channels × positions.
  private func pooled(_ relevance: UnsafeBufferPointer<Float>) -> [Double] {
    func value(_ channel: Int, _ position: Int) -> Double {
      Double(relevance[channel * channelStride + position * positionStride])
    }
    let isImage = source != nil
    switch settings.channels {
    case .sum where isImage, .absoluteSum where isImage:
      var sums = [Double](repeating: 0, count: positions)
      let isAbsolute = settings.channels == .absoluteSum
      for channel in 0..<channels {
        for position in 0..<positions {
          let term = value(channel, position)
          sums[position] += isAbsolute ? abs(term) : term
        }
      }
      return sums
    case .positions:
      return (0..<channels).map { channel in
        (0..<positions).reduce(0) { $0 + value(channel, $1) }
      }
    default:
      return (0..<channels).flatMap { channel in (0..<positions).map { value(channel, $0) } }
    }
  }

  /// What a map is divided by; nil where that is next to nothing.
  private func size(of values: [Double]) -> Double? {
    let size: Double
    switch settings.normalisation {
    case .absoluteSum: size = values.reduce(0) { $0 + abs($1) }
    case .signedSum: size = values.reduce(0, +)
    case .l2:
      // Squares of small numbers would vanish.
      let largest = values.reduce(0) { max($0, abs($1)) }
      size = largest * values.reduce(0) { $0 + ($1 / largest) * ($1 / largest) }.squareRoot()
    case .none: return 1
    }
    let largest = values.reduce(0) { max($0, abs($1)) }
    return abs(size) >= 1e-12 * largest ? size : nil
  }

  /// The sums of positions in blocks.
  private func sums(of values: [Double], _ grid: MapGrid) -> [Double] {
    guard grid.block > 1 else { return values }
    var sums = [Double](repeating: 0, count: grid.count)
    var next = 0
    for channel in 0..<grid.channels {
      for y in 0..<grid.sourceHeight {
        let row = channel * grid.cells + y / grid.block * grid.width
        for x in 0..<grid.sourceWidth {
          sums[row + x / grid.block] += values[next]
          next += 1
        }
      }
    }
    return sums
  }

  /// The density of the values of each channel.
  private func densities(_ values: [Double], bins: Int) -> [Float] {
    let width = source.map { $0.sourceHeight * $0.sourceWidth } ?? values.count
    return stride(from: 0, to: values.count, by: width).flatMap { start -> [Float] in
      let channel = values[start..<(start + width)]
      let (least, largest) = (channel.min() ?? 0, channel.max() ?? 0)
      // Equal values lie in the middle of a range of one, as NumPy has it.
      let low = least < largest ? least : least - 0.5
      let range = least < largest ? largest - least : 1
      var counts = [Double](repeating: 0, count: bins)
      for value in channel { counts[min(bins - 1, Int((value - low) / range * Double(bins)))] += 1 }
      return counts.map { Float($0 * Double(bins) / (Double(width) * range)) }
    }
  }
}
