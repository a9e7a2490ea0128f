/// How the features of a table become the columns of numbers that a network reads.
enum TableEncoding: String, Sendable, CaseIterable {
  /// One column a feature; levels as their index.
  case index
  /// One column a level of a category, 1 where it is the row's and else 0, in the order of the levels.
  case oneHot
  /// The same, but a category of two levels is one column, 1 for the second level.
  case oneHotUnlessTwo

  /// What one column holds.
  struct Column: Sendable, Hashable {
    /// The index of the feature.
    let feature: Int
    /// The level that the column stands for; nil when it holds the value itself.
    let level: Int?
  }

  /// The columns, in order.
  func columns(_ features: [Feature]) -> [Column] {
    features.indices.flatMap { feature -> [Column] in
      guard case .categorical(let levels) = features[feature].kind, self != .index,
        self == .oneHot || levels.count != 2
      else { return [Column(feature: feature, level: nil)] }
      return levels.indices.map { Column(feature: feature, level: $0) }
    }
  }

  /// The encodings, each width once: of equally wide ones the first.
  static func candidates(_ features: [Feature]) -> [(encoding: TableEncoding, columns: [Column])] {
    var widths: Set<Int> = []
    return allCases.map { ($0, $0.columns(features)) }.filter { widths.insert($0.columns.count).inserted }
  }

  /// Says what widths were expected and in which order columns come.
  static func expectation(_ features: [Feature]) -> String {
    let names = features.prefix(6).map(\.name).joined(separator: ", ") + (features.count > 6 ? ", …" : "")
    let widths = candidates(features).map { entry in
      switch entry.encoding {
      case .index: "\(entry.columns.count) columns (one a feature)"
      case .oneHot: "\(entry.columns.count) (one a level of each category)"
      case .oneHotUnlessTwo: "\(entry.columns.count) (the same, but one for a category of two levels)"
      }
    }
    return widths.joined(separator: ", or ") + ", in the order \(names)"
  }
}
