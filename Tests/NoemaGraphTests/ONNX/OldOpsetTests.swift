@testable import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// What operators meant in the files of old exporters.
@Suite struct OldOpsetTests {
  /// One node on constants; the results that are named.
  private func run(
    _ operation: String, opset: Int, _ operands: [Tensor], results: [String] = ["y"],
    _ attributes: [String: ModelDraft.Attribute] = [:]
  ) throws -> [Tensor] {
    var draft = ModelDraft(opset: opset)
    for (index, tensor) in operands.enumerated() { draft.initialiser("c\(index)", tensor) }
    draft.node(operation, operands.indices.map { "c\($0)" }, results, attributes)
    for name in results { draft.output(name) }
    return try Network(bytes: draft.bytes()).graph().interpreted([])
  }

  private let image = Tensor(shape: [1, 2, 2], [Float(1), -2, 3, -4])

  @Test func operandsAlignAlongAnAxis() throws {
    let perChannel = Tensor(shape: [2], [Float(10), 20])
    let aligned = try run("Add", opset: 6, [image, perChannel], ["axis": .int(1), "broadcast": .int(1)])
    #expect(aligned[0].elements(as: Float.self) == [11, 8, 23, 16])
    #expect(try run("Add", opset: 7, [image, perChannel])[0].elements(as: Float.self) == [11, 18, 13, 16])
    let larger = try run("Less", opset: 6, [image, perChannel], ["axis": .int(1), "broadcast": .int(1)])
    #expect(larger[0].elements(as: Bool.self) == [true, true, true, true])
    let error = #expect(throws: GraphError.self) {
      try run("Add", opset: 6, [image, perChannel], ["axis": .int(7)])
    }
    #expect(error?.category == .badData)
  }

  @Test func slopesStandPerChannel() throws {
    let y = try run("PRelu", opset: 6, [image, Tensor(shape: [2], [Float(0.5), 2])])
    #expect(y[0].elements(as: Float.self) == [1, -1, 3, -8])
  }

  @Test func typesAreNamed() throws {
    #expect(try run("Cast", opset: 5, [image], ["to": .string("INT32")])[0].elementType == .int32)
    let error = #expect(throws: GraphError.self) {
      try run("Cast", opset: 5, [image], ["to": .string("ODD")])
    }
    #expect(error?.category == .unsupported)
  }

  @Test func masksOfDropoutsKeepAll() throws {
    let now = try run("Dropout", opset: 13, [image], results: ["y", "mask"])
    #expect(now[0] == image && now[1] == Tensor(shape: [1, 2, 2], repeating: true))
    let then = try run("Dropout", opset: 7, [image], results: ["y", "mask"])
    #expect(then[1] == Tensor(shape: [1, 2, 2], repeating: Float(1)))
  }

  @Test func trainingIsRefused() throws {
    let error = #expect(throws: GraphError.self) {
      try run("Dropout", opset: 13, [image, Tensor(Float(0.5)), Tensor(true)])
    }
    #expect(error?.category == .unsupported)
    #expect(try run("Dropout", opset: 13, [image, Tensor(Float(0)), Tensor(true)]) == [image])
  }
}
