internal import NoemaGraph

/// How a map is brought to another resolution, along one axis after the other.
enum MapInterpolation {
  /// Linear, with the first and last elements on those of the result.
  case cornerOnCorner
  /// Linear between the middles of cells, and beyond the outer ones constant.
  case betweenMiddles
  /// As the first, with each element's weights divided by their sum: what an element holds is kept.
  case keepingSums

  /// The map of one axis.
  func map(axis: Int, from source: Int, to target: Int) -> AxisMap {
    guard self == .keepingSums else {
      return AxisMap(axis: axis, extent: source, sums: terms(from: source, to: target))
    }
    // Where the result is smaller, elements go to those they lie between.
    if target < source {
      return AxisMap(
        axis: axis, extent: target, sums: Self.cornerOnCorner.terms(from: target, to: source)
      ).transposed
    }
    let sums = Self.cornerOnCorner.terms(from: source, to: target)
    var totals = [Double](repeating: 0, count: source)
    for term in sums.joined() { totals[term.source] += term.weight }
    return AxisMap(
      axis: axis, extent: source,
      sums: sums.map { $0.map { (source: $0.source, weight: $0.weight / totals[$0.source]) } })
  }

  /// For each element of the result those that it lies between, with their weights.
  private func terms(from source: Int, to target: Int) -> [[(source: Int, weight: Double)]] {
    (0..<target).map { index in
      let place = min(max(place(index, source, target), 0), Double(source - 1))
      let below = Int(place), share = place - Double(below)
      let lower = (source: below, weight: 1 - share)
      return share > 0 ? [lower, (source: below + 1, weight: share)] : [lower]
    }
  }

  /// Where an element of the result lies among those of the source.
  private func place(_ index: Int, _ source: Int, _ target: Int) -> Double {
    if self == .betweenMiddles { return (Double(index) + 0.5) * Double(source) / Double(target) - 0.5 }
    return target > 1 ? Double(index) * Double(source - 1) / Double(target - 1) : 0
  }
}
