internal import NoemaTensor

/// Operators whose result's shape depends on values: read where these are constant, refused elsewhere.
///
/// - Source: ONNX NonZero-9, Compress-9, Unique-11.
enum DataDependent {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("NonZero") { node in
      let tensor = try node.constant(0), strides = Shapes.strides(tensor.shape)
      let hits = tensor.converted(to: .bool).withElements(as: Bool.self) { holds in
        holds.indices.filter { holds[$0] }
      }
      let coordinates = tensor.shape.indices.flatMap { axis in
        hits.map { Int64($0 / strides[axis] % tensor.shape[axis]) }
      }
      return [node.constant(Tensor(shape: [tensor.rank, hits.count], coordinates))]
    },
    ONNXBinding("Compress") { node in
      let holds = try node.constant(1).converted(to: .bool).elements(as: Bool.self)
      let kept = holds.indices.filter { holds[$0] }.map(Int64.init)
      var x = try node.operand(0), axis = 0
      if node.has("axis") {
        axis = try node.axis("axis", default: 0, rank: node.rank(0))
      } else {
        x = try node.emit(Reshape(shape: [node.type(0).count]), x)
      }
      guard kept.last.map({ $0 < node.graph.type(of: x).shape[axis] }) ?? true else {
        throw node.error("the condition is longer than axis \(axis)")
      }
      return [
        try node.emit(Gather(axis: axis), x, node.constant(Tensor(shape: [kept.count], kept)))
      ]
    },
    ONNXBinding("Unique") { node in try unique(node) },
  ]

  /// The distinct slices along an axis, or distinct elements; where each first stood, which one each slice
  /// is, and how often each occurs.
  private static func unique(_ node: NodeReader) throws -> [Value] {
    var tensor = try node.constant(0), axis = 0
    if node.has("axis") {
      axis = try node.axis("axis", default: 0, rank: tensor.rank)
    } else {
      tensor = tensor.reshaped(to: [tensor.count])
    }
    let extent = tensor.shape[axis], width = extent == 0 ? 0 : tensor.count / extent
    let order = [axis] + tensor.shape.indices.filter { $0 != axis }
    let keys = try Transpose(permutation: order).evaluate([tensor])[0].orderKeys()
    func row(_ index: Int) -> ArraySlice<Int64> { keys[index * width..<(index + 1) * width] }
    let ascending = (0..<extent).sorted { a, b in
      let isEqual = row(a) == row(b)
      return isEqual ? a < b : row(a).lexicographicallyPrecedes(row(b))
    }
    var groups: [[Int]] = []
    for index in ascending {
      if let last = groups.last, row(last[0]) == row(index) {
        groups[groups.count - 1].append(index)
      } else {
        groups.append([index])
      }
    }
    if node.int("sorted", default: 1) == 0 { groups.sort { $0[0] < $1[0] } }
    var inverse = [Int64](repeating: 0, count: extent)
    for (number, group) in groups.enumerated() { for index in group { inverse[index] = Int64(number) } }
    let first = Tensor(shape: [groups.count], groups.map { Int64($0[0]) })
    let counts = Tensor(shape: [groups.count], groups.map { Int64($0.count) })
    return [
      try node.emit(Gather(axis: axis), node.constant(tensor), node.constant(first)), node.constant(first),
      node.constant(Tensor(shape: [extent], inverse)), node.constant(counts),
    ]
  }
}
