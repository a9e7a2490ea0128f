internal import NoemaTensor
internal import ONNXSchema

/// Operators with bodies: what they decide is decided on import, so that a graph stays a list of nodes.
///
/// A branch is put in the place of its `If`; the body of a loop once for each iteration.
///
/// - Source: ONNX If-1 to -25, Loop-1 to -25, Scan-8 to -25.
enum ControlFlow {
  case branch, loop, scan

  /// The operator of a name, or nil when it has no body that can be imported.
  init?(_ name: String, domain: String) {
    switch (domain, name) {
    case ("", "If"): self = .branch
    case ("", "Loop"): self = .loop
    case ("", "Scan"): self = .scan
    default: return nil
    }
  }
}

extension Importer {
  /// Imports the bodies of a node and returns its results.
  func add(
    _ flow: ControlFlow, _ step: Body.Step, _ operands: [Value?], _ opset: Int, _ name: String
  ) throws -> [Value] {
    let unroller = Unroller(importer: self, step: step, operands: operands, opset: opset, name: name)
    switch flow {
    case .branch: return try unroller.branch()
    case .loop: return try unroller.loop()
    case .scan: return opset < 9 ? try unroller.batchedScan() : try unroller.scan()
    }
  }
}

/// One node with bodies while it is imported.
private struct Unroller {
  let importer: Importer
  let step: Body.Step
  let operands: [Value?]
  let opset: Int
  let name: String

  /// Reads and emits as the node.
  private func reading<Result>(_ read: (NodeReader) throws -> Result) throws -> Result {
    try importer.reading(step.node, operands, opset, name, read)
  }

  private var reader: NodeReader {
    NodeReader(step.node, values: operands, graph: Graph(), opset: opset, name: name)
  }

  private func body(_ key: String) throws -> Body {
    guard let body = step.bodies[key] else { throw reader.error("the body '\(key)' is missing") }
    return body
  }

  /// The truth of a value that must not depend on the data.
  private func decided(_ value: Value, _ what: String) throws -> Bool {
    guard let tensor = importer.graph.constants[value] else {
      throw reader.unsupported(
        "\(what) ('\(importer.graph.displayName(of: value))') depends on the data; only what is decided once the "
          + "input's shape is known is supported. If it depends on an input that is the same for every example, "
          + "bind that input as a constant")
    }
    guard tensor.count == 1 else { throw reader.error("\(what) has shape \(tensor.shape)") }
    return tensor.converted(to: .bool).elements(as: Bool.self)[0]
  }

  /// Imports a body for one iteration.
  private func iteration(_ body: Body, _ number: Int, _ values: [Value]) throws -> [Value] {
    try importer.count(step.node, opset)
    return try importer.inside(body, of: step.node, opset, outputs: body.outputs.map(\.name)) { scope in
      scope.suffix += "/\(number)"
      for (port, value) in zip(body.inputs, values) { scope.values[port.name] = value }
    }
  }

  private func check(_ body: Body, inputs: Int, outputs: Int) throws {
    guard body.inputs.count == inputs, body.outputs.count >= outputs else {
      throw reader.error(
        "its body has \(body.inputs.count) inputs and \(body.outputs.count) outputs; expected \(inputs) and at least "
          + "\(outputs)")
    }
  }

  // MARK: If

  func branch() throws -> [Value] {
    guard let condition = operands.first ?? nil else { throw reader.error("the condition is missing") }
    let body = try body(try decided(condition, "the condition") ? "then_branch" : "else_branch")
    return try importer.inside(body, of: step.node, opset, outputs: body.outputs.map(\.name)) { _ in }
  }

  // MARK: Loop

