import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaGraph

/// Files from strangers: an error or a network, never a crash or endless work. Reaching the end is the test.
@Suite struct HostileFileTests {
  /// Reads a file as far as `noema inspect` does.
  private func read(_ bytes: [UInt8]) -> GraphError? {
    do {
      let graph = try Network(bytes: bytes).graph()
      _ = graph.layers()
      return nil
    } catch { return error }
  }

  /// Runs what was read, compiled and by the reference kernels, unless it is large.
  private func run(_ bytes: [UInt8]) {
    guard let graph = try? Network(bytes: bytes).graph() else { return }
    let values = graph.inputs + graph.nodes.flatMap(\.results)
    guard values.allSatisfy({ graph.type(of: $0).count < 1 << 12 }) else { return }
    let inputs = graph.inputs.map { normalTensor(graph.type(of: $0).shape) }
    _ = try? graph.interpreted(inputs)
    _ = try? Session(graph).run(inputs)
    guard let start = graph.outputs.first else { return }
    _ = try? graph.backward(from: start, to: graph.inputs).graph.applying(Pass.canonical)
  }

  @Test func truncatedFilesAreRefused() throws {
    let bytes = try residualDraft().bytes()
    #expect(read(bytes) == nil)
    for length in stride(from: 0, to: bytes.count, by: 3) {
      #expect(read(Array(bytes[..<length])) != nil, "read when cut to \(length) of \(bytes.count) bytes")
    }
  }

  @Test func randomBytesAreRefused() throws {
    var random = RandomNumbers(seed: 7)
    for length in 0..<500 {
      let bytes = (0..<length).map { _ in UInt8(random.index(below: 256)) }
      let error = read(bytes)
      #expect(error != nil, "\(length) random bytes are a network")
    }
  }

  @Test func damagedFilesNeverTrap() throws {
    let bytes = try residualDraft().bytes()
    var random = RandomNumbers(seed: 8), refused = 0
    for _ in 0..<3000 {
      var damaged = bytes
      for _ in 0...random.index(below: 4) {
        damaged[random.index(below: bytes.count)] = UInt8(random.index(below: 256))
      }
      if read(damaged) != nil { refused += 1 }
    }
    #expect(refused > 100)
  }

  /// Every operator under attributes and operands from the edge of what integers and shapes can be.
  @Test func absurdAttributesNeverTrap() throws {
    let numbers = [0, 1, 2, 3, -1, -2, 7, 1 << 20, 1 << 33, .max, .min, .min + 1]
    let integerKeys = [
      "axis", "group", "keepdims", "to", "ceil_mode", "count_include_pad", "transA", "transB", "allowzero",
      "start", "end", "batch_dims", "select_last_index", "noop_with_empty_axes", "num_outputs",
      "storage_order",
    ]
    let listKeys = [
      "axes", "kernel_shape", "strides", "dilations", "pads", "perm", "shape", "output_shape",
      "output_padding",
      "starts", "ends", "split", "value_ints",
    ]
    let shapes = [[], [0], [1], [3], [2, 3], [2, 3, 4], [1, 2, 5, 5], [2, 0, 4], [1, 1, 3, 3]]
    let floats: [Float] = [0, -1, 1e30, .infinity, .nan]
    var random = RandomNumbers(seed: 9), made = 0
    func pick<Element>(_ list: [Element]) -> Element { list[random.index(below: list.count)] }
    for binding in OperatorTable.operators.joined() {
      for _ in 0..<400 {
        var draft = ModelDraft(opset: pick([7, 9, 10, 11, 13, 17, 18, 21]))
        if !binding.domain.isEmpty { draft.importDomain(binding.domain, version: 1) }
        var operands: [String] = []
        for index in 0...random.index(below: 5) {
          let name = "x\(index)"
          switch random.index(below: 6) {
          case 0, 1, 2: draft.input(name, pick(shapes).map { Optional($0) })
          case 3: draft.initialiser(name, normalTensor(pick(shapes)))
          case 4:
            let list = (0..<random.index(below: 5)).map { _ in Int64(pick(numbers)) }
            draft.initialiser(name, Tensor(shape: [list.count], list))
          default: operands.append("")
          }
          if operands.count == index { operands.append(name) }
        }
        var attributes: [String: ModelDraft.Attribute] = [:]
        for key in integerKeys where random.index(below: 3) == 0 { attributes[key] = .int(pick(numbers)) }
        for key in listKeys where random.index(below: 3) == 0 {
          attributes[key] = .ints((0..<random.index(below: 5)).map { _ in pick(numbers) })
        }
        for key in ["alpha", "beta", "epsilon", "min", "max"] where random.index(below: 3) == 0 {
          attributes[key] = .float(pick(floats))
        }
        if random.index(below: 4) == 0 {
          attributes["auto_pad"] = .string(pick(["SAME_UPPER", "VALID", "?"]))
        }
        if random.index(below: 4) == 0 {
          attributes["mode"] = .string(pick(["reflect", "edge", "wrap", "?"]))
        }
        draft.node(
          binding.name, operands, ["y", "z"].dropLast(random.index(below: 2)), domain: binding.domain,
          attributes)
        draft.output("y")
        let bytes = try draft.bytes()
        if read(bytes) == nil {
          made += 1
          run(bytes)
        }
      }
    }
    // The generator reaches past the first check of an operator.
    #expect(made > 100)
  }

  /// A file of a few bytes that asks for terabytes once its shapes are worked out.
  @Test func smallFilesCannotTakeMuchMemory() throws {
    var draft = ModelDraft()
    draft.input("x", [1])
    draft.initialiser("one", Tensor(shape: [1], [Float(1)]))
    draft.initialiser("shape", Tensor(shape: [2], [Int64(1) << 20, 1 << 20]))
    draft.node("Expand", ["one", "shape"], ["huge"])
    draft.node("ReduceSum", ["huge"], ["sum"])
    draft.node("Add", ["x", "sum"], ["y"])
    draft.output("y")
    let network = try Network(bytes: draft.bytes())
    let error = #expect(throws: GraphError.self) {
      try BatchRunner(network, examples: 1, memory: 1 << 28) { $0 }
    }
    #expect(error?.category == .inputOutput)
  }
}
