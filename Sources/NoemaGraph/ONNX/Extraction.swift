internal import Foundation
internal import NoemaTensor
internal import ONNXSchema
internal import SwiftProtobuf

extension Network {
  /// The part of the file between some values, as the bytes of an ONNX model.
  ///
  /// Nodes and weights are those of the file, untouched: opset, free axes, and operators that Noema lacks stay.
  /// Weights that lie in other files are taken in.
  ///
  /// - Parameters:
  ///   - ends: ONNX values that become the outputs, such as a hidden layer's `onnxValue`.
  ///   - starts: ONNX values that become inputs in place of what makes them; none for the network's own inputs.
  ///   - shapes: input shapes by name where the file leaves more than the first axis open.
  /// - Throws: `GraphError` for values that the file does not hold, a start that no end depends on, and a network
  ///   that was not read from a file.
  public func extracted(
    to ends: [String], from starts: [String] = [], shapes: [String: [Int]] = [:]
  ) throws(GraphError) -> [UInt8] {
    var model = try reread()
    let known = Set(model.graph.input.map(\.name) + model.graph.node.flatMap(\.output)).subtracting([""])
    for name in ends + starts where !known.contains(name) {
      if let owner = Self.owner(of: name, in: model) {
        throw GraphError(
          .unsupported(
            "value '\(name)' lies in the body of \(owner), which is kept whole; name a value outside of it"),
          at: path)
      }
      let suggestions = EditDistance.nearest(name, in: known.sorted())
      throw GraphError(.unknownName(name, what: "value", suggestions: suggestions), at: path)
    }
    guard !ends.isEmpty, Set(ends).count == ends.count else {
      throw GraphError(.input("name one value or more to end at, each once; found \(ends)"), at: path)
    }
    let (nodes, read) = needed(model.graph.node, to: ends, from: Set(starts))
    if let unused = starts.first(where: { !read.contains($0) }) {
      throw GraphError(.input("no output asked for depends on '\(unused)'"), at: path)
    }
    let ports = self.ports(model.graph, shapes)
    let own = model.graph.input.filter { read.contains($0.name) && !starts.contains($0.name) }
    model.graph.input = starts.map(ports) + own
    model.graph.output = ends.map(ports)
    model.graph.node = nodes
    model.graph.initializer = try model.graph.initializer.filter { read.contains($0.name) }.map(inlined)
    model.graph.valueInfo = model.graph.valueInfo.filter {
      read.contains($0.name) && !starts.contains($0.name)
    }
    do { return try model.serializedBytes() } catch {
      throw GraphError(.unsupported("the part is too large for one file: weights of 2 GiB or more"), at: path)
    }
  }

  /// The node or function whose body makes a value of a name, be that the file's or an unrolled one.
  private static func owner(of name: String, in model: Onnx_ModelProto) -> String? {
    func isMade(_ output: String) -> Bool {
      !output.isEmpty
        && (name == output || name.hasPrefix(output + "/") || name.hasPrefix(output + "#")
          || name.hasSuffix("/" + output) || name.contains("/\(output)/"))
    }
    func isMade(in graph: Onnx_GraphProto) -> Bool {
      graph.node.contains { node in
        node.output.contains(where: isMade) || node.attribute.contains { $0.hasG && isMade(in: $0.g) }
      }
    }
    for node in model.graph.node where node.attribute.contains(where: { $0.hasG && isMade(in: $0.g) }) {
      return "\(node.opType) node '\(Importer.name(of: node))'"
    }
    for function in model.functions
    where function.node.contains(where: { $0.output.contains(where: isMade) }) {
      return "function '\(function.name)'"
    }
    return nil
  }

  private func reread() throws(GraphError) -> Onnx_ModelProto {
    guard let data = FileManager.default.contents(atPath: path),
      let model = try? Onnx_ModelProto(serializedBytes: data, options: Self.decoding)
    else { throw GraphError(.fileMissing(reason: "it cannot be read again"), at: path) }
    guard data.withUnsafeBytes(SHA256.hexadecimal) == hash else {
      throw GraphError(.malformed("the file has changed since it was opened"), at: path)
    }
    return model
  }

  /// The nodes that the ends need, in their order, and all names that these read or the ends are.
  private func needed(
    _ nodes: [Onnx_NodeProto], to ends: [String], from starts: Set<String>
  ) -> (nodes: [Onnx_NodeProto], read: Set<String>) {
    var read = Set(ends)
    var kept: [Onnx_NodeProto] = []
    for node in nodes.reversed() {
      guard node.output.contains(where: { read.contains($0) && !starts.contains($0) }) else { continue }
      kept.append(node)
      read.formUnion(Self.names(in: node))
    }
    return (kept.reversed(), read)
  }

  /// The names that a node reads, those of its sub-graphs from outside included.
  private static func names(in node: Onnx_NodeProto) -> Set<String> {
    var names = Set(node.input)
    for graph in node.attribute.flatMap({ [$0.g] + $0.graphs }) {
      for inner in graph.node { names.formUnion(self.names(in: inner)) }
      names.formUnion(graph.output.map(\.name))
    }
    return names
  }

  /// Declarations of values: as the file has them, or of the types that are inferred.
  private func ports(_ file: Onnx_GraphProto, _ shapes: [String: [Int]]) -> (String) -> Onnx_ValueInfoProto {
    let declared = Dictionary((file.input + file.output + file.valueInfo).map { ($0.name, $0) }) { first, _ in
      first
    }
    // An axis is the batch's where it follows the batch.
    let (one, two) = (types(fixedBatch ?? 1, shapes), types(fixedBatch ?? 2, shapes))
    // Where more than the first axis is open, inferred extents are those of one shape among many.
    let isFixed = inputs.allSatisfy { port in
      port.dimensions.dropFirst().allSatisfy { if case .fixed = $0 { true } else { false } }
    }
    return { name in
      if let port = declared[name] { return port }
      var port = Onnx_ValueInfoProto()
      port.name = name
      port.type.tensorType.elemType = TensorWriter.code(one[name]?.element ?? .float32)
      guard isFixed, let first = one[name]?.shape, let second = two[name]?.shape, first.count == second.count
      else { return port }
      port.type.tensorType.shape.dim = zip(first, second).map { extent, other in
        var dimension = Onnx_TensorShapeProto.Dimension()
        if extent == other { dimension.dimValue = Int64(extent) } else { dimension.dimParam = "batch" }
        return dimension
      }
      return port
    }
  }

  /// The types of all values at a batch size, by ONNX name; none when the network cannot be read.
  private func types(_ batch: Int, _ shapes: [String: [Int]]) -> [String: TensorType] {
    guard let graph = try? graph(batch: batch, shapes: shapes) else { return [:] }
    var types: [String: TensorType] = [:]
    for value in graph.inputs + graph.nodes.flatMap(\.results) {
      for name in graph.names(of: value) { types[name] = graph.type(of: value) }
    }
    return types
  }

  /// A weight with its bytes in the model itself.
  private func inlined(_ proto: Onnx_TensorProto) throws(GraphError) -> Onnx_TensorProto {
    guard proto.dataLocation == .external else { return proto }
    var copy = proto
    do {
      let reader = TensorReader(folder: URL(fileURLWithPath: path).deletingLastPathComponent().path)
      copy.rawData = try reader.externalBytes(proto)
    } catch let error as GraphError { throw error.at(path) } catch {
      throw GraphError(.malformed("\(error)"), at: path)
    }
    copy.dataLocation = .default
    copy.externalData = []
    return copy
  }
}
