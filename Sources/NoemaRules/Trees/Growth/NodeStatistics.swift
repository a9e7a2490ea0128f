internal import Glibc

/// The targets of a node's examples, summed up.
struct NodeStatistics: Sendable {
  /// The number of examples.
  var count = 0
  /// Their weight.
  var weight = 0.0
  /// The weight of each class; of numbers, the sum of weight times number.
  var sums: [Double]
  /// The impurity by the criterion.
  var impurity = 0.0

  /// The mean number; of two classes, the share of the second.
  var mean: Double { sums[sums.count - 1] / weight }
}

/// The impurity of class weights.
enum ClassImpurity {
  /// `x log2 x`, and 0 of 0.
  static func timesLog(_ x: Double) -> Double { x > 0 ? x * log2(x) : 0 }

  static func gini(_ sums: [Double], _ weight: Double) -> Double {
    max(0, 1 - sums.reduce(0) { $0 + $1 * $1 } / (weight * weight))
  }

  /// In bits.
  static func entropy(_ sums: [Double], _ weight: Double) -> Double {
    max(0, -sums.reduce(0) { $0 + timesLog($1 / weight) })
  }
}

extension TargetColumns {
  /// Sums up rows in their order.
  ///
  /// - Parameters:
  ///   - rows: the rows.
  ///   - flags: by row; only those with this flag count. All when nil.
  func statistics(
    _ rows: UnsafeBufferPointer<UInt32>, where flags: UnsafePointer<UInt8>? = nil, are flag: UInt8 = 0
  ) -> NodeStatistics {
    var result = NodeStatistics(sums: [Double](repeating: 0, count: max(1, classCount)))
    result.sums.withUnsafeMutableBufferPointer { sums in
      for row in rows {
        let row = Int(row)
        if let flags, flags[row] != flag { continue }
        result.count += 1
        result.weight += weights[row]
        if let labels {
          sums[Int(labels[row])] += weights[row]
        } else if let vectors {
          for k in 0..<classCount { sums[k] += vectors[row * classCount + k] }
        } else {
          sums[0] += pairs![row].product
        }
      }
    }
    switch criterion {
    case .gini: result.impurity = ClassImpurity.gini(result.sums, result.weight)
    case .entropy: result.impurity = ClassImpurity.entropy(result.sums, result.weight)
    case .squaredError:
      result.impurity =
        labels == nil
        ? spread(rows, flags, flag, result) : ClassImpurity.gini(result.sums, result.weight)
    }
    return result
  }

  /// The mean squared distance from the mean; a second pass, because the difference of large sums would lose digits.
  private func spread(
    _ rows: UnsafeBufferPointer<UInt32>, _ flags: UnsafePointer<UInt8>?, _ flag: UInt8,
    _ statistics: NodeStatistics
  ) -> Double {
    let means = statistics.sums.map { $0 / statistics.weight }
    var total = 0.0
    for row in rows {
      let row = Int(row)
      if let flags, flags[row] != flag { continue }
      if let vectors {
        var square = 0.0
        for k in 0..<classCount {
          let distance = vectors[row * classCount + k] - weights[row] * means[k]
          square += distance * distance
        }
        total += square / weights[row]
      } else {
        let distance = pairs![row].product - weights[row] * means[0]
        total += distance * distance / weights[row]
      }
    }
    return total / statistics.weight
  }
}
