internal import Foundation

/// Makes network inputs of segments: the segment as it is, everything else filled; on images then cut out along its
/// box and enlarged to the size of the input.
///
/// ```swift
/// let cutter = PatchCutter(fill: .grey(in: network.preprocessing))
/// let input = try cutter.patch(image, segment.positions)
/// ```
///
/// - Source: Ghorbani et al., "Towards Automatic Concept-based Explanations", NeurIPS 2019, and its implementation.
public struct PatchCutter: Sendable, Hashable, Codable {
  /// What becomes of the segment's box.
  public enum Fit: String, Sendable, Codable, CaseIterable {
    /// It is cut out and stretched to the whole input, whatever its proportions, as ACE does.
    case stretch
    /// It is cut out and enlarged in its proportions; what is left of the input is filled.
    case letterbox
    /// It stays where it is.
    case inPlace
  }

  /// What surrounds the segment.
  public var fill: PatchFill
  /// What becomes of the box; nil to stretch on images and to leave others in place, where length and place have a
  /// meaning.
  public var fit: Fit?

  /// Makes a cutter.
  public init(fill: PatchFill, fit: Fit? = nil) { (self.fill, self.fit) = (fill, fit) }

  /// The input that shows a segment alone.
  ///
  /// Enlarged values are bicubic and stay within those of the example and its filling, channel by channel.
  ///
  /// - Returns: values in the order of the example's shape.
  /// - Throws: `ConceptError.parameters` for a filling that does not fit, and for a segment without positions or with
  ///   some outside the example.
  public func patch(_ example: SegmentedExample, _ segment: PositionSet) throws(ConceptError) -> [Float] {
    let layout = example.layout
    guard let last = segment.runs.last, last.upperBound <= layout.positionCount else {
      throw ConceptError(
        .parameters("a segment has 1 or more of the example's \(layout.positionCount) positions"),
        at: "example \(example.index)")
    }
    try fill.validate(layout)
    switch fit ?? (layout.kind == .image ? .stretch : .inPlace) {
    case .inPlace: return layout.values(filled(layout.planes(example.values), layout, segment))
    case .stretch: return layout.values(enlarged(example, segment, keepsProportions: false))
    case .letterbox: return layout.values(enlarged(example, segment, keepsProportions: true))
    }
  }

  /// The example in which some positions are shown and all others filled; none may be shown.
  ///
  /// - Throws: `ConceptError.parameters` for a filling that does not fit.
  public func showing(_ positions: PositionSet, of example: SegmentedExample) throws(ConceptError) -> [Float]
  {
    try fill.validate(example.layout)
    return example.layout.values(filled(example.layout.planes(example.values), example.layout, positions))
  }

  /// The example's channels, filled outside a segment.
  private func filled(_ planes: [Float], _ layout: ExampleLayout, _ segment: PositionSet) -> [Float] {
    let count = layout.positionCount
    var result = filling(planes, layout, segment)
    for channel in 0..<layout.channels {
      for run in segment.runs where run.lowerBound < count {
        let run = (channel * count + run.lowerBound)..<(channel * count + min(run.upperBound, count))
        result.replaceSubrange(run, with: planes[run])
      }
    }
    return result
  }

  private func filling(_ planes: [Float], _ layout: ExampleLayout, _ segment: PositionSet) -> [Float] {
    let count = layout.positionCount
    switch fill {
    case .values(let values):
      return (0..<planes.count).map { values[values.count == 1 ? 0 : $0 / count] }
    case .example(let values): return layout.planes(values)
    case .mean:
      return (0..<layout.channels).flatMap { channel -> [Float] in
        let sum = planes[(channel * count)..<((channel + 1) * count)].reduce(0.0) { $0 + Double($1) }
        return [Float](repeating: Float(sum / Double(count)), count: count)
      }
    case .spread(let sigma): return spread(planes, layout, segment, sigma)
    }
  }

  /// Weighted means of the segment's values.
  private func spread(
    _ planes: [Float], _ layout: ExampleLayout, _ segment: PositionSet, _ sigma: Double
  ) -> [Float] {
    let (height, width) = layout.grid, count = layout.positionCount
    let reach = Int((4 * sigma).rounded(.up))
    let kernel = (0...reach).map { exp(-Double($0 * $0) / (2 * sigma * sigma)) }
    /// Sums along rows, then along columns.
    func blurred(_ values: [Double]) -> [Double] {
      var (along, result) = ([Double](repeating: 0, count: count), [Double](repeating: 0, count: count))
      for position in 0..<count where values[position] != 0 {
        let (y, x) = (position / width, position % width)
        for to in max(0, x - reach)..<min(width, x + reach + 1) {
          along[y * width + to] += kernel[abs(to - x)] * values[position]
        }
      }
      for y in 0..<height {
        for from in max(0, y - reach)..<min(height, y + reach + 1) {
          let weight = kernel[abs(from - y)]
          for x in 0..<width { result[y * width + x] += weight * along[from * width + x] }
        }
      }
      return result
    }
    let mask = segment.mask(of: count)
    let weights = blurred(mask.map { $0 ? 1 : 0 })
    return (0..<layout.channels).flatMap { channel -> [Float] in
      let values = mask.indices.map { mask[$0] ? Double(planes[channel * count + $0]) : 0 }
      let mean = values.reduce(0, +) / Double(max(1, segment.count))
      let sums = blurred(values)
      return sums.indices.map { weights[$0] > 1e-12 ? Float(sums[$0] / weights[$0]) : Float(mean) }
    }
  }

