/// The parts of a graph between which there is no path.
public struct ConnectedComponents: Sendable, Hashable {
  /// The component of each node, numbered from 0 by their first nodes.
  public let labels: [Int]
  /// The number of nodes of each component.
  public let sizes: [Int]

  /// The number of components.
  public var count: Int { sizes.count }

  /// Finds the components of a graph; entries of value zero join nothing.
  public init(_ graph: SparseSymmetricMatrix) {
    var sets = DisjointSets(graph.count)
    for row in 0..<graph.count {
      for place in graph.entries(of: row) where graph.values[place] != 0 {
        sets.join(row, Int(graph.columns[place]))
      }
    }
    self.init(&sets)
  }

  init(_ sets: inout DisjointSets) {
    var numbers: [Int: Int] = [:]
    var (labels, sizes) = ([Int](), [Int]())
    for node in 0..<sets.count {
      let root = sets.root(of: node)
      let label = numbers[root] ?? sizes.count
      if label == sizes.count {
        numbers[root] = label
        sizes.append(0)
      }
      labels.append(label)
      sizes[label] += 1
    }
    self.labels = labels
    self.sizes = sizes
  }

  /// The nodes of each component, ascending.
  public var members: [[Int]] {
    var result = sizes.map { _ in [Int]() }
    for (node, label) in labels.enumerated() { result[label].append(node) }
    return result
  }
}

/// Sets that are joined, by a forest whose trees stay shallow.
struct DisjointSets {
  private var parents: [Int32]
  private var sizes: [Int32]

  /// Starts with a set for each of `count` elements.
  init(_ count: Int) {
    parents = (0..<Int32(count)).map { $0 }
    sizes = Array(repeating: 1, count: count)
  }

  /// The number of elements.
  var count: Int { parents.count }

  /// The element that stands for the set of another.
  mutating func root(of element: Int) -> Int {
    var node = element
    while Int(parents[node]) != node {
      parents[node] = parents[Int(parents[node])]
      node = Int(parents[node])
    }
    return node
  }

  /// Joins the sets of two elements; false when they were one already.
  @discardableResult
  mutating func join(_ a: Int, _ b: Int) -> Bool {
    var (a, b) = (root(of: a), root(of: b))
    guard a != b else { return false }
    if sizes[a] < sizes[b] { swap(&a, &b) }
    parents[b] = Int32(a)
    sizes[a] += sizes[b]
    return true
  }
}