  func loop() throws -> [Value] {
    let body = try body("body")
    let states = try operands.dropFirst(2).map { operand in
      guard let operand else { throw reader.error("an initial value is missing") }
      return operand
    }
    try check(body, inputs: 2 + states.count, outputs: 1 + states.count)
    let limit = try reading { node in
      try node.optionalConstant(0).map { tensor in
        guard let count = tensor.integers().first else { throw node.error("the trip count is missing") }
        return count
      }
    }
    // Without a condition the body's own is not looked at.
    let condition = operands.count > 1 ? operands[1] : nil
    guard limit != nil || condition != nil else {
      throw reader.unsupported("a loop without trip count and condition never ends")
    }
    var holds = try condition.map { try decided($0, "the condition") } ?? true
    var seen = condition ?? importer.graph.addConstant(Tensor(true))
    var carried = Array(states), scanned = body.outputs.dropFirst(1 + states.count).map { _ in [Value]() }
    var number = 0
    while holds, number < limit ?? .max {
      let index = importer.graph.addConstant(Tensor(Int64(number)))
      let results = try iteration(body, number, [index, seen] + carried)
      carried = Array(results[1...states.count])
      for (column, value) in results.dropFirst(1 + states.count).enumerated() {
        scanned[column].append(value)
      }
      if condition != nil {
        seen = results[0]
        holds = try decided(seen, "the condition after iteration \(number)")
      }
      number += 1
    }
    let stacks = try zip(scanned, body.outputs.dropFirst(1 + states.count)).map { values, port in
      try stacked(values, axis: 0, of: port)
    }
    return carried + stacks
  }

  // MARK: Scan

  /// Scan from opset 9: any axis, either direction.
  func scan() throws -> [Value] {
    let body = try body("body")
    let scans = reader.int("num_scan_inputs", default: 0)
    guard scans > 0, scans <= operands.count else {
      throw reader.error("\(scans) of \(operands.count) operands are scanned")
    }
    let states = operands.count - scans, made = body.outputs.count - states
    try check(body, inputs: operands.count, outputs: states)
    let axes = try list("scan_input_axes", scans)
    let directions = try list("scan_input_directions", scans)
    let outputAxes = try list("scan_output_axes", made)
    let outputDirections = try list("scan_output_directions", made)
    let rows = try reading { node in
      try (0..<scans).map { column in
        let value = try node.operand(states + column)
        let rows = try node.rows(value, axis: Shapes.axis(axes[column], rank: node.shape(of: value).count))
        return directions[column] == 0 ? rows : rows.reversed()
      }
    }
    let initial = try reading { node in try (0..<states).map { try node.operand($0) } }
    let (final, scanned) = try run(body, initial, rows, from: 0)
    let stacks = try scanned.indices.map { column in
      let values = outputDirections[column] == 0 ? scanned[column] : scanned[column].reversed()
      return try stacked(values, axis: outputAxes[column], of: body.outputs[states + column])
    }
    return final + stacks
  }

  /// Scan of opset 8: the body sees one example at a time, its sequence along axis 1.
  func batchedScan() throws -> [Value] {
    let body = try body("body")
    let scans = reader.int("num_scan_inputs", default: 0)
    guard scans > 0, scans < operands.count else {
      throw reader.error("\(scans) of \(operands.count - 1) operands are scanned")
    }
    let states = operands.count - 1 - scans, made = body.outputs.count - states
    try check(body, inputs: states + scans, outputs: states)
    let directions = try list("directions", scans)
    let (examples, lengths) = try reading { node in
      let examples = try (1..<operands.count).map { index in
        try node.rows(node.operand(index), axis: 0)
      }
      return (examples, try node.optionalConstant(0)?.integers())
    }
    let batch = examples[0].count
    guard examples.allSatisfy({ $0.count == batch }), lengths.map({ $0.count == batch }) ?? true else {
      throw reader.error("the operands have different numbers of examples")
    }
    var finals = [[Value]](repeating: [], count: states), stacks = [[Value]](repeating: [], count: made)
    for example in 0..<batch {
      let rows = try reading { node in
        try (0..<scans).map { column in
          var rows = try node.rows(examples[states + column][example], axis: 0)
          if let length = lengths?[example] {
            guard (0...rows.count).contains(length) else {
              throw node.error("length \(length) exceeds a sequence of \(rows.count)")
            }
            rows = Array(rows[..<length])
          }
          return directions[column] == 0 ? rows : rows.reversed()
        }
      }
      let steps = try reading { node in try node.type(states + 1).shape[1] }
      let initial = (0..<states).map { examples[$0][example] }
      let (final, scanned) = try run(body, initial, rows, from: example * steps)
      for (column, value) in final.enumerated() { finals[column].append(value) }
      for column in 0..<made {
        let stack = try stacked(scanned[column], axis: 0, of: body.outputs[states + column])
        // Behind a shorter sequence ONNX leaves values open.
        stacks[column].append(try reading { try $0.padded(stack, to: steps) })
      }
    }
    return try zip(finals + stacks, body.outputs).map { try stacked($0, axis: 0, of: $1) }
  }

