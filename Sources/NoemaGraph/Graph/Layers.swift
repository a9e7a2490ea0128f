internal import NoemaTensor

/// A value of a network that can be hooked.
public struct Layer: Sendable, Hashable {
  /// The value in the graph.
  public let value: Value
  /// The shortest name that stands for this layer alone: the module path, or operator and ordinal.
  public let name: String
  /// The ONNX tensor name and the ONNX node name.
  public let onnxValue, onnxNode: String
  /// Operator and ordinal among its kind, such as `Conv:3`.
  public let ordinal: String
  /// The operator's name.
  public let operation: String
  /// The value's shape, batch axis first.
  public let shape: [Int]
  /// Elements of the constants that the node reads.
  public let parameterCount: Int
  /// Multiply-adds of the node.
  public let multiplyAdds: Int
  /// Whether everything that reaches the outputs passes through this value.
  public let isCut: Bool
}

extension Graph {
  /// The hookable layers in order of computation: named float results that depend on an input.
  public func layers() -> [Layer] {
    let dependent = downstream(of: Set(inputs))
    let cuts = cutValues(dependent)
    var counts: [String: Int] = [:]
    var found: [(node: Node, value: Value, ordinal: String)] = []
    for node in nodes {
      guard let value = node.results.first, dependent.contains(value), let name = names(of: value).first,
        !name.isEmpty,
        type(of: value).element.isFloat
      else { continue }
      let kind = Self.onnxName(node.operation)
      counts[kind, default: 0] += 1
      found.append((node, value, "\(kind):\(counts[kind]!)"))
    }
    let paths = found.map { ModulePath.path(tensor: names(of: $0.value)[0], node: $0.node.name) }
    var uses: [String: Int] = [:]
    for path in paths { uses[path, default: 0] += 1 }
    let enclosing = ModulePath.enclosing(paths)
    return found.indices.map { index in
      let (entry, path) = (found[index], paths[index])
      let node = entry.node
      var name = path
      // A module's path stands for its output; what it computes before its inner modules needs another name.
      if enclosing[index] {
        name += "." + Self.onnxName(node.operation)
        if uses[name] != nil { name = "" }
      }
      let isTaken = name.isEmpty || uses[path]! > 1
      return Layer(
        value: entry.value,
        name: isTaken ? fallbackName(entry.value, path, entry.ordinal) : name,
        onnxValue: names(of: entry.value)[0], onnxNode: node.name, ordinal: entry.ordinal,
        operation: node.operation.name, shape: type(of: entry.value).shape,
        parameterCount: node.operands.reduce(0) {
          $0 + (constants[$1].map { $0.elementType.isFloat ? $0.count : 0 } ?? 0)
        },
        multiplyAdds: node.operation.multiplyAdds(
          node.operands.map { type(of: $0) }, node.results.map { type(of: $0) }),
        isCut: cuts.contains(entry.value))
    }
  }

  private func fallbackName(_ value: Value, _ path: String, _ ordinal: String) -> String {
    path.isEmpty ? ordinal : names(of: value)[0]
  }

  /// The ONNX name that users know an operator by.
  static func onnxName(_ operation: any Operator) -> String {
    switch operation {
    case is Convolution: "Conv"
    case is ConvolutionInputGradient: "ConvTranspose"
    case let product as MatMul: product.hasBias ? "Gemm" : "MatMul"
    case is Concatenation: "Concat"
    case let reduction as Reduction:
      reduction.function == .mean && reduction.keepsAxes && reduction.axes.first == 2
        ? "GlobalAveragePool"
        : "Reduce" + reduction.function.rawValue.prefix(1).uppercased()
          + reduction.function.rawValue.dropFirst()
    default: operation.name
    }
  }

  /// Values through which everything that depends on an input reaches the outputs.
  private func cutValues(_ dependent: Set<Value>) -> Set<Value> {
    var last: [Value: Int] = [:]
    for (index, node) in nodes.enumerated() { for operand in node.operands { last[operand] = index } }
    for output in outputs { last[output] = nodes.count }
    var alive = Set(inputs.filter { last[$0] != nil })
    var cuts: Set<Value> = []
    for (index, node) in nodes.enumerated() {
      for operand in node.operands where last[operand] == index { alive.remove(operand) }
      for result in node.results where dependent.contains(result) && (last[result] ?? -1) > index {
        alive.insert(result)
      }
      if alive.count == 1, let only = alive.first, node.results.contains(only) { cuts.insert(only) }
    }
    return cuts
  }
}

