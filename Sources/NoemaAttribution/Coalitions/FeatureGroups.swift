internal import NoemaGraph
public import NoemaTensor

/// Which elements of the attributed values are one player: present together or absent together.
///
/// ```swift
/// let pixels = FeatureGroups(masks: [Tensor(shape: [1, 28, 28], (0..<784).map { Int32($0 / 4) })])
/// ```
public struct FeatureGroups: Sendable {
  /// What each element of a player receives.
  public enum Share: String, Sendable, Hashable, Codable, CaseIterable {
    /// The player's value, the same for all its elements.
    case whole
    /// The player's value divided by the number of its elements: elements sum to what players do.
    case equal
  }

  /// The player of each element, one tensor of integers per attributed value; nil when every element is one.
  ///
  /// A mask has the shape of one example, where an extent of 1 stands for any (`[1, H, W]` makes the channels
  /// of a pixel one player), or one more axis ahead that counts the examples of the data set. Any integers
  /// will do; the same number in two values is the same player.
  public var masks: [Tensor]?
  /// What each element of a player receives.
  public var share: Share

  /// Makes groups; every element is a player unless masks say otherwise.
  public init(masks: [Tensor]? = nil, share: Share = .whole) {
    self.masks = masks
    self.share = share
  }

  /// Every element is a player.
  public static let elements = FeatureGroups()
}

/// The players of one example.
struct Players: Sendable {
  /// The player of each element, for each attributed value.
  let owners: [[Int32]]
  /// The number of elements of each player.
  let sizes: [Int]

  var count: Int { sizes.count }

  init(owners: [[Int32]], count: Int) {
    var sizes = [Int](repeating: 0, count: count)
    for value in owners { for owner in value { sizes[Int(owner)] += 1 } }
    self.owners = owners
    self.sizes = sizes
  }

  /// Every element is a player.
  init(elements shapes: [[Int]]) {
    var next = 0
    let owners = shapes.map { shape in
      let width = shape.reduce(1, *)
      defer { next += width }
      return (next..<next + width).map { Int32(truncatingIfNeeded: $0) }
    }
    self.init(owners: owners, count: next)
  }

  /// Numbers of any size become 0, 1, … in ascending order.
  init(numbers: [[Int64]]) {
    let labels = Set(numbers.joined()).sorted()
    let places = Dictionary(uniqueKeysWithValues: labels.enumerated().map { ($1, Int32($0)) })
    self.init(owners: numbers.map { $0.map { places[$0]! } }, count: labels.count)
  }

  /// Tensors `[examples, …]` that hold for each element a number of its player.
  static func spread(
    _ numbers: [[Double]], over players: [Players], shapes: [[Int]], share: FeatureGroups.Share = .whole
  ) -> [Tensor] {
    shapes.indices.map { value in
      var elements: [Float] = []
      elements.reserveCapacity(players.count * shapes[value].reduce(1, *))
      for (numbers, players) in zip(numbers, players) {
        let parts =
          share == .whole ? numbers : zip(numbers, players.sizes).map { $0 / Double(max(1, $1)) }
        let floats = parts.map { Float($0) }
        for owner in players.owners[value] { elements.append(floats[Int(owner)]) }
      }
      return Tensor(shape: [players.count] + shapes[value], elements)
    }
  }
}

/// The players of the examples of a data set.
struct PlayerTable: Sendable {
  let share: FeatureGroups.Share
  /// The largest number of players of an example.
  let largestCount: Int
  /// One entry for all examples, or one for each.
  private let entries: [Players]

  /// Reads masks.
  ///
  /// - Throws: `GraphError.input` for masks that do not fit, and where there are no elements.
  init(_ groups: FeatureGroups, shapes: [[Int]], names: [String]) throws(GraphError) {
    share = groups.share
    let elementCount = shapes.reduce(0) { $0 + $1.reduce(1, *) }
    guard elementCount > 0, elementCount <= Int(Int32.max) else {
      throw GraphError(.input("\(elementCount) elements cannot be divided among players"))
    }
    guard let masks = groups.masks else {
      entries = [Players(elements: shapes)]
      largestCount = elementCount
      return
    }
    guard masks.count == shapes.count else {
      throw GraphError(
        .input("expected \(shapes.count) masks, for \(names.joined(separator: ", ")); found \(masks.count)"))
    }
    var examples = 1
    for (index, mask) in masks.enumerated() {
      let count = try mask.exampleCount(maskOf: names[index], shape: shapes[index])
      guard count == 1 || examples == 1 || count == examples else {
        throw GraphError(.input("the masks are of \(examples) and of \(count) examples"))
      }
      examples = max(examples, count)
    }
    entries = (0..<examples).map { example in
      Players(numbers: zip(masks, shapes).map { $0.groupNumbers(example, over: $1) })
    }
    largestCount = entries.reduce(0) { max($0, $1.count) }
  }

  /// The players of an example, by its place in the data set.
  ///
  /// - Throws: `GraphError.input` when the masks hold fewer examples.
  func players(of example: Int) throws(GraphError) -> Players {
    if entries.count == 1 { return entries[0] }
    guard entries.indices.contains(example) else {
      throw GraphError(
        .input("the masks are of \(entries.count) examples; there is none for example \(example)"))
    }
    return entries[example]
  }
}

extension Tensor {
  /// For how many examples a mask holds groups.
  fileprivate func exampleCount(maskOf name: String, shape value: [Int]) throws(GraphError) -> Int {
    guard !elementType.isFloat else {
      throw GraphError(.input("the mask of '\(name)' holds \(elementType); players are numbered by integers"))
    }
    let own = Array(rank > value.count ? shape.dropFirst() : shape[...])
    guard own.count == value.count, zip(own, value).allSatisfy({ $0 == $1 || $0 == 1 }), count > 0 else {
      throw GraphError(
        .input("the mask of '\(name)' has shape \(shape); expected \(value), extents of 1 repeating"))
    }
    return rank > value.count ? shape[0] : 1
  }

  /// The numbers that a mask gives to the elements of an example.
  fileprivate func groupNumbers(_ example: Int, over value: [Int]) -> [Int64] {
    let own = Array(rank > value.count ? shape.dropFirst() : shape[...])
    let width = own.reduce(1, *), examples = rank > value.count ? shape[0] : 1
    let start = examples == 1 ? 0 : example * width
    var strides = [Int](repeating: 0, count: own.count), stride = 1
    for axis in own.indices.reversed() {
      strides[axis] = own[axis] == 1 ? 0 : stride
      stride *= own[axis]
    }
    return converted(to: .int64).withElements(as: Int64.self) { numbers in
      (0..<value.reduce(1, *)).map { element in
        var rest = element, offset = start
        for axis in value.indices.reversed() {
          offset += rest % value[axis] * strides[axis]
          rest /= value[axis]
        }
        return numbers[offset]
      }
    }
  }
}
