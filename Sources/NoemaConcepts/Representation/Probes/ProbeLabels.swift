internal import NoemaTensor

/// The classes of examples, and which examples belong together.
public struct ProbeLabels: Sendable, Hashable {
  /// The names of the classes.
  public let classes: [String]
  /// The class of each example, an index into `classes`.
  public let indices: [Int]
  /// Examples of the same number never stand on both sides of a split, such as patches of one image; nil when
  /// examples are independent.
  public let groups: [Int]?
  /// Examples of the same number share their label in a control task; nil for the groups, or each example its own.
  public let types: [Int]?

  /// Labels by index.
  ///
  /// - Throws: `ConceptError.parameters` when counts differ or an index names no class.
  public init(
    classes: [String], indices: [Int], groups: [Int]? = nil, types: [Int]? = nil
  ) throws(ConceptError) {
    for (what, count) in [("groups", groups?.count), ("types", types?.count)] {
      guard count == nil || count == indices.count else {
        throw ConceptError(
          .parameters("\(count ?? 0) \(what) for \(indices.count) labels; give one for each example"))
      }
    }
    if let wrong = indices.first(where: { !classes.indices.contains($0) }) {
      throw ConceptError(.parameters("label \(wrong) is none of the \(classes.count) classes"))
    }
    self.classes = classes
    self.indices = indices
    self.groups = groups
    self.types = types
  }

  /// Labels by name; the classes are the names in alphabetical order.
  ///
  /// - Throws: `ConceptError.parameters` when counts differ.
  public init(_ names: [String], groups: [Int]? = nil, types: [Int]? = nil) throws(ConceptError) {
    let classes = Set(names).sorted()
    let index = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, $0) })
    try self.init(classes: classes, indices: names.map { index[$0] ?? 0 }, groups: groups, types: types)
  }

  /// How many examples each class has.
  var counts: [Int] { Self.counts(indices, classes.count) }

  static func counts(_ indices: [Int], _ classCount: Int) -> [Int] {
    var counts = [Int](repeating: 0, count: classCount)
    for index in indices { counts[index] += 1 }
    return counts
  }

  /// The labels of some examples.
  func selecting(_ rows: [Int]) throws(ConceptError) -> ProbeLabels {
    try ProbeLabels(
      classes: classes, indices: rows.map { indices[$0] },
      groups: groups.map { groups in rows.map { groups[$0] } },
      types: types.map { types in rows.map { types[$0] } })
  }

  /// At most `limit` examples in their order, of each class about its share.
  func sample(_ limit: Int, atLeast least: Int, using random: inout RandomNumbers) -> [Int] {
    var members = classes.map { _ in [Int]() }
    for (row, label) in indices.enumerated() { members[label].append(row) }
    var chosen: [Int] = []
    for rows in members {
      let share = rows.count * limit / max(1, indices.count)
      let count = min(rows.count, max(share, least))
      chosen += random.sample(count, below: rows.count).map { rows[$0] }
    }
    return chosen.sorted()
  }
}