/// Module paths as PyTorch names them, read out of the names that its exporters write.
enum ModulePath {
  /// Bytes of a name beyond which it is no path that anybody reads, and stays as it is.
  private static let longestName = 4096

  /// For each path, whether a later one lies inside it: `layer4` encloses `layer4.1.conv2`.
  ///
  /// A tree of path components, grown from the last path on, so that the time is linear in the text.
  static func enclosing(_ paths: [String]) -> [Bool] {
    struct Branch: Hashable {
      let parent: Int
      let component: Substring
    }
    var tree: [Branch: Int] = [:], hasBranches = [false]
    var result = Array(repeating: false, count: paths.count)
    for index in paths.indices.reversed() {
      var place = 0
      for component in paths[index].split(separator: ".", omittingEmptySubsequences: false) {
        let branch = Branch(parent: place, component: component)
        hasBranches[place] = true
        place = tree[branch] ?? hasBranches.count
        if place == hasBranches.count {
          tree[branch] = place
          hasBranches.append(false)
        }
      }
      result[index] = hasBranches[place]
    }
    return result
  }

  /// `/layer4/layer4.1/conv2/Conv_output_0` is `layer4.1.conv2`; a result that the user named is found by its
  /// node; other names stay.
  static func path(tensor: String, node: String) -> String {
    guard tensor.utf8.count <= longestName, node.utf8.count <= longestName else { return tensor }
    if !tensor.contains("/"), node.hasPrefix("/"), node.dropFirst().contains("/") {
      return path(tensor: node, node: "")
    }
    guard tensor.contains("/") else {
      // Bare numbers of old exporters say nothing.
      return tensor.allSatisfy(\.isNumber) ? "" : tensor
    }
    var parts = tensor.split(separator: "/").map(String.init)
    if parts.count > 1 { parts.removeLast() }
    var path = ""
    for part in parts {
      // Inner modules repeat the outer path: `layer4`, `layer4.1`, `conv2`.
      if !path.isEmpty, part.hasPrefix(path + ".") || part.hasPrefix(lastRun(path) + ".") {
        path = part.hasPrefix(path + ".") ? part : dropLastRun(path) + part
      } else {
        path = path.isEmpty ? part : path + "." + part
      }
    }
    return path
  }

  private static func lastRun(_ path: String) -> String {
    path.split(separator: ".").last.map(String.init) ?? path
  }
  private static func dropLastRun(_ path: String) -> String {
    let parts = path.split(separator: ".").dropLast()
    return parts.isEmpty ? "" : parts.joined(separator: ".") + "."
  }
}

extension Array where Element == Layer {
  /// The layers that a user's name stands for: ONNX tensor or node name, short name or module path,
  /// operator and ordinal, or a glob over any of these.
  ///
  /// - Throws: `GraphError.unknownName` with the nearest names.
  public func matching(_ query: String) throws(GraphError) -> [Layer] {
    for key in [\Layer.onnxValue, \.onnxNode, \.name, \.ordinal] {
      let exact = filter { $0[keyPath: key] == query }
      if !exact.isEmpty { return exact }
    }
    // A module's output is the last value computed inside it.
    let output = last { layer in
      let path = ModulePath.path(tensor: layer.onnxValue, node: layer.onnxNode)
      return path == query || path.hasPrefix(query + ".")
    }
    if let output { return [output] }
    if query.contains("*") || query.contains("?") {
      let found = filter { layer in
        [layer.onnxValue, layer.onnxNode, layer.name, layer.ordinal].contains { Glob.matches(query, $0) }
      }
      if !found.isEmpty { return found }
    }
    throw GraphError(.unknownName(query, what: "layer", suggestions: nearest(query)))
  }

  private func nearest(_ query: String) -> [String] {
    EditDistance.nearest(query, in: flatMap { [$0.name, $0.onnxValue, $0.onnxNode, $0.ordinal] })
  }
}

/// Shell-like patterns with `*` and `?`.
enum Glob {
  static func matches(_ pattern: String, _ text: String) -> Bool {
    let p = Array(pattern), t = Array(text)
    var (i, j) = (0, 0)
    var star = -1, mark = 0
    while j < t.count {
      if i < p.count, p[i] == "?" || p[i] == t[j], p[i] != "*" {
        i += 1
        j += 1
      } else if i < p.count, p[i] == "*" {
        (star, mark) = (i, j)
        i += 1
      } else if star >= 0 {
        i = star + 1
        mark += 1
        j = mark
      } else {
        return false
      }
    }
    return p[i...].allSatisfy { $0 == "*" }
  }
}
