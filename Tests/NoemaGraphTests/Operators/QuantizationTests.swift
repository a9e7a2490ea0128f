@testable import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Integers that stand for floats: exact, against loops over integers.
@Suite struct QuantizationTests {
  private func run(
    _ operation: String, _ operands: [Tensor?], results: [String] = ["y"], opset: Int = 21,
    _ attributes: [String: ModelDraft.Attribute] = [:]
  ) throws -> [Tensor] {
    var draft = ModelDraft(opset: opset)
    for (index, tensor) in operands.enumerated() {
      guard let tensor else { continue }
      draft.input("x\(index)", tensor.shape.map { Optional($0) }, tensor.elementType)
    }
    draft.node(operation, operands.indices.map { operands[$0] == nil ? "" : "x\($0)" }, results, attributes)
    for name in results { draft.output(name) }
    let graph = try Network(bytes: draft.bytes()).graph(), given = operands.compactMap { $0 }
    let engine = try Session(graph.applying(Pass.canonical)).run(given)
    #expect(try graph.interpreted(given) == engine)
    return engine
  }

  private func bytes(_ shape: [Int], seed: UInt64) -> Tensor {
    var random = RandomNumbers(seed: seed)
    return Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in UInt8(random.index(below: 256)) })
  }

  private func signedBytes(_ shape: [Int], seed: UInt64) -> Tensor {
    var random = RandomNumbers(seed: seed)
    return Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Int8(random.index(below: 256) - 128) })
  }

  @Test func floatsAreRoundedToEvenAndCut() throws {
    let x = Tensor(shape: [6], [Float(-1000), -1, 1, 3, 5, 1000])
    let y = try run("QuantizeLinear", [x, Tensor(Float(2)), Tensor(UInt8(128))])
    // Halves go to the even neighbour: -0.5, 0.5, 1.5, 2.5 become 0, 0, 2, 2.
    #expect(y[0] == Tensor(shape: [6], [UInt8(0), 128, 128, 130, 130, 255]))
    let plain = try run("QuantizeLinear", [x, Tensor(Float(2)), nil], ["output_dtype": .int(3)])
    #expect(plain[0] == Tensor(shape: [6], [Int8(-128), 0, 0, 2, 2, 127]))
  }

  @Test func scalesStandForAxesAndBlocks() throws {
    let x = Tensor(shape: [2, 3], [Int8(1), 2, 3, 4, 5, 6])
    let perColumn = try run(
      "DequantizeLinear",
      [x, Tensor(shape: [3], [Float(1), 10, 100]), Tensor(shape: [3], [Int8(0), 1, 2])])
    #expect(perColumn[0] == Tensor(shape: [2, 3], [Float(1), 10, 100, 4, 40, 400]))
    let perRow = try run(
      "DequantizeLinear", [x, Tensor(shape: [2], [Float(1), 10])], ["axis": .int(0)])
    #expect(perRow[0] == Tensor(shape: [2, 3], [Float(1), 2, 3, 40, 50, 60]))
    // Blocks of two columns, the last one cut.
    let perBlock = try run(
      "DequantizeLinear", [x, Tensor(shape: [2, 2], [Float(1), 10, 100, 1000])], ["block_size": .int(2)])
    #expect(perBlock[0] == Tensor(shape: [2, 3], [Float(1), 2, 30, 400, 500, 6000]))
    let error = #expect(throws: GraphError.self) {
      try run("DequantizeLinear", [x, Tensor(shape: [2], [Float(1), 10])])
    }
    #expect(error?.category == .badData)
  }

  @Test func scalesFollowTheData() throws {
    let x = Tensor(shape: [3], [Float(-1), 0, 1.55])
    let results = try run("DynamicQuantizeLinear", [x], results: ["y", "scale", "zero"])
    #expect(results[0] == Tensor(shape: [3], [UInt8(0), 100, 255]))
    #expect(abs(results[1].elements(as: Float.self)[0] - 0.01) < 1e-8 && results[1].rank == 0)
    #expect(results[2] == Tensor(UInt8(100)))
  }

  /// Few terms are summed in single precision, many in double.
  @Test(arguments: [5, 700])
  func productsAreExact(_ depth: Int) throws {
    let a = bytes([3, depth], seed: 1), b = signedBytes([depth, 2], seed: 2)
    let zeros = Tensor(shape: [3], [UInt8(7), 0, 200]), other = Tensor(Int8(-9))
    let y = try run("MatMulInteger", [a, b, zeros, other])
    let left = a.elements(as: UInt8.self), right = b.elements(as: Int8.self)
    let expected = (0..<6).map { index -> Int32 in
      let row = index / 2, column = index % 2
      return (0..<depth).reduce(0) { sum, k in
        sum + (Int32(left[row * depth + k]) - Int32(zeros.elements(as: UInt8.self)[row]))
          * (Int32(right[k * 2 + column]) + 9)
      }
    }
    #expect(y[0] == Tensor(shape: [3, 2], expected))
    let scaled = try run(
      "QLinearMatMul",
      [
        a, Tensor(Float(0.02)), Tensor(UInt8(7)), b, Tensor(Float(0.5)), Tensor(Int8(-9)), Tensor(Float(8)),
        Tensor(UInt8(100)),
      ])
    let wanted = (0..<6).map { index -> UInt8 in
      let row = index / 2, column = index % 2
      let sum = (0..<depth).reduce(0) { sum, k in
        sum + (Int(left[row * depth + k]) - 7) * (Int(right[k * 2 + column]) + 9)
      }
      let scale: Float = 0.02 * 0.5 / 8
      return UInt8(min(max((Float(sum) * scale).rounded(.toNearestOrEven) + 100, 0), 255))
    }
    #expect(scaled[0] == Tensor(shape: [3, 2], wanted))
  }

  @Test func convolutionsAreExact() throws {
    let x = bytes([1, 2, 4, 4], seed: 3), w = signedBytes([3, 2, 3, 3], seed: 4)
    let image = x.elements(as: UInt8.self), kernel = w.elements(as: Int8.self)
    func sum(_ channel: Int, _ row: Int, _ column: Int) -> Int {
      var sum = 0
      for c in 0..<2 {
        for i in 0..<3 {
          for j in 0..<3 {
            let (y, z) = (row + i - 1, column + j - 1)
            guard (0..<4).contains(y), (0..<4).contains(z) else { continue }
            sum +=
              (Int(image[(c * 4 + y) * 4 + z]) - 12) * (Int(kernel[((channel * 2 + c) * 3 + i) * 3 + j]) - 3)
          }
        }
      }
      return sum
    }
    let places = (0..<48).map { ($0 / 16, $0 / 4 % 4, $0 % 4) }
    let pads: [String: ModelDraft.Attribute] = ["pads": .ints([1, 1, 1, 1])]
    let y = try run("ConvInteger", [x, w, Tensor(UInt8(12)), Tensor(Int8(3))], pads)
    #expect(y[0] == Tensor(shape: [1, 3, 4, 4], places.map { Int32(sum($0.0, $0.1, $0.2)) }))
    let scales: [Float] = [0.5, 0.25, 2], biases: [Int32] = [100, -2000, 12345]
    let z = try run(
      "QLinearConv",
      [
        x, Tensor(Float(0.125)), Tensor(UInt8(12)), w, Tensor(shape: [3], scales), Tensor(Int8(3)),
        Tensor(Float(64)), Tensor(UInt8(90)), Tensor(shape: [3], biases),
      ], pads)
    let wanted = places.map { channel, row, column -> UInt8 in
      let total = Float(sum(channel, row, column) + Int(biases[channel]))
      let scaled = (total * (0.125 * scales[channel] / 64)).rounded(.toNearestOrEven) + 90
      return UInt8(min(max(scaled, 0), 255))
    }
    #expect(z[0] == Tensor(shape: [1, 3, 4, 4], wanted))
  }
}