  /// The box of a segment, enlarged to the whole example.
  private func enlarged(
    _ example: SegmentedExample, _ segment: PositionSet, keepsProportions: Bool
  ) -> [Float] {
    let layout = example.layout, count = layout.positionCount
    let (height, width) = layout.grid, box = segment.box(width: width)
    var (newHeight, newWidth) = (height, width)
    if keepsProportions {
      let scale = min(Double(height) / Double(box.rows.count), Double(width) / Double(box.columns.count))
      newHeight = max(1, min(height, Int((scale * Double(box.rows.count)).rounded())))
      newWidth = max(1, min(width, Int((scale * Double(box.columns.count)).rounded())))
    }
    let rows = CubicAxis(from: box.rows.count, to: newHeight)
    let columns = CubicAxis(from: box.columns.count, to: newWidth)
    let source = layout.planes(example.values), planes = filled(source, layout, segment)
    var result =
      keepsProportions ? filling(source, layout, segment) : [Float](repeating: 0, count: layout.valueCount)
    let (top, left) = ((height - newHeight) / 2, (width - newWidth) / 2)
    for channel in 0..<layout.channels {
      let start = channel * count
      let (before, after) = (source[start..<(start + count)], planes[start..<(start + count)])
      let range = min(before.min() ?? 0, after.min() ?? 0)...max(before.max() ?? 0, after.max() ?? 0)
      let cut = box.rows.flatMap { row in
        planes[
          (start + row * width + box.columns.lowerBound)..<(start + row * width + box.columns.upperBound)]
      }
      // Values that overshoot are cut after each axis, as they are where images are bytes.
      let wide = columns.resizedColumns(cut, rows: box.rows.count, within: range)
      let large = rows.resizedRows(wide, columns: newWidth, within: range)
      for y in 0..<newHeight {
        let target = start + (top + y) * width + left
        result.replaceSubrange(
          target..<(target + newWidth), with: large[(y * newWidth)..<((y + 1) * newWidth)])
      }
    }
    return result
  }
}

/// Bicubic resizing along one axis, the filter widened when the axis shrinks: Pillow's, in float32.
private struct CubicAxis {
  private let starts: [Int]
  private let weights: [[Float]]

  init(from old: Int, to new: Int) {
    let scale = Double(old) / Double(new), widening = max(scale, 1)
    var (starts, weights) = ([Int](), [[Float]]())
    for place in 0..<new {
      let centre = (Double(place) + 0.5) * scale
      let start = max(Int(centre - 2 * widening + 0.5), 0)
      let end = min(Int(centre + 2 * widening + 0.5), old)
      let taps = (start..<end).map { Self.keys((Double($0) - centre + 0.5) / widening) }
      let sum = taps.reduce(0, +)
      starts.append(start)
      weights.append(taps.map { Float($0 / sum) })
    }
    (self.starts, self.weights) = (starts, weights)
  }

  /// Keys's cubic with a = −½.
  private static func keys(_ signed: Double) -> Double {
    let x = abs(signed)
    if x < 1 { return (1.5 * x - 2.5) * x * x + 1 }
    return x < 2 ? ((2.5 - 0.5 * x) * x - 4) * x + 2 : 0
  }

  /// `rows × old → rows × new`.
  func resizedColumns(_ values: [Float], rows: Int, within range: ClosedRange<Float>) -> [Float] {
    let old = values.count / max(1, rows)
    var result: [Float] = []
    result.reserveCapacity(rows * starts.count)
    values.withUnsafeBufferPointer { values in
      for row in 0..<rows {
        for (start, taps) in zip(starts, weights) {
          var sum: Float = 0
          for tap in taps.indices { sum += taps[tap] * values[row * old + start + tap] }
          result.append(min(max(sum, range.lowerBound), range.upperBound))
        }
      }
    }
    return result
  }

  /// `old × columns → new × columns`.
  func resizedRows(_ values: [Float], columns: Int, within range: ClosedRange<Float>) -> [Float] {
    var result = [Float](repeating: 0, count: starts.count * columns)
    result.withUnsafeMutableBufferPointer { result in
      values.withUnsafeBufferPointer { values in
        for row in starts.indices {
          let target = result.baseAddress! + row * columns
          for (tap, weight) in weights[row].enumerated() {
            let line = values.baseAddress! + (starts[row] + tap) * columns
            for x in 0..<columns { target[x] += weight * line[x] }
          }
          for x in 0..<columns { target[x] = min(max(target[x], range.lowerBound), range.upperBound) }
        }
      }
    }
    return result
  }
}