  private func list(_ key: String, _ count: Int) throws -> [Int] {
    let list = reader.ints(key) ?? Array(repeating: 0, count: max(count, 0))
    guard list.count == count else {
      throw reader.error("\(key) has \(list.count) entries, expected \(count)")
    }
    return list
  }

  /// The final states and the results of each step, by output.
  private func run(
    _ body: Body, _ initial: [Value], _ rows: [[Value]], from start: Int
  ) throws -> (states: [Value], scanned: [[Value]]) {
    let steps = rows[0].count
    guard rows.allSatisfy({ $0.count == steps }) else {
      throw reader.error("the scanned operands differ in length: \(rows.map(\.count))")
    }
    var states = initial
    var scanned = [[Value]](repeating: [], count: body.outputs.count - states.count)
    for index in 0..<steps {
      let results = try iteration(body, start + index, states + rows.map { $0[index] })
      states = Array(results[..<initial.count])
      for (column, value) in results[initial.count...].enumerated() { scanned[column].append(value) }
    }
    return (states, scanned)
  }

  /// The results of all iterations along a new axis; after no iteration an empty tensor of the declared type.
  private func stacked(_ values: [Value], axis: Int, of port: Onnx_ValueInfoProto) throws -> Value {
    try reading { node in
      guard values.isEmpty else { return try node.stacked(values, axis: axis) }
      guard case .tensorType(let type)? = port.type.value, type.hasShape,
        type.shape.dim.allSatisfy({ $0.dimValue > 0 })
      else {
        throw node.unsupported(
          "no iteration makes output '\(port.name)', and the body does not declare its shape")
      }
      var shape = type.shape.dim.map { Int($0.dimValue) }
      shape.insert(0, at: try Shapes.axis(axis, rank: shape.count + 1))
      let element = try TensorReader.elementType(type.elemType, "'\(port.name)'").type
      return node.constant(try Tensor(shape: shape, elementType: element) { _ in })
    }
  }
}

extension NodeReader {
  /// The slices of a value along an axis, without that axis.
  fileprivate func rows(_ value: Value, axis: Int) throws -> [Value] {
    var shape = shape(of: value)
    guard shape.indices.contains(axis) else { throw error("operand of shape \(shape) has no axis \(axis)") }
    let count = shape.remove(at: axis)
    guard count > 0 else { return [] }
    guard count <= Importer.largestUnrolling else {
      throw unsupported(
        "\(count) iterations are more than the \(Importer.largestUnrolling) that are unrolled")
    }
    return try parts(value, axis: axis, Array(repeating: 1, count: count)).map { try reshaped($0, to: shape) }
  }

  /// Values of one shape along a new axis.
  fileprivate func stacked(_ values: [Value], axis given: Int) throws -> Value {
    let axis = try Shapes.axis(given, rank: shape(of: values[0]).count + 1)
    return try joined(
      values.map { value in
        var shape = shape(of: value)
        guard axis <= shape.count else { throw error("results of iterations differ in rank") }
        shape.insert(1, at: axis)
        return try reshaped(value, to: shape)
      }, axis: axis)
  }

  /// A value with zeros behind its rows.
  fileprivate func padded(_ value: Value, to count: Int) throws -> Value {
    var shape = shape(of: value)
    guard shape[0] < count else { return value }
    shape[0] = count - shape[0]
    let zeros = Tensor(shape: [], [Int64(0)]).converted(to: graph.type(of: value).element)
    return try joined([value, constant(zeros.broadcast(to: shape))], axis: 0)
  }
}
