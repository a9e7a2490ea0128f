import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Functions, casts and reductions of integers: exact, wrapping, never through floats.
@Suite struct ElementTypeTests {
  /// One node on constants.
  private func run(
    _ operation: String, _ operands: [Tensor], opset: Int = 24,
    _ attributes: [String: ModelDraft.Attribute] = [:]
  ) throws -> Tensor {
    var draft = ModelDraft(opset: opset)
    for (index, tensor) in operands.enumerated() { draft.initialiser("c\(index)", tensor) }
    draft.node(operation, operands.indices.map { "c\($0)" }, ["y"], attributes)
    draft.output("y")
    return try Network(bytes: draft.bytes()).graph().interpreted([])[0]
  }

  /// Beyond 2⁵³, where neighbours share their nearest double.
  private let large: Int64 = 1 << 53 + 1

  @Test func largeIntegersStayExact() throws {
    let x = Tensor(shape: [2], [large, -large])
    #expect(try run("Abs", [x]).elements(as: Int64.self) == [large, large])
    #expect(try run("Neg", [x]).elements(as: Int64.self) == [-large, large])
    #expect(try run("Max", [x, Tensor(large - 1)]).elements(as: Int64.self) == [large, large - 1])
    #expect(try run("Clip", [x, Tensor(-large + 1)]).elements(as: Int64.self) == [large, -large + 1])
    #expect(try run("Equal", [x, Tensor(large - 1)]).elements(as: Bool.self) == [false, false])
    #expect(try run("ReduceMax", [x]).elements(as: Int64.self) == [large])
    #expect(try run("ReduceSum", [Tensor(shape: [2], [large, 1])]).elements(as: Int64.self) == [large + 1])
    #expect(
      try run("Pow", [Tensor(Int64(3)), Tensor(Int64(39))]).elements(as: Int64.self) == [
        4_052_555_153_018_976_267
      ])
  }

  @Test func arithmeticWrapsLikeTheType() throws {
    let x = Tensor(shape: [2], [UInt8(200), 3])
    #expect(try run("Add", [x, x]).elements(as: UInt8.self) == [144, 6])
    #expect(try run("Sum", [x, x, x]).elements(as: UInt8.self) == [88, 9])
    #expect(try run("Neg", [Tensor(Int8.min)]).elements(as: Int8.self) == [.min])
    #expect(try run("Pow", [Tensor(Int32(4)), Tensor(Float(0.5))]).elements(as: Int32.self) == [2])
  }

  @Test func remaindersFollowDivisorOrDividend() throws {
    let a = Tensor(shape: [3], [Int32(-4), 7, 5]), b = Tensor(shape: [3], [Int32(3), -3, 0])
    #expect(try run("Mod", [a, b]).elements(as: Int32.self) == [2, -2, 0])
    #expect(try run("Mod", [a, b], ["fmod": .int(1)]).elements(as: Int32.self) == [-1, 1, 0])
  }

  @Test func castsTruncateFloatsAndCutIntegers() throws {
    let x = Tensor(shape: [4], [Float(-1.7), 2.9, 300, .nan])
    #expect(try run("Cast", [x], ["to": .int(6)]).elements(as: Int32.self) == [-1, 2, 300, 0])
    #expect(try run("Cast", [x], ["to": .int(9)]).elements(as: Bool.self) == [true, true, true, true])
    #expect(try run("Cast", [Tensor(Int32(200))], ["to": .int(3)]).elements(as: Int8.self) == [-56])
  }

  @Test func extremaOfNothingAreTheTypesEnds() throws {
    let none = Tensor(shape: [0], [Int8]())
    #expect(try run("ReduceMax", [none]).elements(as: Int8.self) == [.min])
    #expect(try run("ReduceMin", [Tensor(shape: [0], [Bool]())]).elements(as: Bool.self) == [true])
  }

  @Test func bitsShiftAndCombine() throws {
    let x = Tensor(shape: [3], [UInt8(0b1000_0001), 16, 255])
    #expect(
      try run("BitShift", [x, Tensor(UInt8(1))], ["direction": .string("LEFT")]).elements(as: UInt8.self) == [
        2, 32, 254,
      ])
    #expect(
      try run("BitShift", [x, Tensor(UInt8(64))], ["direction": .string("RIGHT")]).elements(as: UInt8.self)
        == [0, 0, 0])
    #expect(try run("BitwiseNot", [x]).elements(as: UInt8.self) == [0b0111_1110, 239, 0])
    #expect(throws: GraphError.self) { try run("BitwiseAnd", [Tensor(Float(1)), Tensor(Float(1))]) }
  }

  @Test func infinitiesAreFoundBySign() throws {
    let x = Tensor(shape: [3], [-Float.infinity, .infinity, .nan])
    #expect(try run("IsInf", [x]).elements(as: Bool.self) == [true, true, false])
    #expect(
      try run("IsInf", [x], ["detect_negative": .int(0)]).elements(as: Bool.self) == [false, true, false])
    #expect(try run("IsNaN", [x]).elements(as: Bool.self) == [false, false, true])
  }

  @Test func clipTakesBoundsFromTheData() throws {
    var draft = ModelDraft()
    draft.input("x", [3])
    draft.input("low", [1])
    draft.node("Clip", ["x", "low"], ["y"])
    draft.output("y")
    let graph = try Network(bytes: draft.bytes()).graph()
    let y = try graph.interpreted([Tensor(shape: [3], [Float(-1), 0, 2]), Tensor(shape: [1], [Float(0.5)])])[
      0]
    #expect(y.elements(as: Float.self) == [0.5, 0.5, 2])
  }
}
