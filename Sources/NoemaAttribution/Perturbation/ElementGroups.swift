internal import NoemaGraph
internal import NoemaTensor

/// The elements of the attributed values in groups that are altered together.
struct ElementGroups: Sendable {
  /// The number of groups.
  let count: Int
  /// The group of each element of each value.
  let owners: [[Int32]]
  /// Offsets of each value's elements, group after group.
  private let members: [[Int32]]
  /// Where each group begins among a value's offsets.
  private let starts: [[Int32]]

  /// Numbers groups in the order of their labels.
  ///
  /// - Parameter labels: a label for each element of each value; elements of one label are one group, also
  ///   across values.
  init(labels: [[Int64]]) {
    let all = Set(labels.joined()).sorted()
    let numbers = Dictionary(uniqueKeysWithValues: all.enumerated().map { ($1, Int32($0)) })
    self.init(owners: labels.map { $0.map { numbers[$0]! } }, count: all.count)
  }

  private init(owners: [[Int32]], count: Int) {
    self.count = count
    self.owners = owners
    var members: [[Int32]] = [], starts: [[Int32]] = []
    for owners in owners {
      var begins = [Int32](repeating: 0, count: count + 1)
      for owner in owners { begins[Int(owner) + 1] += 1 }
      for group in 0..<count { begins[group + 1] += begins[group] }
      var next = begins, order = [Int32](repeating: 0, count: owners.count)
      for (offset, owner) in owners.enumerated() {
        order[Int(next[Int(owner)])] = Int32(offset)
        next[Int(owner)] += 1
      }
      starts.append(begins)
      members.append(order)
    }
    (self.members, self.starts) = (members, starts)
  }

  /// Calls `body` with the offsets of a group's elements in a value.
  func forEachMember(of group: Int, in value: Int, _ body: (Int) -> Void) {
    members[value].withUnsafeBufferPointer { members in
      for i in starts[value][group]..<starts[value][group + 1] { body(Int(members[Int(i)])) }
    }
  }

  /// Each element's number of its group, for one example after the other.
  func spread(_ numbers: [Double], examples: Int) -> [[Double]] {
    owners.map { owners in
      (0..<examples).flatMap { example in owners.map { numbers[example * count + Int($0)] } }
    }
  }
}

extension FeatureAblation.Groups {
  /// The groups of attributed values.
  ///
  /// - Throws: `GraphError.input` for masks and cells that do not fit.
  func elements(of shapes: [[Int]], names: [String]) throws(GraphError) -> ElementGroups {
    let widths = shapes.map { $0.reduce(1, *) }
    guard widths.reduce(0, +) <= Int(Int32.max) else {
      throw GraphError(.input("\(names.joined(separator: ", ")) hold too many elements to group"))
    }
    switch self {
    case .elements:
      var next: Int64 = 0
      return ElementGroups(
        labels: widths.map { width in
          defer { next += Int64(width) }
          return Array(next..<next + Int64(width))
        })
    case .cells(let extents):
      var next: Int64 = 0, labels: [[Int64]] = []
      for (shape, name) in zip(shapes, names) {
        let cells = try Self.cells(extents, of: shape, name: name)
        labels.append(cells.map { next + $0 })
        next += (cells.max() ?? -1) + 1
      }
      return ElementGroups(labels: labels)
    case .masks(let masks):
      guard masks.count == shapes.count else {
        throw GraphError(
          .input(
            "expected \(shapes.count) masks of feature groups, for \(names.joined(separator: ", ")); found "
              + "\(masks.count)"))
      }
      var labels: [[Int64]] = []
      for (index, mask) in masks.enumerated() {
        guard mask.shape == shapes[index] || mask.shape == [1] + shapes[index] else {
          throw GraphError(
            .input(
              "the mask of '\(names[index])' has shape \(mask.shape); expected \(shapes[index]) or "
                + "\([1] + shapes[index])"))
        }
        guard !mask.elementType.isFloat else {
          throw GraphError(
            .input("the mask of '\(names[index])' holds \(mask.elementType); groups are numbered by integers")
          )
        }
        labels.append(mask.converted(to: .int64).elements(as: Int64.self))
      }
      return ElementGroups(labels: labels)
    }
  }

  /// The cell of each element, in row-major order.
  private static func cells(
    _ extents: [Int], of shape: [Int], name: String
  ) throws(GraphError) -> [Int64] {
    guard extents.count <= shape.count, extents.allSatisfy({ $0 > 0 }) else {
      throw GraphError(
        .input("cells of \(extents) do not fit '\(name)', which has shape \(shape) per example"))
    }
    let cell = shape.dropLast(extents.count).map { max(1, $0) } + extents
    var found: [Int64] = [0]
    for (axis, extent) in shape.enumerated() {
      let count = Int64((extent + cell[axis] - 1) / cell[axis])
      found = found.flatMap { before in
        (0..<extent).map { before * count + Int64($0 / cell[axis]) }
      }
    }
    return found
  }
}
