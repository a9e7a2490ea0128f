internal import Foundation
internal import NoemaTensor

/// A column of a training set: how new numbers are drawn, and what feature they are.
struct TabularColumn: Sendable {
  /// The numbers between two edges.
  private struct Bin {
    var mean = 0.0
    var deviation = 0.0
    var range: ClosedRange<Double>
  }

  private enum Kind {
    /// Bins between edges, a bin's upper edge belonging to it.
    case binned(edges: [Double], bins: [Bin])
    case categories([Float])
    case continuous(mean: Double, deviation: Double)
  }

  private let name: String
  private let kind: Kind
  /// The share of training rows in each bin or category and those before it.
  private var cumulative: [Double] = []

  /// Describes the numbers of a column.
  init(_ numbers: [Float], name: String, isCategorical: Bool, _ discretiser: LIMETabular.Discretiser) {
    self.name = name
    let all = numbers.map { Double($0) }
    if isCategorical {
      let values = Set(numbers).sorted()
      kind = .categories(values)
      cumulative = Self.cumulative(values.map { value in numbers.count { $0 == value } })
      return
    }
    guard let edges = Self.edges(all, discretiser) else {
      kind = .continuous(mean: Statistics.mean(all), deviation: Self.deviation(all))
      return
    }
    var members = [[Double]](repeating: [], count: edges.count + 1)
    for number in all { members[Self.bin(number, edges)].append(number) }
    let ends = [all.min() ?? 0] + edges + [all.max() ?? 0]
    kind = .binned(
      edges: edges,
      bins: members.indices.map { index in
        Bin(
          mean: Statistics.mean(members[index]), deviation: Self.deviation(members[index]),
          range: ends[index]...max(ends[index], ends[index + 1]))
      })
    cumulative = Self.cumulative(members.map(\.count))
  }

  /// Whether the feature is to share the example's bin or category, rather than a number.
  var isBinary: Bool {
    if case .continuous = kind { return false }
    return true
  }

  /// What a number counts as: its bin or category, −1 for a category that training rows lack; or, standardised, itself.
  func code(of number: Float) -> Double {
    switch kind {
    case .binned(let edges, _): Double(Self.bin(Double(number), edges))
    case .categories(let values): Double(values.firstIndex(of: number) ?? -1)
    case .continuous(let mean, let deviation): (Double(number) - mean) / (deviation > 0 ? deviation : 1)
    }
  }

  /// A new number and what it counts as.
  ///
  /// - Parameter isCentred: whether numbers that are not binned are drawn around an example, as what is added to its
  ///   number and to its code.
  func draw(isCentred: Bool, _ random: inout RandomNumbers) -> (number: Float, code: Double) {
    switch kind {
    case .continuous(let mean, let deviation):
      let code = deviation > 0 ? random.normal() : 0
      return (Float((isCentred ? 0 : mean) + deviation * code), code)
    case .categories(let values):
      let index = choice(&random)
      return (values[index], Double(index))
    case .binned(_, let bins):
      let index = choice(&random)
      return (Float(Self.draw(bins[index], &random)), Double(index))
    }
  }

  /// What the feature says of an example.
  func condition(of instance: Float) -> String {
    switch kind {
    case .continuous: return name
    case .categories: return "\(name) = \(short(Double(instance)))"
    case .binned(let edges, _):
      guard let first = edges.first, let last = edges.last else { return name }
      let index = Self.bin(Double(instance), edges)
      if index == 0 { return "\(name) ≤ \(short(first))" }
      if index == edges.count { return "\(name) > \(short(last))" }
      return "\(short(edges[index - 1])) < \(name) ≤ \(short(edges[index]))"
    }
  }

  private func choice(_ random: inout RandomNumbers) -> Int {
    let point = random.uniform()
    return cumulative.firstIndex { point < $0 } ?? cumulative.count - 1
  }

  /// A normal number of a bin's mean and deviation, within its range: the mean lies there, so that at least
  /// about one in three draws does.
  private static func draw(_ bin: Bin, _ random: inout RandomNumbers) -> Double {
    guard bin.deviation > 0, bin.range.lowerBound < bin.range.upperBound else { return bin.mean }
    for _ in 0..<256 {
      let number = bin.mean + bin.deviation * random.normal()
      if bin.range.contains(number) { return number }
    }
    return bin.mean
  }

  private static func cumulative(_ counts: [Int]) -> [Double] {
    let total = Double(max(1, counts.reduce(0, +)))
    var sum = 0
    return counts.map {
      sum += $0
      return Double(sum) / total
    }
  }

  /// With the number of values in the denominator.
  private static func deviation(_ numbers: [Double]) -> Double {
    guard !numbers.isEmpty else { return 0 }
    let mean = Statistics.mean(numbers)
    return (numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(numbers.count)).squareRoot()
  }

  private static func bin(_ number: Double, _ edges: [Double]) -> Int { edges.count { $0 < number } }
}

// MARK: Edges
extension TabularColumn {
  /// Edges between bins, ascending; nil where numbers stay numbers.
  private static func edges(_ numbers: [Double], _ discretiser: LIMETabular.Discretiser) -> [Double]? {
    let sorted = numbers.sorted()
    func quantiles(_ parts: Int) -> [Double] {
      Set((1..<parts).map { Statistics.quantile(sorted: sorted, Double($0) / Double(parts)) }).sorted()
    }
    switch discretiser {
    case .none: return nil
    case .quartiles: return quantiles(4)
    case .deciles: return quantiles(10)
    case .entropy(let labels):
      let rows = zip(numbers, labels).map { (number: $0, label: $1) }.sorted { $0.number < $1.number }
      let found = splits(rows[...], depth: 3)
      return found.isEmpty ? quantiles(2) : Set(found).sorted()
    }
  }

  /// Where a tree splits sorted rows so that classes have the least entropy.
  private static func splits(_ rows: ArraySlice<(number: Double, label: Int)>, depth: Int) -> [Double] {
    guard depth > 0, rows.count > 1 else { return [] }
    var right: [Int: Int] = [:], left: [Int: Int] = [:]
    for row in rows { right[row.label, default: 0] += 1 }
    var best: (place: Int, entropy: Double)?
    let whole = entropy(right)
    for place in rows.indices.dropLast() {
      left[rows[place].label, default: 0] += 1
      right[rows[place].label, default: 0] -= 1
      guard rows[place].number < rows[place + 1].number else { continue }
      let rest = entropy(left) + entropy(right)
      if rest < best?.entropy ?? whole - 1e-12 { best = (place, rest) }
    }
    guard let place = best?.place else { return [] }
    let edge = (rows[place].number + rows[place + 1].number) / 2
    return splits(rows[...place], depth: depth - 1) + [edge] + splits(rows[(place + 1)...], depth: depth - 1)
  }

  /// The entropy of counts, times their number.
  private static func entropy(_ counts: [Int: Int]) -> Double {
    let total = Double(counts.values.reduce(0, +))
    return counts.values.reduce(0) { sum, count in
      count == 0 ? sum : sum - Double(count) * log(Double(count) / total)
    }
  }
}
